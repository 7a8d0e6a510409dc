/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick flashbench PATH */

#include "bits.h"
#include "commands.h"
#include "flash.h"
#include "probe.h"
#include "profile.h"
#include "progress.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_MIN 512
#define CHUNK_MAX (1u << 30)
#define ROUNDS_MAX 100
#define PROFILE_ROUNDS 3 /* a profile outlives the moment it was made in */

static const char *path, *chunks_text, *depths_text, *threads_text, *pattern, *method, *csv_path, *svg_path, *lines;
static uint64_t file_bytes;
static uint32_t check_points, rounds;
static float seconds;
static bool buffered, sqpoll, iopoll, save_profile, as_json;
static struct flash_list chunks, depths, threads;

static const char *const patterns[] = { "rand", "seq", NULL };
static const char *const methods[] = { "uring", "pread", "mmap", NULL };
static const char *const line_kinds[] = { "threads", "depth", NULL };

static const struct opt options[] = {
	{ OPT_HEADING, .help = "What is measured:" },
	{ OPT_TEXT, .name = "chunks", .value = "LIST", .into.text = &chunks_text,
		.help = "bytes of a read: sizes after commas, or doubling from A to B as A..B (4k..1m)" },
	{ OPT_TEXT, .name = "depths", .value = "LIST", .into.text = &depths_text,
		.help = "reads in flight, of each thread (1..128)" },
	{ OPT_TEXT, .name = "threads", .value = "LIST", .into.text = &threads_text,
		.help = "that read, each with a queue of its own (1)" },
	{ OPT_CHOICE, .name = "pattern", .choices = patterns, .into.text = &pattern,
		.help = "at random offsets, or in order (rand)" },
	{ OPT_NUMBER, .name = "seconds", .value = "S", .into.number = &seconds, .min = 0.01, .max = 3600,
		.help = "for each combination (1)" },
	{ OPT_COUNT, .name = "rounds", .value = "N", .into.count = &rounds, .min = 1, .max = ROUNDS_MAX,
		.help = "go over everything so often; the medians count (1, of a profile 3)" },
	{ OPT_SIZE, .name = "size", .value = "SIZE", .into.size = &file_bytes, .min = CHUNK_MIN, .max = 0x1p50,
		.help = "of the test file that is made in a folder (1G)" },

	{ OPT_HEADING, .help = "How it is read:" },
	{ OPT_CHOICE, .name = "io", .choices = methods, .into.text = &method, .help = "the method (the first that works)" },
	{ OPT_FLAG, .name = "buffered", .into.flag = &buffered, .help = "through the page cache, which is dropped behind" },
	{ OPT_FLAG, .name = "sqpoll", .into.flag = &sqpoll, .help = "uring: a kernel thread submits" },
	{ OPT_FLAG, .name = "iopoll", .into.flag = &iopoll, .help = "uring: completions are polled for" },

	{ OPT_HEADING, .help = "What comes of it:" },
	{ OPT_FLAG, .name = "json", .into.flag = &as_json, .help = "JSON instead of the table" },
	{ OPT_OUTPUT, .name = "csv", .value = "FILE", .into.text = &csv_path, .help = "the table, for other programs" },
	{ OPT_OUTPUT, .name = "svg", .value = "FILE", .into.text = &svg_path,
		.help = "a figure of throughput against chunk size, by gnuplot" },
	{ OPT_CHOICE, .name = "lines", .choices = line_kinds, .into.text = &lines,
		.help = "a line in the figure for each (depth)" },
	{ OPT_FLAG, .name = "save-profile", .into.flag = &save_profile,
		.help = "keep the results as this drive's profile" },
	{ OPT_COUNT, .name = "check-profile", .value = "N", .into.count = &check_points, .min = 1, .max = FLASH_POINTS_MAX,
		.help = "hold the profile that was kept against N random sets of reads; without --save-profile nothing else "
			"is measured" },
	{ OPT_END },
};

static void init(void)
{
	chunks_text = "4k..1m";
	depths_text = "1..128";
	threads_text = "1";
	pattern = patterns[0];
	lines = line_kinds[1];
	file_bytes = 1u << 30;
	seconds = 1;
}

