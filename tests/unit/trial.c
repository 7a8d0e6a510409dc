/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* When time overrules the price of a way, here of reading through gaps, on drives whose times are made up. */

#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define WITHOUT_US 1000.0 /* what a draw costs by the price */

/* What a drive takes: of the price, with noise; and now and then it stands still. */
struct drive {
	double price_with; /* over the price without */
	double time_with;  /* over the time without */
	double noise;
	uint32_t stall_every; /* 0: never */
	uint32_t slower_after; /* five times, both ways; likewise */
};

static uint64_t state;

static double uniform(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (double)(state >> 11) / 0x1p53;
}

/* How many of so many draws were read through gaps. */
static uint32_t draw(struct wick_trial *gaps, const struct drive *drive, uint32_t count)
{
	const double price[] = { WITHOUT_US, WITHOUT_US * drive->price_with };
	uint32_t through = 0;

	for (uint32_t i = 0; i < count; i++) {
		bool with = wick_trial_way(gaps);
		double us = 700 * (with ? drive->time_with : 1) * (1 + drive->noise * (2 * uniform() - 1));

		if (drive->stall_every && i % drive->stall_every == 0)
			us *= 1000;
		us *= drive->slower_after && i >= drive->slower_after ? 5 : 1;
		wick_trial_learn(gaps, price[with], price[!with], us);
		through += with;
	}
	return through;
}

/* Two limits, as a cloud's drive has them: so many reads and so many bytes a second, and what was not used of either is
 * there for the next draws. A draw is 100 reads and 800 bytes without gaps, 40 reads and 2000 bytes with them: alone each is
 * bound by its own limit, 100 and 67 ms, but after a few draws of the other kind it finds its own unused. */
static void a_drive_of_two_limits_is_seen_through(void **unused)
{
	const double reads[] = { 100, 40 }, bytes[] = { 800, 2000 }, most_ms = 200;
	double reads_free_ms = 0, bytes_free_ms = 0, now_ms = 0;
	struct wick_trial gaps;

	(void)unused;
	wick_trial_init(&gaps, 4);
	for (uint32_t i = 0; i < 4000; i++) {
		bool with = wick_trial_way(&gaps);
		double begun_ms = now_ms;

		reads_free_ms = (reads_free_ms > now_ms - most_ms ? reads_free_ms : now_ms - most_ms) + reads[with] * 1.0;
		bytes_free_ms = (bytes_free_ms > now_ms - most_ms ? bytes_free_ms : now_ms - most_ms) + bytes[with] / 30;
		now_ms += 1;
		now_ms = reads_free_ms > now_ms ? reads_free_ms : now_ms;
		now_ms = bytes_free_ms > now_ms ? bytes_free_ms : now_ms;
		wick_trial_learn(&gaps, with ? 900 : 1000, with ? 1000 : 900, 1e3 * (now_ms - begun_ms));
	}
	assert_true(gaps.on);
	assert_int_equal(gaps.switches, 0);
	assert_float_equal(wick_trial_ratio(&gaps), 0.67, 0.1);
}

/* The price says 0.6; 720 draws are thirty tokens of a model of 24 layers. */
static void time_overrules_the_price(void **unused)
{
	struct wick_trial gaps;

	(void)unused;
	for (state = 1; state < 100; state++) {
		const struct drive dear = { 0.6, 1.4, 0.3, 0, 0 }, cheap = { 0.6, 0.7, 0.3, 0, 0 };

		wick_trial_init(&gaps, 4);
		assert_true(draw(&gaps, &dear, 720) < 500);
		assert_false(gaps.on);
		assert_int_equal(gaps.switches, 1);
		assert_float_equal(wick_trial_ratio(&gaps), 1.4, 0.4);
		assert_true(wick_trial_ratio(&gaps) > 1);
		/* The drive has changed: it is found out again. */
		draw(&gaps, &cheap, 20000);
		assert_true(gaps.on);
		assert_int_equal(gaps.switches, 2);
		assert_true(wick_trial_ratio(&gaps) < 0.93); /* as it was when it changed */
	}
}

/* A drive that is as its price says is asked seldom. */
static void trials_become_rare(void **unused)
{
	const struct drive drive = { 0.6, 0.6, 0.2, 0, 0 };
	struct wick_trial gaps;

	(void)unused;
	state = 5;
	wick_trial_init(&gaps, 4);
	assert_true(draw(&gaps, &drive, 2000) >= 1850);
	assert_true(draw(&gaps, &drive, 64000) >= 61500);
	assert_int_equal(gaps.switches, 0);
}

/* Between what gives them up and what takes them up again nothing moves, nor does it for a drive that stands still now and
 * then, or becomes slower. */
static void it_does_not_flutter(void **unused)
{
	static const struct drive drives[] = {
		{ 0.6, 0.96, 0.02, 0, 0 }, { 0.6, 0.8, 0.1, 997, 0 }, { 0.6, 1.3, 0.1, 1009, 0 }, { 0.6, 0.8, 0.1, 0, 5000 },
	};
	struct wick_trial gaps;

	(void)unused;
	for (unsigned i = 0; i < sizeof(drives) / sizeof(*drives); i++)
		for (unsigned given_up = 0; given_up < 2; given_up++) {
			state = 11 + i;
			wick_trial_init(&gaps, 4);
			gaps.on = !given_up;
			draw(&gaps, &drives[i], 20000);
			assert_true(gaps.switches <= 1);
			if (i == 0)
				assert_int_equal(gaps.switches, 0);
			else
				assert_true(gaps.on == (drives[i].time_with < 1));
		}
}

/* Ways that are the same stay as they are. What is no work, or took no time, says nothing. */
static void nothing_is_learnt_from_nothing(void **unused)
{
	const struct drive drive = { 1, 1, 0.5, 0, 0 };
	struct wick_trial gaps;

	(void)unused;
	state = 3;
	wick_trial_init(&gaps, 4);
	draw(&gaps, &drive, 5000);
	assert_float_equal(wick_trial_ratio(&gaps), 1, 0.2);
	wick_trial_init(&gaps, 4);
	assert_float_equal(wick_trial_ratio(&gaps), 0, 0);
	wick_trial_learn(&gaps, 0, 100, 100);
	wick_trial_learn(&gaps, 100, 100, 0);
	assert_int_equal(gaps.draws, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_overrules_the_price),
		cmocka_unit_test(a_drive_of_two_limits_is_seen_through),
		cmocka_unit_test(trials_become_rare),
		cmocka_unit_test(it_does_not_flutter),
		cmocka_unit_test(nothing_is_learnt_from_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
