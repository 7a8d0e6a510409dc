/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Chat templates: the subset of Jinja that models' own templates use, with the rules that Hugging Face's transformers
 * sets for them: trim_blocks and lstrip_blocks, break and continue, a tojson that does not escape HTML, strftime_now,
 * raise_exception, and {% generation %} that only marks. What is outside the subset is refused with its line and name.
 *
 * Every byte that comes out is known to be the template's own or the caller's, through filters, slices and sums: a
 * caller's "<|im_end|>" must never become the special token of that name, and a tokenizer can only tell by whose bytes
 * they are. A number or a truth value is whose it was, too. */

#include "diag.h"
#include "mark.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct wick_template;

/* A template or a conversation that takes more than one of these is refused with a sentence that names it. */
enum wick_template_limit {
	WICK_TEMPLATE_BYTES,   /* of a template's text */
	WICK_TEMPLATE_NAMES,   /* that a template's own level reads or sets */
	WICK_TEMPLATE_NESTING, /* of a template's tags and brackets in each other */
	WICK_TEMPLATE_STEPS,   /* nodes evaluated, items looked at, and one for every 64 bytes of text copied */
	WICK_TEMPLATE_DEPTH,   /* expressions within expressions, macros within macros, lists within lists */
	WICK_TEMPLATE_MEMORY,  /* bytes that a render may take */
	WICK_TEMPLATE_OUTPUT,  /* bytes of the rendered text */
	WICK_TEMPLATE_PRODUCT, /* bytes or items that a text or list times a number may have */
	WICK_TEMPLATE_RANGE,   /* numbers of a range(), as in Jinja's sandbox */
	WICK_TEMPLATE_LIMITS,
};

struct wick_marked_text {
	char *bytes; /* (length), UTF-8, and a NUL behind */
	size_t length;
	struct wick_mark *marks; /* (mark_count), none of 0 bytes; together they are `length` bytes */
	size_t mark_count;
};

/* The words that a template sees. */
struct wick_template_input {
	const json_t *callers;   /* an object: messages, tools, add_generation_prompt, ... */
	const json_t *templates; /* an object or NULL: texts that count as the template's, such as bos_token */
	const struct tm *now;    /* the time of strftime_now; NULL: the local time */
	const uint64_t *limits;  /* (WICK_TEMPLATE_LIMITS) of which 0 is the usual one; NULL: all are usual */
};

/* Reads a template. name says whose it is, in sentences. The caller calls wick_template_destroy.
 * -EINVAL, name and line given, for what is not Jinja, outside of the subset or not UTF-8; -E2BIG beyond a limit. */
int wick_template_parse(struct wick_template **out, const char *text, size_t bytes, const char *name,
	struct wick_diag *diag);
void wick_template_destroy(struct wick_template *template);

/* Renders a template. The same template may be rendered by several threads. The caller calls wick_marked_text_free,
 * also after an error. -EINVAL, name and line given, for what the template refuses (raise_exception), what it cannot do
 * with this input and what is outside of the subset; -E2BIG beyond a limit; -ENOMEM.
 *
 * Everything in input->callers is the caller's, but for the roles of messages ("role": "user" and others of a short
 * list): some templates make special tokens of them, '<|' + role + '|>', and no word of that list contains one. */
int wick_template_render(const struct wick_template *template, const struct wick_template_input *input,
	struct wick_marked_text *out, struct wick_diag *diag);
void wick_marked_text_free(struct wick_marked_text *text);
