/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How far a model is from itself where options change answers, gates that are cut and keys and values of another type than f16: the
 * Kullback-Leibler divergence of what it says from what it says without them, token by token of a text, each after the same tokens. */

#include <jansson.h>
#include <wick/wick.h>

struct divergence;

/* Memory that it takes, beside a session that engine options have to be asked for. */
uint64_t divergence_bytes(uint32_t vocab);

/* The engine was opened with all_logits, and a session more, which is of f16; none has been created. */
int divergence_begin(struct divergence **divergence, struct wick *wick, struct wick_diag *diag);
void divergence_end(struct divergence *divergence); /* NULL is fine */

/* As wick_session_eval(), with what changes answers; and the same tokens without. A session without tokens begins a text. */
int divergence_eval(struct divergence *divergence, struct wick_session *session, const uint32_t *ids, uint32_t count,
	wick_logits_fn each, void *user, struct wick_diag *diag);

/* Adds kl_nats_per_token and same_choice_share; nothing where nothing was evaluated. */
void divergence_report(const struct divergence *divergence, json_t *into);
