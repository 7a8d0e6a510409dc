#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
#
# Prints kernels/grids.c: the tables of the types that choose 8 or 4 magnitudes at once, as the Python package gguf has
# them. From the root of the sources:
#
#     pip install gguf==0.19.0 && tests/kernels/make_grids.py >kernels/grids.c

from gguf import quants

print("""/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Made by tests/kernels/make_grids.py. */

#include "grids.h"
""")
for name in ["IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"]:
    kind = getattr(quants, name)
    kind.init_grid()
    grid = kind.grid.reshape(kind.grid_shape).astype("u1")
    count, size = grid.shape
    words = [f"0x{bytes(row[::-1]).hex()}" for row in grid]
    print(f"const uint{8 * size}_t wick_grid_{name.lower()}[{count}] = {{")
    a_line = 5 if size == 8 else 8
    for at in range(0, count, a_line):
        print("\t" + ", ".join(words[at : at + a_line]) + ",")
    print("};" + ("" if name == "IQ3_S" else "\n"))
