/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A quick profile, for the first run on a drive without one: few sizes and depths, and little time for each. */

#include "bits.h"
#include "clock.h"
#include "device.h"
#include "file.h"
#include "io.h"
#include "probe.h"
#include "profile.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define STEADY_SHARE 0.55 /* of a cell's time */
#define BURST_SHARE 0.3   /* likewise; the rest is for the last reads to come back */
#define RUN_ON 2 /* times as long where reads are few */
#define BURSTS 5
#define CELL_NS_MIN 10e6

static const uint64_t sizes[] = { 4096, 16384, 65536, 262144, 1048576 };
static const uint32_t depths[] = { 1, 4, 16, 32, 128 };

#define CELLS (WICK_COUNT_OF(sizes) * WICK_COUNT_OF(depths))

/* How many of the sizes, from the first on, this file has room and alignment for. */
static unsigned usable_sizes(const struct wick_file *file)
{
	unsigned count = 0;

	while (count < WICK_COUNT_OF(sizes) && sizes[count] <= file->size)
		count++;
	return sizes[0] % file->offset_align ? 0 : count;
}

struct survey {
	const struct wick_file *file;
	const char *method;
	bool (*stop)(void);
	uint64_t deadline_ns;
	unsigned size_count;
	unsigned count; /* of the cells measured */
	struct wick_profile_cell cells[CELLS];
	char used_method[16];
};

/* The remaining time is shared by the remaining cells. Where the drive took it all, each has a little, so that no
 * figure is of one read, which anything may delay. */
static double cell_ns(const struct survey *survey)
{
	uint64_t now = wick_now_ns(), left_ns = survey->deadline_ns > now ? survey->deadline_ns - now : 0;
	double share_ns = (double)left_ns / (survey->size_count * (double)WICK_COUNT_OF(depths) - survey->count);

	return WICK_MAX(share_ns, CELL_NS_MIN);
}

static int measure_cell(struct survey *survey, struct wick_probe *probe, uint64_t bytes, uint32_t depth,
	struct wick_diag *diag)
{
	struct wick_profile_cell *cell = &survey->cells[survey->count];
	const double ns = cell_ns(survey);
	const struct wick_probe_load load = { .chunk_bytes = bytes, .duration_ns = (uint64_t)(ns * STEADY_SHARE),
		.reads_min = WICK_PROBE_READS_MIN, .limit_ns = (uint64_t)(ns * STEADY_SHARE * RUN_ON) };
	struct wick_steady steady;
	int rc = wick_probe_steady(probe, &load, &steady, NULL, diag);

	*cell = (struct wick_profile_cell){ .bytes = bytes, .depth = depth, .reads = steady.reads };
	if (!rc)
		rc = wick_probe_bursts(probe, bytes, depth, BURSTS, (uint64_t)(ns * BURST_SHARE), &cell->burst_us, diag);
	if (rc < 0)
		return rc;
	cell->interval_us = (double)steady.ns / 1e3 / (double)steady.reads;
	survey->count++;
	return 0;
}

static int measure_depth(struct survey *survey, uint32_t depth, struct wick_diag *diag)
{
	const struct wick_io_options io_options = { .method = survey->method, .depth = depth };
	struct wick_probe_options options = { .file = survey->file, .depth = depth, .bytes = survey->file->size,
		.seed = depth, .land_bytes = WICK_PROBE_LAND_BYTES, .chunk_bytes_max = sizes[survey->size_count - 1], .reads_max = depth, .stop = survey->stop };
	struct wick_probe *probe = NULL;
	int rc = wick_io_create(&options.io, &io_options, diag);

	if (rc < 0)
		return rc;
	snprintf(survey->used_method, sizeof(survey->used_method), "%s", wick_io_method(options.io));
	rc = wick_probe_create(&probe, &options, diag);
	for (unsigned i = 0; i < survey->size_count && !rc; i++)
		rc = measure_cell(survey, probe, sizes[i], depth, diag);
	if (wick_io_destroy(options.io) == 0) /* else the kernel may still write to its memory */
		wick_probe_destroy(probe);
	return rc;
}

int wick_profile_probe(struct wick_profile *profile, const struct wick_file *file, const char *method, uint64_t limit_ns,
	bool (*stop)(void), struct wick_diag *diag)
{
	struct wick_profile made = { .key.direct = file->direct, .measured_s = time(NULL), .quick = true };
	struct survey survey = { .file = file, .method = method, .stop = stop, .deadline_ns = wick_now_ns() + limit_ns,
		.size_count = usable_sizes(file) };
	struct wick_device device;
	int rc = wick_device_of(&device, file->path, diag);

	if (!rc && !survey.size_count)
		rc = wick_diag_say(diag, -EINVAL, "%s: cannot be measured with reads of %" PRIu64 " bytes: it has %" PRIu64
			" bytes and an alignment of %u", file->path, sizes[0], file->size, file->offset_align);
	for (unsigned i = 0; i < WICK_COUNT_OF(depths) && !rc; i++)
		rc = measure_depth(&survey, depths[i], diag);
	if (!rc)
		rc = wick_profile_fit(&made, survey.cells, survey.count, diag);
	if (rc < 0)
		return rc;
	memcpy(made.key.device, device.key, sizeof(made.key.device));
	memcpy(made.key.method, survey.used_method, sizeof(made.key.method));
	memcpy(made.model, device.model, sizeof(made.model));
	*profile = made;
	return 0;
}
