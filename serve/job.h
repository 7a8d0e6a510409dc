/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A request between two threads: the connection's, which waits for what comes of it, and the scheduler's, which owns the
 * engine. What is said below the lock is both's; what stands above it is the scheduler's from submission on. */

#include "prompt_ids.h"
#include "request.h"
#include "thinking.h"

#include <pthread.h>

enum wick_job_state {
	WICK_JOB_NEW,
	WICK_JOB_ACCEPTED, /* its prompt fits, and will be evaluated */
	WICK_JOB_DONE,     /* or refused */
};

/* A part of an answer. */
struct wick_piece {
	bool thought;
	char *text; /* (bytes), no terminator */
	size_t bytes;
	json_t *logprobs; /* of the tokens that it is made of: an array, or NULL */
};

struct wick_job_figures {
	uint32_t prompt_tokens, cached_tokens, completion_tokens;
	uint64_t queued_ns, prompt_ns, decode_ns;
	double flash_bytes, flash_wait_ns; /* its share of passes that it had with others */
};

struct wick_job {
	struct wick_request request;
	struct wick_job *next; /* in the scheduler's lists */
	struct wick_prompt_ids prompt;
	uint32_t max_tokens;   /* of the answer, in this context */
	uint64_t submitted_ns;
	uint64_t refused_ns;   /* the last change of the slots before it found none; 0: it was not tried */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned owners;
	bool gone; /* the client is: nobody waits any more */
	enum wick_job_state state;
	struct wick_refusal refusal;
	struct wick_piece *pieces; /* (piece_count) not taken yet */
	size_t piece_count, piece_room;
	const char *finish; /* "stop", "length"; NULL: refused */
	char *stopped_by;   /* the token or stop text that ended it, as it is spelled, or NULL */
	struct wick_job_figures figures;
	json_t *result;     /* of requests that write nothing */
};

/* One for two owners; takes the request over. NULL: no memory. */
struct wick_job *wick_job_create(struct wick_request *request);
void wick_job_release(struct wick_job *job);

/* The scheduler's: */
void wick_job_accept(struct wick_job *job);
/* Copies text, and takes logprobs over. What cannot be kept for want of memory refuses the job. */
void wick_job_put(struct wick_job *job, bool thought, const char *text, size_t bytes, json_t *logprobs);
/* Copies stopped_by, which may be NULL, or refuses the job likewise. */
void wick_job_finish(struct wick_job *job, const char *finish, const char *stopped_by, const struct wick_job_figures *figures);
void wick_job_refuse(struct wick_job *job, const struct wick_refusal *refusal);
void wick_job_result(struct wick_job *job, json_t *result); /* takes it over */
bool wick_job_is_gone(struct wick_job *job);

/* The connection's. They wait, at most until it is said that the client is gone (by `socket`, -1: not looked at):
 *
 * wick_job_await_start: until the job is accepted, or done. wick_job_await_end: until it is done. false: the client is gone.
 * wick_job_take: the next pieces, in memory that the caller frees with wick_pieces_free(); *count is 0 where the job is done and
 * where nothing came for patience_ms. */
bool wick_job_await_start(struct wick_job *job, int socket);
bool wick_job_await_end(struct wick_job *job, int socket);
bool wick_job_take(struct wick_job *job, int socket, unsigned patience_ms, struct wick_piece **pieces, size_t *count,
	enum wick_job_state *state);
void wick_job_leave(struct wick_job *job); /* the client is gone, or has all: releases, too */
void wick_pieces_free(struct wick_piece *pieces, size_t count);
