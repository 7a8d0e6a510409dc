/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The only door to OpenBLAS: one thread, one tile at a time. Its results change with its own thread count, and so it
 * never has more than one. */

#include "check.h"
#include "kernels.h"

#include <cblas.h>
#include <limits.h>

/* OpenBLAS counts in int: a tile that does not fit is the caller's mistake. */
static blasint count_of(size_t value)
{
	wick_verify(value <= INT_MAX);
	return (blasint)value;
}

static void gemm(enum CBLAS_TRANSPOSE b_order, float *c, size_t ldc, const float *a, size_t lda, const float *b,
	size_t ldb, size_t m, size_t n, size_t k, int accumulate)
{
	cblas_sgemm(CblasRowMajor, CblasNoTrans, b_order, count_of(m), count_of(n), count_of(k), 1, a, count_of(lda), b,
		count_of(ldb), accumulate ? 1 : 0, c, count_of(ldc));
}

void wick_gemm_init(void)
{
	openblas_set_num_threads(1);
}

void wick_gemm_nt(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, size_t m, size_t n,
	size_t k, int accumulate)
{
	gemm(CblasTrans, c, ldc, a, lda, b, ldb, m, n, k, accumulate);
}

void wick_gemm_nn(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, size_t m, size_t n,
	size_t k, int accumulate)
{
	gemm(CblasNoTrans, c, ldc, a, lda, b, ldb, m, n, k, accumulate);
}

const char *wick_gemm_core(void)
{
	return openblas_get_corename();
}
