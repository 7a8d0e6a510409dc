/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Filters, tests, methods and functions: each is a line in a table. */

#include "render.h"
#include "sequence.h"

#define WICK_TPL_PARAMETERS 4

/* As written in the template. */
struct wick_tpl_args {
	struct wick_tpl_list given;
	struct wick_tpl_space named;
};

/* A value that was not given: of no kind. */
static inline bool wick_tpl_is_absent(struct wick_tpl_value value)
{
	return value.kind == WICK_TPL_KINDS;
}

struct wick_tpl_function {
	const char *name;
	/* self: what a filter, a test or a method is applied to. args: one for each parameter. */
	struct wick_tpl_value (*apply)(
		struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_value *args);
	uint8_t required; /* of the parameters */
	/* " ": it can be given by its place only. */
	const char *parameters[WICK_TPL_PARAMETERS];
	/* For any number of arguments, in place of apply. Neither: the function is outside of the subset. */
	struct wick_tpl_value (*apply_any)(
		struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args);
};

/* A method and the value that it is of. */
struct wick_tpl_bound {
	const struct wick_tpl_function *function;
	struct wick_tpl_value self;
};

/* The line of a table that ends with a name of NULL; NULL: there is none. */
const struct wick_tpl_function *wick_tpl_find_function(
	const struct wick_tpl_function *table, struct wick_tpl_value name);

/* Arguments to parameters, and the call. what: "the filter", ... */
struct wick_tpl_value wick_tpl_apply(struct wick_tpl_render *render, const struct wick_tpl_function *function,
	const char *what, struct wick_tpl_value self, const struct wick_tpl_args *args);

/* The arguments of a call, evaluated. */
struct wick_tpl_args wick_tpl_arguments(struct wick_tpl_render *render, const struct wick_tpl_node *nodes);

/* By name, also for map and select. */
struct wick_tpl_value wick_tpl_filter(struct wick_tpl_render *render, struct wick_tpl_value name,
	struct wick_tpl_value self, const struct wick_tpl_args *args);
bool wick_tpl_test(struct wick_tpl_render *render, struct wick_tpl_value name, struct wick_tpl_value self,
	const struct wick_tpl_args *args);
struct wick_tpl_value wick_tpl_call(
	struct wick_tpl_render *render, struct wick_tpl_value callee, const struct wick_tpl_args *args);

/* The tables. */
extern const struct wick_tpl_function wick_tpl_text_filters[], wick_tpl_list_filters[], wick_tpl_select_filters[],
	wick_tpl_tests[], wick_tpl_string_methods[], wick_tpl_dict_methods[], wick_tpl_list_methods[],
	wick_tpl_loop_methods[];

/* An argument as an integer, a string or a truth value; the default where it was not given. Others are errors. */
int64_t wick_tpl_int_arg(struct wick_tpl_render *render, struct wick_tpl_value arg, int64_t otherwise);
struct wick_tpl_value wick_tpl_string_arg(
	struct wick_tpl_render *render, struct wick_tpl_value arg, struct wick_tpl_value otherwise);
bool wick_tpl_truth_arg(struct wick_tpl_value arg, bool otherwise);
