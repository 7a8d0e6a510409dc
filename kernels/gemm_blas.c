/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The only door to OpenBLAS: loaded when it is first needed, and then one thread, one tile at a time. Its results
 * change with its own thread count, and so it never has more than one. */

#include "check.h"
#include "kernels.h"

#include <cblas.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WICK_GEMM_THREADS 256
#define BUFFER_BYTES (128u << 20) /* of address space, of which little is touched: OpenBLAS's BUFFER_SIZE */
#define TOUCHED_BYTES (32u << 20) /* more than what our tiles touch, and no more than any OpenBLAS's buffer has */

/* The functions that are called. The last two are in no header; where they are missing, nothing but a little time is
 * lost. */
static struct {
	__typeof__(cblas_sgemm) *sgemm;
	__typeof__(openblas_get_corename) *core_name;
	void *(*take_buffer)(int unused);
	void (*give_buffer)(void *buffer);
} blas;

/* OpenBLAS counts in int: a tile that does not fit is the caller's mistake. */
static blasint count_of(size_t value)
{
	wick_require(value <= INT_MAX);
	return (blasint)value;
}

static void gemm(enum CBLAS_TRANSPOSE a_order, enum CBLAS_TRANSPOSE b_order, float *c, size_t ldc, const float *a, size_t lda, const float *b,
	size_t ldb, size_t m, size_t n, size_t k, int accumulate)
{
	wick_require(blas.sgemm); /* wick_gemm_init() comes first */
	blas.sgemm(CblasRowMajor, a_order, b_order, count_of(m), count_of(n), count_of(k), 1, a, count_of(lda), b,
		count_of(ldb), accumulate ? 1 : 0, c, count_of(ldc));
}

/* OpenBLAS starts a thread for each CPU when it is loaded, and ends the process where the system refuses them; one is
 * all that it is to have. It learns that from the environment alone, so it is loaded under another one. Another thread
 * that looks at the environment meanwhile finds one list or the other, both whole. */
static void *load_with_one_thread(void)
{
	char **before = environ, **with;
	size_t count = 0;
	void *loaded;

	while (before && before[count])
		count++;
	with = calloc(count + 2, sizeof(*with));
	if (!with)
		return NULL;
	with[0] = (char[]){ "OPENBLAS_NUM_THREADS=1" }; /* the first of a name is the one that counts */
	if (count)
		memcpy(with + 1, before, count * sizeof(*with));
	environ = with;
	loaded = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
	environ = before;
	free(with);
	return loaded;
}

/* Kept until the process ends. */
static int load(struct wick_diag *diag)
{
	void *library;

	if (blas.sgemm)
		return 0;
	library = load_with_one_thread();
	if (!library)
		return wick_diag_say(diag, -ENOENT, "OpenBLAS is needed here and cannot be loaded; Debian has it in libopenblas0: %s",
			dlerror());
	*(void **)&blas.core_name = dlsym(library, "openblas_get_corename");
	*(void **)&blas.take_buffer = dlsym(library, "blas_memory_alloc");
	*(void **)&blas.give_buffer = dlsym(library, "blas_memory_free");
	*(void **)&blas.sgemm = dlsym(library, "cblas_sgemm");
	return blas.sgemm ? 0 : wick_diag_say(diag, -ENOSYS, "this OpenBLAS has no cblas_sgemm");
}

/* Whether the kernel gives that many buffers more. Where a limit refuses one, OpenBLAS asks again for ever. */
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

	if (!blas.take_buffer || !blas.give_buffer)
		return;
	for (unsigned i = 0; i < count; i++) {
		buffers[i] = blas.take_buffer(0);
		forbid_huge_pages(buffers[i]);
	}
	for (unsigned i = 0; i < count; i++)
		blas.give_buffer(buffers[i]);
}

/* Loads OpenBLAS, and has it make the buffers that are not there yet. Some versions take the first when they are
 * loaded. */
static int prepare(unsigned count, struct wick_diag *diag)
{
	static unsigned had; /* buffers that OpenBLAS has for good */
	int err;

	if (count <= had)
		return 0;
	if (!is_room_for(count - had))
		return wick_diag_say(diag, -ENOMEM,
			"no address space for OpenBLAS: it takes %u MiB for each thread (threads: %u), more than ulimit -v or -d leaves",
			BUFFER_BYTES >> 20, count);
	err = load(diag);
	if (err)
		return err;
	reserve(count);
	had = count;
	return 0;
}

int wick_gemm_init(unsigned threads, struct wick_diag *diag)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	int err;

	pthread_mutex_lock(&one_at_a_time);
	err = prepare(threads < WICK_GEMM_THREADS ? threads : WICK_GEMM_THREADS, diag);
	pthread_mutex_unlock(&one_at_a_time);
	return err;
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
	return blas.core_name ? blas.core_name() : "";
}
