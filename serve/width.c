/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The width of a pass, by trial. */

#include "width.h"

#define AVERAGE 8    /* passes */
#define TRIAL 8      /* passes of a trial, */
#define WARM 2       /* of which the first do not count */
#define PAUSE_MIN 16 /* passes between two trials: twice as many after each that changed nothing */
#define PAUSE_MAX 1024
#define GAIN 0.95    /* a change has to bring more than noise */

static double token_ns(const struct wick_width *width, uint32_t rows)
{
	return width->ns[rows] / rows;
}

static uint32_t found(const struct wick_width *width, uint32_t wanted)
{
	return width->rows && width->rows < wanted ? width->rows : wanted;
}

/* Half of the rows where all share a pass; else twice as many, or half, in turn. */
static uint32_t find_other(struct wick_width *width, uint32_t now, uint32_t wanted)
{
	uint32_t twice = 2 * now < wanted ? 2 * now : wanted;

	width->wider = now == 1 || (now < wanted && !width->wider);
	return width->wider ? twice : (now + 1) / 2;
}

static void begin_trial(struct wick_width *width, uint32_t now, uint32_t wanted)
{
	width->tried = find_other(width, now, wanted);
	width->ns[width->tried] = 0;
	width->passes = 0;
}

static void end_trial(struct wick_width *width, uint32_t now)
{
	uint32_t tried = width->tried;
	bool pays = width->ns[tried] > 0 && token_ns(width, tried) < GAIN * token_ns(width, now);

	if (pays)
		width->rows = tried;
	width->pause = pays ? PAUSE_MIN : 2 * width->pause < PAUSE_MAX ? 2 * width->pause : PAUSE_MAX;
	width->tried = 0;
	width->passes = 0;
}

uint32_t wick_width_choose(struct wick_width *width, uint32_t wanted)
{
	uint32_t now = found(width, wanted);

	width->pause = width->pause ? width->pause : PAUSE_MIN;
	if (wanted < 2 || width->tried > wanted) /* some have left meanwhile */
		width->tried = 0;
	else if (width->tried && width->passes >= TRIAL)
		end_trial(width, now);
	else if (!width->tried && width->ns[now] > 0 && width->passes >= width->pause)
		begin_trial(width, now, wanted);
	return width->tried ? width->tried : found(width, wanted);
}

void wick_width_learn(struct wick_width *width, uint32_t rows, double ns)
{
	double *known = &width->ns[rows];

	width->passes++;
	if (width->tried && (rows != width->tried || width->passes <= WARM))
		return;
	*known += *known > 0 ? (ns - *known) / AVERAGE : ns;
}
