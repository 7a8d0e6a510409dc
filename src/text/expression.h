/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Regular expressions of tokenizers, as their authors wrote them for Oniguruma or Rust's regex, in PCRE2's words. They
 * differ in what a white space is, a digit and a part of a word. */

#include "diag.h"

/* The same expression for PCRE2; the caller frees it. whose: the file, for the sentence. -EINVAL, the construct named,
 * for what may mean something else to PCRE2. */
int wick_expression_translate(char **translated, const char *expression, const char *whose, struct wick_diag *diag);
