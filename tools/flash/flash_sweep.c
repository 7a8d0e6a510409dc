/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Cell after cell, round after round: what drifts between the rounds is left to the medians. */

#include "bits.h"
#include "clock.h"
#include "flash.h"
#include "median.h"
#include "output.h"
#include "probe.h"
#include "progress.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>

#define BOUND_CHUNK_BYTES (1u << 20) /* of the sequential bound: long reads, several under way */
#define BOUND_DEPTH 32

/* The line on the terminal. */
struct line {
	const struct flash_sweep *sweep;
	struct progress progress;
	unsigned round, cell;
};

static void draw(void *user)
{
	struct line *line = user;
	const struct flash_sweep *sweep = line->sweep;
	const struct flash_cell *cell = &sweep->cells[line->cell];
	unsigned done = line->round * sweep->planned + line->cell, all = sweep->rounds * sweep->planned;
	double spent_s = (double)(wick_now_ns() - line->progress.begun_ns) / 1e9;
	double left_s = done ? spent_s / done * (all - done) : sweep->bench->seconds * all;

	progress_say(&line->progress, "%u of %u: chunks of %s, depth %u, threads %u; about %.0f s left", done + 1, all,
		SIZE(cell->chunk_bytes), cell->depth, cell->threads, left_s);
}

void flash_cell_medians(struct flash_cell *cell, const struct flash_cell *rounds, unsigned count)
{
	double *values = calloc(count, sizeof(*values));

	*cell = rounds[0];
	cell->reads = 0;
	for (unsigned i = 0; i < count; i++)
		cell->reads += rounds[i].reads;
	for (unsigned figure = 0; values && figure < FLASH_FIGURES; figure++) {
		for (unsigned i = 0; i < count; i++)
			values[i] = rounds[i].figure[figure];
		cell->figure[figure] = wick_median(values, count);
	}
	free(values);
}

/* Says what came out as soon as it is final. */
static void finish_cell(struct flash_sweep *sweep, const struct flash_cell *rounds, unsigned count, bool print)
{
	struct flash_cell *cell = &sweep->cells[sweep->count];

	flash_cell_medians(cell, rounds, count);
	if (print && !sweep->count)
		flash_print_head(stdout);
	if (print) {
		flash_print_cell(cell, stdout);
		output_flush(NULL); /* an error is told in the end: other files may be wanted, too */
	}
	sweep->count++;
}

static void say_method(const struct flash_bench *bench)
{
	fprintf(stderr, "through %s%s%s\n", bench->method, bench->why[0] ? "; not uring: " : "", SHOWN(bench->why));
}

/* One round; runs is (planned, rounds). Cells are final in the last one. */
static int run_round(struct flash_bench *bench, struct flash_sweep *sweep, struct flash_cell *runs, struct line *line,
	bool print, struct wick_diag *diag)
{
	const unsigned rounds = sweep->rounds;

	for (line->cell = 0; line->cell < sweep->planned; line->cell++) {
		struct flash_cell *run = &runs[line->cell * rounds + line->round];
		int rc;

		*run = sweep->cells[line->cell];
		draw(line);
		rc = flash_cell_run(bench, run, draw, line, diag);
		progress_end(&line->progress);
		if (rc < 0)
			return rc;
		if (!line->round && !line->cell)
			say_method(bench);
		if (line->round + 1 == rounds)
			finish_cell(sweep, &runs[line->cell * rounds], rounds, print);
	}
	return 0;
}

/* After Ctrl-C: the cells whose last round did not come, by the rounds that did. */
static void finish_early(struct flash_sweep *sweep, const struct flash_cell *runs, const struct line *line, bool print)
{
	while (sweep->count < sweep->planned) {
		unsigned count = line->round + (sweep->count < line->cell);

		if (!count)
			return;
		finish_cell(sweep, &runs[sweep->count * sweep->rounds], count, print);
	}
}

int flash_sweep_run(struct flash_bench *bench, struct flash_sweep *sweep, bool print, struct wick_diag *diag)
{
	struct flash_cell *runs = calloc((size_t)sweep->planned * sweep->rounds + 1, sizeof(*runs));
	struct line line = { .sweep = sweep };
	int rc = runs ? 0 : wick_diag_say(diag, -ENOMEM, "no memory for %u combinations", sweep->planned);

	progress_begin(&line.progress, "");
	while (!rc && line.round < sweep->rounds) {
		rc = run_round(bench, sweep, runs, &line, print, diag);
		line.round += rc == 0;
	}
	if (rc == -ECANCELED)
		finish_early(sweep, runs, &line, print);
	if (print)
		flash_print_foot(sweep, stdout);
	free(runs);
	return rc;
}

int flash_sweep_bound(struct flash_bench *bench, struct flash_sweep *sweep, struct wick_diag *diag)
{
	struct flash_cell bound = { .depth = BOUND_DEPTH, .threads = 1, .sequential = true };
	int rc;

	for (unsigned i = 0; i < sweep->planned; i++)
		bound.chunk_bytes = WICK_MAX(bound.chunk_bytes, sweep->cells[i].chunk_bytes);
	if (bench->file.size >= BOUND_CHUNK_BYTES)
		bound.chunk_bytes = BOUND_CHUNK_BYTES;
	rc = flash_cell_run(bench, &bound, NULL, NULL, diag);
	sweep->sequential_mb_per_s = rc ? 0 : bound.figure[FLASH_MB_PER_S];
	return rc;
}
