/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tokens to a tree of nodes. */

#include "lexer.h"

/* *tree is the first statement of the template, or NULL where it has none. -EINVAL with a sentence; -ENOMEM. */
int wick_tpl_parse(struct wick_tpl_node **tree, struct wick_arena *arena, const struct wick_tpl_tokens *tokens,
	const char *name, struct wick_diag *diag);
