/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The figures of wick trace stats against their definitions, on traces small enough to try everything: Belady's reads are
 * the fewest of all ways to evict, lru's those of a list in order of use, distinct neurons those of a union. And how a trace
 * is gone through: in bounded memory, until it is stopped. */

#include "bits.h"
#include "../unit/folder.h"
#include "trace_synth.h"
#include "trace_stats.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define N_FF 8
#define TOKENS 12
#define ROWS 4
#define ALL (1u << N_FF)

/* A trace of a file: more tokens than neurons, so that where each begins takes more than what they are. */
#define LONG_LAYERS 16
#define LONG_TOKENS 20000
#define LONG_GROUP (512u << 10)
#define LONG_ELSE (64u << 10) /* memory beside a group */

static uint64_t random_state = 5;
static char path[512];
static size_t held, held_max; /* bytes that the program's parts have allocated */
static unsigned solved, visited, stops_left;

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void __real_free(void *place);
void __wrap_free(void *place);
double __real_wick_synth_solve(const struct wick_trace_synthesis *synthesis, uint32_t n_ff);
double __wrap_wick_synth_solve(const struct wick_trace_synthesis *synthesis, uint32_t n_ff);

static void *note(void *place)
{
	held += malloc_usable_size(place);
	held_max = WICK_MAX(held_max, held);
	return place;
}

void *__wrap_malloc(size_t bytes)
{
	return note(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return note(__real_calloc(count, bytes));
}

void __wrap_free(void *place)
{
	held -= malloc_usable_size(place);
	__real_free(place);
}

double __wrap_wick_synth_solve(const struct wick_trace_synthesis *synthesis, uint32_t n_ff)
{
	solved++;
	return __real_wick_synth_solve(synthesis, n_ff);
}

/* xorshift64* */
static uint32_t pick(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1d >> 33) % below;
}

/* One layer; token t's neurons are the bits of set[t]. */
struct sample {
	uint32_t set[TOKENS], ids[TOKENS * N_FF];
	uint64_t start[TOKENS + 1];
	struct stats_layer layer;
};

static void draw(struct sample *sample)
{
	uint64_t count = 0;

	for (unsigned t = 0; t < TOKENS; t++) {
		sample->set[t] = 0;
		for (unsigned k = pick(ROWS + 1); k > 0; k--)
			sample->set[t] |= 1u << pick(N_FF);
		for (unsigned i = 0; i < N_FF; i++)
			if (sample->set[t] >> i & 1)
				sample->ids[count++] = i;
		sample->start[t + 1] = count;
	}
	sample->layer = (struct stats_layer){
		.n_ff = N_FF, .tokens = TOKENS, .start = sample->start, .ids = sample->ids, .active_max = ROWS
	};
}

/* The fewest reads of any way: cost[s], of having s resident after a token. */
static uint32_t fewest_reads(const struct sample *sample)
{
	uint32_t cost[ALL], next[ALL], best = UINT32_MAX;

	memset(cost, 0xff, sizeof(cost));
	cost[0] = 0;
	for (unsigned t = 0; t < TOKENS; t++) {
		uint32_t active = sample->set[t];

		memset(next, 0xff, sizeof(next));
		for (uint32_t from = 0; from < ALL; from++)
			for (uint32_t to = 0; cost[from] != UINT32_MAX && to < ALL; to++)
				if (!(to & ~(from | active)) && !(active & ~to) && __builtin_popcount(to) <= ROWS)
					next[to] = WICK_MIN(next[to], cost[from] + __builtin_popcount(active & ~from));
		memcpy(cost, next, sizeof(cost));
	}
	for (uint32_t s = 0; s < ALL; s++)
		best = WICK_MIN(best, cost[s]);
	return best;
}

static struct stats_replay replayed(const struct sample *sample)
{
	struct wick_trace_shape shape = { .layers = 1, .n_ff = N_FF, .tokens = TOKENS };
	static struct stats stats;

	memset(&stats, 0, sizeof(stats));
	stats.shape = &shape;
	stats.capacities = 1;
	stats.replay[0].share = (double)ROWS / N_FF;
	assert_int_equal(stats_replay_add(&stats, &sample->layer, NULL), 0);
	assert_int_equal(stats.replay[0].rows, ROWS);
	return stats.replay[0];
}

static void belady_reads_the_fewest(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct sample sample = { 0 };
		struct stats_replay replay;

		draw(&sample);
		replay = replayed(&sample);
		assert_int_equal(replay.read[STATS_BELADY], fewest_reads(&sample));
		for (enum stats_method method = 0; method < STATS_METHODS; method++)
			assert_true(replay.read[method] >= replay.read[STATS_BELADY]);
	}
}

