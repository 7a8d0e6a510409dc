/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A value as Python's json.dumps writes it, which is what transformers' tojson does. */

#include "marked_text.h"

struct wick_tpl_json {
	struct wick_tpl_value indent;         /* a string that each level adds to a line; undefined: all on one line */
	struct wick_tpl_value between, colon; /* strings */
	bool ascii, sorted;
};

/* Quotes, braces and their like are the template's; escapes and digits belong to whose value it is. */
void wick_tpl_to_json(struct wick_tpl_text *text, struct wick_tpl_value value, const struct wick_tpl_json *style);
