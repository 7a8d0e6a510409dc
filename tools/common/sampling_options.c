/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How a token is chosen. */

#include "sampling_options.h"

#include "clock.h"

#include <sys/random.h>

struct sampling_options sampling_options;

#define NO_SEED UINT64_MAX

const struct opt sampling_opts[] = {
	{ OPT_HEADING, .help = "Choosing tokens:" },
	{ OPT_NUMBER, .name = "temp", .value = "T", .into.number = &sampling_options.sampling.temp,
		.help = "temperature: 0 always takes the likeliest token (0.8)" },
	{ OPT_NUMBER, .name = "top-p", .value = "P", .into.number = &sampling_options.sampling.top_p, .max = 1,
		.help = "choose among the likeliest tokens that make up this share of "
			"the probability (0.95)" },
	{ OPT_COUNT, .name = "top-k", .value = "K", .into.count = &sampling_options.sampling.top_k,
		.help = "choose among the K likeliest tokens, before --top-p; 0: all (0)" },
	{ OPT_NUMBER, .name = "min-p", .value = "P", .into.number = &sampling_options.sampling.min_p, .max = 1,
		.help = "leave out tokens less probable than this share of the likeliest one's probability (0)" },
	{ OPT_NUMBER, .name = "typical-p", .value = "P", .into.number = &sampling_options.sampling.typical_p, .max = 1,
		.help = "choose among the tokens of the most expected surprise that make up this share of the probability (1)" },
	{ OPT_NUMBER, .name = "repeat-penalty", .value = "R", .into.number = &sampling_options.sampling.repeat_penalty,
		.help = "divide the logits of tokens that are in the context by R; 1: none (1)" },
	{ OPT_NUMBER, .name = "presence-penalty", .value = "A", .into.number = &sampling_options.sampling.presence_penalty, .min = -100,
		.max = 100, .help = "take A off the logits of tokens that are in the context (0)" },
	{ OPT_NUMBER, .name = "frequency-penalty", .value = "A", .into.number = &sampling_options.sampling.frequency_penalty,
		.min = -100, .max = 100, .help = "take A off for each time that they are there (0)" },
	{ OPT_FLAG, .name = "ignore-eos", .into.flag = &sampling_options.sampling.ignore_stops,
		.help = "never choose a token that ends a text" },
	{ OPT_SEED, .name = "seed", .value = "S", .into.seed = &sampling_options.seed,
		.help = "the same seed writes the same text (a random one)" },
	{ OPT_END },
};

void sampling_options_init(void)
{
	sampling_options = (struct sampling_options){
		.sampling = { .size = sizeof(struct wick_sampling), .temp = 0.8f, .top_p = 0.95f }, .seed = NO_SEED };
}

void sampling_options_seed(void)
{
	uint32_t random = 0;

	if (sampling_options.seed != NO_SEED)
		return;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t)wick_now_ns();
	sampling_options.seed = random;
}
