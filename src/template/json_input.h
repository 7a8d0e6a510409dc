/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON to values. */

#include "render.h"

/* Adds the members of an object to the names that a template sees. Strings are not copied: the JSON must stay. */
void wick_tpl_input(struct wick_tpl_render *render, const json_t *object, bool callers);
