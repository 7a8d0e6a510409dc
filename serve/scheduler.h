/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The one thread that owns the engine.
 *
 *     connections  --submit-->  inbox  -->  waiting  -->  slots      one job each, N of them
 *                                 |           |             |
 *                              prepared:   in turn        every pass over the weights: a row of each answer, and a piece of
 *                              tokens or                  the prompts between them, so long that nobody who reads an answer
 *                              a refusal                  waits longer than a second, or two of its tokens
 *
 * No answer depends on the others: a row's bits are its session's alone. A new prompt goes to the slot whose tokens it begins
 * with, or gets a copy of what they have in common. */

#include "job.h"
#include "metrics.h"
#include "shelf.h"

struct wick_scheduler_options {
	uint32_t queue_max;   /* of jobs that wait */
	const char *template; /* of chats; NULL: the model's own */
	struct wick_metrics *metrics;
	struct wick_shelf_options keep; /* of idle sessions */
};

struct wick_scheduler;

/* NULL: no memory. options' texts must stay. */
struct wick_scheduler *wick_scheduler_create(const struct wick_scheduler_options *options);
void wick_scheduler_destroy(struct wick_scheduler *scheduler);

/* From any thread: takes a job, or refuses it: 503 while the model is loaded and when the server ends, 429 where too many
 * wait. A job that is refused is still the caller's, for both owners. */
int wick_scheduler_submit(struct wick_scheduler *scheduler, struct wick_job *job, struct wick_refusal *refusal);

enum wick_scheduler_state {
	WICK_SCHEDULER_LOADING,
	WICK_SCHEDULER_READY,
	WICK_SCHEDULER_DRAINING, /* no new jobs */
	WICK_SCHEDULER_STOPPING, /* and none that go on */
};

/* Whether the model is there; where it is not, the refusal says so. */
bool wick_scheduler_has_model(struct wick_scheduler *scheduler, struct wick_refusal *refusal);

enum wick_scheduler_state wick_scheduler_state(struct wick_scheduler *scheduler);
void wick_scheduler_set(struct wick_scheduler *scheduler, enum wick_scheduler_state state); /* never goes back */

/* Works until it is drained. */
int wick_scheduler_run(struct wick_scheduler *scheduler, struct wick *wick, struct wick_diag *diag);
