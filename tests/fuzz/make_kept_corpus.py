#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of the corpus of kept sessions: sound ones, and the ways in which they go wrong. The first byte of a seed says
what the target puts right: 1 what ties the file to a model, 2 the checksum of the tokens."""
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE / "corpus" / "kept"
CONFIG = json.loads((HERE.parent / "golden/fixtures/plain-f32/config.json").read_text())
BLOCK = 64
BLOCK_BYTES = CONFIG["num_hidden_layers"] * CONFIG["hidden_size"] * 2 * 2 * BLOCK  # keys and values, f16


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xffffffff)


def kept(fix=3, magic=b"WICKKEPT", version=1, count=BLOCK, ids=None, block=b"\0" * BLOCK_BYTES, blocks=1):
    ids = [0] * count if ids is None else ids
    return (bytes([fix]) + magic + struct.pack("<II16x", version, count) + struct.pack(f"<{len(ids)}I", *ids) + b"\0" * 4 +
            (block + crc32c(block)) * blocks)


sound = kept()
FOLDER.mkdir(parents=True, exist_ok=True)
for name, data in {
        "sound": sound, "untied": kept(fix=2), "tokens-unchecked": kept(fix=1), "another": kept(magic=b"WICKSUMS"),
        "later": kept(version=2), "no-tokens": kept(count=0, blocks=0), "part-of-a-block": kept(count=BLOCK - 1), "others": kept(ids=[7] * BLOCK),
        "too-many": kept(count=0xffffffff, ids=[]), "two": kept(count=2 * BLOCK, blocks=2), "cut": sound[:1000], "short": sound[:20],
        "long": sound + b"\0", "damaged": sound[:-100] + b"\1" + sound[-99:], "empty": b"\3"}.items():
    (FOLDER / name).write_bytes(data)
