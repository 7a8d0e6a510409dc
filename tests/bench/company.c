/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What company saves: a token of each of some sessions one after the other, all in one batch, and in as few batches as the server would
 * make of them by measured time, in turns.
 *
 *     bench-company MODEL [SESSIONS [ROUNDS [MODE [MEMORY_PERCENT [TRACE APART [LOOKAHEAD]]]]]]
 *
 * TRACE: - is none. APART: tokens between two sessions in the trace that they replay. So eight of them, 1000 tokens apart, as an
 * OPT-1.3B shape draws them with 52% of its weights in memory (the trace takes 0.6 GB):
 *
 *     wick pack synthetic:opt-1.3b -o opt-1.3b.gguf
 *     wick trace synth -o opt-1.3b.trace --like opt-1.3b.gguf -n 7200
 *     wick flashbench . --save-profile
 *     bench-company opt-1.3b.gguf 8 48 sparse 52 opt-1.3b.trace 1000
 */

#include "clock.h"
#include "median.h"
#include "width.h"

#include <stdio.h>
#include <stdlib.h>
#include <wick/instruments.h>
#include <wick/wick.h>

#define PROMPT 16

struct bench {
	struct wick *wick;
	struct wick_row *rows; /* (count) */
	uint32_t count;
	struct wick_width width;
};

/* A way to give each session a token. */
struct way {
	const char *name;
	void (*step)(struct bench *bench);
	double *ms;           /* (rounds) */
	struct wick_stats sum; /* of what it read; bundles are neurons or experts */
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

static void eval(struct bench *bench, uint32_t first, uint32_t rows)
{
	struct wick_diag diag;

	if (wick_eval_rows(bench->wick, bench->rows + first, rows, &diag))
		fail(&diag);
}

static void one_by_one(struct bench *bench)
{
	for (uint32_t s = 0; s < bench->count; s++)
		eval(bench, s, 1);
}

static void together(struct bench *bench)
{
	eval(bench, 0, bench->count);
}

static void narrowed(struct bench *bench)
{
	for (uint32_t first = 0, rows; first < bench->count; first += rows) {
		uint64_t begun = wick_now_ns();

		rows = wick_width_choose(&bench->width, bench->count - first);
		eval(bench, first, rows);
		wick_width_learn(&bench->width, rows, (double)(wick_now_ns() - begun));
	}
}

static void take(struct bench *bench, struct way *way, uint32_t round)
{
	struct wick_stats before, after;
	uint64_t begun;

	choose(bench);
	wick_counters(bench->wick, &before);
	begun = wick_now_ns();
	way->step(bench);
	way->ms[round] = (double)(wick_now_ns() - begun) / 1e6;
	wick_counters(bench->wick, &after);
	way->sum.flash_bytes += after.flash_bytes - before.flash_bytes;
	way->sum.bundles_read += after.bundles_read + after.experts_read - before.bundles_read - before.experts_read;
	way->sum.bundles_prefetched += after.bundles_prefetched + after.experts_prefetched - before.bundles_prefetched - before.experts_prefetched;
	way->sum.bundles_wasted += after.bundles_wasted + after.experts_wasted - before.bundles_wasted - before.experts_wasted;
}

static void print(struct way *way, double one_ms, double median_ms, uint32_t rounds)
{
	printf("%-11s %9.1f ms %6.2f   %8.1f MB, %9.0f bundles, %8.0f ahead, %7.0f for nothing\n", way->name, median_ms, median_ms / one_ms,
		(double)way->sum.flash_bytes / rounds / 1e6, (double)way->sum.bundles_read / rounds,
		(double)way->sum.bundles_prefetched / rounds, (double)way->sum.bundles_wasted / rounds);
}

static void run(struct bench *bench, uint32_t rounds)
{
	struct way ways[] = { { .name = "one by one", .step = one_by_one }, { .name = "together", .step = together },
		{ .name = "narrowed", .step = narrowed } };
	double one_ms = 0;

	for (unsigned w = 0; w < 3; w++)
		ways[w].ms = calloc(rounds, sizeof(double));
	for (uint32_t i = 0; i < rounds; i++)
		for (unsigned w = 0; w < 3; w++)
			take(bench, &ways[w], i);
	for (unsigned w = 0; w < 3; w++) {
		double ms = wick_median(ways[w].ms, rounds);

		one_ms = w ? one_ms : ms;
		print(&ways[w], one_ms, ms, rounds);
		free(ways[w].ms);
	}
	printf("%u sessions, narrowed to %u rows a pass (0: all)\n", bench->count, bench->width.rows);
}

int main(int argc, char **argv)
{
	uint32_t rounds = argc > 3 ? (uint32_t)atoi(argv[3]) : 15;
	struct wick_instruments apart = { .size = sizeof(apart), .trace_apart = argc > 7 ? (uint32_t)atoi(argv[7]) : 0 };
	struct bench bench = { .count = argc > 2 ? (uint32_t)atoi(argv[2]) : 8 };
	struct wick_options options;
	struct wick_diag diag;

	bench.rows = calloc(bench.count, sizeof(*bench.rows));
	if (argc < 2 || !rounds || !bench.rows)
		return 1;
	wick_options_init(&options);
	options.sessions = bench.count;
	options.ctx = PROMPT + 3 * rounds;
	options.mode = argc > 4 ? argv[4] : "dense";
	options.memory.percent = argc > 5 ? atof(argv[5]) : 0;
	options.trace = argc > 6 && strcmp(argv[6], "-") ? argv[6] : NULL;
	options.lookahead = argc > 8 ? (uint32_t)atoi(argv[8]) : options.lookahead;
	options.instruments = &apart;
	if (wick_open(&bench.wick, argv[1], &options, &diag))
		fail(&diag);
	prepare(&bench);
	run(&bench, rounds);
	wick_close(bench.wick);
	free(bench.rows);
}
