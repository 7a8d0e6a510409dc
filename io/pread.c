/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading with a pool of threads that each sit in preadv, for kernels where io_uring is forbidden.
 *
 *     start ---> fresh ==drive==> todo ---> worker: preadv ---> ended ==drive==> wick_io_ended
 *
 * Where the system lets no thread start, drive reads by itself.
 *
 * fresh is the caller's own; todo and ended are shared, under the one mutex. The caller takes the mutex once a drive,
 * a worker once a read. */

#include "bits.h"
#include "file.h"
#include "method.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define THREADS_MAX 32u

struct fifo {
	struct wick_io_request *head;
	struct wick_io_request **end; /* where the next one is linked in */
};

struct pool {
	struct wick_io *io;
	struct fifo fresh;
	unsigned fresh_count;
	unsigned threads;
	pthread_t thread[THREADS_MAX];

	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t work;   /* todo is not empty, or stop */
	pthread_cond_t news;   /* ended is not empty */
	struct fifo todo;
	struct fifo ended;
	unsigned idle;    /* workers waiting for work */
	unsigned holders; /* of the pool: its owner and every worker; the last frees it */
	bool stop;
	bool abandoned;   /* reads that workers have at this moment are given up */
};

/* The read of a worker, as a copy: the caller may reuse a request that was given up meanwhile. */
struct attempt {
	int fd, count;
	off_t offset;
	struct iovec iov[WICK_IO_IOV_MAX];
};

static void fifo_init(struct fifo *fifo)
{
	fifo->head = NULL;
	fifo->end = &fifo->head;
}

static void fifo_put(struct fifo *fifo, struct wick_io_request *request)
{
	request->next = NULL;
	*fifo->end = request;
	fifo->end = &request->next;
}

static struct wick_io_request *fifo_get(struct fifo *fifo)
{
	struct wick_io_request *request = fifo->head;

	if (!request)
		return NULL;
	fifo->head = request->next;
	if (!fifo->head)
		fifo->end = &fifo->head;
	return request;
}

/* Appends all of `from`, which is empty afterwards. */
static void fifo_append(struct fifo *fifo, struct fifo *from)
{
	if (!from->head)
		return;
	*fifo->end = from->head;
	fifo->end = from->end;
	fifo_init(from);
}

/* The mutex is held. */
static void copy_attempt(struct attempt *attempt, const struct wick_io_request *request)
{
	attempt->fd = request->file->fd;
	attempt->count = (int)request->left_count;
	attempt->offset = (off_t)request->left_offset;
	memcpy(attempt->iov, request->left, request->left_count * sizeof(*request->left));
}

/* The result, which fits method_data. */
static intptr_t read_attempt(const struct attempt *attempt)
{
	ssize_t got = preadv(attempt->fd, attempt->iov, attempt->count, attempt->offset);

	return got < 0 ? -errno : got;
}

static void let_go(struct pool *pool)
{
	bool last;

	pthread_mutex_lock(&pool->mutex);
	last = --pool->holders == 0;
	pthread_mutex_unlock(&pool->mutex);
	if (!last)
		return;
	pthread_cond_destroy(&pool->news);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}

/* The next to be read. NULL: no more will be. */
static struct wick_io_request *next_work(struct pool *pool)
{
	while (!pool->stop && !pool->todo.head) {
		pool->idle++;
		pthread_cond_wait(&pool->work, &pool->mutex);
		pool->idle--;
	}
	return pool->stop ? NULL : fifo_get(&pool->todo);
}

static void *work(void *argument)
{
	struct pool *pool = argument;
	struct wick_io_request *request;
	struct attempt attempt;
	intptr_t result;

	pthread_mutex_lock(&pool->mutex);
	while ((request = next_work(pool))) {
		copy_attempt(&attempt, request);
		pthread_mutex_unlock(&pool->mutex);
		result = read_attempt(&attempt);
		pthread_mutex_lock(&pool->mutex);
		if (pool->abandoned)
			break;
		request->method_data = (void *)result;
		if (!pool->ended.head)
			pthread_cond_signal(&pool->news);
		fifo_put(&pool->ended, request);
	}
	pthread_mutex_unlock(&pool->mutex);
	let_go(pool);
	return NULL;
}

static void pread_start(void *method, struct wick_io_request *request)
{
	struct pool *pool = method;

	fifo_put(&pool->fresh, request);
	pool->fresh_count++;
}

/* The mutex is held. */
static void wait_for_news(struct pool *pool, unsigned patience_ms)
{
	struct timespec then;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &then);
	then.tv_nsec += patience_ms % 1000 * 1000000;
	then.tv_sec += patience_ms / 1000 + then.tv_nsec / 1000000000;
	then.tv_nsec %= 1000000000;
	while (!pool->ended.head && rc == 0)
		rc = pthread_cond_timedwait(&pool->news, &pool->mutex, &then);
}

