/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The paper's figure 2b, drawn by gnuplot: throughput against chunk size, a line for each depth or thread count, and
 * above them the sequential bound. The background is transparent and every colour is of middling lightness, so that the
 * figure can be read on white and on black. */

#include "bits.h"
#include "flash.h"
#include "gnuplot.h"

static const char *const colors[] = {
	"#3b82c4", "#c9730a", "#2a9d5c", "#a55fc0", "#d6504a", "#1f9aa5", "#8f8a1c", "#c25a94",
};

/* A line of the figure: cells of one depth and one number of threads. */
struct line {
	uint32_t depth, threads;
};

/* The lines to draw: every depth at the first number of threads, or every number of threads at the deepest queue. */
static unsigned find_lines(const struct flash_sweep *sweep, enum flash_lines kind, struct line *found)
{
	uint32_t depth_max = 0;
	unsigned count = 0;

	for (unsigned i = 0; i < sweep->count; i++)
		depth_max = WICK_MAX(depth_max, sweep->cells[i].depth);
	for (unsigned i = 0; i < sweep->count; i++) {
		struct line line = { sweep->cells[i].depth, sweep->cells[i].threads };
		unsigned known = 0;

		if (kind == FLASH_LINES_DEPTH ? line.threads != sweep->cells[0].threads : line.depth != depth_max)
			continue;
		while (known < count && (found[known].depth != line.depth || found[known].threads != line.threads))
			known++;
		if (known == count && count < FLASH_LIST_MAX)
			found[count++] = line;
	}
	return count;
}

static void put_title(const struct flash_sweep *sweep, enum flash_lines kind, const struct line *line, FILE *script)
{
	const struct flash_bench *bench = sweep->bench;
	char title[320], what[32];

	if (kind == FLASH_LINES_THREADS)
		snprintf(what, sizeof(what), "depth %u", line->depth);
	else
		snprintf(what, sizeof(what), "%u thread%s", line->threads, line->threads == 1 ? "" : "s");
	snprintf(title, sizeof(title), "%s reads, %s%s%s, %s, %s, %s", sweep->cells[0].sequential ? "Sequential" : "Random",
		bench->device.name[0] ? bench->device.name : "unknown drive", bench->device.model[0] ? " " : "",
		bench->device.model, bench->file.direct ? "direct" : "buffered", bench->method, what);
	fputs("set title ", script);
	gnuplot_text(title, script);
	fputs(" textcolor rgb '" GNUPLOT_GRAY "'\n", script);
}

static void put_axes(const struct flash_sweep *sweep, FILE *script)
{
	const char *separator = "";
	uint64_t from = UINT64_MAX, to = 0;

	for (unsigned i = 0; i < sweep->count; i++) {
		from = WICK_MIN(from, sweep->cells[i].chunk_bytes);
		to = WICK_MAX(to, sweep->cells[i].chunk_bytes);
	}
	fprintf(script, "set xrange [%.1f:%.1f]\n", (double)from / 1.1, (double)to * 1.1);
	fputs("set key outside right center Left reverse samplen 2 textcolor rgb '" GNUPLOT_GRAY "'\n"
	      "set logscale x 2\nset yrange [0:*]\n"
	      "set xlabel 'chunk size' textcolor rgb '" GNUPLOT_GRAY "'\n"
	      "set ylabel 'MB/s' textcolor rgb '" GNUPLOT_GRAY "'\n"
	      "set ytics nomirror textcolor rgb '" GNUPLOT_GRAY "'\n"
	      "set xtics nomirror textcolor rgb '" GNUPLOT_GRAY "' (", script);
	for (unsigned i = 0; i < sweep->count; i++) {
		const struct flash_cell *cell = &sweep->cells[i];

		if (cell->depth != sweep->cells[0].depth || cell->threads != sweep->cells[0].threads)
			continue;
		fprintf(script, "%s'%s' %llu", separator, SIZE(cell->chunk_bytes), (unsigned long long)cell->chunk_bytes);
		separator = ", ";
	}
	fputs(")\n", script);
}

static void put_points(const struct flash_sweep *sweep, const struct line *line, FILE *script)
{
	for (unsigned i = 0; i < sweep->count; i++) {
		const struct flash_cell *cell = &sweep->cells[i];

		if (cell->depth == line->depth && cell->threads == line->threads)
			fprintf(script, "%llu %.3f\n", (unsigned long long)cell->chunk_bytes, cell->figure[FLASH_MB_PER_S]);
	}
	fputs("e\n", script);
}

/* The legend's order is the figure's: deepest and highest first. */
static void put_script(const struct flash_sweep *sweep, enum flash_lines kind, FILE *script)
{
	struct line line[FLASH_LIST_MAX];
	unsigned count = find_lines(sweep, kind, line);

	put_axes(sweep, script);
	put_title(sweep, kind, line, script);
	fputs("plot ", script);
	if (sweep->sequential_mb_per_s)
		fprintf(script, "%.3f with lines dashtype 2 linewidth 1.5 linecolor rgb '" GNUPLOT_GRAY "' title 'sequential', ",
			sweep->sequential_mb_per_s);
	for (unsigned left = count; left; left--) {
		unsigned i = left - 1;

		fprintf(script, "'-' with linespoints linewidth 2 pointtype 7 pointsize 0.5 linecolor rgb '%s' title '%s %u'%s",
			colors[i % WICK_COUNT_OF(colors)], kind == FLASH_LINES_DEPTH ? "depth" : "threads",
			kind == FLASH_LINES_DEPTH ? line[i].depth : line[i].threads, i ? ", " : "\n");
	}
	for (unsigned left = count; left; left--)
		put_points(sweep, &line[left - 1], script);
}

int flash_svg_check(struct wick_diag *diag)
{
	return gnuplot_check(diag);
}

int flash_svg_write(const struct flash_sweep *sweep, enum flash_lines lines, const char *path, struct wick_diag *diag)
{
	FILE *script;
	int rc;

	if (!sweep->count)
		return 0;
	rc = gnuplot_begin(&script, path, diag);
	if (rc)
		return rc;
	put_script(sweep, lines, script);
	return gnuplot_draw(script, path, diag);
}
