/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The turns of a loop, and what "loop" knows of them. */

#include "render.h"
#include "sequence.h"

/* A loop with a filter looks no further ahead than it is asked to: the filter may depend on what the turns did. */
struct wick_tpl_loop {
	const struct wick_tpl_node *node;
	struct wick_tpl_scope *around;
	struct wick_tpl_value items; /* before the filter */
	uint32_t looked_at;          /* of items */
	struct wick_tpl_list turns;  /* the items that passed */
	uint32_t turn;               /* the current one */
	bool completed;              /* was a turn, without break or continue: else is left out */
	struct wick_tpl_value shown; /* by changed(): its last arguments */
};

/* Is there a turn of this number? */
bool wick_tpl_loop_has(struct wick_tpl_render *render, struct wick_tpl_loop *loop, uint32_t turn);
/* The names of a new turn: a scope around which is `around`. NULL: no memory. */
struct wick_tpl_scope *wick_tpl_scope(struct wick_tpl_render *render, struct wick_tpl_scope *around);
/* Gives a value to a target (statements.c). */
void wick_tpl_assign(struct wick_tpl_render *render, const struct wick_tpl_node *target, struct wick_tpl_value value);
