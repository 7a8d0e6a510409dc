/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Does planning extents pay on this drive, and does scattering cost? Not a test: it tells times.
 *
 *     bench-extents gaps|scatter FILE [ROUNDS]
 *
 * Gaps: random sets of a share of 16,384 bundles of 16 KiB are read into the rows of a matrix, each bundle alone and by
 * planned extents in turns; prices are those of the drive's profile, or of a quick one when none was saved.
 * Scatter: reads of one size into random rows of that matrix, with and without registering it, against the same reads as
 * flashbench makes them: over a few buffers that stay in the processor's cache, and (--save-profile) over as much memory
 * as the matrix has. */

#include "bits.h"
#include "device.h"
#include "extent.h"
#include "file.h"
#include "io.h"
#include "median.h"
#include "probe.h"
#include "profile.h"
#include "splitmix.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BUNDLES 16384u
#define STRIDE 16384u
#define DEPTH 32
#define CHUNK_BYTES (1u << 20)
#define SCRATCH_BYTES (256u << 10)
#define ROUNDS_MAX 31
#define STEADY_NS 500000000ull

struct bench {
	struct wick_file file;
	struct wick_io *io;
	struct wick_profile profile;
	uint8_t *rows, *scratch; /* (BUNDLES, STRIDE), (SCRATCH_BYTES) */
	struct wick_wanted *wanted;
	struct wick_extent_arrays arrays;
	struct wick_io_request *requests;
	uint64_t state;
	unsigned rounds;
};

static void must(int rc, const struct wick_diag *diag)
{
	if (rc < 0) {
		fprintf(stderr, "bench-extents: %s\n", diag->text);
		exit(1);
	}
}

static void *memory(size_t bytes)
{
	void *got = aligned_alloc(2u << 20, wick_align_up(bytes, 2u << 20));

	if (!got) {
		fprintf(stderr, "bench-extents: no memory\n");
		exit(1);
	}
	madvise(got, bytes, MADV_HUGEPAGE);
	memset(got, 1, bytes);
	return got;
}

/* Every bundle with the same probability, each into a row that says nothing about where it lies in the file. */
static uint32_t choose(struct bench *bench, double share)
{
	uint32_t count = 0;

	for (uint32_t bundle = 0; bundle < BUNDLES; bundle++)
		if ((double)(wick_splitmix_draw(&bench->state) >> 11) < share * 0x1p53)
			bench->wanted[count++] = (struct wick_wanted){ .bundle = bundle, .row = bundle * 5 % BUNDLES };
	return count;
}

/* Microseconds that the planned extents take, handed over together. */
static double read_extents(struct bench *bench, uint32_t extents)
{
	uint64_t begun_ns = UINT64_MAX, ended_ns = 0;
	struct wick_io_request *back;
	struct wick_diag diag;

	for (uint32_t e = 0; e < extents; e++) {
		const struct wick_extent *extent = &bench->arrays.extents[e];

		bench->requests[e] = (struct wick_io_request){ .file = &bench->file, .offset = (uint64_t)extent->first * STRIDE,
			.iov = bench->arrays.iov + extent->iov_first, .iov_count = extent->iov_count };
		wick_io_submit(bench->io, &bench->requests[e]);
	}
	while ((back = wick_io_wait(bench->io))) {
		if (back->result < 0)
			must(wick_diag_say(&diag, back->result, "%s: %s", bench->file.path, strerror(-back->result)), &diag);
		begun_ns = WICK_MIN(begun_ns, back->submitted_ns);
		ended_ns = WICK_MAX(ended_ns, back->completed_ns);
	}
	return (double)(ended_ns - begun_ns) / 1e3;
}

