/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The cells as a table, as JSON and as CSV. */

#include "flash.h"
#include "figures_json.h"
#include "output.h"
#include "probe.h"

void flash_print_head(FILE *out)
{
	fprintf(out, "%6s %5s %7s %8s %8s %7s %8s %9s %11s\n", "chunk", "depth", "threads", "MB/s", "reads/s", "p50 us",
		"p99 us", "p99.9 us", "CPU us/read");
}

void flash_print_cell(const struct flash_cell *cell, FILE *out)
{
	const double *figure = cell->figure;

	fprintf(out, "%6s %5u %7u %8.1f %8.0f %7.0f %8.0f %9.0f %11.2f%s\n", SIZE(cell->chunk_bytes), cell->depth,
		cell->threads, figure[FLASH_MB_PER_S], figure[FLASH_READS_PER_S], figure[FLASH_LATENCY_US_P50],
		figure[FLASH_LATENCY_US_P99], figure[FLASH_LATENCY_US_P99_9], figure[FLASH_CPU_US_PER_READ],
		flash_cell_few(cell) ? " *" : "");
}

void flash_print_foot(const struct flash_sweep *sweep, FILE *out)
{
	unsigned few = 0;

	for (unsigned i = 0; i < sweep->count; i++)
		few += flash_cell_few(&sweep->cells[i]);
	if (few)
		fprintf(out, "* of fewer than %u reads, in up to %u times its time: a slow drive takes more --seconds\n",
			WICK_PROBE_READS_MIN, FLASH_RUN_ON);
}

/* The columns of CSV and the members of JSON, in order. The burst is a member where it was measured. */
static const char *const keys[FLASH_FIGURES] = {
	[FLASH_MB_PER_S] = "mb_per_s",
	[FLASH_READS_PER_S] = "reads_per_s",
	[FLASH_LATENCY_US_P50] = "latency_us_p50",
	[FLASH_LATENCY_US_P99] = "latency_us_p99",
	[FLASH_LATENCY_US_P99_9] = "latency_us_p99_9",
	[FLASH_LATENCY_US_MAX] = "latency_us_max",
	[FLASH_CPU_US_PER_READ] = "cpu_us_per_read",
	[FLASH_BURST_US] = "burst_us",
};

static const char *pattern_of(const struct flash_cell *cell)
{
	return cell->sequential ? "seq" : "rand";
}

static json_t *cell_json(const struct flash_cell *cell)
{
	json_t *json = json_pack("{s:I, s:i, s:i, s:s}", "chunk_bytes", (json_int_t)cell->chunk_bytes, "depth",
		(int)cell->depth, "threads", (int)cell->threads, "pattern", pattern_of(cell));

	for (unsigned i = 0; i < FLASH_FIGURES; i++)
		if (i != FLASH_BURST_US || cell->figure[i])
			json_object_set_new(json, keys[i], json_real(cell->figure[i]));
	json_object_set_new(json, "reads", json_integer((json_int_t)cell->reads));
	json_object_set_new(json, "few_reads", json_boolean(flash_cell_few(cell)));
	return json;
}

static void set_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, wick_json_name(text));
}

static json_t *check_json(const struct flash_check *check)
{
	json_t *points = json_array();

	for (unsigned i = 0; i < check->count; i++) {
		const struct flash_point *point = &check->points[i];

		json_array_append_new(points, json_pack("{s:I, s:i, s:f, s:f, s:f}", "chunk_bytes",
			(json_int_t)point->chunk_bytes, "reads", (int)point->reads, "predicted_us", point->predicted_us,
			"measured_us", point->measured_us, "error", point->error));
	}
	return json_pack("{s:i, s:f, s:f, s:o}", "depth", (int)check->depth, "error_median", check->error_median, "error_worst",
		check->error_worst, "points", points);
}

int flash_print_json(const struct flash_sweep *sweep, FILE *out)
{
	const struct flash_bench *bench = sweep->bench;
	json_t *json = json_object(), *cells = json_array();
	int rc;

	set_text(json, "file", bench->file.path);
	json_object_set_new(json, "file_bytes", json_integer((json_int_t)bench->file.size));
	set_text(json, "device", bench->device.name);
	set_text(json, "model", bench->device.model);
	set_text(json, "io", bench->method);
	set_text(json, "io_why", bench->why);
	json_object_set_new(json, "direct", json_boolean(bench->file.direct));
	json_object_set_new(json, "seconds_per_cell", json_real(bench->seconds));
	json_object_set_new(json, "rounds", json_integer(sweep->rounds));
	json_object_set_new(json, "cells_planned", json_integer(sweep->planned));
	if (sweep->sequential_mb_per_s)
		json_object_set_new(json, "sequential_mb_per_s", json_real(sweep->sequential_mb_per_s));
	if (sweep->profile_path)
		set_text(json, "profile", sweep->profile_path);
	for (unsigned i = 0; i < sweep->count; i++)
		json_array_append_new(cells, cell_json(&sweep->cells[i]));
	json_object_set_new(json, "cells", cells);
	if (sweep->check)
		json_object_set_new(json, "profile_check", check_json(sweep->check));
	rc = json_print(json, out);
	json_decref(json);
	return rc;
}

static void write_rows(const struct flash_sweep *sweep, FILE *out)
{
	fputs("chunk_bytes,depth,threads,pattern", out);
	for (unsigned i = 0; i < FLASH_BURST_US; i++)
		fprintf(out, ",%s", keys[i]);
	fputs(",reads\n", out);
	for (unsigned row = 0; row < sweep->count; row++) {
		const struct flash_cell *cell = &sweep->cells[row];

		fprintf(out, "%llu,%u,%u,%s", (unsigned long long)cell->chunk_bytes, cell->depth, cell->threads,
			pattern_of(cell));
		for (unsigned i = 0; i < FLASH_BURST_US; i++)
			fprintf(out, ",%.3f", cell->figure[i]);
		fprintf(out, ",%llu\n", (unsigned long long)cell->reads);
	}
}

int flash_write_csv(const struct flash_sweep *sweep, const char *path, struct wick_diag *diag)
{
	struct output output;
	int rc = output_begin(&output, path, diag);

	if (rc)
		return rc;
	write_rows(sweep, output.to);
	return output_end(&output, 0, diag);
}
