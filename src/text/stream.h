/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text that appears token by token: whole characters only, and nothing of what may turn out to be a stop text. */

#include "tokenizer.h"

#include <wick/wick.h>

/* As wick_stream_create of wick.h, where the other calls are. The tokenizer must outlive the stream. */
int wick_stream_open(struct wick_stream **stream, const struct wick_tokenizer *tokenizer, const char *const *stops,
	uint32_t stop_count, bool special);
