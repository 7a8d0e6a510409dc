/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Timed loads on a drive whose speed is known. */

#include "probe.h"

#include "bits.h"
#include "sim.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES (1u << 20)

static uint8_t image[IMAGE_BYTES];
static uint64_t seen_from, seen_to; /* of all attempts */
static uint64_t last_offset, in_order, out_of_order;

static void note(void *user, const struct wick_io_request *request)
{
	(void)user;
	seen_from = WICK_MIN(seen_from, request->left_offset);
	seen_to = WICK_MAX(seen_to, request->left_offset + request->left_bytes);
	if (request->left_offset == last_offset + request->left_bytes)
		in_order++;
	else
		out_of_order++;
	last_offset = request->left_offset;
}

static struct bench {
	struct wick_file file;
	struct wick_io *io;
	struct wick_sim *sim;
	struct wick_probe *probe;
} bench;

static void make(unsigned depth, const struct wick_sim_options *faults)
{
	struct wick_sim_options sim = *faults;
	struct wick_io_options io = { .depth = depth, .retries = 3 };
	struct wick_probe_options probe = { .depth = depth, .chunk_bytes_max = 16384, .reads_max = 500, .from = 65536,
		.bytes = IMAGE_BYTES / 2, .seed = 3 };

	sim.image = image;
	sim.image_bytes = IMAGE_BYTES;
	sim.started = note;
	seen_from = UINT64_MAX;
	seen_to = in_order = out_of_order = 0;
	assert_int_equal(wick_sim_create(&bench.io, &bench.sim, &bench.file, &sim, &io), 0);
	probe.file = &bench.file;
	probe.io = bench.io;
	assert_int_equal(wick_probe_create(&bench.probe, &probe, NULL), 0);
}

static void drop(void)
{
	wick_io_destroy(bench.io);
	wick_probe_destroy(bench.probe);
}

static int read_steadily(uint64_t bytes, bool sequential, uint64_t ns, struct wick_steady *steady,
	struct wick_histogram *latency, struct wick_diag *diag)
{
	const struct wick_probe_load load = { .chunk_bytes = bytes, .sequential = sequential, .duration_ns = ns };

	return wick_probe_steady(bench.probe, &load, steady, latency, diag);
}

static void assert_near(double value, double wanted, double share)
{
	if (fabs(value / wanted - 1) > share)
		fail_msg("%g instead of %g", value, wanted);
}

/* Every read takes 100 us and any number go together: by Little's law one ends every 100 us / depth. */
static void the_rate_is_littles(void **state)
{
	static const unsigned depths[] = { 1, 4, 32 };
	const struct wick_sim_options faults = { .latency_ns_min = 100000, .latency_ns_max = 100000 };

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(depths); i++) {
		struct wick_histogram latency = { 0 };
		struct wick_steady steady;

		make(depths[i], &faults);
		assert_int_equal(read_steadily(4096, false, 50000000, &steady, &latency, NULL), 0);
		assert_near((double)steady.ns / (double)steady.reads, 100000.0 / depths[i], 0.02);
		assert_near((double)wick_histogram_ns(&latency, 0.5), 100000, 0.03);
		assert_near((double)steady.ns, 50000000, 0.02);
		drop();
	}
}

/* Latencies drawn evenly from 50 to 150 us: the mean rules the rate, and the percentiles come out. */
static void percentiles_are_the_drives(void **state)
{
	const struct wick_sim_options faults = { .seed = 5, .latency_ns_min = 50000, .latency_ns_max = 150000 };
	struct wick_histogram latency = { 0 };
	struct wick_steady steady;

	(void)state;
	make(16, &faults);
	assert_int_equal(read_steadily(512, false, 500000000, &steady, &latency, NULL), 0);
	assert_near((double)steady.ns / (double)steady.reads, 100000.0 / 16, 0.03);
	assert_near((double)wick_histogram_ns(&latency, 0.5), 100000, 0.04);
	assert_near((double)wick_histogram_ns(&latency, 0.99), 149000, 0.04);
	assert_near((double)wick_histogram_ns(&latency, 0.01), 51000, 0.04);
	drop();
}

/* A throttled drive: nothing for a while, then as many reads as there are, within microseconds. So many a beat is its rate,
 * wherever in a beat the time is up, and whether that is before the first one or in the midst of those that come. */
static void bursts_are_counted_with_their_silence(void **state)
{
	static const unsigned depths[] = { 1, 4, 32, 128 };
	const struct wick_sim_options faults = { .seed = 7, .beat_ns = 10000000, .latency_ns_min = 1000,
		.latency_ns_max = 90000 };

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(depths); i++)
		for (uint64_t ns = 1000000; ns < 80000000; ns += 1 + ns / 7) {
			struct wick_steady steady;

			make(depths[i], &faults);
			assert_int_equal(read_steadily(16384, false, ns, &steady, NULL, NULL), 0);
			assert_near((double)steady.ns / (double)steady.reads, 10000000.0 / depths[i], 0.02);
			drop();
		}
}

