/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Jobs come in, wait for a slot, and share passes. */

#include "scheduler.h"

#include "pass.h"
#include "prepare.h"

#include <stdlib.h>

#define RETRY_S 5 /* what a client is told that comes when the queue is full */

struct list {
	struct wick_job *first, **last;
	uint32_t count;
};

struct wick_scheduler {
	struct wick_scheduler_options options;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	enum wick_scheduler_state state;
	struct list inbox;
	uint32_t waiting_count; /* as of the scheduler's last look */

	struct list waiting; /* prepared; the scheduler thread's alone, as all that follows */
	struct wick_prepare prepare;
	struct wick_pass pass;
};

static void append(struct list *list, struct wick_job *job)
{
	job->next = NULL;
	*list->last = job;
	list->last = &job->next;
	list->count++;
}

static struct wick_job *take_first(struct list *list)
{
	struct wick_job *job = list->first;

	if (!job)
		return NULL;
	list->first = job->next;
	if (!list->first)
		list->last = &list->first;
	list->count--;
	return job;
}

struct wick_scheduler *wick_scheduler_create(const struct wick_scheduler_options *options)
{
	struct wick_scheduler *scheduler = calloc(1, sizeof(*scheduler));

	if (!scheduler)
		return NULL;
	scheduler->options = *options;
	scheduler->inbox.last = &scheduler->inbox.first;
	scheduler->waiting.last = &scheduler->waiting.first;
	pthread_mutex_init(&scheduler->lock, NULL);
	pthread_cond_init(&scheduler->changed, NULL);
	return scheduler;
}

void wick_scheduler_destroy(struct wick_scheduler *scheduler)
{
	if (!scheduler)
		return;
	pthread_cond_destroy(&scheduler->changed);
	pthread_mutex_destroy(&scheduler->lock);
	free(scheduler);
}

enum wick_scheduler_state wick_scheduler_state(struct wick_scheduler *scheduler)
{
	enum wick_scheduler_state state;

	pthread_mutex_lock(&scheduler->lock);
	state = scheduler->state;
	pthread_mutex_unlock(&scheduler->lock);
	return state;
}

void wick_scheduler_set(struct wick_scheduler *scheduler, enum wick_scheduler_state state)
{
	pthread_mutex_lock(&scheduler->lock);
	if (scheduler->state < state)
		scheduler->state = state;
	pthread_cond_signal(&scheduler->changed);
	pthread_mutex_unlock(&scheduler->lock);
}

static void refuse_loading(struct wick_refusal *refusal)
{
	wick_refuse(refusal, 503, NULL, "the model is being loaded");
	refusal->retry_s = RETRY_S;
}

bool wick_scheduler_has_model(struct wick_scheduler *scheduler, struct wick_refusal *refusal)
{
	bool loading = wick_scheduler_state(scheduler) == WICK_SCHEDULER_LOADING;

	if (loading)
		refuse_loading(refusal);
	return !loading;
}

static int refuse_now(const struct wick_scheduler *scheduler, struct wick_refusal *refusal)
{
	if (scheduler->state == WICK_SCHEDULER_LOADING) {
		refuse_loading(refusal);
	} else if (scheduler->state != WICK_SCHEDULER_READY) {
		wick_refuse(refusal, 503, NULL, "the server is ending");
	} else if (scheduler->inbox.count + scheduler->waiting_count >= scheduler->options.queue_max) {
		wick_refuse(refusal, 429, NULL, "%u requests are waiting, and no more may", scheduler->options.queue_max);
		refusal->retry_s = RETRY_S;
	}
	return refusal->status ? -1 : 0;
}

int wick_scheduler_submit(struct wick_scheduler *scheduler, struct wick_job *job, struct wick_refusal *refusal)
{
	int rc;

	pthread_mutex_lock(&scheduler->lock);
	rc = refuse_now(scheduler, refusal);
	if (!rc)
		append(&scheduler->inbox, job);
	pthread_cond_signal(&scheduler->changed);
	pthread_mutex_unlock(&scheduler->lock);
	return rc;
}

