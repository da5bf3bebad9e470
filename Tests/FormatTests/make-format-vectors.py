#!/usr/bin/env python3
"""Writes format-vectors.txt from docs/format.md, with PyNaCl and zstandard: it shares no code with the product.

    pip install pynacl zstandard && ./make-format-vectors.py > format-vectors.txt

Run it only to add vectors. A line that changes means that repositories of yesterday cannot be read, or store
everything once more. What looks random is BLAKE2b of a name, so that the file comes out the same each time.
"""
import hashlib
import json
import struct

import nacl.bindings as sodium
import nacl.hash
import nacl.encoding
import nacl.pwhash
import zstandard


def fixed(name, count=32):
    out = b""
    while len(out) < count:
        out += hashlib.blake2b(f"{name} {len(out)}".encode(), digest_size=32).digest()
    return out[:count]


def H(message, key=b""):
    return hashlib.blake2b(message, digest_size=32, key=key).digest()


def KDF(key, context, info=b""):
    return H(context.encode() + b"\0" + info, key)


def EXPAND(key, context, count):
    return b"".join(KDF(key, context, u32(i)) for i in range(count // 32 + 1))[:count]


def SEAL(key, associated, plain, name):
    nonce = fixed("nonce " + name, 24)
    return nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, associated, nonce, key)


def SIGN(seed, message):
    public, secret = sodium.crypto_sign_seed_keypair(seed)
    return sodium.crypto_sign(message, secret)[:64]


def u16(n): return struct.pack("<H", n)
def u24(n): return struct.pack("<I", n)[:3]
def u32(n): return struct.pack("<I", n)
def u64(n): return struct.pack("<Q", n)
def i64(n): return struct.pack("<q", n)


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def counted(data):
    return varint(len(data)) + data


def text(value):
    return counted(value.encode())


def value(name, data):
    print("value", name, data.hex() if isinstance(data, bytes) else data)


def stored(path, data):
    print("object", path, data.hex())


print("# Written by make-format-vectors.py from docs/format.md: see there. value: a name and hexadecimal bytes or a")
print("# number. object: an object of a whole repository, by path. Passphrase: 'correct horse battery staple'.")

# Identities and role secrets
REPOSITORY, EPOCH = fixed("repository"), 1
ROOT = fixed("writer root")
OWNER_SEED, SIGN_SEED = fixed("owner sign seed"), fixed("sign seed")
KEEPER_SECRET, OWNER_SECRET = fixed("keeper box"), fixed("owner box")
KEEPER_PUBLIC = sodium.crypto_scalarmult_base(KEEPER_SECRET)
OWNER_PUBLIC = sodium.crypto_scalarmult_base(OWNER_SECRET)
OWNER_VERIFY = sodium.crypto_sign_seed_keypair(OWNER_SEED)[0]
SIGNER = sodium.crypto_sign_seed_keypair(SIGN_SEED)[0]


def certificate(role):
    return SIGN(OWNER_SEED, b"lifeboat certificate v1\0" + bytes([role]) + SIGNER + REPOSITORY)


def secrets(role):
    out = bytes([1, role]) + u32(EPOCH) + ROOT + SIGN_SEED + certificate(role) + OWNER_VERIFY
    out += KEEPER_PUBLIC + OWNER_PUBLIC
    if role >= 2:
        out += KEEPER_SECRET
    if role == 3:
        out += OWNER_SECRET + OWNER_SEED
    return out


value("repository", REPOSITORY)
value("owner-verify", OWNER_VERIFY)
value("signer", SIGNER)
for role in (1, 2, 3):
    value(f"certificate-{role}", certificate(role))
    value(f"secrets-{role}", secrets(role))

K_ID = KDF(ROOT, "lifeboat blob ids v1")
K_META = KDF(ROOT, "lifeboat metadata ids v1")
K_ROW = KDF(ROOT, "lifeboat row hashes v1")
K_EDGE = KDF(ROOT, "lifeboat catalog boundaries v1")
K_INDEX = KDF(ROOT, "lifeboat index v1")
K_PSK = KDF(ROOT, "lifeboat pre-shared v1")
K_CUT = KDF(ROOT, "lifeboat chunker v1")
value("index-key", K_INDEX)
value("pre-shared-key", K_PSK)
value("row-key", K_ROW)
value("edge-key", K_EDGE)
value("chunker-table", EXPAND(K_CUT, "lifeboat chunker table v1", 4096))
value("chunker-prf", EXPAND(K_CUT, "lifeboat chunker prf v1", 16))
value("content-id-of-abc", H(b"abc", K_ID))
value("metadata-id-of-abc", H(b"abc", K_META))


# Headers, sessions, envelopes
def header(kind, recipient, name, session=None):
    """184 bytes and the session key."""
    head = b"LIFEBOAT" + bytes([kind, 1, 1, recipient]) + u32(EPOCH) + REPOSITORY
    if recipient == 0:
        return head + bytes(32 + 72 + 32), None
    if recipient == 1:
        salt = fixed("salt " + name)
        session = KDF(K_INDEX, "lifeboat index session v1", salt)
        head += salt + bytes(72)
    else:
        public = KEEPER_PUBLIC if recipient == 2 else OWNER_PUBLIC
        session = session or fixed("session " + name)
        ephemeral = fixed("ephemeral " + name)
        e = sodium.crypto_scalarmult_base(ephemeral)
        shared = sodium.crypto_scalarmult(ephemeral, public)
        kek = KDF(K_PSK, "lifeboat wrap v1", shared + e + public + REPOSITORY + u32(EPOCH))
        head += e + SEAL(kek, b"lifeboat wrap v1" + bytes([recipient]), session, "wrap " + name)
    return head + H(head, session), session


def document(kind, recipient, plain, name):
    head, session = header(kind, recipient, name)
    prefix = head + SIGNER + certificate(3) + bytes([3, 0, 0, 0])
    body = plain if session is None else SEAL(KDF(session, "lifeboat document body v1"), prefix, plain, name)
    signed = prefix + u64(len(body)) + body
    return signed + SIGN(SIGN_SEED, b"lifeboat signature v1\0" + H(signed))


def json_body(body):
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


# Key slots
def slot(lock, role, passes, memory, key, label):
    salt = SALT[lock]
    head = b"LIFEBOAT" + bytes([2, 1, 1, 0]) + u32(EPOCH) + REPOSITORY + bytes(32 + 72)
    label = label.encode()
    prefix = head + H(head, key) + bytes([lock, role, 0, 0]) + u32(passes) + u32(memory) + salt
    prefix += i64(1_700_000_000_000_000) + u16(len(label)) + label
    return prefix + SEAL(key, prefix, secrets(role), f"slot {lock} {role}")


SALT = {1: fixed("salt passphrase", 16), 2: fixed("salt recovery", 16)}
RECOVERY = fixed("recovery key")
stretched = nacl.pwhash.argon2id.kdf(32, b"correct horse battery staple", SALT[1], opslimit=2, memlimit=64 * 1024)
slots = [
    slot(1, 3, 2, 64, KDF(stretched, "lifeboat passphrase slot v1"), "naïve label"),
    slot(2, 3, 0, 0, KDF(RECOVERY, "lifeboat recovery slot v1", SALT[2]), "recovery key"),
]
for data in slots:
    stored("keys/" + H(data).hex(), data)
alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
number = int.from_bytes(RECOVERY + H(b"lifeboat recovery key v1", RECOVERY)[:3], "big")
digits = "".join(alphabet[number >> 5 * i & 31] for i in reversed(range(56)))
value("recovery-key", RECOVERY)
print("value recovery-text", "-".join(digits[i:i + 4] for i in range(0, 56, 4)))

stored("config", document(1, 0, json_body({
    "version": 1, "repository": REPOSITORY.hex(), "created": "2023-11-14T22:13:20.000001Z", "packByteCount": 65536,
    "chunkerProfile": 2, "tableRangeBlocks": 128, "epochs": [{
        "number": 1, "ownerBox": OWNER_PUBLIC.hex(), "keeperBox": KEEPER_PUBLIC.hex(),
        "ownerSign": OWNER_VERIFY.hex()}]}), "config"))


# Packs
def zstd(plain, base=None):
    words = zstandard.ZstdCompressionDict(base, zstandard.DICT_TYPE_RAWCONTENT) if base is not None else None
    return zstandard.ZstdCompressor(
        3, dict_data=words, write_content_size=False, write_checksum=False, write_dict_id=False).compress(plain)


def pack(kind, blobs, length, name):
    """blobs: (chunk, encoding, base chunk or None). Returns the pack, its id and entries."""
    head, session = header(3, kind + 1, name)
    ident = fixed("pack " + name)
    key = KDF(session, "lifeboat pack v1", ident)
    id_key = K_META if kind == 1 else K_ID
    body, entries, table = b"", [], b""
    for number, (chunk, encoding, base) in enumerate(blobs):
        encoded = [chunk, zstd(chunk), zstd(chunk, base)][encoding]
        base_id = H(base, id_key) if encoding == 2 else b""
        context = b"lifeboat blob v1" + REPOSITORY + ident + u32(number) + bytes([kind]) + H(chunk, id_key)
        context += bytes([encoding]) + u32(len(chunk)) + base_id
        sealed = SEAL(key, context, encoded, f"{name} {number}")
        offset = 512 + len(body)
        table += H(chunk, id_key) + u32(offset) + u32(len(sealed)) + u32(len(chunk)) + bytes([encoding, 0, 0, 0]) + base_id
        entries.append((H(chunk, id_key), offset, len(sealed), len(chunk), encoding, number, base_id))
        body += sealed
    trailer = SEAL(key, b"lifeboat trailer v1" + REPOSITORY + ident + u32(len(blobs)), table, name + " trailer")
    at = length - len(trailer)
    locator = SEAL(key, head + ident, u32(at) + u32(len(trailer)) + u32(len(blobs)) + bytes(4), name + " locator")
    data = head + ident + locator + bytes(240) + body
    assert len(data) <= at
    data += fixed(name + " padding", at - len(data)) + trailer
    stored(f"packs/{ident.hex()[:2]}/{ident.hex()}", data)
    return ident, data, kind, entries


first = fixed("first chunk", 3000)
rows = b"".join(b"%d\trow %d\n" % (i, i % 7) for i in range(2000))
edited = first[:1000] + b"something else" + first[1100:]
edited_again = edited[:-50] + b"and again"
content_pack = pack(2, [(first, 0, None), (rows, 1, None), (edited, 2, first), (edited_again, 2, edited)], 16384, "content")
for name, chunk in [("first", first), ("rows", rows), ("edited", edited), ("edited-again", edited_again)]:
    value("chunk-" + name, chunk)


# Catalog
def metadata(mode, attributes=()):
    out = varint(mode) + varint(1000) + varint(100) + i64(-5) + u32(7) + i64(1 << 33) + u32(999_999_999) + varint(1 << 40)
    return out + varint(16) + varint(len(attributes)) + b"".join(counted(n) + counted(v) for n, v in attributes)


def content(*chunks):
    out = varint(sum(map(len, chunks))) + bytes([0]) + varint(len(chunks))
    return out + b"".join(H(c, K_ID) + varint(len(c)) for c in chunks)


K_TABLE = KDF(K_ROW, "lifeboat rows v1", b"public\0root\0id\0na\xc3\xafve\0")
digest = sum(int.from_bytes(H(K_TABLE + line), "big") for line in rows.split(b"\n")[:-1]) % 2**256
value("row-digest", digest.to_bytes(32, "big"))
chunk_list = b"".join(H(c, K_ID) + u32(len(c)) for c in (first, edited))
listed = varint(len(first) + len(edited)) + bytes([1]) + varint(1) + H(chunk_list, K_META)
ENTRIES = [
    (["d", "app", "archive"], bytes([16]) + content(first)),
    (["d", "app", "large-objects", "%016x" % 16412],
     bytes([17]) + text("owner") + bytes([1]) + text("{owner=rw/owner}") + bytes([0]) + content(edited)),
    (["d", "app", "rows", "public", "things", "%016x" % 0],
     bytes([18]) + varint(2000) + bytes([0]) + digest.to_bytes(32, "big") + content(rows)),
    (["d", "app", "tables", "public", "excluded"],
     bytes([19]) + varint(0) + varint(0) + varint(0) + bytes(32) + bytes([0]) + bytes([1]) + text("told so")),
    (["d", "app", "tables", "public", "things"],
     bytes([19]) + varint(2) + text("id") + text("naïve") + varint(2000) + varint(len(rows))
     + digest.to_bytes(32, "big") + bytes([3]) + text("public") + text("root") + bytes([0])),
    (["m", "files"], bytes([1]) + metadata(0o755)),
    (["m", "files", "a"], bytes([2]) + metadata(0o4640, [(b"user.x", b"\0\xff")]) + varint(3000) + bytes([0]) + content(first)),
    (["m", "files", "b-link"], bytes([4]) + counted(b"m\0files\0a")),
    (["m", "files", "c-listed"], bytes([2]) + metadata(0o600) + varint(len(first) + len(edited)) + bytes([2]) + listed),
    (["m", "files", "d-sparse"], bytes([2]) + metadata(0o600) + varint(1 << 20) + bytes([5]) + varint(2)
     + varint(4096) + varint(1000) + varint(8192) + varint(2000) + content(first)),
    (["m", "files", "e-symlink"], bytes([3]) + metadata(0o777) + counted(b"../\xff")),
    (["m", "files", "f-fifo"], bytes([5]) + metadata(0o600)),
    (["m", "files", "g-socket"], bytes([6]) + metadata(0o600)),
    (["m", "files", "h-char"], bytes([7]) + metadata(0o600) + u32(1) + u32(3)),
    (["m", "files", "i-block"], bytes([8]) + metadata(0o600) + u32(8) + u32(0)),
    (["m", "files", "j-unreadable"], bytes([9]) + text("permission denied")),
    (["m", "files", "k-delta"], bytes([2]) + metadata(0o600) + varint(len(edited_again)) + bytes([0]) + content(edited_again)),
]


def node(level, items):
    out, last = bytes([1, level]) + varint(len(items)), b""
    for key, payload in items:
        shared = 0
        while shared < min(len(last), len(key)) and last[shared] == key[shared]:
            shared += 1
        out += varint(shared) + counted(key[shared:]) + payload
        last = key
    return out


items = [("\0".join(parts).encode(), entry) for parts, entry in ENTRIES]
for key, entry in items:
    print("value entry", key.hex(), entry.hex())
leaves = [items[:5], items[5:]]
leaf_nodes = [node(0, [(key, counted(entry)) for key, entry in leaf]) for leaf in leaves]
root = node(1, [(leaf[0][0], H(data, K_META) + varint(len(leaf))) for leaf, data in zip(leaves, leaf_nodes)])
value("leaf-node", leaf_nodes[1])
value("inner-node", root)
metadata_pack = pack(1, [(leaf_nodes[0], 1, None), (leaf_nodes[1], 0, None), (root, 0, None), (chunk_list, 0, None)], 8192, "metadata")


# Index run and manifest
def index_run(packs, replaced, name):
    out = u32(1) + u32(len(packs)) + b"%ENTRIES%"
    entries = sorted((e[0], ordinal, e) for ordinal, (_, _, _, es) in enumerate(packs) for e in es)
    out = u32(1) + u32(len(packs)) + u32(len(entries)) + u32(sum(e[4] == 2 for _, _, e in entries)) + u32(len(replaced))
    for ident, data, kind, _ in packs:
        out += ident + H(data) + u32(len(data)) + bytes([kind, 0, 0, 0])
    for chunk, ordinal, (_, offset, sealed, plain, encoding, number, _) in entries:
        out += chunk + u24(ordinal) + u32(offset) + u24(sealed) + u24(plain) + bytes([encoding]) + u16(number)
    for at, (_, _, e) in enumerate(entries):
        if e[4] == 2:
            out += u32(at) + e[6]
    return out + b"".join(replaced)


plain_run = index_run([content_pack, metadata_pack], [fixed("replaced run")], "run")
value("index-run", plain_run)
run = document(4, 1, plain_run, "run")
stored("index/" + H(run).hex(), run)
manifest = document(5, 2, json_body({
    "version": 1, "time": "2023-11-14T22:13:20.000000Z", "finished": "2023-11-14T22:13:21.500000Z", "host": "naïve",
    "user": "user", "program": "make-format-vectors.py", "tags": ["nightly"], "sequence": 1,
    "catalog": {"root": H(root, K_META).hex(), "entryCount": len(items)}, "indexRuns": [H(run).hex()],
    "databases": [{
        "name": "app", "database": "app", "serverVersion": "15.4", "serverMajor": 15, "time": "2023-11-14T22:13:20.000000Z",
        "tableCount": 1, "rowCount": 2000, "byteCount": len(rows), "largeObjectCount": 1, "sequenceCount": 0,
        "digest": H(digest.to_bytes(32, "big")).hex(), "notIncluded": []}],
    "media": [{
        "name": "files", "path": "/srv/files", "fileCount": 4, "directoryCount": 1, "otherCount": 6, "byteCount": 0,
        "unreadable": [], "unreadableCount": 1, "changedWhileReadCount": 1, "users": {}, "groups": {}}],
    "references": [], "statistics": {
        "bytesRead": 0, "bytesNew": 0, "bytesStored": 0, "blobsNew": 8, "blobsReused": 0, "filesUnchanged": 0, "filesRead": 4},
    "a member of a later day": True}), "manifest")
stored("snapshots/" + H(manifest).hex(), manifest)
doom = document(7, 1, json_body(
    {"version": 1, "time": "2023-11-14T22:13:20.000000Z", "graceSeconds": 86400, "packs": ["ab" * 32]}), "doom")
stored("doomed/" + H(doom).hex(), doom)
entry = document(6, 2, json_body({
    "version": 1, "time": "2023-11-14T22:13:22.000000Z", "host": "host", "program": "program", "event": "backup",
    "outcome": "pass", "snapshots": [H(manifest).hex()], "details": {"files": "4"}}), "log")
stored(f"log/{1:010}-{H(entry).hex()}", entry)


# Lengths and boundaries
def padme(n):
    if n < 2:
        return n
    e = n.bit_length() - 1
    low = max(0, e - e.bit_length())
    return (n + (1 << low) - 1) >> low << low


for n in (0, 1, 2, 3, 4, 5, 8, 9, 10, 511, 512, 513, 1000, 65535, 65536, 65537, 1_000_000, 20_000_001, 33_554_431):
    print("value padme", n, padme(n))


def ends(level, entries):
    """How many items each node has: keys '%08d', values of so many bytes."""
    lengths, size, count, last = [], 0, 0, b""
    threshold = (2**64 - 1) // 49152
    for key, payload in entries:
        shared = 0
        while count and shared < min(len(last), len(key)) and last[shared] == key[shared]:
            shared += 1
        added = len(varint(shared) + counted(key[shared:]) + counted(payload))
        size, count, last = size + added, count + 1, key
        word = int.from_bytes(nacl.hash.siphash24(bytes([level]) + key, K_EDGE[:16], nacl.encoding.RawEncoder), "little")
        if count > 1 and (size >= 262144 or (size >= 16384 and word < added * threshold)):
            lengths.append(count)
            size, count, last = 0, 0, b""
    return lengths + [count]


print("value node-ends", *ends(0, [(b"%08d" % i, bytes(i % 200)) for i in range(20000)]))


# Parity of packs
def product(a, b):
    out = 0
    while b:
        out ^= a if b & 1 else 0
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return out


INVERSES = {a: b for a in range(1, 256) for b in range(1, 256) if product(a, b) == 1}


def crc64(data):
    crc = 2**64 - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xC96C5795D7870F42 if crc & 1 else 0)
    return crc ^ 2**64 - 1


def with_parity(data, length):
    """The first k * L bytes of data as a pack of this length; anything may stand where header and blobs do."""
    def cells(size): return -(-size // 8192)
    pairs = [(k, 512) for k in range(1, 251)] + [(250, size) for size in range(512, length // 250 + 1)]
    count, size = max((p for p in pairs if (p[0] + 5) * (p[1] + 16 * cells(p[1])) <= length), key=lambda p: p[0] * p[1])
    shards = [data[i * size:(i + 1) * size] for i in range(count)]
    for row in range(5):
        shard = bytearray(size)
        for i in range(count):
            factor = bytes(product(INVERSES[(250 + row) ^ i], value) for value in range(256))
            for x, value in enumerate(shards[i].translate(factor)):
                shard[x] ^= value
        shards.append(bytes(shard))
    table = b"".join(u64(crc64(shard[at:at + 8192])) for shard in shards for at in range(0, size, 8192))
    out = b"".join(shards[:count]) + table + b"".join(shards[count:]) + table
    return out + bytes(length - len(out))


for length in (3168, 10_000, 65_536, 2_200_000):
    print("value parity", length, H(with_parity(fixed("parity", length), length)).hex())
