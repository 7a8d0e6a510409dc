/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How probable a token was, by the model's logits, before any temperature or penalty. */

#include <jansson.h>
#include <wick/wick.h>

/* {token, logprob, bytes, top_logprobs: [{token, logprob, bytes}]}, as a chat's answer has them: a new reference; NULL: no
 * memory. logits: (vocab). */
json_t *wick_logprobs(const struct wick *wick, const float *logits, uint32_t id, uint32_t top_count);
