/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON strings of what others named: paths, models and devices need not be UTF-8, and jansson refuses what is not. */

#include "utf8.h"

#include <jansson.h>
#include <stdlib.h>

/* Bytes that are not UTF-8 become U+FFFD. NULL: no memory. */
static inline json_t *wick_json_text(const char *bytes, size_t count)
{
	char *repaired = malloc(WICK_UTF8_REPAIRED_MAX(count) + 1);
	json_t *value = NULL;

	if (repaired)
		value = json_stringn(repaired, wick_utf8_repair(repaired, bytes, count));
	free(repaired);
	return value;
}

/* The same of a C string; NULL is an empty one. */
static inline json_t *wick_json_name(const char *text)
{
	return wick_json_text(text ? text : "", text ? strlen(text) : 0);
}
