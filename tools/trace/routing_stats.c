/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Figures of routing (see routing_stats.h). */

#include "routing_stats.h"

#include "bits.h"
#include "median.h"
#include "rehearse_experts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const routing_method_names[ROUTING_METHODS] = { "belady", "nextuse", "decay", "stale", "lru" };

/* Experts of one token that another one has, too. Both ascend. */
static uint32_t common(const uint16_t *a, const uint16_t *b, uint32_t chosen)
{
	uint32_t both = 0;

	for (uint32_t i = 0, k = 0; i < chosen && k < chosen;) {
		both += a[i] == b[k];
		if (a[i] < b[k])
			i++;
		else
			k++;
	}
	return both;
}

static double overlap(const struct wick_routing *routing, uint32_t lag)
{
	uint64_t both = 0, visits = 0;

	for (uint32_t t = 0; t + lag < routing->tokens; t++)
		for (uint32_t l = 0; l < routing->layers; l++) {
			const uint16_t *ids = wick_routing_at(routing, t, l);

			both += ids ? common(ids, wick_routing_at(routing, t + lag, l), routing->chosen) : 0;
			visits += ids != NULL;
		}
	return visits ? (double)both / ((double)visits * routing->chosen) : -1;
}

static int is_below(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x > y ? -1 : x < y;
}

static void count_uses(const struct wick_routing *routing, uint32_t layer, uint32_t *uses)
{
	memset(uses, 0, routing->experts * sizeof(*uses));
	for (uint32_t t = 0; t < routing->tokens; t++) {
		const uint16_t *ids = wick_routing_at(routing, t, layer);

		for (uint32_t i = 0; ids && i < routing->chosen; i++)
			uses[ids[i]]++;
	}
	qsort(uses, routing->experts, sizeof(*uses), is_below);
}

/* How popular experts are, layer by layer. */
static void weigh_popularity(struct routing_stats *stats, uint32_t *uses, double *quarters)
{
	const struct wick_routing *routing = &stats->routing;
	double all = (double)routing->tokens * routing->chosen;
	uint32_t layers = 0;

	for (uint32_t l = 0; l < routing->layers; l++) {
		double quarter = 0, squares = 0;

		if (!wick_routing_at(routing, 0, l))
			continue;
		count_uses(routing, l, uses);
		for (uint32_t e = 0; e < routing->experts; e++) {
			quarter += e < (routing->experts + 3) / 4 ? uses[e] / all : 0;
			squares += (double)uses[e] * uses[e];
		}
		stats->popular += squares / all / routing->tokens;
		quarters[layers++] = quarter;
	}
	stats->popular /= layers ? layers : 1;
	stats->top_quarter = layers ? wick_median(quarters, layers) : 0;
}

/* Different experts of `count` tokens in a row, in those of one. */
static double count_union(const struct wick_routing *routing, uint32_t count, uint32_t *seen)
{
	uint64_t different = 0, visits = 0;
	uint32_t stamp = 0;

	memset(seen, 0, routing->experts * sizeof(*seen));
	for (uint32_t t = 0; t + count <= routing->tokens; t += count)
		for (uint32_t l = 0; l < routing->layers; l++) {
			stamp++;
			for (uint32_t g = 0; g < count; g++) {
				const uint16_t *ids = wick_routing_at(routing, t + g, l);

				for (uint32_t i = 0; ids && i < routing->chosen; i++) {
					different += seen[ids[i]] != stamp;
					seen[ids[i]] = stamp;
				}
			}
			visits += wick_routing_at(routing, t, l) != NULL;
		}
	return visits ? (double)different / ((double)visits * routing->chosen) : -1;
}

static double recall(const struct wick_routing *routing)
{
	uint64_t right = 0, all = 0;

	for (uint32_t t = 0; routing->guessed && t < routing->tokens; t++)
		for (uint32_t l = 0; l < routing->layers; l++) {
			const uint16_t *ids = wick_routing_at(routing, t, l), *guesses;
			uint32_t count;

			guesses = wick_routing_guessed(routing, t, l, &count);
			for (uint32_t g = 0; ids && g < WICK_MIN(count, routing->chosen); g++)
				for (uint32_t i = 0; i < routing->chosen; i++)
					right += ids[i] == guesses[g];
			all += ids ? routing->chosen : 0;
		}
	return all ? (double)right / (double)all : -1;
}

/* When each choice is made again, in visits of layers; never: UINT32_MAX. next (tokens, layers, chosen). */
static void find_next(const struct wick_routing *routing, uint32_t *next, uint32_t *seen)
{
	uint64_t visits = (uint64_t)routing->tokens * routing->layers;

	memset(seen, 0xff, (uint64_t)routing->layers * routing->experts * sizeof(*seen));
	for (uint64_t v = visits; v-- > 0;) {
		const uint16_t *ids = wick_routing_at(routing, (uint32_t)(v / routing->layers), (uint32_t)(v % routing->layers));
		uint32_t *of = seen + v % routing->layers * routing->experts;

		for (uint32_t i = 0; ids && i < routing->chosen; i++) {
			next[v * routing->chosen + i] = of[ids[i]];
			of[ids[i]] = (uint32_t)v;
		}
	}
}

