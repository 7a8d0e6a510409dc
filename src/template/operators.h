/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Truth, equality, order, arithmetic: Python's. */

#include "render.h"

/* As an error names it: "int", "dict", ... */
const char *wick_tpl_kind_name(struct wick_tpl_value value);

bool wick_tpl_truth(struct wick_tpl_value value);
bool wick_tpl_equal(struct wick_tpl_render *render, struct wick_tpl_value a, struct wick_tpl_value b);
/* Less than 0, 0 or more: a before, beside or behind b. An error for those that have no order. */
int wick_tpl_order(struct wick_tpl_render *render, struct wick_tpl_value a, struct wick_tpl_value b);
/* One comparison, "in" included. */
bool wick_tpl_compare(
	struct wick_tpl_render *render, enum wick_tpl_op op, struct wick_tpl_value a, struct wick_tpl_value b);
struct wick_tpl_value wick_tpl_binary(
	struct wick_tpl_render *render, enum wick_tpl_op op, struct wick_tpl_value a, struct wick_tpl_value b);
struct wick_tpl_value wick_tpl_negate(struct wick_tpl_render *render, struct wick_tpl_value value);

/* The functions that every template sees (calls.c). */
bool wick_tpl_find_global(struct wick_tpl_value name, struct wick_tpl_value *value);
