/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of wick flashbench. A sweep is a list of cells; a cell is one combination of chunk size, queue depth and
 * number of threads, and the figures measured there. */

#include "device.h"
#include "file.h"
#include "io.h"

#include <stdio.h>

#define FLASH_LIST_MAX 64
#define FLASH_THREADS_MAX 256
#define FLASH_DEPTH_MAX 4096

/* Ascending as given: "4k..1m" doubles from the first to the last, commas join. */
struct flash_list {
	uint64_t value[FLASH_LIST_MAX];
	unsigned count;
};

/* Parses a list of sizes or, without `sizes`, of whole numbers, each from min to max; the sentence names the option. */
int flash_list_parse(struct flash_list *list, const char *option, const char *text, bool sizes, uint64_t min,
	uint64_t max, struct wick_diag *diag);
bool flash_list_has(const struct flash_list *list, uint64_t value);

/* The file to read, and how. */
struct flash_bench {
	struct wick_file file;
	struct wick_device device;
	bool made;                  /* the file is ours: it has no name any more and goes when it is closed */
	struct wick_io_options io;  /* depth is the cell's */
	double seconds;             /* a cell takes; FLASH_RUN_ON times as long where reads are few */
	uint64_t land_bytes;        /* see probe.h */
	bool bursts;                /* measure them too, in cells of one thread */
	char method[16];            /* really in use, and why not the best: from the first cell on */
	char why[256];
};

enum flash_figure {
	FLASH_MB_PER_S,
	FLASH_READS_PER_S,
	FLASH_LATENCY_US_P50,
	FLASH_LATENCY_US_P99,
	FLASH_LATENCY_US_P99_9,
	FLASH_LATENCY_US_MAX,
	FLASH_CPU_US_PER_READ, /* of the whole process, kernel included */
	FLASH_BURST_US,        /* of depth reads handed over together; 0: not measured */
	FLASH_FIGURES,
};

#define FLASH_RUN_ON 5

struct flash_check;

struct flash_cell {
	uint64_t chunk_bytes;
	uint32_t depth, threads;
	bool sequential;

	uint64_t reads; /* counted, of all threads and rounds; 0: not measured */
	double figure[FLASH_FIGURES];
};

/* Opens a file or block device to read, or makes a file of `size` bytes in a folder: nothing that compresses, nothing
 * that stays, nothing that fills the disk. Where direct reads are refused the file is open all the same: file.why. */
int flash_open(struct flash_bench *bench, const char *path, uint64_t size, bool direct, struct wick_diag *diag);
void flash_close(struct flash_bench *bench);

/* Whether this file and machine can do what a cell asks for; measures nothing. */
int flash_cell_check(const struct flash_bench *bench, const struct flash_cell *cell, struct wick_diag *diag);

/* Waits until what other threads of the process do at its start is over (OpenBLAS's spin), so that it is not
 * counted. */
void flash_settle(void);

/* Measures one cell, calling tick (which may be NULL) a few times a second. -ECANCELED after Ctrl-C. */
int flash_cell_run(struct flash_bench *bench, struct flash_cell *cell, void (*tick)(void *user), void *user,
	struct wick_diag *diag);

/* Whether the figures are of so few reads that they say little: fewer than 100. */
bool flash_cell_few(const struct flash_cell *cell);

/* One cell of several rounds: every figure's own median; reads add up. */
void flash_cell_medians(struct flash_cell *cell, const struct flash_cell *rounds, unsigned count);

/* A sweep that was measured, as far as it came. */
struct flash_sweep {
	const struct flash_bench *bench;
	struct flash_cell *cells;
	unsigned count;          /* measured */
	unsigned planned;
	unsigned rounds;
	double sequential_mb_per_s; /* the bound of the figure; 0: not measured */
	const char *profile_path;   /* saved there; NULL: not */
	const struct flash_check *check; /* NULL: none */
};

/* Measures all of it; with print, the table goes to standard output as it grows. After -ECANCELED (Ctrl-C), and only
 * then, the cells are complete as far as sweep->count says. */
int flash_sweep_run(struct flash_bench *bench, struct flash_sweep *sweep, bool print, struct wick_diag *diag);

/* Long reads in order: no random reads are faster. A file too small for them is read in the longest chunks it has. */
int flash_sweep_bound(struct flash_bench *bench, struct flash_sweep *sweep, struct wick_diag *diag);

void flash_print_head(FILE *out);
void flash_print_cell(const struct flash_cell *cell, FILE *out); /* with a star where reads were few, */
void flash_print_foot(const struct flash_sweep *sweep, FILE *out);   /* and its meaning */
int flash_print_json(const struct flash_sweep *sweep, FILE *out);
int flash_write_csv(const struct flash_sweep *sweep, const char *path, struct wick_diag *diag);

/* "64k", "1M", "4608" */
struct flash_size_text {
	char text[24];
};
const char *flash_say_size(struct flash_size_text *into, uint64_t bytes);
#define SIZE(bytes) flash_say_size(&(struct flash_size_text){ "" }, bytes)

enum flash_lines { FLASH_LINES_DEPTH, FLASH_LINES_THREADS };

/* Whether gnuplot is there to draw with. */
int flash_svg_check(struct wick_diag *diag);

/* Throughput against chunk size, a line for each depth or thread count, the sequential bound dashed. */
int flash_svg_write(const struct flash_sweep *sweep, enum flash_lines lines, const char *path, struct wick_diag *diag);

struct wick_profile_key;

void flash_profile_key(const struct flash_bench *bench, struct wick_profile_key *key);

/* Fits and saves the profile of the drive from cells of one thread with bursts; path as for wick_profile_save. */
int flash_profile_save(const struct flash_sweep *sweep, char *path, struct wick_diag *diag);

/* The time of reads by a profile, and the time they took: extents of 1 to 64 bundles of 16 KiB, 1 to 4096 of them
 * together. */
struct flash_point {
	uint64_t chunk_bytes;
	uint32_t reads;
	double predicted_us, measured_us; /* the median of 20 */
	double error;                     /* predicted / measured - 1 */
};

#define FLASH_POINTS_MAX 1000

struct flash_check {
	struct flash_point points[FLASH_POINTS_MAX];
	unsigned count, planned;
	uint32_t depth;
	double error_median, error_worst; /* of their sizes */
};

/* Loads the profile of the drive and holds it against check->planned random points, telling each. */
int flash_check_run(struct flash_bench *bench, struct flash_check *check, void (*tell)(const struct flash_point *point),
	struct wick_diag *diag);
void flash_print_point(const struct flash_point *point);
