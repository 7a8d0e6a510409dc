/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Small things that many files here need. */

#include "template_limits.h"
#include "value.h"

#include <string.h>

static inline bool wick_tpl_is_text(struct wick_tpl_value string, const char *text)
{
	return string.kind == WICK_TPL_STRING && string.length == strlen(text) &&
		!memcmp(string.bytes, text, string.length);
}