/* One neuron a token: then lru is a list, the last used in front. */
static void lru_is_a_list(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		uint32_t list[ROWS + 1] = { N_FF, N_FF, N_FF, N_FF, N_FF }, read = 0;
		struct sample sample = { 0 };

		draw(&sample);
		for (unsigned t = 0; t < TOKENS; t++) {
			unsigned at = 0;

			sample.ids[t] = pick(N_FF);
			sample.start[t + 1] = t + 1;
			while (at < ROWS && list[at] != sample.ids[t])
				at++;
			read += at == ROWS;
			memmove(list + 1, list, at * sizeof(*list));
			list[0] = sample.ids[t];
		}
		assert_int_equal(replayed(&sample).read[STATS_LRU], read);
	}
}

static void distinct_is_a_union(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		double count[STATS_WINDOW_MAX + 1];
		struct sample sample = { 0 };

		draw(&sample);
		assert_int_equal(stats_distinct(&sample.layer, count), TOKENS / 2);
		for (unsigned k = 1; k <= TOKENS / 2; k++) {
			unsigned sum = 0;

			for (unsigned t = TOKENS / 2 - 1; t < TOKENS; t++) {
				uint32_t together = 0;

				for (unsigned back = 0; back < k; back++)
					together |= sample.set[t - back];
				sum += __builtin_popcount(together);
			}
			assert_true(count[k] == (double)sum / (TOKENS - TOKENS / 2 + 1));
		}
	}
}

static void open_made(struct stats *stats, uint32_t layers, uint32_t n_ff, uint32_t tokens)
{
	struct wick_trace_shape shape = { .layers = layers, .n_ff = n_ff, .tokens = tokens, .synthesis = { 1, 0.2, 1 } };

	memset(stats, 0, sizeof(*stats));
	assert_int_equal(wick_synth_write(path, &shape, NULL, NULL, NULL), 0);
	assert_int_equal(wick_trace_open(&stats->trace, path, NULL), 0);
	stats->shape = wick_trace_shape(stats->trace);
	stats->capacities = 2;
	stats->replay[0].share = 0.5;
	stats->replay[1].share = 1;
	visited = solved = 0;
}

static int count_visits(struct stats *stats, const struct stats_layer *layer, struct wick_diag *diag)
{
	(void)stats;
	(void)diag;
	assert_int_equal(layer->layer, visited++);
	return 0;
}

static void memory_is_bounded(void **state)
{
	static struct stats stats;
	size_t before;

	(void)state;
	open_made(&stats, LONG_LAYERS, 4, LONG_TOKENS);
	stats.group_bytes = LONG_GROUP;
	before = held_max = held;
	assert_int_equal(stats_each_layer(&stats, count_visits, NULL), 0);
	assert_int_equal(visited, LONG_LAYERS);
	assert_in_range(held_max - before, LONG_GROUP / 2, LONG_GROUP + LONG_ELSE);
	assert_true(held == before);
	wick_trace_close(stats.trace);
}

static bool stop(void)
{
	return stops_left-- == 0;
}

/* At any token of a pass, and between the methods. */
static void it_can_be_stopped(void **state)
{
	unsigned asked = 0;
	int rc = -ECANCELED;

	(void)state;
	for (; rc == -ECANCELED; asked++) {
		static struct stats stats;

		open_made(&stats, 2, 8, 5);
		stats.stop = stop;
		stops_left = asked;
		rc = stats_each_layer(&stats, stats_replay_add, NULL);
		assert_true(rc == 0 || rc == -ECANCELED);
		wick_trace_close(stats.trace);
	}
	assert_int_equal(asked - 1, 2 * 5 + 2 * 2 * STATS_METHODS);
}

static void chances_are_solved_for_once(void **state)
{
	static struct stats stats;

	(void)state;
	open_made(&stats, 3, 8, 5);
	assert_int_equal(stats_each_layer(&stats, stats_replay_add, NULL), 0);
	assert_int_equal(solved, 1);
	wick_trace_close(stats.trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(belady_reads_the_fewest),
		cmocka_unit_test(lru_is_a_list),
		cmocka_unit_test(distinct_is_a_union),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(it_can_be_stopped),
		cmocka_unit_test(chances_are_solved_for_once),
	};
	struct folder folder = folder_make();
	int failed;

	snprintf(path, sizeof(path), "%s", folder_path(&folder, "trace"));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	folder_remove(&folder);
	return failed;
}
