/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What company saves: a token of each of some sessions one after the other, and all in one batch, in turns.
 *
 *     bench-company MODEL [SESSIONS [ROUNDS [MODE [MEMORY_PERCENT]]]]
 */

#include "clock.h"
#include "median.h"

#include <stdio.h>
#include <stdlib.h>
#include <wick/wick.h>

#define PROMPT 16

struct bench {
	struct wick *wick;
	struct wick_row *rows; /* (count) */
	uint32_t count;
};

static void fail(const struct wick_diag *diag)
{
	fprintf(stderr, "%s\n", diag->text);
	exit(1);
}

static void prepare(struct bench *bench)
{
	uint32_t ids[PROMPT], vocab = wick_report_of(bench->wick)->vocab;
	struct wick_diag diag;

	for (uint32_t s = 0; s < bench->count; s++) {
		for (uint32_t i = 0; i < PROMPT; i++)
			ids[i] = (4 + s * 7919 + i * 104729) % vocab;
		bench->rows[s] = (struct wick_row){ .want = true };
		if (wick_session_create(&bench->rows[s].session, bench->wick, &diag) ||
			wick_session_eval(bench->rows[s].session, ids, PROMPT, NULL, NULL, &diag))
			fail(&diag);
	}
}

static void choose(struct bench *bench)
{
	const struct wick_sampling sampling = { .size = sizeof(sampling), .temp = 1, .top_p = 1 };

	for (uint32_t s = 0; s < bench->count; s++) {
		bench->rows[s].id = wick_session_sample(bench->rows[s].session, &sampling);
		bench->rows[s].position = wick_session_position(bench->rows[s].session);
	}
}

static double alone_ms(struct bench *bench)
{
	struct wick_diag diag;
	uint64_t begun;

	choose(bench);
	begun = wick_now_ns();
	for (uint32_t s = 0; s < bench->count; s++)
		if (wick_session_eval(bench->rows[s].session, &bench->rows[s].id, 1, NULL, NULL, &diag))
			fail(&diag);
	return (double)(wick_now_ns() - begun) / 1e6;
}

static double together_ms(struct bench *bench)
{
	struct wick_diag diag;
	uint64_t begun;

	choose(bench);
	begun = wick_now_ns();
	if (wick_eval_rows(bench->wick, bench->rows, bench->count, &diag))
		fail(&diag);
	return (double)(wick_now_ns() - begun) / 1e6;
}

int main(int argc, char **argv)
{
	uint32_t rounds = argc > 3 ? (uint32_t)atoi(argv[3]) : 15;
	double *alone = calloc(rounds, sizeof(*alone)), *together = calloc(rounds, sizeof(*together)), one, all;
	struct bench bench = { .count = argc > 2 ? (uint32_t)atoi(argv[2]) : 8 };
	struct wick_options options;
	struct wick_diag diag;

	bench.rows = calloc(bench.count, sizeof(*bench.rows));
	if (argc < 2 || !alone || !together || !bench.rows)
		return 1;
	wick_options_init(&options);
	options.sessions = bench.count;
	options.ctx = PROMPT + 2 * rounds;
	options.mode = argc > 4 ? argv[4] : "dense";
	options.memory.percent = argc > 5 ? atof(argv[5]) : 0;
	if (wick_open(&bench.wick, argv[1], &options, &diag))
		fail(&diag);
	prepare(&bench);
	for (uint32_t i = 0; i < rounds; i++) {
		alone[i] = alone_ms(&bench);
		together[i] = together_ms(&bench);
	}
	one = wick_median(alone, rounds);
	all = wick_median(together, rounds);
	printf("%u sessions, %s: one by one %.1f ms, in a batch %.1f ms, %.2f of it\n", bench.count, options.mode, one, all,
		all / one);
	wick_close(bench.wick);
}
