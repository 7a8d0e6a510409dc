/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The paper's curve of aggregated use: distinct neurons against tokens. */

#include "gnuplot.h"
#include "trace_stats.h"

int stats_write_svg(const struct stats *stats, const char *path, struct wick_diag *diag)
{
	const struct wick_trace_shape *shape = stats->shape;
	char title[160];
	FILE *script;
	int rc = gnuplot_begin(&script, path, diag);

	if (rc)
		return rc;
	snprintf(title, sizeof(title), "Neurons used within k tokens: %s trace, %u layers of %u neurons",
		shape->synthetic ? "synthetic" : "recorded", shape->layers, shape->n_ff);
	fputs("set title ", script);
	gnuplot_text(title, script);
	fprintf(script, " textcolor rgb '" GNUPLOT_GRAY "'\n"
		"set nokey\nset xrange [0:%u]\nset yrange [0:*]\n"
		"set xlabel 'k, tokens' textcolor rgb '" GNUPLOT_GRAY "'\n"
		"set ylabel 'share of the neurons, %%' textcolor rgb '" GNUPLOT_GRAY "'\n"
		"set xtics nomirror textcolor rgb '" GNUPLOT_GRAY "'\nset ytics nomirror textcolor rgb '" GNUPLOT_GRAY "'\n"
		"plot '-' with linespoints linewidth 2 pointtype 7 pointsize 0.3 linecolor rgb '#3b82c4'\n",
		stats->curves.windows);
	for (uint32_t k = 1; k <= stats->curves.windows; k++)
		fprintf(script, "%u %.4f\n", k, 100 * stats->curves.distinct[k]);
	fputs("e\n", script);
	return gnuplot_draw(script, path, diag);
}