static void bench_gaps(struct bench *bench, double share)
{
	static const struct wick_extent_price one_by_one = { 1, { STRIDE }, { 1 } };
	const struct wick_extent_price price = wick_profile_price(&bench->profile, DEPTH);
	struct wick_extent_layout alone = { .stride = STRIDE, .chunk_bytes = STRIDE, .rows = bench->rows };
	struct wick_extent_layout planned = { .stride = STRIDE, .chunk_bytes = CHUNK_BYTES, .rows = bench->rows,
		.scratch = bench->scratch, .scratch_bytes = SCRATCH_BYTES };
	double alone_us[ROUNDS_MAX], planned_us[ROUNDS_MAX], a, b;
	uint32_t count = 0, extents = 0;

	for (unsigned round = 0; round < bench->rounds; round++) {
		count = choose(bench, share);
		for (unsigned turn = 0; turn < 2; turn++)
			if (turn == round % 2) {
				alone_us[round] = read_extents(bench,
					wick_extent_plan(&alone, &one_by_one, bench->wanted, count, &bench->arrays));
			} else {
				extents = wick_extent_plan(&planned, &price, bench->wanted, count, &bench->arrays);
				planned_us[round] = read_extents(bench, extents);
			}
	}
	a = wick_median(alone_us, bench->rounds);
	b = wick_median(planned_us, bench->rounds);
	printf("%5.0f%% %9u %9u %10.2f %11.2f %7.2f\n", 100 * share, count, extents, a / 1e3, b / 1e3, a / b);
}

/* Microseconds a read, into random rows, with the queue kept full. */
static double scattered_us(struct bench *bench, struct wick_io *io, unsigned depth, uint32_t bytes)
{
	uint64_t begun_ns = 0, last_ns = 0, reads = 0;
	struct wick_io_request *back;

	for (unsigned i = 0; i < depth; i++) {
		bench->requests[i] = (struct wick_io_request){ .file = &bench->file };
		bench->requests[i].offset = wick_splitmix_draw(&bench->state) % (BUNDLES * (STRIDE / bytes)) * bytes;
		bench->requests[i].one =
			(struct iovec){ bench->rows + wick_splitmix_draw(&bench->state) % (BUNDLES * (STRIDE / bytes)) * bytes, bytes };
		wick_io_submit(io, &bench->requests[i]);
	}
	while ((back = wick_io_wait(io))) {
		begun_ns = begun_ns ? begun_ns : back->submitted_ns;
		last_ns = back->completed_ns;
		reads++;
		if (last_ns - begun_ns > STEADY_NS)
			continue;
		back->offset = wick_splitmix_draw(&bench->state) % (BUNDLES * (STRIDE / bytes)) * bytes;
		back->one.iov_base = bench->rows + wick_splitmix_draw(&bench->state) % (BUNDLES * (STRIDE / bytes)) * bytes;
		wick_io_submit(io, back);
	}
	return (double)(last_ns - begun_ns) / 1e3 / (double)reads;
}

static double flashbench_us(struct bench *bench, struct wick_io *io, unsigned depth, uint32_t bytes, uint64_t land_bytes)
{
	struct wick_probe_options options = { .file = &bench->file, .io = io, .depth = depth, .chunk_bytes_max = bytes,
		.bytes = (uint64_t)BUNDLES * STRIDE, .seed = wick_splitmix_draw(&bench->state), .land_bytes = land_bytes };
	const struct wick_probe_load load = { .chunk_bytes = bytes, .duration_ns = STEADY_NS };
	struct wick_probe *probe;
	struct wick_steady steady;
	struct wick_diag diag;

	must(wick_probe_create(&probe, &options, &diag), &diag);
	must(wick_probe_steady(probe, &load, &steady, NULL, &diag), &diag);
	wick_io_register(io, NULL, 0);
	wick_probe_destroy(probe);
	return (double)steady.ns / 1e3 / (double)steady.reads;
}

enum way { BUFFERS, MEMORY, ROWS, ROWS_FIXED, WAYS };

static double read_us(struct bench *bench, enum way way, struct wick_io *io, unsigned depth, uint32_t bytes)
{
	const struct iovec rows = { bench->rows, (size_t)BUNDLES * STRIDE };
	double us;

	if (way <= MEMORY)
		return flashbench_us(bench, io, depth, bytes, way == MEMORY ? rows.iov_len : 0);
	if (way == ROWS_FIXED && wick_io_register(io, &rows, 1) < 0)
		return NAN;
	us = scattered_us(bench, io, depth, bytes);
	wick_io_register(io, NULL, 0);
	return us;
}

static void bench_scatter(struct bench *bench, unsigned depth, uint32_t bytes)
{
	const struct wick_io_options options = { .depth = depth };
	double us[WAYS][ROUNDS_MAX];
	struct wick_diag diag;
	struct wick_io *io;

	must(wick_io_create(&io, &options, &diag), &diag);
	for (unsigned round = 0; round < bench->rounds; round++)
		for (unsigned turn = 0; turn < WAYS; turn++)
			us[(turn + round) % WAYS][round] = read_us(bench, (turn + round) % WAYS, io, depth, bytes);
	printf("%5uk %6u", bytes >> 10, depth);
	for (enum way way = 0; way < WAYS; way++)
		printf(" %11.1f", bytes / wick_median(us[way], bench->rounds));
	printf("\n");
	wick_io_destroy(io);
}

