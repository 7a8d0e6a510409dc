/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Two ways to do the same work, one of them thought to be the faster: is it?
 *
 * A price or a model says so first, but prices are of another hour and of simpler reads. So now and then a stretch of
 * the work goes the other way, and its time is compared with that of the stretch before, each divided by its work, so
 * that a drive which gets slower does so for both. A stretch and not a single draw, since a drive that limits reads and
 * bytes apart is fast for a moment at whichever it was spared:
 *
 *     draws    | usual | usual | usual | other | usual | ...
 *     time on / time off  =  work on / work off * (time / work) on / (time / work) off
 *
 * The mean of such trials decides once it is surer than their scatter. On is what costs more bytes (reading through
 * gaps, reading ahead), and must earn them: it is given up when it saves nothing, and taken up again when it saves
 * 7%. */

#include <stdbool.h>
#include <stdint.h>

struct wick_trial {
	bool on;              /* the usual way is the one that costs more bytes; */
	bool other;           /* the current stretch goes the other way */
	uint32_t draws;       /* of that stretch so far; their work this way and the other, and their time: */
	double own_work, other_work, took_us;
	uint32_t until_trial; /* stretches before the next one, */
	uint32_t interval;    /* and from one to the next: longer and longer while nothing changes */
	double cost;          /* time over work in the stretch before */
	double log_ratio;     /* of time on over time off: the mean over trials, */
	double log_square;    /* that of its square, */
	uint32_t trials;      /* and as many as count */
	uint64_t switches;
	double switch_ratio;  /* of time on over time off at the last of them */
};

/* On until it is known better. first: stretches before the first trial, from 2 on; two questions about the same draws
 * are asked at different times. */
void wick_trial_init(struct wick_trial *trial, uint32_t first);

/* Whether the next draw goes the way that costs more bytes. */
static inline bool wick_trial_way(const struct wick_trial *trial)
{
	return trial->on != trial->other;
}

/* The time of that draw, and its work in any unit: this way and, of a stretch that goes the other way, the usual way,
 * too. */
void wick_trial_learn(struct wick_trial *trial, double own_work, double other_work, double took_us);

/* The time of work on over its time off, as measured by now or, where that changed the way, when it did; 0: not known yet. */
double wick_trial_ratio(const struct wick_trial *trial);
