/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Strings that are put together, each byte with its mark. */

#include "render.h"

/* Begins as { render }. Marks are kept only once there are bytes of both. */
struct wick_tpl_text {
	struct wick_tpl_render *render;
	char *bytes;    /* (length) of room */
	uint8_t *marks; /* (length) of room, or NULL: all bytes are `callers` */
	uint64_t length, room;
	bool callers;
};

/* Bytes of one owner. */
void wick_tpl_text_put(struct wick_tpl_text *text, const char *bytes, uint64_t length, bool callers);
void wick_tpl_text_add(struct wick_tpl_text *text, struct wick_tpl_value string);
/* A value as print shows it, and as Python's repr() does. */
void wick_tpl_text_show(struct wick_tpl_text *text, struct wick_tpl_value value);
void wick_tpl_text_repr(struct wick_tpl_text *text, struct wick_tpl_value value);
/* With the five characters of HTML escaped. */
void wick_tpl_text_escape(struct wick_tpl_text *text, struct wick_tpl_value string);
struct wick_tpl_value wick_tpl_text_value(const struct wick_tpl_text *text);

/* A value as a string: itself, or what print shows. */
struct wick_tpl_value wick_tpl_string(struct wick_tpl_render *render, struct wick_tpl_value value);

/* A float as Python writes it. */
#define WICK_TPL_FLOAT_BYTES 40
void wick_tpl_float(char *into, double real);
