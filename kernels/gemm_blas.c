/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The only door to OpenBLAS: one thread, one tile at a time. Its results change with its own thread count, and so it
 * never has more than one. */

#include "check.h"
#include "kernels.h"

#include <cblas.h>
#include <limits.h>

#define WICK_GEMM_THREADS 256

/* OpenBLAS counts in int: a tile that does not fit is the caller's mistake. */
static blasint count_of(size_t value)
{
	wick_require(value <= INT_MAX);
	return (blasint)value;
}

static void gemm(enum CBLAS_TRANSPOSE a_order, enum CBLAS_TRANSPOSE b_order, float *c, size_t ldc, const float *a, size_t lda, const float *b,
	size_t ldb, size_t m, size_t n, size_t k, int accumulate)
{
	cblas_sgemm(CblasRowMajor, a_order, b_order, count_of(m), count_of(n), count_of(k), 1, a, count_of(lda), b,
		count_of(ldb), accumulate ? 1 : 0, c, count_of(ldc));
}

/* Functions that OpenBLAS exports but has in no header; where one is missing, nothing but a little time is lost. */
__attribute__((weak)) int blas_thread_shutdown_(void);
__attribute__((weak)) void *blas_memory_alloc(int unused);
__attribute__((weak)) void blas_memory_free(void *buffer);

/* OpenBLAS starts a thread for each CPU when it is loaded, and they yield in a circle for 2^26 cycles before they sleep:
 * on two cores the first 30 ms of a run had half of one. */
void wick_gemm_init(void)
{
	openblas_set_num_threads(1);
	if (blas_thread_shutdown_)
		blas_thread_shutdown_();
}

/* OpenBLAS maps a buffer when a call finds none free and keeps it for good; without these functions the first calls
 * make them instead. */

void wick_gemm_reserve(unsigned threads)
{
	void *buffers[WICK_GEMM_THREADS];
	unsigned count = threads < WICK_GEMM_THREADS ? threads : WICK_GEMM_THREADS;

	if (!blas_memory_alloc || !blas_memory_free)
		return;
	for (unsigned i = 0; i < count; i++)
		buffers[i] = blas_memory_alloc(0);
	for (unsigned i = 0; i < count; i++)
		blas_memory_free(buffers[i]);
}

void wick_gemm_nt(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, size_t m, size_t n,
	size_t k, int accumulate)
{
	gemm(CblasNoTrans, CblasTrans, c, ldc, a, lda, b, ldb, m, n, k, accumulate);
}

void wick_gemm_nn(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, size_t m, size_t n,
	size_t k, int accumulate)
{
	gemm(CblasNoTrans, CblasNoTrans, c, ldc, a, lda, b, ldb, m, n, k, accumulate);
}

void wick_gemm_tn(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, size_t m, size_t n,
	size_t k, int accumulate)
{
	gemm(CblasTrans, CblasNoTrans, c, ldc, a, lda, b, ldb, m, n, k, accumulate);
}

const char *wick_gemm_core(void)
{
	return openblas_get_corename();
}
