/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How far a model whose gates are cut is from itself: the Kullback-Leibler divergence of what it says from what it says
 * uncut, token by token of a text, each after the same tokens. */

#include <jansson.h>
#include <wick/wick.h>

struct divergence;

/* Memory that it takes, beside a session that engine options have to be asked for. */
uint64_t divergence_bytes(uint32_t vocab);

/* The engine was opened with all_logits, gates that are cut, and a session more. */
int divergence_begin(struct divergence **divergence, struct wick *wick, struct wick_diag *diag);
void divergence_end(struct divergence *divergence); /* NULL is fine */

/* As wick_session_eval(), with gates cut; and the same tokens uncut. A session without tokens begins a text. */
int divergence_eval(struct divergence *divergence, struct wick_session *session, const uint32_t *ids, uint32_t count,
	wick_logits_fn each, void *user, struct wick_diag *diag);

/* Adds kl_nats_per_token and same_choice_share; nothing where nothing was evaluated. */
void divergence_report(const struct divergence *divergence, json_t *into);
