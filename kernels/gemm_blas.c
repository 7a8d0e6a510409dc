/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The only door to OpenBLAS: one thread, one tile at a time. Its results change with its own thread count, and so it
 * never has more than one. */

#include "check.h"
#include "kernels.h"

#include <cblas.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define WICK_GEMM_THREADS 256
#define BUFFER_BYTES (128u << 20) /* of address space, of which little is touched: OpenBLAS's BUFFER_SIZE */
#define STACKS_BYTES (64u << 20)
#define TOUCHED_BYTES (32u << 20) /* more than what our tiles touch, and no more than any OpenBLAS's buffer has */

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

static void *do_nothing(void *unused)
{
	return unused;
}

/* glibc keeps the stacks of threads that have ended, up to 40 MB of them, each with the pages that it touched: 2 MB where
 * huge pages are for everybody. One that is larger goes at once, and all others with it. */
static void drop_stacks(void)
{
	pthread_attr_t large;
	pthread_t thread;

	if (pthread_attr_init(&large))
		return;
	pthread_attr_setstacksize(&large, STACKS_BYTES);
	if (!pthread_create(&thread, &large, do_nothing, NULL))
		pthread_join(thread, NULL);
	pthread_attr_destroy(&large);
}

/* OpenBLAS starts a thread for each CPU when it is loaded, and they yield in a circle for 2^26 cycles before they sleep:
 * on two cores the first 30 ms of a run had half of one. */
static void end_threads(void)
{
	openblas_set_num_threads(1);
	if (blas_thread_shutdown_)
		blas_thread_shutdown_();
	drop_stacks();
}

/* Whether the kernel gives so many buffers more. OpenBLAS asks again and again, for ever, where a limit refuses one. */
static bool is_room_for(unsigned buffers)
{
	void *held[WICK_GEMM_THREADS];
	unsigned count = 0;

	while (count < buffers) {
		held[count] = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (held[count] == MAP_FAILED)
			break;
		count++;
	}
	for (unsigned i = 0; i < count; i++)
		munmap(held[i], BUFFER_BYTES);
	return count == buffers;
}

/* Where huge pages are for everybody, each page that is touched would take 2 MB of the budget. */
static void forbid_huge_pages(void *buffer)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	madvise((void *)((uintptr_t)buffer & ~(page - 1)), TOUCHED_BYTES, MADV_NOHUGEPAGE);
}

/* OpenBLAS maps a buffer when a call finds none free and keeps it for good; without these functions the first calls
 * make them instead. */
static void reserve(unsigned count)
{
	void *buffers[WICK_GEMM_THREADS];

	if (!blas_memory_alloc || !blas_memory_free)
		return;
	for (unsigned i = 0; i < count; i++) {
		buffers[i] = blas_memory_alloc(0);
		forbid_huge_pages(buffers[i]);
	}
	for (unsigned i = 0; i < count; i++)
		blas_memory_free(buffers[i]);
}

/* Each of OpenBLAS's threads begins by taking a buffer, which is free for others when it has ended. Where not one more can
 * be had they may still be asking, and would never end. */
int wick_gemm_init(unsigned threads, struct wick_diag *diag)
{
	static atomic_uint kept; /* buffers that OpenBLAS has for good */
	unsigned count = threads < WICK_GEMM_THREADS ? threads : WICK_GEMM_THREADS, had = atomic_load(&kept);
	unsigned taken = had ? had : (unsigned)openblas_get_num_threads() - 1;

	if (count > had && !is_room_for(count > taken ? count - taken : 1))
		return wick_diag_say(diag, -ENOMEM,
			"no address space for OpenBLAS: it takes %u MiB for each thread (threads: %u), more than ulimit -v or -d leaves",
			BUFFER_BYTES >> 20, threads);
	end_threads();
	reserve(count);
	atomic_store(&kept, count > taken ? count : taken);
	return 0;
}

bool wick_gemm_can_end(void)
{
	int threads = openblas_get_num_threads() - 1;

	return is_room_for(threads < WICK_GEMM_THREADS ? (unsigned)threads : WICK_GEMM_THREADS);
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
