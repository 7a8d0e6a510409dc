/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a policy costs a layer of a token, apart from reading: bench-policy [ROWS [TOKENS]], on a synthetic OPT-6.7B. */

#include "cache.h"
#include "check.h"
#include "extent.h"
#include "mem.h"
#include "normal.h"
#include "policy.h"
#include "trace_synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LAYERS 32
#define N_FF 16384
#define STRIDE 16384 /* a bundle of 2 x 4096 f16 */

static const char *const names[] = { "decay", "lru", "window" };

struct layer {
	struct wick_mem mem;
	struct wick_cache cache;
	struct wick_policy *policy;
	double chance[N_FF];
};

static struct layer layers[LAYERS];
static uint32_t ids[LAYERS][N_FF], count[LAYERS], likely[N_FF];
static float probability[N_FF];
static struct wick_wanted wanted[N_FF];

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void begin(const char *name, uint32_t rows)
{
	const struct wick_trace_synthesis paper = { .zipf = 1.44, .active = 0.10, .seed = 1 };
	double c = wick_synth_solve(&paper, N_FF);
	uint32_t *rank = calloc(N_FF, sizeof(*rank));

	for (unsigned l = 0; l < LAYERS; l++) {
		struct layer *layer = &layers[l];
		uint64_t bytes = wick_cache_bytes(N_FF, rows, STRIDE) + wick_policy_bytes(N_FF, rows);

		wick_require(wick_mem_reserve(&layer->mem, bytes, NULL) == 0);
		wick_cache_init(&layer->cache, N_FF, rows, STRIDE, &layer->mem);
		layer->policy = wick_policy_init(wick_policy_find(name), N_FF, rows, 5, &layer->mem);
		wick_synth_chances(&paper, c, l, N_FF, layer->chance, rank);
	}
	free(rank);
}

static void draw_token(struct wick_random *random)
{
	for (unsigned l = 0; l < LAYERS; l++) {
		count[l] = 0;
		for (uint32_t i = 0; i < N_FF; i++)
			if ((double)(wick_random_next(random) >> 11) * 0x1p-53 < layers[l].chance[i])
				ids[l][count[l]++] = i;
	}
}

/* A token of all layers, without its reads. Returns the bundles it would read; admit_us and touch_us grow. */
static uint64_t run_token(double *admit_us, double *touch_us)
{
	uint64_t read = 0;

	for (unsigned l = 0; l < LAYERS; l++) {
		struct layer *layer = &layers[l];
		double begun_us = now_us(), admitted_us;
		uint32_t absent = wick_policy_admit(layer->policy, &layer->cache, 0, ids[l], count[l], wanted);

		admitted_us = now_us();
		for (uint32_t i = 0; i < absent; i++)
			layer->cache.in_flight[wanted[i].row] = 0;
		*admit_us += admitted_us - begun_us;
		admitted_us = now_us();
		wick_policy_touch(layer->policy, 0, ids[l], count[l]);
		wick_policy_advance(layer->policy, 1);
		*touch_us += now_us() - admitted_us;
		read += absent;
	}
	return read;
}

/* 200 probable neurons, none of which is likely to be there. */
static double time_probable(struct wick_random *random)
{
	double begun_us, spent_us = 0;

	for (unsigned l = 0; l < LAYERS; l++) {
		struct layer *layer = &layers[l];
		uint32_t n = 0, got;

		for (uint32_t i = wick_random_below(random, 64); i < N_FF && n < 2000; i += 8) {
			likely[n] = i;
			probability[n] = 1 - (float)n / 2500;
			n++;
		}
		begun_us = now_us();
		got = wick_policy_admit_probable(layer->policy, &layer->cache, 0, likely, probability, n, 200, ids[l], count[l], wanted);
		spent_us += now_us() - begun_us;
		while (got-- > 0)
			layer->cache.in_flight[wanted[got].row] = 0;
	}
	return spent_us / LAYERS;
}

int main(int argc, char **argv)
{
	uint32_t rows = argc > 1 ? (uint32_t)atoi(argv[1]) : 4096, tokens = argc > 2 ? (uint32_t)atoi(argv[2]) : 100;

	printf("%-8s %6s %14s %12s %12s %14s\n", "policy", "rows", "read/layer", "admit us", "touch us", "probable us");
	for (unsigned n = 0; n < 3; n++) {
		double admit_us = 0, touch_us = 0;
		struct wick_random random;
		uint64_t read = 0;

		begin(names[n], rows);
		wick_random_seed(&random, 7);
		for (uint32_t t = 0; t < tokens; t++) {
			if (t == tokens / 2)
				admit_us = touch_us = read = 0;
			draw_token(&random);
			read += run_token(&admit_us, &touch_us);
		}
		tokens -= tokens / 2;
		printf("%-8s %6u %14.1f %12.2f %12.2f %14.2f\n", names[n], rows, (double)read / tokens / LAYERS,
			admit_us / tokens / LAYERS, touch_us / tokens / LAYERS, time_probable(&random));
		tokens = argc > 2 ? (uint32_t)atoi(argv[2]) : 100;
		for (unsigned l = 0; l < LAYERS; l++)
			wick_mem_release(&layers[l].mem);
	}
	return 0;
}
