/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A template's text as tokens. */

#include "arena.h"
#include "node.h"
#include "template.h"

#include <stddef.h>

enum wick_tpl_token_kind {
	WICK_TPL_TOKEN_END, /* of the template */
	WICK_TPL_TOKEN_DATA,
	WICK_TPL_TOKEN_PRINT_BEGIN, WICK_TPL_TOKEN_PRINT_END,
	WICK_TPL_TOKEN_BLOCK_BEGIN, WICK_TPL_TOKEN_BLOCK_END,
	WICK_TPL_TOKEN_NAME,  /* value: a string */
	WICK_TPL_TOKEN_CONST, /* value */
	WICK_TPL_TOKEN_OPERATOR,
};

struct wick_tpl_token {
	uint8_t kind, op; /* enum wick_tpl_op */
	uint32_t line;
	struct wick_tpl_value value;
};

struct wick_tpl_tokens {
	struct wick_tpl_token *tokens; /* (count), in the arena; the last is WICK_TPL_TOKEN_END */
	uint32_t count;
};

/* text is UTF-8 of at most 2^31 bytes. -EINVAL with a sentence; -ENOMEM. */
int wick_tpl_lex(struct wick_tpl_tokens *out, struct wick_arena *arena, const char *text, size_t bytes,
	const char *name, struct wick_diag *diag);
