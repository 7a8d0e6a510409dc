/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Figures, drawn by gnuplot: SVG with a transparent background and colours of middling lightness, so that they can be
 * read on white and on black. */

#include "diag.h"

#include <stdio.h>

#define GNUPLOT_GRAY "#757575" /* as far from white as from black */

/* Whether gnuplot is there to draw with. */
int gnuplot_check(struct wick_diag *diag);

/* A script for the figure at path, begun with terminal, border and grid. */
int gnuplot_begin(FILE **script, const char *path, struct wick_diag *diag);
void gnuplot_text(const char *text, FILE *script); /* as a quoted string, its control characters replaced */

/* Draws it, and ends the script in any case. */
int gnuplot_draw(FILE *script, const char *path, struct wick_diag *diag);
