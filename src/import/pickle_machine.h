/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The machine that a pickle is a program for: a stack and a memo of values. pickle_machine.c owns them,
 * pickle_ops.c has the opcodes, pickle.c runs them. */

#include "pickle.h"

#include <stdbool.h>

#define WICK_PICKLE_BLOCK_VALUES 1000

struct wick_pickle_block { /* values, which never move */
	struct wick_pickle_block *next;
	struct wick_pickle_value values[WICK_PICKLE_BLOCK_VALUES];
};

struct wick_pickle_values { /* a growing array of references */
	struct wick_pickle_value **at;
	size_t count, capacity;
};

/* The argument of an opcode, by its form. */
enum wick_pickle_form {
	WICK_PICKLE_NOTHING,
	WICK_PICKLE_U1,
	WICK_PICKLE_U2,
	WICK_PICKLE_I4,
	WICK_PICKLE_U4,
	WICK_PICKLE_SKIP8,  /* eight bytes that do not matter here */
	WICK_PICKLE_BYTES1, /* a length of 1, 4 or 8 bytes, then as many bytes */
	WICK_PICKLE_BYTES4,
	WICK_PICKLE_BYTES8,
	WICK_PICKLE_LINES,  /* two lines */
};

struct wick_pickle_text {
	const char *bytes; /* in the pickle, not terminated */
	size_t length;
};

struct wick_pickle_arg {
	int64_t number;
	struct wick_pickle_text text, text2; /* text2: the second line */
	int detail;                          /* from the table: which of the opcodes that share a step */
};

struct wick_pickle_opcode {
	const char *name;
	int (*step)(struct wick_pickle *pickle, const struct wick_pickle_arg *arg);
	enum wick_pickle_form form;
	int detail;
};

struct wick_pickle {
	const char *bytes;
	size_t length, position;
	const struct wick_pickle_class *classes; /* (class_count) */
	size_t class_count;
	struct wick_pickle_block *blocks;
	size_t value_count;
	struct wick_pickle_values stack;         /* NULL is a mark */
	struct wick_pickle_values memo;          /* NULL was never put */
	const struct wick_pickle_value *root;    /* known after STOP */
	const struct wick_pickle_opcode *opcode; /* running, */
	size_t opcode_at;                        /* which is here */
	const char *name;
	struct wick_diag *diag;
};

/* The closed list, by code; without a name: not in it. */
extern const struct wick_pickle_opcode wick_pickle_opcodes[256];

/* -EINVAL, with a sentence that says where in the pickle and in which opcode. */
int wick_pickle_refuse(struct wick_pickle *pickle, const char *what);

int wick_pickle_append(struct wick_pickle *pickle, struct wick_pickle_values *values, struct wick_pickle_value *value);
int wick_pickle_push(struct wick_pickle *pickle, struct wick_pickle_value *value);
int wick_pickle_push_new(struct wick_pickle *pickle, enum wick_pickle_kind kind, struct wick_pickle_value **value);
int wick_pickle_add_items(struct wick_pickle *pickle, struct wick_pickle_value *into,
	struct wick_pickle_value *const *values, size_t count);

/* The topmost value, or NULL where nothing is above the last mark. */
struct wick_pickle_value *wick_pickle_top(const struct wick_pickle *pickle);
int wick_pickle_pop(struct wick_pickle *pickle, struct wick_pickle_value **value);
/* The values above the last mark leave the stack with it, and can be read until the next push. */
int wick_pickle_pop_to_mark(struct wick_pickle *pickle, struct wick_pickle_value ***values, size_t *count);
