/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading with a pool of threads that each sit in preadv, for kernels where io_uring is forbidden.
 *
 *     start ---> fresh ==drive==> todo ---> worker: preadv ---> ended ==drive==> wick_io_ended
 *
 * fresh is the caller's own; todo and ended are shared, under the one mutex. The caller takes the mutex once a drive,
 * a worker once a read. */

#include "bits.h"
#include "file.h"
#include "method.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

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
	unsigned idle; /* workers waiting for work */
	bool stop;
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

/* The result of an attempt, which fits method_data. */
static intptr_t read_left(const struct wick_io_request *request)
{
	const struct wick_file *file = request->file;
	ssize_t got = preadv(file->fd, request->left, (int)request->left_count, (off_t)request->left_offset);

	if (got < 0)
		return -errno;
	if (!file->direct)
		wick_file_forget(file, request->left_offset, (uint64_t)got);
	return got;
}

static void *work(void *argument)
{
	struct pool *pool = argument;
	struct wick_io_request *request;

	pthread_mutex_lock(&pool->mutex);
	while (!pool->stop) {
		request = fifo_get(&pool->todo);
		if (!request) {
			pool->idle++;
			pthread_cond_wait(&pool->work, &pool->mutex);
			pool->idle--;
			continue;
		}
		pthread_mutex_unlock(&pool->mutex);
		request->method_data = (void *)read_left(request);
		pthread_mutex_lock(&pool->mutex);
		if (!pool->ended.head)
			pthread_cond_signal(&pool->news);
		fifo_put(&pool->ended, request);
	}
	pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

static void pread_start(void *method, struct wick_io_request *request)
{
	struct pool *pool = method;

	fifo_put(&pool->fresh, request);
	pool->fresh_count++;
}

static void pread_drive(void *method, bool wait)
{
	struct pool *pool = method;
	struct wick_io_request *request;
	struct fifo ended;
	unsigned wake;

	fifo_init(&ended);
	pthread_mutex_lock(&pool->mutex);
	fifo_append(&pool->todo, &pool->fresh);
	wake = WICK_MIN(pool->idle, pool->fresh_count);
	while (wake--)
		pthread_cond_signal(&pool->work);
	pool->fresh_count = 0;
	while (wait && !pool->ended.head)
		pthread_cond_wait(&pool->news, &pool->mutex);
	fifo_append(&ended, &pool->ended);
	pthread_mutex_unlock(&pool->mutex);
	while ((request = fifo_get(&ended)))
		wick_io_ended(pool->io, request, (intptr_t)request->method_data);
}

static void pread_destroy(void *method)
{
	struct pool *pool = method;

	pthread_mutex_lock(&pool->mutex);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->mutex);
	for (unsigned i = 0; i < pool->threads; i++)
		pthread_join(pool->thread[i], NULL);
	pthread_cond_destroy(&pool->news);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}

/* Signals are for the threads of the program, not for ours. Returns a positive errno, as pthread_create does. */
static int start_threads(struct pool *pool, unsigned threads)
{
	sigset_t all, before;
	int rc = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (!rc && pool->threads < threads) {
		rc = pthread_create(&pool->thread[pool->threads], NULL, work, pool);
		pool->threads += rc == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static int pread_create(void **method, struct wick_io *io, const struct wick_io_options *options,
	struct wick_diag *diag)
{
	unsigned threads = options->threads ? options->threads : WICK_MIN(options->depth, THREADS_MAX);
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
	pthread_cond_init(&pool->news, NULL);
	rc = start_threads(pool, threads);
	if (rc) {
		pread_destroy(pool);
		return wick_diag_say(diag, -rc, "cannot start %u read threads: %s", threads, strerror(rc));
	}
	*method = pool;
	return 0;
}

const struct wick_io_method_ops wick_io_pread = {
	.name = "pread",
	.create = pread_create,
	.destroy = pread_destroy,
	.start = pread_start,
	.drive = pread_drive,
};
