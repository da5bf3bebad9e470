#!/usr/bin/env python3
"""How much of full packs is padding, by the number of packs that are open at once: docs/decisions.md quotes it.

Chunks are as the chunker cuts random data at a mean of 1 MiB: 640 KiB, then an exponential wait of 384 KiB, at most
4 MiB. Lengths are those of docs/format.md, section 7.
"""
import random

PACK, HEADER, SEAL, ENTRY = 32 << 20, 512, 40, 48


def padding(open_at_once, chunks=200_000):
    generator, packs, full, waste = random.Random(1), [], 0, 0
    for _ in range(chunks):
        blob = min(640 * 1024 + int(generator.expovariate(1 / (384 * 1024))), 4 << 20) + SEAL
        place = next((p for p in range(len(packs)) if packs[p] + blob + ENTRY <= PACK), None)
        if place is None:
            if len(packs) == open_at_once:
                fullest = packs.index(max(packs))
                full, waste = full + 1, waste + PACK - packs.pop(fullest)
            packs.append(HEADER + SEAL)
            place = len(packs) - 1
        packs[place] += blob + ENTRY
    return waste / (full * PACK)


for count in (1, 2, 3, 4):
    print(f"{count} open: {padding(count):.2%} of full packs is padding")
