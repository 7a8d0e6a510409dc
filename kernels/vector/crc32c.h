/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* CRC-32C by a processor's own instruction, which takes a word a cycle but gives the result three cycles later. So
 * three neighbouring stretches are run at once, the second and third from a register of zero, and put together:
 *
 *     | first, from crc | second, from 0 | third, from 0 |
 *     crc' = move(move(first) ^ second) ^ third,      move: what as many zero bytes as a stretch do to a register
 *
 * move() is linear, and so four table rows. The longest stretch is a third of 16 KiB, a usual bundle, in whole lines:
 * long ones are what memory is read best in. Including files define crc_word(crc, eight bytes) and crc_byte(crc,
 * byte). */

#include "../crc32c.h"

#include <string.h>

#define CRC_AHEAD_BYTES 512

struct crc_move {
	size_t bytes;
	uint32_t table[4][256]; /* row n, entry b: what byte n of the register becomes */
};

static const struct crc_move crc_moves[] = {
	{ 5376,
		{
			WICK_CRC_ROW(0xdd821e9b, 0xbee84bc7, 0x783ce17f, 0xf079c2fe, 0xe51ff30d, 0xcfd390eb, 0x9a4b5727,
				0x317ad8bf),
			WICK_CRC_ROW(0x62f5b17e, 0xc5eb62fc, 0x8e3ab309, 0x199910e3, 0x333221c6, 0x6664438c, 0xccc88718,
				0x9c7d78c1),
			WICK_CRC_ROW(0x3d168773, 0x7a2d0ee6, 0xf45a1dcc, 0xed584d69, 0xdf5cec23, 0xbb55aeb7, 0x73472b9f,
				0xe68e573e),
			WICK_CRC_ROW(0xc8f0d88d, 0x940dc7eb, 0x2df7f927, 0x5beff24e, 0xb7dfe49c, 0x6a53bfc9, 0xd4a77f92,
				0xaca289d5),
		} },
	{ 1024,
		{
			WICK_CRC_ROW(0xfe314258, 0xf98ef241, 0xf6f19273, 0xe80f5217, 0xd5f2d2df, 0xae09d34f, 0x59ffd06f,
				0xb3ffa0de),
			WICK_CRC_ROW(0x6213374d, 0xc4266e9a, 0x8da0abc5, 0x1ead217b, 0x3d5a42f6, 0x7ab485ec, 0xf5690bd8,
				0xef3e6141),
			WICK_CRC_ROW(0xdb90b473, 0xb2cd1e17, 0x60764adf, 0xc0ec95be, 0x84355d8d, 0x0d86cdeb, 0x1b0d9bd6,
				0x361b37ac),
			WICK_CRC_ROW(0x6c366f58, 0xd86cdeb0, 0xb535cb91, 0x6f87e1d3, 0xdf0fc3a6, 0xbbf3f1bd, 0x720b958b,
				0xe4172b16),
		} },
	{ 128,
		{
			WICK_CRC_ROW(0x6992cea2, 0xd3259d44, 0xa3a74c79, 0x42a2ee03, 0x8545dc06, 0x0f67cefd, 0x1ecf9dfa,
				0x3d9f3bf4),
			WICK_CRC_ROW(0x7b3e77e8, 0xf67cefd0, 0xe915a951, 0xd7c72453, 0xaa623e57, 0x51280a5f, 0xa25014be,
				0x414c5f8d),
			WICK_CRC_ROW(0x8298bf1a, 0x00dd08c5, 0x01ba118a, 0x03742314, 0x06e84628, 0x0dd08c50, 0x1ba118a0,
				0x37423140),
			WICK_CRC_ROW(0x6e846280, 0xdd08c500, 0xbffdfcf1, 0x7a178f13, 0xf42f1e26, 0xedb24abd, 0xde88e38b,
				0xb8fdb1e7),
		} },
};

static inline uint32_t crc_moved(const struct crc_move *move, uint32_t crc)
{
	return move->table[0][crc & 0xff] ^ move->table[1][crc >> 8 & 0xff] ^ move->table[2][crc >> 16 & 0xff] ^
		move->table[3][crc >> 24];
}

static inline uint32_t crc_word_at(uint32_t crc, const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return crc_word(crc, word);
}

/* Three stretches at once, line by line, each fetched a little ahead. */
static inline uint32_t crc_three(const struct crc_move *move, uint32_t crc, const uint8_t *at)
{
	uint32_t second = 0, third = 0;
	size_t bytes = move->bytes;

	for (const uint8_t *end = at + bytes; at < end; at += 64) {
		for (size_t stretch = 0; stretch < 3; stretch++)
			__builtin_prefetch(at + stretch * bytes + CRC_AHEAD_BYTES);
		for (size_t word = 0; word < 64; word += 8) {
			crc = crc_word_at(crc, at + word);
			second = crc_word_at(second, at + bytes + word);
			third = crc_word_at(third, at + 2 * bytes + word);
		}
	}
	return crc_moved(move, crc_moved(move, crc) ^ second) ^ third;
}

static uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	crc = ~crc;
	for (size_t m = 0; m < sizeof(crc_moves) / sizeof(crc_moves[0]); m++)
		for (; bytes >= 3 * crc_moves[m].bytes; bytes -= 3 * crc_moves[m].bytes, at += 3 * crc_moves[m].bytes)
			crc = crc_three(&crc_moves[m], crc, at);
	for (; bytes >= 8; bytes -= 8, at += 8)
		crc = crc_word_at(crc, at);
	for (; bytes; bytes--, at++)
		crc = crc_byte(crc, *at);
	return ~crc;
}
