/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Holding a profile against the drive, on reads that it was not made from. */

#include "bits.h"
#include "clock.h"
#include "flash.h"
#include "median.h"
#include "output.h"
#include "probe.h"
#include "profile.h"
#include "progress.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define DEPTH 32
#define BUNDLE_BYTES 16384
#define BUNDLES_MAX 64
#define READS_MAX 4096
#define TIMES 20

static double random_share(uint64_t *state)
{
	*state = *state * 6364136223846793005 + 1442695040888963407;
	return (double)(*state >> 11) / 0x1p53;
}

/* Sizes evenly, numbers of reads evenly by magnitude. */
static void choose(struct flash_point *point, const struct flash_bench *bench, uint64_t *state)
{
	uint64_t bundles = WICK_MIN(bench->file.size / BUNDLE_BYTES, (uint64_t)BUNDLES_MAX);

	point->chunk_bytes = BUNDLE_BYTES * (1 + (uint64_t)(random_share(state) * (double)bundles));
	point->reads = (uint32_t)exp(log(READS_MAX + 1) * random_share(state));
}

static int measure(struct flash_point *point, struct wick_probe *probe, const struct wick_profile *profile,
	struct wick_diag *diag)
{
	const struct wick_profile_extents extents = { point->chunk_bytes, point->reads };
	int rc = wick_probe_bursts(probe, point->chunk_bytes, point->reads, TIMES, UINT64_MAX, &point->measured_us, diag);

	point->predicted_us = wick_profile_predict_us(profile, &extents, 1, DEPTH);
	point->error = rc ? 0 : point->predicted_us / point->measured_us - 1;
	return rc;
}

static void sum_up(struct flash_check *check)
{
	double errors[FLASH_POINTS_MAX];

	for (unsigned i = 0; i < check->count; i++)
		errors[i] = fabs(check->points[i].error);
	check->error_median = check->count ? wick_median(errors, check->count) : 0;
	check->error_worst = check->count ? errors[check->count - 1] : 0;
}

static int load_profile(struct wick_profile *profile, const struct flash_bench *bench, struct wick_diag *diag)
{
	struct wick_profile_key key;
	int rc;

	flash_profile_key(bench, &key);
	rc = wick_profile_load(profile, &key, diag);
	if (rc == WICK_PROFILE_MISSING)
		return wick_diag_say(diag, -ENOENT, "there is no profile of this drive yet: --save-profile makes one");
	return rc;
}

static int measure_points(struct flash_check *check, const struct flash_bench *bench, struct wick_probe *probe,
	const struct wick_profile *profile, void (*tell)(const struct flash_point *point), struct wick_diag *diag)
{
	uint64_t state = wick_now_ns();
	int rc = 0;

	while (check->count < check->planned && !rc) {
		struct flash_point *point = &check->points[check->count];

		choose(point, bench, &state);
		rc = measure(point, probe, profile, diag);
		if (rc < 0)
			break;
		check->count++;
		if (tell)
			tell(point);
	}
	sum_up(check);
	return rc;
}

int flash_check_run(struct flash_bench *bench, struct flash_check *check, void (*tell)(const struct flash_point *point),
	struct wick_diag *diag)
{
	struct wick_probe_options options = { .file = &bench->file, .depth = DEPTH, .reads_max = READS_MAX,
		.bytes = bench->file.size, .land_bytes = WICK_PROBE_LAND_BYTES, .seed = wick_now_ns(), .stop = interrupted,
		.chunk_bytes_max = BUNDLE_BYTES * WICK_MIN(bench->file.size / BUNDLE_BYTES, (uint64_t)BUNDLES_MAX) };
	struct wick_io_options io = bench->io;
	struct wick_probe *probe = NULL;
	struct wick_profile profile;
	int rc;

	if (bench->file.size < BUNDLE_BYTES)
		return wick_diag_say(diag, -EINVAL, "%s: %s are too little to check a profile with", bench->file.path,
			BYTES(bench->file.size));
	check->depth = io.depth = DEPTH;
	rc = wick_io_create(&options.io, &io, diag);
	if (rc < 0)
		return rc;
	snprintf(bench->method, sizeof(bench->method), "%s", wick_io_method(options.io));
	rc = load_profile(&profile, bench, diag);
	if (!rc)
		rc = wick_probe_create(&probe, &options, diag);
	if (!rc)
		rc = measure_points(check, bench, probe, &profile, tell, diag);
	if (wick_io_destroy(options.io) == 0) /* else the kernel may still write to its memory */
		wick_probe_destroy(probe);
	return rc;
}

void flash_print_point(const struct flash_point *point)
{
	printf("%6s x %4u: predicted %10.1f us, measured %10.1f us, %+5.1f%%\n", SIZE(point->chunk_bytes), point->reads,
		point->predicted_us, point->measured_us, 100 * point->error);
	output_flush(NULL); /* an error is told in the end */
}
