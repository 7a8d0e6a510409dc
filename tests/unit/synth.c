/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Synthetic traces have the figures that were measured on OPT-6.7B, by counting in the trace and by arithmetic from the
 * chances; and a lookahead that is as good as it says it is. */

#include "trace_synth.h"

#include "folder.h"
#include "normal.h"
#include "trace_format.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define N_FF 16384
#define TOKENS 150
#define LAYERS 2

static char path[512];
static const struct wick_trace_shape paper = {
	.layers = LAYERS, .n_ff = N_FF, .tokens = TOKENS, .synthesis = { .zipf = 1.44, .active = 0.10, .seed = 1 }
};

/* From tables of the normal distribution. */
static void quantiles_are_those_of_tables(void **state)
{
	static const double table[][2] = { { 0.5, 0 }, { 0.8413447460685429, 1 }, { 0.975, 1.959963984540054 },
		{ 0.99, 2.3263478740408408 }, { 1e-10, -6.361340902404056 }, { 0.0013498980316300933, -3 } };

	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_true(fabs(wick_normal_quantile(table[i][0]) - table[i][1]) < 1e-13);
	for (double x = -8; x < 5; x += 0.01)
		assert_true(fabs(wick_normal_quantile(wick_normal_cdf(x)) - x) < 1e-9);
}

/* The reference implementations' first numbers: splitmix64 seeded with 1234567, xoshiro256** in the state 1, 2, 3, 4. */
static void random_numbers_are_the_published_ones(void **state)
{
	struct wick_random random = { { 1, 2, 3, 4 } };

	(void)state;
	assert_true(wick_random_next(&random) == 11520);
	assert_true(wick_random_next(&random) == 0);
	assert_true(wick_random_next(&random) == 1509978240);
	assert_true(wick_random_next(&random) == 1215971899390074240);
	wick_random_seed(&random, 1234567);
	assert_true(random.state[0] == 6457827717110365317u);
	assert_true(random.state[1] == 3203168211198807973u);
	assert_true(random.state[2] == 9817491932198370423u);
	assert_true(random.state[3] == 4593380528125082431u);
}

/* s(k), the share of neurons that fire at least once in k tokens, by the chances. */
static double by_arithmetic(const double *chance, unsigned k)
{
	double sum = 0;

	for (unsigned i = 0; i < N_FF; i++)
		sum += 1 - pow(1 - chance[i], k);
	return sum / N_FF;
}

static double by_counting(const struct wick_trace *opened, unsigned k)
{
	struct wick_trace *trace = (struct wick_trace *)opened;
	static uint32_t last[LAYERS][N_FF], ids[N_FF];
	uint64_t sum = 0;

	memset(last, 0, sizeof(last));
	for (unsigned t = 1; t <= TOKENS; t++) {
		assert_int_equal(wick_trace_seek(trace, t - 1, NULL), 0);
		for (unsigned layer = 0; layer < LAYERS; layer++) {
			for (uint32_t count = wick_trace_active(trace, layer, ids); count-- > 0;)
				last[layer][ids[count]] = t;
			for (unsigned i = 0; t >= k && i < N_FF; i++)
				sum += last[layer][i] && last[layer][i] + k > t;
		}
	}
	return (double)sum / (TOKENS - k + 1) / LAYERS / N_FF;
}

static struct wick_trace *made(const struct wick_trace_shape *shape)
{
	struct wick_trace *trace;

	assert_int_equal(wick_synth_write(path, shape, NULL, NULL, NULL), 0);
	assert_int_equal(wick_trace_open(&trace, path, NULL), 0);
	return trace;
}

static bool within(double value, double wanted, double share)
{
	return fabs(value / wanted - 1) < share;
}

static void use_is_the_papers(void **state)
{
	static double chance[N_FF];
	static uint32_t rank[N_FF];
	double s1, s5, s6;
	struct wick_trace *trace;

	(void)state;
	wick_synth_chances(&paper.synthesis, wick_synth_solve(&paper.synthesis, N_FF), 0, N_FF, chance, rank);
	s1 = by_arithmetic(chance, 1);
	s5 = by_arithmetic(chance, 5);
	s6 = by_arithmetic(chance, 6);
	assert_true(within(s1, 0.100, 1e-9));
	assert_true(within(s5, 0.240, 0.02));
	assert_true(within(s6 - s5, 0.025, 0.02));
	trace = made(&paper);
	assert_true(wick_trace_shape(trace)->synthetic && wick_trace_shape(trace)->lookahead);
	assert_true(within(by_counting(trace, 1), 0.100, 0.02));
	assert_true(within(by_counting(trace, 5), 0.240, 0.02));
	assert_true(within(by_counting(trace, 6) - by_counting(trace, 5), 0.025, 0.02));
	wick_trace_close(trace);
}

/* Each neuron fires as often as its chance says, in each layer by a permutation of its own. */
static void neurons_fire_by_their_chances(void **state)
{
	static double chance[LAYERS][N_FF], variance, sum;
	static uint32_t rank[N_FF], ids[N_FF], fired[LAYERS][N_FF];
	struct wick_trace *trace = made(&paper);
	double c = wick_synth_solve(&paper.synthesis, N_FF);
	unsigned same = 0;

	(void)state;
	for (unsigned t = 0; t < TOKENS; t++) {
		assert_int_equal(wick_trace_seek(trace, t, NULL), 0);
		for (unsigned layer = 0; layer < LAYERS; layer++)
			for (uint32_t count = wick_trace_active(trace, layer, ids); count-- > 0;)
				fired[layer][ids[count]]++;
	}
	for (unsigned layer = 0; layer < LAYERS; layer++) {
		wick_synth_chances(&paper.synthesis, c, layer, N_FF, chance[layer], rank);
		for (unsigned i = 0; i < N_FF; i++) {
			double p = chance[layer][i], off = fired[layer][i] - TOKENS * p;

			sum += off * off / (TOKENS * p * (1 - p)); /* its mean is 1 */
			variance += 2 + (1 / (p * (1 - p)) - 6) / TOKENS;
		}
	}
	assert_true(fabs(sum - LAYERS * N_FF) < 5 * sqrt(variance));
	for (unsigned i = 0; i < N_FF; i++)
		same += chance[0][i] == chance[1][i] && chance[0][i] < 0.97;
	assert_true(same < 20);
	wick_trace_close(trace);
}