/* A profile is of random reads by one thread, from depth 1 on. */
static int check_profile(struct wick_diag *diag)
{
	if (!save_profile)
		return 0;
	if (strcmp(pattern, "rand"))
		return wick_diag_say(diag, -EINVAL, "--save-profile is of random reads, not of --pattern %s", pattern);
	if (!flash_list_has(&threads, 1) || !flash_list_has(&depths, 1))
		return wick_diag_say(diag, -EINVAL, "--save-profile needs 1 among the --threads and the --depths");
	if (chunks.count < 2 || chunks.count > 16 || depths.count > 16)
		return wick_diag_say(diag, -EINVAL, "--save-profile takes 2 to 16 --chunks, not %u, and up to 16 --depths",
			chunks.count);
	return 0;
}

static int check(struct wick_diag *diag)
{
	int rc = flash_list_parse(&chunks, "--chunks", chunks_text, true, CHUNK_MIN, CHUNK_MAX, diag);

	if (!rc)
		rc = flash_list_parse(&depths, "--depths", depths_text, false, 1, FLASH_DEPTH_MAX, diag);
	if (!rc)
		rc = flash_list_parse(&threads, "--threads", threads_text, false, 1, FLASH_THREADS_MAX, diag);
	if (!rc && (sqpoll || iopoll) && method && strcmp(method, "uring"))
		rc = wick_diag_say(diag, -EINVAL, "--%s is for --io uring, not for %s", sqpoll ? "sqpoll" : "iopoll", method);
	return rc ? rc : check_profile(diag);
}

/* Every combination, chunk sizes first; none when only a profile is to be checked. */
static struct flash_cell *plan_cells(unsigned *count)
{
	struct flash_cell *cells = calloc((size_t)chunks.count * depths.count * threads.count, sizeof(*cells));

	*count = 0;
	for (unsigned t = 0; cells && t < threads.count && (save_profile || !check_points); t++)
		for (unsigned c = 0; c < chunks.count; c++)
			for (unsigned d = 0; d < depths.count; d++)
				cells[(*count)++] = (struct flash_cell){ .chunk_bytes = chunks.value[c],
					.depth = (uint32_t)depths.value[d], .threads = (uint32_t)threads.value[t],
					.sequential = !strcmp(pattern, "seq") };
	return cells;
}

static int check_cells(const struct flash_sweep *sweep, struct wick_diag *diag)
{
	int rc = 0;

	for (unsigned i = 0; i < sweep->planned && !rc; i++)
		rc = flash_cell_check(sweep->bench, &sweep->cells[i], diag);
	return rc;
}

static void print_start(const struct flash_sweep *sweep)
{
	const struct flash_bench *bench = sweep->bench;
	const struct wick_device *device = &bench->device;

	fprintf(stderr, "%s, %s, on %s%s%s; %s", SHOWN(bench->file.path), BYTES(bench->file.size),
		device->name[0] ? SHOWN(device->name) : "an unknown drive", device->model[0] ? ", " : "", SHOWN(device->model),
		bench->file.direct ? "direct" : "buffered");
	if (sweep->planned)
		fprintf(stderr, ", %u combination%s of %g s", sweep->planned, sweep->planned == 1 ? "" : "s", bench->seconds);
	if (sweep->planned && sweep->rounds > 1)
		fprintf(stderr, ", %u rounds", sweep->rounds);
	fputc('\n', stderr);
}

/* The files asked for, of what was measured; one that fails takes no other with it. */
static int write_files(const struct flash_sweep *sweep, struct wick_diag *diag)
{
	enum flash_lines kind = strcmp(lines, "depth") ? FLASH_LINES_THREADS : FLASH_LINES_DEPTH;
	int csv = csv_path ? flash_write_csv(sweep, csv_path, diag) : 0;
	int svg = svg_path ? flash_svg_write(sweep, kind, svg_path, diag) : 0;

	return csv ? csv : svg;
}

/* The profile against the drive; what Ctrl-C leaves of it counts. */
static int check_against_drive(struct flash_bench *bench, struct flash_sweep *sweep, struct flash_check *check,
	struct wick_diag *diag)
{
	int rc;

	check->planned = check_points;
	rc = flash_check_run(bench, check, as_json ? NULL : flash_print_point, diag);
	if (rc == -ECANCELED && check->count)
		rc = 0;
	if (rc < 0)
		return rc;
	sweep->check = check;
	if (!as_json)
		printf("the profile's error: median %.1f%%, worst %.1f%%, of %u sets of reads at depth %u\n",
			100 * check->error_median, 100 * check->error_worst, check->count, check->depth);
	return 0;
}