/* The one that is needed again last goes, of those that are not needed now: `due` of a key is when it is, 0 where it is not here. */
static void evict(uint32_t *due, uint32_t keys, uint32_t now)
{
	uint32_t last = 0, most = 0;

	for (uint32_t key = 0; key < keys; key++)
		if (due[key] > most && due[key] != now) {
			most = due[key];
			last = key;
		}
	due[last] = 0;
}

/* Hits of a cache that knows the future. A visit's number is 1 and more, so that 0 is none. */
static double run_belady(const struct routing_stats *stats, uint32_t capacity, const uint32_t *next, uint32_t *due)
{
	const struct wick_routing *routing = &stats->routing;
	uint32_t keys = routing->layers * routing->experts, used = 0;
	uint64_t found = 0, all = 0, visits = (uint64_t)routing->tokens * routing->layers;

	memset(due, 0, keys * sizeof(*due));
	for (uint64_t v = 0; v < visits; v++) {
		const uint16_t *ids = wick_routing_at(routing, (uint32_t)(v / routing->layers), (uint32_t)(v % routing->layers));
		uint32_t *of = due + v % routing->layers * routing->experts, counts = v / routing->layers >= stats->warm_up, absent = 0;

		for (uint32_t i = 0; ids && i < routing->chosen; i++) {
			absent += !of[ids[i]];
			of[ids[i]] = (uint32_t)v + 1;
		}
		for (used += absent; used > capacity; used--)
			evict(due, keys, (uint32_t)v + 1);
		for (uint32_t i = 0; ids && i < routing->chosen; i++)
			of[ids[i]] = next[v * routing->chosen + i] == UINT32_MAX ? UINT32_MAX : next[v * routing->chosen + i] + 1;
		found += ids && counts ? routing->chosen - absent : 0;
		all += ids && counts ? routing->chosen : 0;
	}
	return all ? (double)found / (double)all : 0;
}

static int run_policies(struct routing_stats *stats, unsigned c, uint32_t capacity, const uint32_t *next, uint32_t *due,
	uint32_t *missing, struct wick_diag *diag)
{
	int err = 0;

	stats->cache[c].hits[ROUTING_BELADY] = run_belady(stats, capacity, next, due);
	for (enum routing_method m = ROUTING_BELADY + 1; !err && m < ROUTING_METHODS; m++) {
		struct wick_expert_rehearsal rehearsal = { .routing = &stats->routing, .capacity = capacity, .warm_up = stats->warm_up,
			.policy = wick_policy_find(routing_method_names[m]) };

		err = wick_rehearse_experts(&rehearsal, missing, diag);
		stats->cache[c].hits[m] = err ? 0 : wick_rehearsed_hits(&stats->routing, missing);
	}
	return err;
}

/* Slots are a share of the experts of layers that have some. */
static int run_caches(struct routing_stats *stats, uint32_t *next, uint32_t *due, uint32_t *missing, struct wick_diag *diag)
{
	const struct wick_routing *routing = &stats->routing;
	uint32_t layers = 0;
	int err = 0;

	for (uint32_t l = 0; l < routing->layers; l++)
		layers += wick_routing_at(routing, 0, l) != NULL;
	find_next(routing, next, due);
	for (unsigned c = 0; !err && c < stats->shares; c++) {
		uint32_t capacity = (uint32_t)(stats->cache[c].share * layers * routing->experts + 0.5);

		stats->cache[c].cycles = (double)capacity / ((double)layers * routing->chosen);
		for (enum routing_method m = 0; m < ROUTING_METHODS; m++)
			stats->cache[c].hits[m] = -1;
		if (capacity >= routing->chosen)
			err = run_policies(stats, c, capacity, next, due, missing, diag);
	}
	return err;
}

int routing_stats_make(struct routing_stats *stats, struct wick_diag *diag)
{
	const struct wick_routing *routing = &stats->routing;
	uint64_t keys = (uint64_t)routing->layers * routing->experts;
	uint32_t *next = calloc((uint64_t)routing->tokens * routing->layers * routing->chosen, sizeof(*next));
	uint32_t *due = calloc(keys, sizeof(*due)), *missing = calloc(routing->layers * (routing->chosen + 1ull), sizeof(*missing));
	double *quarters = calloc(routing->layers, sizeof(*quarters));
	int err = next && due && missing && quarters ? 0 : wick_diag_say(diag, -ENOMEM, "no memory for the figures");

	for (unsigned i = 0; !err && i < ROUTING_LAGS; i++)
		stats->lag[i] = overlap(routing, 1u << i);
	for (unsigned i = 0; !err && i < ROUTING_UNIONS; i++)
		stats->uni[i] = count_union(routing, 2u << i, due);
	if (!err) {
		weigh_popularity(stats, due, quarters);
		stats->recall = recall(routing);
		err = run_caches(stats, next, due, missing, diag);
	}
	free(next);
	free(due);
	free(missing);
	free(quarters);
	return err;
}