/* Of those thought likelier than 0.24: recall 0.85, precision 0.70. And a probability of p is right p of the time. */
static void the_lookahead_is_calibrated(void **state)
{
	struct wick_trace *trace = made(&paper);
	static uint32_t ids[N_FF], likely[N_FF];
	static float probability[N_FF];
	double said[10] = { 0 }, right[10] = { 0 };
	uint64_t active = 0, taken = 0, hits = 0;
	static bool fires[N_FF];

	(void)state;
	for (unsigned t = 0; t < TOKENS; t++) {
		uint32_t count, likely_count;

		assert_int_equal(wick_trace_seek(trace, t, NULL), 0);
		count = wick_trace_active(trace, 1, ids);
		likely_count = wick_trace_likely(trace, 1, likely, probability, N_FF);
		memset(fires, 0, sizeof(fires));
		active += count;
		while (count-- > 0)
			fires[ids[count]] = true;
		for (uint32_t i = 0; i < likely_count; i++) {
			unsigned bin = fmin(9, probability[i] * 10);

			assert_true(probability[i] > 0.06);
			taken += probability[i] > 0.24;
			hits += probability[i] > 0.24 && fires[likely[i]];
			said[bin] += probability[i];
			right[bin] += fires[likely[i]];
		}
	}
	assert_true(within((double)hits / active, 0.85, 0.006));
	assert_true(within((double)hits / taken, 0.70, 0.015));
	for (unsigned bin = 0; bin < 10; bin++)
		assert_true(within(right[bin], said[bin], 0.03));
	wick_trace_close(trace);
}

/* Seeds differ; the same seed gives the same trace, of which a longer one begins alike. */
static void seeds_decide(void **state)
{
	struct wick_trace_shape shape = { .layers = 2, .n_ff = 500, .tokens = 3, .synthesis = { 1.0, 0.2, 5 } };
	uint32_t ids[3][500], count[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct wick_trace *trace;

		shape.tokens = i == 1 ? 7 : 3;
		shape.synthesis.seed = i == 2 ? 6 : 5;
		trace = made(&shape);
		assert_int_equal(wick_trace_shape(trace)->tokens, shape.tokens);
		assert_int_equal(wick_trace_seek(trace, 2, NULL), 0);
		count[i] = wick_trace_active(trace, 1, ids[i]);
		wick_trace_close(trace);
	}
	assert_int_equal(count[0], count[1]);
	assert_memory_equal(ids[0], ids[1], count[0] * sizeof(uint32_t));
	assert_true(count[0] != count[2] || memcmp(ids[0], ids[2], count[0] * sizeof(uint32_t)));
}

static int stop(void *user, uint64_t done, uint64_t total)
{
	assert_true(done <= total);
	return --*(unsigned *)user == 0;
}

static void bad_ones_are_refused(void **state)
{
	struct wick_trace_shape shape = { .layers = 2, .n_ff = 500, .tokens = 9, .synthesis = { 1.0, 0.2, 5 } };
	struct wick_diag diag = { "" };

	(void)state;
	unlink(path);
	for (unsigned calls = 1; calls < 9; calls++) { /* while layers are made, and tokens */
		unsigned left = calls;

		assert_int_equal(wick_synth_write(path, &shape, stop, &left, NULL), -ECANCELED);
		assert_int_equal(left, 0);
	}
	shape.layers = WICK_TRACE_LAYERS_MAX;
	shape.n_ff = WICK_TRACE_N_FF_MAX;
	assert_int_equal(wick_synth_write(path, &shape, NULL, NULL, &diag), -ENOMEM);
	assert_non_null(strstr(diag.text, ": making it up takes "));
	diag.text[0] = 0;
	shape.synthesis.active = 0.98;
	assert_int_equal(wick_synth_write(path, &shape, NULL, NULL, &diag), -EINVAL);
	assert_string_equal(diag.text, "an active share of 0.98: above 0, up to 0.97 is possible");
	shape.synthesis.active = NAN;
	assert_int_equal(wick_synth_write(path, &shape, NULL, NULL, NULL), -EINVAL);
	shape.synthesis = (struct wick_trace_synthesis){ 17, 0.1, 0 };
	assert_int_equal(wick_synth_write(path, &shape, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_those_of_tables),
		cmocka_unit_test(random_numbers_are_the_published_ones),
		cmocka_unit_test(use_is_the_papers),
		cmocka_unit_test(neurons_fire_by_their_chances),
		cmocka_unit_test(the_lookahead_is_calibrated),
		cmocka_unit_test(seeds_decide),
		cmocka_unit_test(bad_ones_are_refused),
	};
	struct folder folder = folder_make();
	int failed;

	snprintf(path, sizeof(path), "%s", folder_path(&folder, "trace"));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	folder_remove(&folder);
	return failed;
}