/* It stands still when the time is up, for a tenth of a second: that is a part of what the reads took. */
static void standing_still_at_the_end_counts(void **state)
{
	const struct wick_sim_options faults = { .latency_ns_min = 1000000, .latency_ns_max = 1000000, .fault = WICK_SIM_LATE,
		.fault_read = 37 };
	struct wick_steady steady;

	(void)state;
	make(4, &faults);
	assert_int_equal(read_steadily(4096, false, 10000000, &steady, NULL, NULL), 0);
	assert_true(steady.ns > 1000000000 && steady.reads > 3 * 1000);
	drop();
}

/* A slow drive: the load goes on for 100 reads, and no longer than its limit. */
static void few_reads_make_it_run_on(void **state)
{
	static const struct {
		uint64_t limit_ns, reads;
	} runs[] = { { 10000000000, 100 }, { 500000000, 50 }, { 0, 10 } };
	const struct wick_sim_options faults = { .latency_ns_min = 20000000, .latency_ns_max = 20000000 };

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(runs); i++) {
		const struct wick_probe_load load = { .chunk_bytes = 4096, .duration_ns = 100000000, .reads_min = 100,
			.limit_ns = runs[i].limit_ns };
		struct wick_steady steady;

		make(2, &faults);
		assert_int_equal(wick_probe_steady(bench.probe, &load, &steady, NULL, NULL), 0);
		assert_in_range(steady.reads, runs[i].reads, runs[i].reads + 2);
		assert_near((double)steady.ns / (double)steady.reads, 10000000, 0.02);
		drop();
	}
}

/* 100 reads, 8 at a time, 100 us each. */
static void a_burst_takes_its_turns(void **state)
{
	const struct wick_sim_options faults = { .latency_ns_min = 100000, .latency_ns_max = 100000 };
	uint64_t ns;
	double us;

	(void)state;
	make(8, &faults);
	assert_int_equal(wick_probe_burst(bench.probe, 16384, 1, &ns, NULL), 0);
	assert_near((double)ns, 100000, 0.02);
	assert_int_equal(wick_probe_burst(bench.probe, 16384, 8, &ns, NULL), 0);
	assert_near((double)ns, 100000, 0.02);
	assert_int_equal(wick_probe_bursts(bench.probe, 16384, 100, 7, UINT64_MAX, &us, NULL), 0);
	assert_near(us, 1300, 0.03);
	assert_int_equal(wick_sim_attempts(bench.sim), 1 + 8 + 700);
	assert_int_equal(wick_probe_burst(bench.probe, 16384, 0, &ns, NULL), 0);
	assert_int_equal(ns, 0);
	drop();
}

static void offsets_stay_in_their_part(void **state)
{
	const struct wick_sim_options faults = { .latency_ns_min = 1000, .latency_ns_max = 1000 };
	struct wick_steady steady;

	(void)state;
	make(4, &faults);
	assert_int_equal(read_steadily(4096, false, 10000000, &steady, NULL, NULL), 0);
	assert_int_equal(seen_from, 65536);
	assert_int_equal(seen_to, 65536 + IMAGE_BYTES / 2);
	assert_true(out_of_order > 20 * in_order);
	drop();
	make(4, &faults);
	assert_int_equal(read_steadily(4096, true, 10000000, &steady, NULL, NULL), 0);
	assert_int_equal(seen_from, 65536);
	assert_int_equal(seen_to, 65536 + IMAGE_BYTES / 2);
	assert_true(in_order > 20 * out_of_order);
	drop();
}

/* What the queue repairs is not the load's business; what it cannot is. */
static void faults_pass_or_are_told(void **state)
{
	struct wick_sim_options faults = { .seed = 9, .latency_ns_min = 1000, .latency_ns_max = 2000,
		.short_per_mille = 100, .short_by_sectors = true, .transient_per_mille = 50 };
	struct wick_steady steady;
	struct wick_diag diag = { "" };

	(void)state;
	make(8, &faults);
	assert_int_equal(read_steadily(16384, false, 10000000, &steady, NULL, &diag), 0);
	assert_true(wick_io_counters(bench.io)->retries > 0);
	drop();
	faults.gone_after = 40;
	make(8, &faults);
	assert_int_equal(read_steadily(16384, false, 10000000, &steady, NULL, &diag), -ENODEV);
	assert_non_null(strstr(diag.text, "No such device"));
	assert_int_equal(wick_io_outstanding(bench.io), 0);
	drop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_is_littles),
		cmocka_unit_test(percentiles_are_the_drives),
		cmocka_unit_test(bursts_are_counted_with_their_silence),
		cmocka_unit_test(standing_still_at_the_end_counts),
		cmocka_unit_test(few_reads_make_it_run_on),
		cmocka_unit_test(a_burst_takes_its_turns),
		cmocka_unit_test(offsets_stay_in_their_part),
		cmocka_unit_test(faults_pass_or_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
