/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* ln of the sum of e^logits: what is taken off a logit to have the ln of its probability. */

#include <math.h>
#include <stdint.h>

static inline double wick_log_sum(const float *logits, uint32_t vocab)
{
	double most = logits[0], sum = 0;

	for (uint32_t i = 1; i < vocab; i++)
		most = logits[i] > most ? logits[i] : most;
	for (uint32_t i = 0; i < vocab; i++)
		sum += exp(logits[i] - most);
	return most + log(sum);
}
