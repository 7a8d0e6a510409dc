/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Unicode's normal form C: a letter and its accents as one character, where there is one. */

#include <stddef.h>

/* *composed: the text in normal form C, which the caller frees, and *bytes its length; or NULL where a look at its bytes
 * says that it is in that form. Bytes that are no UTF-8 stay as they are. -ENOMEM. */
int wick_nfc(char **composed, const char *text, size_t *bytes);
