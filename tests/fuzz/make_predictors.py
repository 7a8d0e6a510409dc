#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of corpus/predictors: files of predictors for the model that fuzz_predictors.c pretends to have, sound and
broken ones, written here from docs/container.md with the standard library alone."""

import struct

from make_corpus import write
from make_gguf import ARRAY, BOOL, I32, STRING, U32, crc32c, entry, padded, pair, preamble

LAYERS, D_MODEL, N_FF, IDENTITY = 2, 32, 48, 0x12345678
TYPES = {"f16": (1, 2, 1), "q4_0": (2, 18, 32)}  # GGUF's number, bytes and numbers of a block


def predictors(encoding="q4_0", ranks=(32, 64), ahead=(32, 0), identity=IDENTITY, layers=LAYERS, d_model=D_MODEL, n_ff=N_FF,
               version=1, firing=False, arch="wick-predictors", mend=lambda data: data):
    """mend: changes the header before its checksum is taken."""
    pairs = [("general.alignment", U32, 4096), ("general.architecture", STRING, arch),
             ("wick.predictors.version", U32, version), ("wick.predictors.model", U32, identity),
             ("wick.predictors.layers", U32, layers), ("wick.predictors.d_model", U32, d_model),
             ("wick.predictors.n_ff", U32, n_ff), ("wick.predictors.encoding", STRING, encoding),
             ("wick.predictors.relu", BOOL, False), ("wick.predictors.imported", BOOL, False),
             *((("wick.predictors.levels", BOOL, False), ("wick.predictors.residual", BOOL, False)) if version > 1 else ()),
             *((("wick.predictors.firing", BOOL, firing),) if version > 2 else ()),
             ("wick.predictors.ranks", ARRAY, (I32, ranks)), ("wick.predictors.ahead", ARRAY, (I32, ahead))]
    kind, block_bytes, block = TYPES.get(encoding, TYPES["f16"])
    data = []
    for layer in range(len(ranks)):
        for role, rank in ("pred", ranks[layer]), ("ahead", ahead[layer]):
            for part, rows, cols in ("in", rank, d_model), ("out", n_ff, rank):
                row = bytes(i % 251 for i in range(cols // block * block_bytes))
                data.append((f"blk.{layer}.ffn_{role}_{part}.weight", [cols, rows], kind, [row] * rows, 16))
            data.append((f"blk.{layer}.ffn_{role}.bias", [n_ff], 0, [struct.pack(f"<{n_ff}f", *range(n_ff))], 1))
            if not rank:
                del data[-3:]
        if firing:
            data.append((f"blk.{layer}.ffn_firing", [n_ff], 0, [struct.pack(f"<{n_ff}f", *(i / n_ff for i in range(n_ff)))], 1))
    sums = [crc32c(b"".join(rows[i:i + check])) for _, _, _, rows, check in data for i in range(0, len(rows), check)]
    entries, offset = b"", 0
    for name, ne, kind, rows, _ in data:
        entries += entry(name, ne, kind, offset)
        offset += len(padded(b"".join(rows), 4096))
    entries += entry("wick.checksums", [len(sums) + 2], 26, offset)
    header = mend(padded(preamble(len(data) + 1, len(pairs)) + b"".join(pair(*p) for p in pairs) + entries, 4096))
    sums.append(crc32c(header))
    sums.append(crc32c(struct.pack(f"<{len(sums)}I", *sums)))
    tables = struct.pack(f"<{len(sums)}I", *sums)
    return header + b"".join(padded(b"".join(rows), 4096) for _, _, _, rows, _ in data) + padded(tables, 4096)


def main():
    good = predictors()
    for name, data in {
        "good": good,
        "good-f16": predictors("f16", (1, 7), (3, 0)),
        "no-ahead": predictors(ahead=(0, 0)),
        "cut": good[:-4096],
        "cut-in-header": good[:700],
        "longer": good + bytes(4096),
        "header-flipped": good[:40] + bytes([good[40] ^ 1]) + good[41:],
        "checksums-flipped": good[:-4096] + bytes([good[-4096] ^ 1]) + good[-4095:],
        "other-model": predictors(identity=IDENTITY + 1),
        "other-layers": predictors(layers=3),
        "other-width": predictors(d_model=64),
        "other-n-ff": predictors(n_ff=49),
        "other-version": predictors(version=4),
        "residual": predictors(version=2),
        "firing": predictors(version=3, firing=True),
        "firing-missing": predictors(version=3, firing=True,
                                     mend=lambda d: d.replace(b"blk.1.ffn_firing", b"blk.1.ffn_fyring")),
        "firing-in-version-2": predictors(version=2, firing=True),
        "other-arch": predictors(arch="opt"),
        "encoding-unknown": predictors("q2_k"),
        "rank-in-half-a-block": predictors(ranks=(32, 48)),
        "rank-zero": predictors(ranks=(32, 0)),
        "rank-negative": predictors(mend=lambda d: d.replace(struct.pack("<2i", 32, 64), struct.pack("<2i", 32, -32))),
        "rank-missing": predictors(ranks=(32,), ahead=(0,)),
        "ahead-of-the-last": predictors(ahead=(32, 32)),
        "rank-is-another": predictors(mend=lambda d: d.replace(struct.pack("<2i", 32, 64), struct.pack("<2i", 64, 32))),
        "rank-beyond": predictors(mend=lambda d: d.replace(struct.pack("<2i", 32, 64), struct.pack("<2i", 32, 1 << 30))),
        "renamed": predictors(mend=lambda d: d.replace(b"blk.1.ffn_pred_in", b"blk.1.ffn_pred_ix")),
        "model-missing": predictors(mend=lambda d: d.replace(b"wick.predictors.model", b"wick.predictors.molde")),
        "relu-a-number": predictors(mend=lambda d: d.replace(b"relu" + struct.pack("<IB", BOOL, 0),
                                                             b"relu" + struct.pack("<IB", 0, 0))),
        "ranks-a-number": predictors(mend=lambda d: d.replace(b"predictors.ranks" + struct.pack("<II", ARRAY, I32),
                                                              b"predictors.ranks" + struct.pack("<II", ARRAY, 6))),
    }.items():
        write("predictors", name, data)


if __name__ == "__main__":
    main()
