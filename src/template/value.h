/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The values of a template: those of Python that Jinja's subset can reach. A value is copied freely; all that it points
 * to is in an arena, a JSON input or a parsed template, and never changes, but for namespaces, loops and streams. */

#include <stdbool.h>
#include <stdint.h>

enum wick_tpl_kind {
	WICK_TPL_UNDEFINED, /* bytes: the name that has no value */
	WICK_TPL_NONE,
	WICK_TPL_BOOL,
	WICK_TPL_INT,
	WICK_TPL_FLOAT,
	WICK_TPL_STRING,
	WICK_TPL_LIST,
	WICK_TPL_TUPLE,
	WICK_TPL_RANGE,
	WICK_TPL_VIEW,   /* what dict.items(), keys() and values() return: has a length, cannot be indexed */
	WICK_TPL_STREAM, /* what map, select and their like return: can be walked once, has no length */
	WICK_TPL_DICT,
	WICK_TPL_NAMESPACE,
	WICK_TPL_MACRO,
	WICK_TPL_LOOP,
	WICK_TPL_METHOD, /* a method and the value that it is of */
	WICK_TPL_GLOBAL, /* a function that every template sees */
	WICK_TPL_KINDS,
};

struct wick_tpl_pair;
struct wick_tpl_space;
struct wick_tpl_stream;
struct wick_tpl_macro;
struct wick_tpl_loop;
struct wick_tpl_bound;
struct wick_tpl_function;

struct wick_tpl_value {
	uint8_t kind;
	bool callers;         /* a number or truth value, or a string without marks: whose it is */
	uint8_t view;         /* of a VIEW: enum wick_tpl_view */
	bool safe;            /* a string that went through the filter safe or escape: sums with it escape HTML */
	uint32_t length;      /* of a string: bytes; of a sequence: items; of a dict: pairs */
	const uint8_t *marks; /* (length) of a string: 1 for a byte of the caller's; NULL: all are `callers` */
	union {
		bool truth;
		int64_t integer;
		double real;
		const char *bytes;                  /* (length) UTF-8 */
		const struct wick_tpl_value *items; /* (length) */
		const struct wick_tpl_pair *pairs;  /* (length) no key twice */
		struct wick_tpl_space *space;
		struct wick_tpl_stream *stream;
		const struct wick_tpl_macro *macro;
		struct wick_tpl_loop *loop;
		const struct wick_tpl_bound *bound;
		const struct wick_tpl_function *function; /* of a GLOBAL */
	};
};

struct wick_tpl_pair {
	struct wick_tpl_value key, value;
};

struct wick_tpl_space {
	struct wick_tpl_pair *pairs; /* (room) */
	uint32_t count, room;
};

struct wick_tpl_stream {
	const struct wick_tpl_value *items; /* (count) */
	uint32_t count;                     /* 0 once it was walked */
};

#define WICK_TPL_TEXT(text) \
	((struct wick_tpl_value){ .kind = WICK_TPL_STRING, .length = sizeof(text) - 1, .bytes = (text) })

static inline struct wick_tpl_value wick_tpl_bool(bool truth)
{
	return (struct wick_tpl_value){ .kind = WICK_TPL_BOOL, .truth = truth };
}

static inline struct wick_tpl_value wick_tpl_int(int64_t integer)
{
	return (struct wick_tpl_value){ .kind = WICK_TPL_INT, .integer = integer };
}

static inline bool wick_tpl_is_items(struct wick_tpl_value value)
{
	return value.kind >= WICK_TPL_LIST && value.kind <= WICK_TPL_VIEW;
}

static inline bool wick_tpl_is_number(struct wick_tpl_value value)
{
	return value.kind == WICK_TPL_BOOL || value.kind == WICK_TPL_INT || value.kind == WICK_TPL_FLOAT;
}

/* Of a bool or an int. */
static inline int64_t wick_tpl_integer(struct wick_tpl_value value)
{
	return value.kind == WICK_TPL_BOOL ? value.truth : value.integer;
}

/* Whose byte i of a string is. */
static inline bool wick_tpl_mark(struct wick_tpl_value string, uint32_t i)
{
	return string.marks ? string.marks[i] : string.callers;
}

/* The bytes from `from` up to `end` of a string, or the items of a sequence: nothing is copied. */
static inline struct wick_tpl_value wick_tpl_cut(struct wick_tpl_value whole, uint32_t from, uint32_t end)
{
	struct wick_tpl_value part = whole;

	part.length = end - from;
	if (whole.kind != WICK_TPL_STRING) {
		part.items = from ? whole.items + from : whole.items; /* an empty one may have none */
		return part;
	}
	part.bytes = from ? whole.bytes + from : whole.bytes;
	part.marks = whole.marks ? whole.marks + from : (void *)0;
	return part;
}
