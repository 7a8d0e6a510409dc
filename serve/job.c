/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The lock between the connections and the scheduler. */

#include "job.h"

#include "clock.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 200 /* whether the client is still there */

struct wick_job *wick_job_create(struct wick_request *request)
{
	struct wick_job *job = calloc(1, sizeof(*job));
	pthread_condattr_t attributes;

	if (!job)
		return NULL;
	job->request = *request;
	*request = (struct wick_request){ 0 };
	job->owners = 2;
	job->submitted_ns = wick_now_ns();
	pthread_mutex_init(&job->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&job->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return job;
}

void wick_pieces_free(struct wick_piece *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(pieces[i].text);
		json_decref(pieces[i].logprobs);
	}
	free(pieces);
}

static void destroy(struct wick_job *job)
{
	pthread_mutex_destroy(&job->lock);
	pthread_cond_destroy(&job->changed);
	wick_pieces_free(job->pieces, job->piece_count);
	wick_prompt_ids_free(&job->prompt);
	free(job->stopped_by);
	wick_request_free(&job->request);
	json_decref(job->result);
	free(job);
}

void wick_job_release(struct wick_job *job)
{
	bool last;

	pthread_mutex_lock(&job->lock);
	last = !--job->owners;
	pthread_mutex_unlock(&job->lock);
	if (last)
		destroy(job);
}

/* A job that was refused stays so. */
static void change(struct wick_job *job, enum wick_job_state state)
{
	if (job->state != WICK_JOB_DONE)
		job->state = state;
	pthread_cond_signal(&job->changed);
}

void wick_job_accept(struct wick_job *job)
{
	pthread_mutex_lock(&job->lock);
	change(job, WICK_JOB_ACCEPTED);
	pthread_mutex_unlock(&job->lock);
}

static int grow(struct wick_job *job)
{
	size_t room = job->piece_room ? 2 * job->piece_room : 16;
	struct wick_piece *grown;

	if (job->piece_count < job->piece_room)
		return 0;
	grown = realloc(job->pieces, room * sizeof(*grown));
	if (!grown)
		return -1;
	job->pieces = grown;
	job->piece_room = room;
	return 0;
}

void wick_job_put(struct wick_job *job, bool thought, const char *text, size_t bytes, json_t *logprobs)
{
	char *copy = malloc(bytes + 1);
	bool kept = false;

	if (copy)
		memcpy(copy, text, bytes);
	pthread_mutex_lock(&job->lock);
	if (copy && !grow(job)) {
		job->pieces[job->piece_count++] =
			(struct wick_piece){ .thought = thought, .text = copy, .bytes = bytes, .logprobs = logprobs };
		kept = true;
		change(job, job->state);
	} else {
		wick_refuse(&job->refusal, 500, NULL, "there is no memory for the answer");
		change(job, WICK_JOB_DONE);
	}
	pthread_mutex_unlock(&job->lock);
	if (!kept) {
		free(copy);
		json_decref(logprobs);
	}
}

void wick_job_finish(struct wick_job *job, const char *finish, const char *stopped_by, const struct wick_job_figures *figures)
{
	char *copy = stopped_by ? strdup(stopped_by) : NULL;

	pthread_mutex_lock(&job->lock);
	if (stopped_by && !copy)
		wick_refuse(&job->refusal, 500, NULL, "there is no memory for the answer");
	else
		job->finish = finish;
	job->stopped_by = copy;
	job->figures = *figures;
	change(job, WICK_JOB_DONE);
	pthread_mutex_unlock(&job->lock);
}

void wick_job_refuse(struct wick_job *job, const struct wick_refusal *refusal)
{
	pthread_mutex_lock(&job->lock);
	if (!job->refusal.status)
		job->refusal = *refusal;
	change(job, WICK_JOB_DONE);
	pthread_mutex_unlock(&job->lock);
}

void wick_job_result(struct wick_job *job, json_t *result)
{
	pthread_mutex_lock(&job->lock);
	job->result = result;
	if (!result)
		wick_refuse(&job->refusal, 500, NULL, "there is no memory for the answer");
	change(job, WICK_JOB_DONE);
	pthread_mutex_unlock(&job->lock);
}

bool wick_job_is_gone(struct wick_job *job)
{
	bool gone;

	pthread_mutex_lock(&job->lock);
	gone = job->gone;
	pthread_mutex_unlock(&job->lock);
	return gone;
}

static bool has_left(int socket)
{
	struct pollfd look = { .fd = socket, .events = POLLRDHUP };

	return socket >= 0 && poll(&look, 1, 0) > 0 && look.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

/* One wait, under the lock. false: the client is gone, which shows however often something changes. */
static bool wait_a_while(struct wick_job *job, int socket)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_MS * 1000000l;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&job->changed, &job->lock, &until);
	return !has_left(socket);
}

static bool await_state(struct wick_job *job, int socket, enum wick_job_state state)
{
	bool there = true;

	pthread_mutex_lock(&job->lock);
	while (there && job->state < state)
		there = wait_a_while(job, socket);
	pthread_mutex_unlock(&job->lock);
	return there;
}

bool wick_job_await_start(struct wick_job *job, int socket)
{
	return await_state(job, socket, WICK_JOB_ACCEPTED);
}

bool wick_job_await_end(struct wick_job *job, int socket)
{
	return await_state(job, socket, WICK_JOB_DONE);
}

bool wick_job_take(struct wick_job *job, int socket, unsigned patience_ms, struct wick_piece **pieces, size_t *count,
	enum wick_job_state *state)
{
	uint64_t begun_ns = wick_now_ns();
	bool there = true;

	pthread_mutex_lock(&job->lock);
	while (there && !job->piece_count && job->state != WICK_JOB_DONE &&
		wick_now_ns() - begun_ns < patience_ms * 1000000ull)
		there = wait_a_while(job, socket);
	*pieces = job->pieces;
	*count = job->piece_count;
	*state = job->state;
	job->pieces = NULL;
	job->piece_count = job->piece_room = 0;
	pthread_mutex_unlock(&job->lock);
	return there;
}

void wick_job_leave(struct wick_job *job)
{
	pthread_mutex_lock(&job->lock);
	job->gone = true;
	pthread_mutex_unlock(&job->lock);
	wick_job_release(job);
}
