#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
#
# Prints block_vectors.h: what the Python package gguf makes of blocks of every type. From the root of the sources:
#
#     pip install gguf==0.19.0 && tests/kernels/make_block_vectors.py >tests/kernels/block_vectors.h
#
# Bytes to decode come from a generator that check_convert.c has, too; halves are kept finite. Floats to encode are those
# of vectors.h. A decoded type is committed as the CRC-32C of its floats.

import re

import gguf
import numpy as np
from gguf.quants import dequantize, quantize

BLOCKS = 64
# Each type with the places of the halves in its block.
DECODED = {"Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
           "Q2_K": [80, 82], "Q3_K": [108], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [],
           "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0]}
ENCODED = ["Q4_1", "Q5_0", "Q5_1", "MXFP4"]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def blocks_of(kind, halves):
    size = gguf.GGML_QUANT_SIZES[kind][1]
    state = int(kind)
    data = bytearray()
    for _ in range(BLOCKS * size):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        data.append(state >> 56)
    for block in range(BLOCKS):
        for half in halves:
            data[block * size + half + 1] &= 0xBF
    return np.frombuffer(bytes(data), dtype=np.uint8).reshape(BLOCKS, size)


def floats_of_vectors():
    text = open("tests/kernels/vectors.h").read()
    text = text[text.index("vector_floats") : text.index("vector_q8_0")]
    bits = [int(word, 16) for word in re.findall(r"0x[0-9a-f]{8}", text)]
    return np.array(bits, dtype=np.uint32).view(np.float32).reshape(-1, 32)


def c_bytes(rows):
    for row in rows:
        print("\t{")
        for at in range(0, len(row), 16):
            print("\t\t" + ", ".join(f"0x{byte:02x}" for byte in row[at : at + 16]) + ("," if at + 16 < len(row) else " },"))


print("""/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Made by make_block_vectors.py: blocks as the Python package gguf 0.19.0 decodes and encodes them. */

#include "kernels.h"

#define VECTOR_BLOCKS %d /* of each type, of bytes from a generator that starts with the type's number in GGUF */

static const struct vector_decoded {
	enum wick_type type;
	uint32_t seed;
	uint32_t crc; /* CRC-32C of the floats */
} vector_decoded[] = {""" % BLOCKS)
for name, halves in DECODED.items():
    kind = gguf.GGMLQuantizationType[name]
    floats = dequantize(blocks_of(kind, halves), kind).astype("<f4")
    print(f"\t{{ WICK_{name}, {int(kind)}, 0x{crc32c(floats.tobytes()):08x} }},")
print("};")
for name in ENCODED:
    encoded = quantize(floats_of_vectors(), gguf.GGMLQuantizationType[name])
    print(f"\nstatic const uint8_t vector_{name.lower()}[{len(encoded)}][{len(encoded[0])}] = {{")
    c_bytes(encoded)
    print("};")
