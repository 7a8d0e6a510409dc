/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A string literal's escapes, which are Python's. */

#include "arena.h"
#include "value.h"

/* The string between the quotes as a value. -EINVAL and *wrong, a clause, for an escape that is none; -ENOMEM. */
int wick_tpl_unescape(struct wick_tpl_value *out, struct wick_arena *arena, const char *text, uint32_t bytes,
	const char **wrong);