/* The profile that was saved, or a quick one. */
static void find_profile(struct bench *bench)
{
	struct wick_profile_key key = { .direct = bench->file.direct };
	struct wick_device device;
	struct wick_diag diag;
	int rc;

	must(wick_device_of(&device, bench->file.path, &diag), &diag);
	snprintf(key.device, sizeof(key.device), "%s", device.key);
	snprintf(key.method, sizeof(key.method), "%s", wick_io_method(bench->io));
	rc = wick_profile_load(&bench->profile, &key, &diag);
	must(rc, &diag);
	if (rc == WICK_PROFILE_MISSING)
		must(wick_profile_probe(&bench->profile, &bench->file, NULL, WICK_PROFILE_PROBE_NS, NULL, &diag), &diag);
	printf("prices from a %s profile\n", bench->profile.quick ? "quick" : "saved");
}

static void open_bench(struct bench *bench, const char *path)
{
	const struct wick_io_options options = { .depth = DEPTH };
	struct wick_diag diag;

	must(wick_file_open(&bench->file, path, true, &diag), &diag);
	if (bench->file.size < (uint64_t)BUNDLES * STRIDE)
		must(wick_diag_say(&diag, -EINVAL, "%s: has less than %u bytes", path, BUNDLES * STRIDE), &diag);
	must(wick_io_create(&bench->io, &options, &diag), &diag);
	find_profile(bench);
	bench->rows = memory((size_t)BUNDLES * STRIDE);
	bench->scratch = memory(SCRATCH_BYTES);
	bench->wanted = memory(BUNDLES * sizeof(*bench->wanted));
	bench->requests = memory(BUNDLES * sizeof(*bench->requests));
	bench->arrays.extents = memory(BUNDLES * sizeof(*bench->arrays.extents));
	bench->arrays.iov = memory(2 * BUNDLES * sizeof(*bench->arrays.iov));
	bench->arrays.cost_us = memory((BUNDLES + 1) * sizeof(*bench->arrays.cost_us));
	bench->arrays.begin = memory((BUNDLES + 1) * sizeof(*bench->arrays.begin));
}

static void all_gaps(struct bench *bench)
{
	static const double shares[] = { 0.01, 0.05, 0.10, 0.20, 0.40 };

	printf("random sets of %u bundles of %u KiB, depth %d, medians of %u\n", BUNDLES, STRIDE >> 10, DEPTH,
		bench->rounds);
	printf("wanted   bundles   extents   alone ms  planned ms   times\n");
	for (size_t i = 0; i < WICK_COUNT_OF(shares); i++)
		bench_gaps(bench, shares[i]);
}

static void all_scatters(struct bench *bench)
{
	static const unsigned depths[] = { 8, 32, 128 };
	static const uint32_t sizes[] = { 4096, 8192, 16384 };

	printf("MB/s into a few buffers, into %u MiB in order, into random rows of it, and with it registered; medians of %u\n",
		BUNDLES / 1024 * (STRIDE / 1024), bench->rounds);
	printf(" chunk  depth     buffers      memory        rows  registered\n");
	for (size_t i = 0; i < WICK_COUNT_OF(sizes); i++)
		for (size_t k = 0; k < WICK_COUNT_OF(depths); k++)
			bench_scatter(bench, depths[k], sizes[i]);
}

int main(int argc, char **argv)
{
	struct bench bench = { .state = 1, .file.fd = -1 };
	bool gaps = argc > 1 && !strcmp(argv[1], "gaps");

	if (argc < 3 || (!gaps && strcmp(argv[1], "scatter") != 0)) {
		fprintf(stderr, "usage: bench-extents gaps|scatter FILE [ROUNDS]\n");
		return 2;
	}
	bench.rounds = (unsigned)WICK_MIN(argc > 3 ? strtoul(argv[3], NULL, 10) : 9, (unsigned long)ROUNDS_MAX);
	bench.rounds = WICK_MAX(bench.rounds, 1u);
	open_bench(&bench, argv[2]);
	if (gaps)
		all_gaps(&bench);
	else
		all_scatters(&bench);
	return 0;
}
