/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Two ways, measured (see trial.h). */

#include "trial.h"

#include "bits.h"

#include <math.h>

#define STRETCH 16      /* draws that go one way, */
#define SETTLE 4       /* of which the first say how the drive was left by those before */
#define INTERVAL_MIN 4 /* stretches from one trial to the next at first */
#define INTERVAL_MAX 32 /* and once nothing has changed for long */
#define TRIALS_LEAST 4 /* before time overrules what was thought */
#define MEMORY 8       /* trials, over which their mean moves */
#define STALL 4        /* times, either way: a drive that stood still says nothing about the ways */
#define SURE 1         /* standard errors between the mean and what it must be beyond */
#define GIVE_UP 1.0    /* time on over time off: beyond it off is usual, */
#define TAKE_UP 0.93   /* and below this on is again */

void wick_trial_init(struct wick_trial *trial, uint32_t first)
{
	*trial = (struct wick_trial){ .on = true, .until_trial = first, .interval = INTERVAL_MIN };
}

double wick_trial_ratio(const struct wick_trial *trial)
{
	if (trial->switches)
		return trial->switch_ratio;
	return trial->trials < TRIALS_LEAST ? 0 : exp(trial->log_ratio);
}

/* Whether the other way is surely the better. */
static bool is_overruled(const struct wick_trial *trial)
{
	double variance = WICK_MAX(trial->log_square - trial->log_ratio * trial->log_ratio, 0.0);
	double doubt = SURE * sqrt(variance / trial->trials);

	if (trial->trials < TRIALS_LEAST)
		return false;
	return trial->on ? trial->log_ratio - doubt > log(GIVE_UP) : trial->log_ratio + doubt < log(TAKE_UP);
}

/* The mean of the first few, later a moving one. */
static void note_ratio(struct wick_trial *trial, double log_ratio)
{
	trial->trials = WICK_MIN(trial->trials + 1, MEMORY);
	trial->log_ratio += (log_ratio - trial->log_ratio) / trial->trials;
	trial->log_square += (log_ratio * log_ratio - trial->log_square) / trial->trials;
}

static void switch_ways(struct wick_trial *trial)
{
	trial->on = !trial->on;
	trial->switches++;
	trial->switch_ratio = exp(trial->log_ratio);
	trial->interval = INTERVAL_MIN;
}

/* A stretch went the other way. */
static void end_trial(struct wick_trial *trial, double cost)
{
	double slower = WICK_MIN(WICK_MAX(cost / trial->cost, 1.0 / STALL), (double)STALL);
	double other = log(trial->own_work / trial->other_work * slower);

	note_ratio(trial, trial->on ? -other : other);
	if (trial->trials >= TRIALS_LEAST)
		trial->interval = WICK_MIN(2 * trial->interval, INTERVAL_MAX);
	if (is_overruled(trial))
		switch_ways(trial);
	trial->until_trial = trial->interval;
}

static void end_stretch(struct wick_trial *trial)
{
	double cost = trial->took_us / trial->own_work;

	if (trial->other)
		end_trial(trial, cost);
	else
		trial->cost = cost;
	trial->other = --trial->until_trial == 0;
	trial->draws = 0;
	trial->own_work = trial->other_work = trial->took_us = 0;
}

void wick_trial_learn(struct wick_trial *trial, double own_work, double other_work, double took_us)
{
	if (!(own_work > 0) || !(took_us > 0) || (trial->other && !(other_work > 0)))
		return;
	if (trial->draws++ >= SETTLE) {
		trial->own_work += own_work;
		trial->other_work += other_work;
		trial->took_us += took_us;
	}
	if (trial->draws == STRETCH)
		end_stretch(trial);
}
