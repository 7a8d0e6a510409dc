/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* CRC-32C by carry-less multiplication, four at once (VPCLMULQDQ on AVX-512 registers).
 *
 * A register is four pieces of 16 bytes, each a polynomial over GF(2) whose bit i stands for x^(127-i). Moved on by n
 * bits, a piece is multiplied by x^n, of which only the remainder counts. So its two halves of 64 bits are each
 * multiplied by a constant of 32, and the sum has 128 bits again:
 *
 *     piece * x^n  =  first half * x^(n+64)  +  second half * x^n      (mod P, the polynomial of CRC-32C)
 *
 * The product of two bit-reversed numbers is one bit further down than it should be, and a constant sits in the lower
 * half of its 64 bits, 32 places down: x^(n+31) and x^(n-33) stand for the two powers. (After V. Gopal et al., "Fast
 * CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", 2009.) The last 64 bytes go through the
 * processor's own instruction, which is that remainder. */

#include "../sets.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define LINE_BYTES 64
#define STEP_BYTES (4 * LINE_BYTES)

static inline __m512i line_at(const uint8_t *at)
{
	return _mm512_loadu_si512(at);
}

/* x^(n+31) and x^(n-33) mod P, bits reversed, for every piece. */
static inline __m512i mover(uint64_t first, uint64_t second)
{
	return _mm512_broadcast_i32x4(_mm_set_epi64x((long long)second, (long long)first));
}

/* sum moved on, plus what comes there. */
static inline __m512i fold(__m512i sum, __m512i by, __m512i line)
{
	__m512i first = _mm512_clmulepi64_epi128(sum, by, 0x00), second = _mm512_clmulepi64_epi128(sum, by, 0x11);

	return _mm512_ternarylogic_epi64(first, second, line, 0x96); /* exclusive or of all three */
}

static uint32_t crc_short(uint32_t crc, const uint8_t *at, size_t bytes)
{
	for (; bytes >= 8; bytes -= 8, at += 8) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		crc = (uint32_t)_mm_crc32_u64(crc, word);
	}
	for (; bytes; bytes--, at++)
		crc = _mm_crc32_u8(crc, *at);
	return crc;
}

/* Four lines side by side, which become one, which takes in what lines are left. Returns the bytes taken. */
static size_t crc_long(uint32_t *crc, const uint8_t *data, size_t bytes)
{
	const __m512i by_step = mover(0xdcb17aa4, 0xb9e02b86), by_line = mover(0x740eef02, 0x9e4addf8); /* n = 2048, 512 */
	const uint8_t *at = data + STEP_BYTES, *end = data + bytes;
	uint8_t last[LINE_BYTES];
	__m512i sum[4];

	for (int i = 0; i < 4; i++)
		sum[i] = line_at(data + i * LINE_BYTES);
	sum[0] = _mm512_xor_si512(sum[0], _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)*crc)));
	for (; end - at >= STEP_BYTES; at += STEP_BYTES)
		for (int i = 0; i < 4; i++)
			sum[i] = fold(sum[i], by_step, line_at(at + i * LINE_BYTES));
	for (int i = 1; i < 4; i++)
		sum[i] = fold(sum[i - 1], by_line, sum[i]);
	for (; end - at >= LINE_BYTES; at += LINE_BYTES)
		sum[3] = fold(sum[3], by_line, line_at(at));
	_mm512_storeu_si512(last, sum[3]);
	*crc = crc_short(0, last, sizeof(last));
	return (size_t)(at - data);
}

static uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
	size_t taken = 0;

	crc = ~crc;
	if (bytes >= STEP_BYTES)
		taken = crc_long(&crc, data, bytes);
	return ~crc_short(crc, (const uint8_t *)data + taken, bytes - taken);
}

void wick_kernels_vpclmul(struct wick_kernels *kernels)
{
	kernels->crc32c = crc32c;
}