/* What came in since the last look. Waits for something, where there is nothing else to do. */
static struct list take_inbox(struct wick_scheduler *scheduler, bool idle)
{
	struct list taken = { 0 };

	pthread_mutex_lock(&scheduler->lock);
	while (idle && !scheduler->inbox.first && scheduler->state < WICK_SCHEDULER_DRAINING)
		pthread_cond_wait(&scheduler->changed, &scheduler->lock);
	taken = scheduler->inbox;
	scheduler->inbox = (struct list){ .last = &scheduler->inbox.first };
	scheduler->waiting_count = scheduler->waiting.count + taken.count;
	pthread_mutex_unlock(&scheduler->lock);
	return taken;
}

static void prepare_new(struct wick_scheduler *scheduler, struct list *list)
{
	struct wick_job *job;

	while ((job = list->first)) {
		list->first = job->next;
		if (wick_prepare(&scheduler->prepare, job))
			append(&scheduler->waiting, job);
		else
			wick_job_release(job);
	}
}

/* In the order in which they came; one whose client left is dropped on the way. */
static void admit_waiting(struct wick_scheduler *scheduler)
{
	while (scheduler->waiting.first) {
		struct wick_job *job = scheduler->waiting.first;

		if (wick_job_is_gone(job)) {
			wick_metrics_add(scheduler->options.metrics, WICK_METRIC_GONE, 1);
			wick_job_release(take_first(&scheduler->waiting));
		} else if (wick_slots_admit(&scheduler->pass.slots, job)) {
			take_first(&scheduler->waiting);
		} else {
			return;
		}
	}
}

static void publish(struct wick_scheduler *scheduler)
{
	wick_metrics_set(scheduler->options.metrics, WICK_METRIC_PROCESSING, wick_slots_active(&scheduler->pass.slots));
	wick_metrics_set(scheduler->options.metrics, WICK_METRIC_DEFERRED, scheduler->waiting.count);
	pthread_mutex_lock(&scheduler->lock);
	scheduler->waiting_count = scheduler->waiting.count;
	pthread_mutex_unlock(&scheduler->lock);
}

static void refuse_waiting(struct wick_scheduler *scheduler)
{
	struct wick_refusal refusal = { 0 };
	struct wick_job *job;

	wick_refuse(&refusal, 503, NULL, "the server is ending");
	while ((job = take_first(&scheduler->waiting))) {
		wick_job_refuse(job, &refusal);
		wick_job_release(job);
	}
	wick_pass_stop(&scheduler->pass, &refusal);
}

/* One turn. false: it is drained. */
static bool turn(struct wick_scheduler *scheduler)
{
	bool idle = !wick_slots_active(&scheduler->pass.slots) && !scheduler->waiting.first;
	enum wick_scheduler_state state = wick_scheduler_state(scheduler); /* before: what it ends cannot come after it */
	struct list taken = take_inbox(scheduler, idle);

	prepare_new(scheduler, &taken);
	if (state == WICK_SCHEDULER_STOPPING)
		refuse_waiting(scheduler);
	wick_pass_drop_gone(&scheduler->pass);
	admit_waiting(scheduler);
	publish(scheduler);
	if (wick_slots_active(&scheduler->pass.slots))
		wick_pass_run(&scheduler->pass);
	else
		wick_slots_wait(&scheduler->pass.slots); /* for which somebody may wait, and nobody reads */
	publish(scheduler);
	return state < WICK_SCHEDULER_DRAINING || wick_slots_active(&scheduler->pass.slots) || scheduler->waiting.first;
}

int wick_scheduler_run(struct wick_scheduler *scheduler, struct wick *wick, struct wick_diag *diag)
{
	int rc = wick_pass_open(&scheduler->pass, wick, &scheduler->options.keep, scheduler->options.metrics, diag);

	scheduler->prepare = (struct wick_prepare){ .wick = wick, .template = scheduler->options.template,
		.bytes_max = wick_prompt_bytes_max(wick) };
	if (!rc) {
		wick_scheduler_set(scheduler, WICK_SCHEDULER_READY);
		while (turn(scheduler))
			;
	}
	wick_pass_close(&scheduler->pass);
	return rc;
}