static void end(struct pool *pool, struct wick_io_request *request)
{
	intptr_t result = (intptr_t)request->method_data;

	if (result > 0 && !request->file->direct)
		wick_file_forget(request->file, request->left_offset, (uint64_t)result);
	wick_io_ended(pool->io, request, result);
}

static void drive_threads(struct pool *pool, unsigned patience_ms)
{
	struct wick_io_request *request;
	struct fifo ended;
	unsigned wake;

	fifo_init(&ended);
	pthread_mutex_lock(&pool->mutex);
	fifo_append(&pool->todo, &pool->fresh);
	wake = WICK_MIN(pool->idle, pool->fresh_count);
	for (; wake; wake--)
		pthread_cond_signal(&pool->work);
	pool->fresh_count = 0;
	if (patience_ms && !pool->ended.head)
		wait_for_news(pool, patience_ms);
	fifo_append(&ended, &pool->ended);
	pthread_mutex_unlock(&pool->mutex);
	while ((request = fifo_get(&ended)))
		end(pool, request);
}

static void read_here(struct pool *pool)
{
	struct wick_io_request *request = fifo_get(&pool->fresh);
	struct attempt attempt;

	copy_attempt(&attempt, request);
	request->method_data = (void *)read_attempt(&attempt);
	end(pool, request);
}

/* Without patience nothing is read here: the caller has other things to do meanwhile. */
static void pread_drive(void *method, unsigned patience_ms)
{
	struct pool *pool = method;

	if (pool->threads)
		drive_threads(pool, patience_ms);
	else if (patience_ms)
		read_here(pool);
}

/* A thread that sits in the kernel cannot be called back. One that has just come back reads on, which is no silence. */
static int pread_call_off(void *method)
{
	struct pool *pool = method;
	bool silent;

	pthread_mutex_lock(&pool->mutex);
	silent = !pool->ended.head;
	pool->stop = pool->abandoned = silent;
	if (silent)
		pthread_cond_broadcast(&pool->work);
	for (unsigned i = 0; silent && i < pool->threads; i++)
		pthread_detach(pool->thread[i]);
	pthread_mutex_unlock(&pool->mutex);
	return silent ? -EBUSY : 0;
}

static void pread_destroy(void *method)
{
	struct pool *pool = method;

	pthread_mutex_lock(&pool->mutex);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->mutex);
	for (unsigned i = 0; i < pool->threads && !pool->abandoned; i++)
		pthread_join(pool->thread[i], NULL);
	let_go(pool);
}

static unsigned pread_threads(const void *method)
{
	return ((const struct pool *)method)->threads;
}

/* Returns a positive errno, as pthread_create does. */
static int start_threads(struct pool *pool, unsigned threads)
{
	int rc = 0;

	while (!rc && pool->threads < threads) {
		rc = wick_thread_start(&pool->thread[pool->threads], work, pool);
		pool->threads += rc == 0;
	}
	return rc;
}

static void explain(const struct pool *pool, unsigned wanted, int error)
{
	struct wick_diag why = { "" };

	if (pool->threads)
		wick_diag_say(&why, 0, "%u threads of %u read, for no more could be started: %s", pool->threads, wanted,
			strerror(error));
	else
		wick_diag_say(&why, 0, "one read at a time, for no thread could be started: %s", strerror(error));
	wick_io_explain(pool->io, why.text);
}

static int pread_create(void **method, struct wick_io *io, const struct wick_io_options *options,
	struct wick_diag *diag)
{
	unsigned threads = options->threads ? options->threads : WICK_MIN(options->depth, THREADS_MAX);
	pthread_condattr_t clock;
	struct pool *pool;
	int rc;

	if (threads > THREADS_MAX)
		return wick_diag_say(diag, -EINVAL, "%u read threads: must be 1 to %u", threads, THREADS_MAX);
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return wick_diag_say(diag, -ENOMEM, "no memory for a pool of read threads");
	pool->io = io;
	fifo_init(&pool->fresh);
	fifo_init(&pool->todo);
	fifo_init(&pool->ended);
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->news, &clock);
	pthread_condattr_destroy(&clock);
	rc = start_threads(pool, threads);
	pool->holders = 1 + pool->threads; /* none lets go before stop */
	if (rc && options->threads) {
		pread_destroy(pool);
		return wick_diag_say(diag, -rc, "cannot start %u read threads: %s", threads, strerror(rc));
	}
	if (rc)
		explain(pool, threads, rc);
	*method = pool;
	return 0;
}

const struct wick_io_method_ops wick_io_pread = {
	.name = "pread",
	.create = pread_create,
	.destroy = pread_destroy,
	.start = pread_start,
	.drive = pread_drive,
	.call_off = pread_call_off,
	.threads = pread_threads,
};
