#!/usr/bin/env python3
"""A second, independent chunker: writes chunk-vectors.txt, which freezes every cut.

Needs the openssl command for AES. Run it only to add cases: a line that changes means that every
existing repository would store every file once more.
"""
import subprocess

MODULUS = (1 << 128) | 0x87  # x^128 + x^7 + x^2 + x + 1
WINDOW = 64
PROFILES = {1: 1 << 20, 2: 1 << 16, 3: 1 << 15}  # number: mean
TABLE_SEED = 1
PRF_KEY = "000102030405060708090a0b0c0d0e0f"


def words(seed):
    """Marsaglia's xorshift64 (13, 7, 17): the state after each step."""
    while True:
        seed ^= seed << 13 & 0xFFFFFFFFFFFFFFFF
        seed ^= seed >> 7
        seed ^= seed << 17 & 0xFFFFFFFFFFFFFFFF
        yield seed


def random_bytes(seed, count):
    source = words(seed)
    return b"".join(next(source).to_bytes(8, "little") for _ in range(count // 8 + 1))[:count]


def rows(seed, count):
    source, lines, size, number = words(seed), [], 0, 0
    while size < count:
        lines.append(b"%d\t%d\n" % (number, next(source) % 1000))
        size += len(lines[-1])
        number += 1
    return b"".join(lines)[:count]


def times_x(h):
    h <<= 1
    return h ^ MODULUS if h >> 128 else h


table = random_bytes(TABLE_SEED, 4096)
entering = [int.from_bytes(table[16 * b:16 * b + 16], "little") for b in range(256)]
leaving = []
for word in entering:
    for _ in range(WINDOW):
        word = times_x(word)
    leaving.append(word)


def aes(blocks):
    command = ["openssl", "enc", "-aes-128-ecb", "-nopad", "-K", PRF_KEY]
    return subprocess.run(command, input=blocks, stdout=subprocess.PIPE, check=True).stdout


def first_cut(data, start, end, threshold):
    """The first position in start ..< end that cuts, or end."""
    h = 0
    for byte in data[start - WINDOW:start]:
        h = times_x(h) ^ entering[byte]
    for piece in range(start, end, 65536):
        hashes = []
        for i in range(piece, min(piece + 65536, end)):
            h = times_x(h) ^ entering[data[i]] ^ leaving[data[i - WINDOW]]
            hashes.append(h.to_bytes(16, "little"))
        out = aes(b"".join(hashes))
        for k in range(len(hashes)):
            if int.from_bytes(out[16 * k:16 * k + 8], "little") < threshold:
                return piece + k
    return end


def cut(data, mean):
    minimum, maximum = mean * 5 // 8, mean * 4
    threshold = (2**64 - 1) // (mean - minimum)
    lengths = []
    while data:
        end = min(len(data), maximum - 1)
        length = min(len(data), maximum)
        if len(data) >= minimum:
            found = first_cut(data, minimum - 1, end, threshold)
            if found < end:
                length = found + 1
        lengths.append(length)
        data = data[length:]
    return lengths


INPUTS = {"random": random_bytes, "rows": rows, "zeros": lambda seed, count: bytes(count)}
CASES = [
    ("an empty file has no chunk", 2, "random", 2, 0),
    ("one byte", 2, "random", 2, 1),
    ("one byte less than the minimum", 3, "random", 3, 20479),
    ("exactly the minimum", 3, "random", 3, 20480),
    ("random bytes, small", 3, "random", 4, 600_000),
    ("random bytes, tree", 2, "random", 5, 1_000_000),
    ("random bytes, bulk", 1, "random", 6, 5_000_000),
    ("rows of text, small", 3, "rows", 7, 600_000),
    ("rows of text, tree", 2, "rows", 8, 1_000_000),
    ("zeros never cut before the maximum under this key", 3, "zeros", 0, 300_000),
]

print(f"""\
# Where this chunker cuts: frozen, because deduplication against existing repositories depends on it.
# Written by make-chunk-vectors.py, an implementation that shares no code with the product.
#
# Words come from Marsaglia's xorshift64: s ^= s << 13; s ^= s >> 7; s ^= s << 17, from the seed; each
# state after a step is one word. 'random' is those words as little-endian bytes. 'rows' is lines
# "<n>\\t<word mod 1000>\\n", n counting from 0. 'zeros' is zero bytes. All are cut off at the length.
#
# table: 'random' of this seed, 4096 bytes; key: of the PRF, in hexadecimal.
# case: profile number, input kind, seed, length in bytes; cuts: the lengths of its chunks.
table {TABLE_SEED}
key {PRF_KEY}""")
for what, profile, kind, seed, count in CASES:
    lengths = cut(INPUTS[kind](seed, count), PROFILES[profile])
    print(f"\n# {what}\ncase {profile} {kind} {seed} {count}")
    print("cuts", *lengths)
