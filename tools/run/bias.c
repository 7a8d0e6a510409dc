/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Logit biases of the command line (see bias.h). */

#include "bias.h"

#include "diag.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool take(struct wick_logit_bias *bias, const char *word)
{
	char *sign, *end;
	unsigned long long id = strtoull(word, &sign, 10);
	float add;

	if (!isdigit((unsigned char)*word) || id > UINT32_MAX || (*sign != '+' && *sign != '-'))
		return false;
	add = strtof(sign, &end);
	if (end == sign || *end || isnan(add) || add > 1e30f)
		return false;
	*bias = (struct wick_logit_bias){ (uint32_t)id, add < -1e30f ? -INFINITY : add };
	return true;
}

int bias_read(struct wick_logit_bias *biases, const struct opt_texts *words, struct wick_diag *diag)
{
	for (uint32_t i = 0; i < words->count; i++)
		if (!take(&biases[i], words->words[i]))
			return wick_diag_say(diag, -EINVAL,
				"--logit-bias %s is not a token's id, a sign and a number, such as 198-2.5 or 198-inf",
				words->words[i]);
	return 0;
}

int bias_check(const struct wick_logit_bias *biases, const struct opt_texts *words, uint32_t vocab,
	struct wick_diag *diag)
{
	for (uint32_t i = 0; i < words->count; i++)
		if (biases[i].id >= vocab)
			return wick_diag_say(diag, -EINVAL, "--logit-bias %s: the model has %u tokens", words->words[i],
				vocab);
	return 0;
}
