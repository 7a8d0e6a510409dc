/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What methods and filters of strings have in common. */

#include "functions.h"

enum wick_tpl_side {
	WICK_TPL_LEFT = 1, WICK_TPL_RIGHT, WICK_TPL_BOTH,
};

/* Without the characters of a set at its ends, or without white space where the set is none or was not given. */
struct wick_tpl_value wick_tpl_strip(struct wick_tpl_render *render, struct wick_tpl_value string,
	struct wick_tpl_value set, enum wick_tpl_side sides);
/* The first `most` of all occurrences replaced; most below 0: all. */
struct wick_tpl_value wick_tpl_replace(struct wick_tpl_render *render, struct wick_tpl_value string,
	struct wick_tpl_value old, struct wick_tpl_value new, int64_t most);
/* Lines, by any character that ends one. keep: with it. */
struct wick_tpl_list wick_tpl_lines(struct wick_tpl_render *render, struct wick_tpl_value string, bool keep);
/* Strings, or other values as print shows them, with a string between them. */
struct wick_tpl_value wick_tpl_join(
	struct wick_tpl_render *render, struct wick_tpl_value between, struct wick_tpl_value items);
/* "{} and {name}".format(a, name=b) */
struct wick_tpl_value wick_tpl_format(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args);
/* "%s and %d" % (a, b) */
struct wick_tpl_value wick_tpl_percent(
	struct wick_tpl_render *render, struct wick_tpl_value format, struct wick_tpl_value values);

enum wick_tpl_case {
	WICK_TPL_LOWER, WICK_TPL_UPPER,
	WICK_TPL_TITLE,      /* the first letter behind what is no letter is upper, the others lower */
	WICK_TPL_CAPITALIZE, /* the first character is upper, the others lower */
	WICK_TPL_WORDS,      /* the filter title: as TITLE, but only white space and opening brackets divide words */
};
struct wick_tpl_value wick_tpl_recase(
	struct wick_tpl_render *render, struct wick_tpl_value string, enum wick_tpl_case as);
