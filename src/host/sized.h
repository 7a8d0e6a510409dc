/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Structs of callers begin with their size. Another version of the library may know more of them, or less. */

#include "diag.h"

#include <stddef.h>

/* Takes a caller's struct over: members that it does not have are 0. -EINVAL: it does not say its size. -E2BIG: it asks for
 * something that this version does not have. what: "struct wick_options". */
int wick_sized_take(void *to, size_t to_bytes, const void *from, const char *what, struct wick_diag *diag);

/* Fills a caller's struct as far as it goes; what it has more is 0. Its size stays. */
void wick_sized_give(void *to, const void *from, size_t from_bytes);
