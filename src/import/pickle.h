/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reading a Python pickle as data. Nothing is ever executed or imported: the opcodes are those that torch.save writes
 * (protocols 2 to 5), the classes are those that the caller lists, and calling one makes a WICK_PICKLE_CALL value that
 * says what would be called with which arguments. Anything else is refused by its name. */

#include "diag.h"

#include <stddef.h>
#include <stdint.h>

#define WICK_PICKLE_BYTES_MAX (16u << 20)
#define WICK_PICKLE_VALUES_MAX (1u << 21)

enum wick_pickle_kind {
	WICK_PICKLE_NONE,
	WICK_PICKLE_BOOL,
	WICK_PICKLE_INT,
	WICK_PICKLE_OTHER,      /* a float, bytes, a set, an integer beyond int64: nothing that a tensor is made of */
	WICK_PICKLE_STRING,
	WICK_PICKLE_TUPLE,
	WICK_PICKLE_LIST,
	WICK_PICKLE_DICT,       /* items are key, value, key, value ... */
	WICK_PICKLE_CLASS,
	WICK_PICKLE_CALL,       /* items are the arguments of facts */
	WICK_PICKLE_PERSISTENT, /* items[0] is the id */
};

/* A class that may be named. mapping: calling it without arguments makes a dict. The rest is the caller's own. */
struct wick_pickle_class {
	const char *module, *name;
	int mapping;
	int role, type;
	unsigned bytes;
};

struct wick_pickle_value {
	enum wick_pickle_kind kind;
	uint32_t count;    /* items, or bytes of text */
	uint32_t capacity; /* of items; 0 with items: they are another value's */
	union {
		int64_t integer;
		const char *text;                 /* in the pickle, not terminated */
		struct wick_pickle_value **items; /* (count) */
	};
	const struct wick_pickle_class *facts; /* of a class or call */
};

struct wick_pickle;

/* bytes must outlive the pickle: strings stay in it. name says whose pickle it is, in sentences. */
int wick_pickle_parse(struct wick_pickle **pickle, const void *bytes, size_t length,
	const struct wick_pickle_class *classes, size_t class_count, const char *name, struct wick_diag *diag);
void wick_pickle_free(struct wick_pickle *pickle); /* NULL is fine */

/* A pickled value. Values may be shared and may contain themselves. */
const struct wick_pickle_value *wick_pickle_root(const struct wick_pickle *pickle);
