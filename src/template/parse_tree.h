/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tokens to a tree of nodes. */

#include "lexer.h"

struct wick_tpl_tree {
	struct wick_tpl_node *statements; /* the first; NULL: the template is empty */
	struct wick_tpl_node *late; /* NAMEs, by next, that the template's own level sets without a condition and did not
				     * read before: Jinja does not look for them in the input */
};

/* -EINVAL with a sentence; -E2BIG beyond a limit; -ENOMEM. */
int wick_tpl_parse(struct wick_tpl_tree *tree, struct wick_arena *arena, const struct wick_tpl_tokens *tokens,
	const char *name, struct wick_diag *diag);

/* Is the name in a list of NAMEs? */
bool wick_tpl_is_listed(const struct wick_tpl_node *list, struct wick_tpl_value name);