static int save_profile_of(struct flash_sweep *sweep, char *profile_path, struct wick_diag *diag)
{
	int rc = flash_profile_save(sweep, profile_path, diag);

	if (rc < 0)
		return rc;
	sweep->profile_path = profile_path;
	fprintf(stderr, "profile saved: %s\n", SHOWN(profile_path));
	return 0;
}

/* Writes all results that can be written, and returns the first error that there was. */
static int keep(struct flash_sweep *sweep, bool whole, char *profile_path, struct wick_diag *diag)
{
	int rc = save_profile && whole ? save_profile_of(sweep, profile_path, diag) : 0;
	int written = write_files(sweep, diag);

	return rc ? rc : written;
}

/* All that was asked for. Cells measured before Ctrl-C are written as if they were all; a profile needs all. */
static int measure_and_write(struct flash_bench *bench, struct flash_sweep *sweep, struct flash_check *check,
	struct wick_diag *diag)
{
	char profile_path[512];
	int rc = flash_sweep_run(bench, sweep, !as_json, diag);
	bool whole = !rc;

	if (!rc && svg_path)
		rc = flash_sweep_bound(bench, sweep, diag);
	if (rc == -ECANCELED) {
		if (!sweep->count)
			return wick_diag_say(diag, rc, "stopped before anything was measured");
		fprintf(stderr, "stopped after %u of %u combination%s%s\n", sweep->count, sweep->planned,
			sweep->planned == 1 ? "" : "s", save_profile && !whole ? "; no profile was saved" : "");
		rc = 0;
	}
	if (!rc)
		rc = keep(sweep, whole, profile_path, diag);
	if (!rc && check_points && whole)
		rc = check_against_drive(bench, sweep, check, diag);
	if (as_json && (sweep->count || sweep->check)) {
		int printed = flash_print_json(sweep, stdout);

		rc = rc ? rc : printed;
	}
	return rc;
}

/* Checks beforehand that all cells can be measured, and that the results can be written. */
static int check_bench(const struct flash_bench *bench, struct wick_diag *diag)
{
	const struct wick_file *file = &bench->file;
	struct wick_profile_key key;

	if (!buffered && !file->direct)
		return wick_diag_say(diag, -EOPNOTSUPP,
			"%s cannot be read directly: %s; --buffered measures it through the page cache", file->path, file->why);
	flash_profile_key(bench, &key);
	return save_profile ? wick_profile_check(&key, diag) : 0;
}

static int measure_open(struct flash_bench *bench, struct wick_diag *diag)
{
	struct flash_sweep sweep = { .bench = bench, .rounds = rounds ? rounds : save_profile ? PROFILE_ROUNDS : 1 };
	struct flash_check *check = calloc(1, sizeof(*check));
	int rc = check_bench(bench, diag);

	sweep.cells = plan_cells(&sweep.planned);
	if (!rc && (!sweep.cells || !check))
		rc = -ENOMEM;
	if (!rc)
		rc = check_cells(&sweep, diag);
	if (!rc) {
		print_start(&sweep);
		flash_settle();
		rc = measure_and_write(bench, &sweep, check, diag);
	}
	free(sweep.cells);
	free(check);
	return rc;
}

static int run(struct wick_diag *diag)
{
	struct flash_bench bench = { .seconds = seconds, .bursts = save_profile,
		.land_bytes = save_profile ? WICK_PROBE_LAND_BYTES : 0,
		.io = { .method = method, .retries = 3, .sqpoll = sqpoll, .iopoll = iopoll } };
	int rc = svg_path ? flash_svg_check(diag) : 0;

	if (rc < 0)
		return rc;
	interrupt_catch();
	rc = flash_open(&bench, path, file_bytes, !buffered, diag);
	if (rc < 0)
		return rc;
	rc = measure_open(&bench, diag);
	flash_close(&bench);
	return rc;
}

const struct command cmd_flashbench = {
	.name = "flashbench",
	.purpose = "measure the speed of a drive",
	.synopsis = "PATH [options]",
	.operand = "PATH",
	.operand_into = &path,
	.about = "Measures reads of every chunk size, at every queue depth, by every number of\n"
		 "threads. PATH is a folder, where a test file is made that vanishes with the\n"
		 "program, or a file or block device to read, which is left as it is. Ctrl-C ends\n"
		 "it with what it has.",
	.examples = "wick flashbench . --chunks 4k,64k,1m --depths 1,32\n"
		    "wick flashbench . --save-profile",
	.options = options,
	.init = init,
	.check = check,
	.run = run,
};
