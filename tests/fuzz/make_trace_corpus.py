#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of the trace reader's corpus by docs/container.md: sound traces, and the ways in which they go wrong.
Needs the standard library. Inputs that a fuzzer found are beside them and stay."""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "trace"


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def guarded(data):
    return data + struct.pack("<I", crc32c(data))


def header(flags, layers, n_ff, crc=0, version=1, zipf=0.0, active=0.0, seed=0):
    return guarded(struct.pack("<8sIIIII4xddQ4x", b"wicktrac", version, flags, layers, n_ff, crc, zipf, active, seed))


def bitmap(n_ff, ids):
    return sum(1 << i for i in ids).to_bytes((n_ff + 63) // 64 * 8, "little")


def layer(n_ff, ids, likely=None):
    part = bitmap(n_ff, ids)
    if likely is not None:
        part += bitmap(n_ff, likely) + bytes(likely[i] for i in sorted(likely))
    return part


def record(token, *layers):
    body = b"".join(layers)
    return guarded(struct.pack("<II", token, len(body)) + body)


def end(tokens):
    return guarded(struct.pack("<8sI", b"tracends", tokens))


def main():
    plain = header(0, 1, 64) + record(0, layer(64, [0, 63])) + end(1)
    both = [record(0, layer(70, [1], {1: 200}), layer(70, range(70), {i: 255 - i for i in range(70)})),
            record(1, layer(70, [], {}), layer(70, [0, 9, 64, 69], {69: 255, 3: 127, 8: 1}))]
    head = header(3, 2, 70, 0xFEEDBEEF, zipf=1.25, active=0.125, seed=1 << 63)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in {
        "plain": plain,
        "lookahead": head + both[0] + both[1] + end(2),
        "empty": b"",
        "header-only": head + end(0),
        "no-end": head + both[0] + both[1],
        "too-many-tokens": head + both[0] + both[1] + end(0xFFFFFFFF),
        "one-token-too-many": head + both[0] + both[0] + both[1] + end(3),
        "swapped": head + both[1] + both[0] + end(2),
        "stray-bit": header(0, 1, 65) + record(0, bitmap(65, [65])) + end(1),
        "stray-likely": header(2, 1, 65) + record(0, bitmap(65, []) + bitmap(65, [127]) + b"\1") + end(1),
        "levels-missing": header(2, 1, 64) + record(0, bitmap(64, []) + bitmap(64, [0, 1, 2]) + b"\1") + end(1),
        "levels-left": header(2, 1, 64) + record(0, bitmap(64, []) + bitmap(64, []) + b"\1") + end(1),
        "layer-missing": header(0, 2, 64) + record(0, bitmap(64, []) * 3)[:-4] + bytes(20) + end(1),
        "short-layers": header(0, 2, 64) + record(0, bitmap(64, [])) + bytes(16) + end(1),
        "long-record": header(0, 1, 64) + struct.pack("<II", 0, 0xFFFFFFF0) + bytes(30) + end(1),
        "wrong-crc": plain[:-20] + bytes(4) + plain[-16:],
        "wrong-version": header(0, 1, 64, version=2) + plain[64:],
        "wrong-flags": header(4, 1, 64) + plain[64:],
        "synthesis-of-none": header(0, 1, 64, seed=1) + plain[64:],
        "synthesis-nan": header(1, 1, 64, zipf=float("nan"), active=0.5) + plain[64:],
        "no-layers": header(0, 0, 64) + plain[64:],
        "too-wide": header(0, 1, 0xFFFFFFFF) + plain[64:],
        "too-deep": header(2, 0xFFFFFFFF, 64) + plain[64:],
        "wide": header(2, 1 << 16, 1 << 24) + plain[64:],
    }.items():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
