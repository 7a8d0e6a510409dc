/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* CRC-32C as linear algebra. The effect of one set bit, in the register or in the message, on the register after n zero
 * bytes is a constant, and the effect of several bits is the exclusive or of theirs: so a table of 256 entries, indexed
 * by a byte, is written down as the eight that have one bit set. */

#include <stdint.h>

#define WICK_CRC_1(x, a) (x), (x) ^ (a)
#define WICK_CRC_2(x, a, b) WICK_CRC_1(x, a), WICK_CRC_1((x) ^ (b), a)
#define WICK_CRC_3(x, a, b, c) WICK_CRC_2(x, a, b), WICK_CRC_2((x) ^ (c), a, b)
#define WICK_CRC_4(x, a, b, c, d) WICK_CRC_3(x, a, b, c), WICK_CRC_3((x) ^ (d), a, b, c)
#define WICK_CRC_5(x, a, b, c, d, e) WICK_CRC_4(x, a, b, c, d), WICK_CRC_4((x) ^ (e), a, b, c, d)
#define WICK_CRC_6(x, a, b, c, d, e, f) WICK_CRC_5(x, a, b, c, d, e), WICK_CRC_5((x) ^ (f), a, b, c, d, e)
#define WICK_CRC_7(x, a, b, c, d, e, f, g) WICK_CRC_6(x, a, b, c, d, e, f), WICK_CRC_6((x) ^ (g), a, b, c, d, e, f)
#define WICK_CRC_ROW(a, b, c, d, e, f, g, h) \
	{ WICK_CRC_7(0u, a, b, c, d, e, f, g), WICK_CRC_7(0u ^ (h), a, b, c, d, e, f, g) }
