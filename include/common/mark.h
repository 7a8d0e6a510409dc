/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whose bytes a text is made of: a chat template's own, or its caller's. Only the template's can be special tokens. */

#include <stdbool.h>
#include <stddef.h>

/* Neighbouring bytes that belong to one of the two. */
struct wick_mark {
	size_t bytes;
	bool callers; /* false: the template's */
};
