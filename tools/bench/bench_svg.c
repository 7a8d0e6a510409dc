/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The ablation as a figure: what a token takes in each row, computing and waiting. */

#include "bench.h"
#include "gnuplot.h"
#include "progress.h"

/* A bar's two parts and, above it, its total. */
static void put_bars(const struct bench_row *rows, unsigned count, FILE *script)
{
	fputs("$rows << EOD\n", script);
	for (unsigned i = 0; i < count; i++)
		fprintf(script, "%s %.4f %.4f %.*f\n", bench_name(&rows[i]), rows[i].compute_ms, rows[i].io_wait_ms,
			rows[i].ms < 100, rows[i].ms);
	fputs("EOD\n", script);
}

int bench_write_svg(const struct bench_row *rows, unsigned count, const char *path, struct wick_diag *diag)
{
	char title[160];
	FILE *script;
	int rc = gnuplot_begin(&script, path, diag);

	if (rc)
		return rc;
	snprintf(title, sizeof(title), "A token of %s (%s) in %s", rows[0].model, rows[0].type,
		BYTES(rows[0].plan.budget_bytes));
	put_bars(rows, count, script);
	fputs("set title ", script);
	gnuplot_text(title, script);
	fputs(" textcolor rgb '" GNUPLOT_GRAY "'\n"
	      "set key top right textcolor rgb '" GNUPLOT_GRAY "'\nset yrange [0:*]\nset offsets 0, 0, graph 0.08, 0\n"
	      "set style data histograms\nset style histogram rowstacked\nset style fill solid noborder\nset boxwidth 0.7\n"
	      "set ylabel 'ms a token' textcolor rgb '" GNUPLOT_GRAY "'\n"
	      "set xtics nomirror scale 0 rotate by -35 textcolor rgb '" GNUPLOT_GRAY "'\n"
	      "set ytics nomirror textcolor rgb '" GNUPLOT_GRAY "'\n"
	      "plot $rows using 2:xtic(1) linecolor rgb '#3b82c4' title 'computing', "
	      "'' using 3 linecolor rgb '#d9822b' title 'waiting for flash', "
	      "'' using 0:($2 + $3):4 with labels offset 0, 0.6 textcolor rgb '" GNUPLOT_GRAY "' notitle\n",
	      script);
	return gnuplot_draw(script, path, diag);
}
