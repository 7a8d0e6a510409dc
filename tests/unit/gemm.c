/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The products that OpenBLAS makes, against three loops in double: which way each matrix lies, leading dimensions wider
 * than rows, adding to what was there, and nothing touched beside the result. */

#include "bits.h"
#include "kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define U 0x1p-24 /* the largest relative error of one rounding */
#define BESIDE 12345.0f

typedef void (*gemm_fn)(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, size_t m, size_t n,
	size_t k, int accumulate);

/* Element (row, column) of an operand is at[row * by_row + column * by_column]. */
struct operand {
	float *at;
	size_t lead, by_row, by_column;
};

static float random_float(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (float)((int32_t)(*state >> 32)) * 0x1p-31f;
}

/* Stored by rows, or, turned, by columns; each line some floats longer than it must be. */
static struct operand make_operand(size_t rows, size_t columns, bool turned, uint64_t *state)
{
	size_t lines = turned ? columns : rows, length = turned ? rows : columns, lead = length + 3;
	struct operand made = { malloc(lines * lead * sizeof(float)), lead, turned ? 1 : lead, turned ? lead : 1 };

	for (size_t i = 0; i < lines * lead; i++)
		made.at[i] = random_float(state);
	return made;
}

static double element(const struct operand *operand, size_t row, size_t column)
{
	return (double)operand->at[row * operand->by_row + column * operand->by_column];
}

static void check_element(const struct operand *a, const struct operand *b, size_t i, size_t j, size_t k, double before,
	float got)
{
	double sum = before, terms = fabs(before);

	for (size_t l = 0; l < k; l++) {
		sum += element(a, i, l) * element(b, l, j);
		terms += fabs(element(a, i, l) * element(b, l, j));
	}
	if (fabs((double)got - sum) > (double)(k + 2) * U * terms)
		fail_msg("c(%zu, %zu) of k %zu is %.9g, not %.9g", i, j, k, (double)got, sum);
}

static void check_product(gemm_fn gemm, bool a_turned, bool b_turned, size_t m, size_t n, size_t k, bool accumulate)
{
	uint64_t state = m * 1000003 + n * 1009 + k;
	struct operand a = make_operand(m, k, a_turned, &state), b = make_operand(k, n, b_turned, &state);
	size_t ldc = n + 5;
	float *c = malloc(m * ldc * sizeof(*c)), *before = malloc(m * ldc * sizeof(*before));

	for (size_t i = 0; i < m * ldc; i++)
		c[i] = before[i] = i % ldc < n ? random_float(&state) : BESIDE;
	gemm(c, ldc, a.at, a.lead, b.at, b.lead, m, n, k, accumulate);
	for (size_t i = 0; i < m * ldc; i++)
		if (i % ldc < n)
			check_element(&a, &b, i / ldc, i % ldc, k, accumulate ? (double)before[i] : 0, c[i]);
		else
			assert_true(c[i] == BESIDE);
	free(a.at);
	free(b.at);
	free(c);
	free(before);
}

static void products(void **state)
{
	static const struct {
		gemm_fn gemm;
		bool a_turned, b_turned;
	} kinds[] = { { wick_gemm_nn, false, false }, { wick_gemm_nt, false, true }, { wick_gemm_tn, true, false } };
	static const size_t sizes[][3] = { { 1, 1, 1 }, { 1, 7, 3 }, { 5, 1, 9 }, { 3, 4, 5 }, { 32, 64, 128 }, { 33, 65, 127 },
		{ 64, 31, 300 }, { 100, 17, 1 } };

	(void)state;
	assert_int_equal(wick_gemm_init(1, NULL), 0);
	for (size_t i = 0; i < WICK_COUNT_OF(kinds); i++)
		for (size_t s = 0; s < WICK_COUNT_OF(sizes); s++)
			for (int accumulate = 0; accumulate < 2; accumulate++)
				check_product(kinds[i].gemm, kinds[i].a_turned, kinds[i].b_turned, sizes[s][0], sizes[s][1],
					sizes[s][2], accumulate);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(products) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
