/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Every limit of a template and of a render, with its sentence. Conversations of a million tokens stay below all. */

#include "template_limits.h"

#include <errno.h>

const struct wick_tpl_limit wick_tpl_limits[WICK_TEMPLATE_LIMITS] = {
	[WICK_TEMPLATE_BYTES] = { 1 << 20, "a template has at most %llu bytes" },
	[WICK_TEMPLATE_NAMES] = { 2000, "a template has at most %llu names" },
	[WICK_TEMPLATE_NESTING] = { 100, "tags or brackets are nested deeper than %llu" },
	[WICK_TEMPLATE_STEPS] = { 50000000, "rendering takes more than %llu steps" },
	[WICK_TEMPLATE_DEPTH] = { 1000, "something is nested deeper than %llu" },
	[WICK_TEMPLATE_MEMORY] = { 1 << 30, "rendering takes more than %llu bytes of memory" },
	[WICK_TEMPLATE_OUTPUT] = { 64 << 20, "the text becomes longer than %llu bytes" },
	[WICK_TEMPLATE_PRODUCT] = { 1 << 20, "a text or list times a number is longer than %llu" },
	[WICK_TEMPLATE_RANGE] = { 100000, "a range has more than %llu numbers" },
};

int wick_tpl_beyond(
	enum wick_template_limit limit, uint64_t most, const char *name, uint32_t line, struct wick_diag *diag)
{
	char why[128];

/* The sentences are of the table above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(why, sizeof(why), wick_tpl_limits[limit].sentence,
		(unsigned long long)(most ? most : wick_tpl_limits[limit].usual));
#pragma GCC diagnostic pop
	return wick_diag_say(diag, -E2BIG, "%s:%u: %s", wick_diag_name(name), line, why);
}
