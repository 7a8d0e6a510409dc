/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Two sessions take turns, some tokens each (see divergence.h). */

#include "divergence.h"

#include "bits.h"
#include "log_sum.h"
#include "watch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 32u /* of the plain session's logits, kept until the other's are there */

struct divergence {
	struct wick *wick;
	struct wick_session *plain; /* gates are not cut for it, and its keys and values are f16 */
	float percent;
	uint32_t vocab;
	float *kept;    /* (ROWS, vocab) */
	uint32_t first; /* position of the first row */
	wick_logits_fn each;
	void *user;
	uint64_t tokens, same; /* of them, those after which both would choose the same */
	double nats;
};

uint64_t divergence_bytes(uint32_t vocab)
{
	return sizeof(struct divergence) + (uint64_t)ROWS * vocab * sizeof(float);
}

int divergence_begin(struct divergence **out, struct wick *wick, struct wick_diag *diag)
{
	const struct wick_report *report = wick_report_of(wick);
	struct divergence *d = calloc(1, sizeof(*d));
	int rc = 0;

	if (d) {
		*d = (struct divergence){ .wick = wick, .percent = report->gate_percent, .vocab = report->vocab,
			.kept = malloc((size_t)ROWS * report->vocab * sizeof(float)) };
		rc = wick_session_create(&d->plain, wick, diag);
	}
	if (!rc && (!d || !d->kept))
		rc = wick_diag_say(diag, -ENOMEM, "no memory to compare %u logits", report->vocab);
	*out = d;
	return rc;
}

void divergence_end(struct divergence *d)
{
	if (!d)
		return;
	wick_session_destroy(d->plain);
	free(d->kept);
	free(d);
}

static uint32_t find_likeliest(const float *logits, uint32_t vocab)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < vocab; i++)
		best = logits[i] > logits[best] ? i : best;
	return best;
}

static void keep(void *user, uint32_t position, const float *logits)
{
	struct divergence *d = user;

	memcpy(d->kept + (size_t)(position - d->first) * d->vocab, logits, d->vocab * sizeof(*logits));
}

static void compare(void *user, uint32_t position, const float *logits)
{
	struct divergence *d = user;
	const float *plain = d->kept + (size_t)(position - d->first) * d->vocab;
	double sum = wick_log_sum(logits, d->vocab), sum_plain = wick_log_sum(plain, d->vocab), nats = 0;

	for (uint32_t i = 0; i < d->vocab; i++) {
		double log_p = plain[i] - sum_plain;

		nats += exp(log_p) * (log_p - (logits[i] - sum));
	}
	d->nats += nats;
	d->same += find_likeliest(logits, d->vocab) == find_likeliest(plain, d->vocab);
	d->tokens++;
	d->each(d->user, position, logits);
}

/* A row after the other of both, with as much between them as is kept. */
static int eval_some(struct divergence *d, struct wick_session *session, const uint32_t *ids, uint32_t count,
	struct wick_diag *diag)
{
	int rc;

	d->first = wick_session_position(session);
	wick_cut_gates_to(d->wick, 0);
	rc = wick_session_eval(d->plain, ids, count, keep, d, diag);
	wick_cut_gates_to(d->wick, d->percent);
	return rc ? rc : wick_session_eval(session, ids, count, compare, d, diag);
}

int divergence_eval(struct divergence *d, struct wick_session *session, const uint32_t *ids, uint32_t count,
	wick_logits_fn each, void *user, struct wick_diag *diag)
{
	int rc = 0;

	d->each = each;
	d->user = user;
	if (!wick_session_position(session))
		wick_session_reset(d->plain);
	for (uint32_t done = 0; !rc && done < count; done += ROWS)
		rc = eval_some(d, session, ids + done, WICK_MIN(count - done, ROWS), diag);
	return rc;
}

void divergence_report(const struct divergence *d, json_t *into)
{
	if (!d->tokens)
		return;
	json_object_set_new(into, "kl_nats_per_token", json_real(d->nats / (double)d->tokens));
	json_object_set_new(into, "same_choice_share", json_real((double)d->same / (double)d->tokens));
}
