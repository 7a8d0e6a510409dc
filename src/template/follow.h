/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Attributes by a path, as map(attribute='function.name') names them. */

#include "render.h"

/* path: a string of names and numbers with dots between them, or an integer. */
struct wick_tpl_value wick_tpl_follow(
	struct wick_tpl_render *render, struct wick_tpl_value value, struct wick_tpl_value path);
