/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Macros, and the functions that every template sees. */

#include "render.h"

struct wick_tpl_macro {
	const struct wick_tpl_node *node;
	struct wick_tpl_scope *around; /* where it was defined */
};

struct wick_tpl_value wick_tpl_macro(struct wick_tpl_render *render, const struct wick_tpl_node *node);
