/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What "a.b", "a[b]" and "a[b:c]" are. */

#include "render.h"

struct wick_tpl_value wick_tpl_attribute(
	struct wick_tpl_render *render, struct wick_tpl_value of, struct wick_tpl_value name);
struct wick_tpl_value wick_tpl_item(
	struct wick_tpl_render *render, struct wick_tpl_value of, struct wick_tpl_value index);
/* Bounds that are none were not given. */
struct wick_tpl_value wick_tpl_slice(
	struct wick_tpl_render *render, struct wick_tpl_value of, const struct wick_tpl_value bounds[3]);
/* Of a loop; false: a loop has no such attribute (loop.c). */
bool wick_tpl_loop_attribute(struct wick_tpl_render *render, struct wick_tpl_loop *loop, struct wick_tpl_value name,
	struct wick_tpl_value *value);
