/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Profiles on disk: JSON, so that any tool can read and plot them, and a parser hardened by others reads them back. The
 * figures go through wick_profile_fit() as a measurement does: a file can be wrong, never dangerous. */

#include "cache_folder.h"
#include "bits.h"
#include "draft.h"
#include "profile.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT "wick-profile-1"
#define PATH_BYTES WICK_CACHE_FOLDER_BYTES
#define FILE_BYTES_MAX (256 * 1024) /* four times the largest that is ever saved */
#define MB_PER_S_MAX 1e6
#define CELLS (WICK_PROFILE_SIZES * WICK_PROFILE_DEPTHS)

static int find_path(char *path, const struct wick_profile_key *key, struct wick_diag *diag)
{
	int rc = wick_cache_folder(path, diag);
	size_t used;

	if (rc < 0)
		return rc;
	used = strlen(path);
	if ((size_t)snprintf(path + used, PATH_BYTES - used, "/%s.%s.%s.json", key->device, key->method,
		key->direct ? "direct" : "buffered") >= PATH_BYTES - used)
		return wick_diag_say(diag, -ENAMETOOLONG, "the cache folder's path is too long: %s", path);
	return 0;
}

static json_t *to_json(const struct wick_profile *profile)
{
	const struct wick_profile_run *run = &profile->last_run;
	json_t *cells = json_array(), *json;

	for (unsigned size = 0; size < profile->size_count; size++)
		for (unsigned depth = 0; depth < profile->depth_count; depth++)
			json_array_append_new(cells, json_pack("{s:I, s:i, s:f, s:f, s:I}", "chunk_bytes",
				(json_int_t)profile->bytes[size], "depth", (int)profile->depths[depth], "interval_us",
				profile->turn_us[size][depth] / profile->depths[depth], "burst_us",
				profile->burst_us[size][depth], "reads", (json_int_t)profile->reads[size][depth]));
	json = json_pack("{s:s, s:s, s:s, s:b, s:s, s:I, s:b}", "format", FORMAT, "device", profile->key.device, "method",
		profile->key.method, "direct", profile->key.direct, "model", profile->model, "measured_s",
		(json_int_t)profile->measured_s, "quick", profile->quick);
	if (run->at_s)
		json_object_set_new(json, "last_run", json_pack("{s:I, s:I, s:f, s:f}", "at_s", (json_int_t)run->at_s, "reads",
			(json_int_t)run->reads, "mb_per_s", run->mb_per_s, "expected_mb_per_s", run->expected_mb_per_s));
	json_object_set_new(json, "cells", cells);
	return json;
}

static int write_json(json_t *json, int fd)
{
	errno = 0;
	if (json_dumpfd(json, fd, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) < 0 || write(fd, "\n", 1) != 1)
		return errno ? -errno : -EIO;
	return 0;
}

static int write_file(json_t *json, const char *path, struct wick_diag *diag)
{
	struct wick_draft draft;
	int rc = wick_draft_open(&draft, path, 0600);

	if (!rc)
		rc = wick_draft_close(&draft, path, write_json(json, draft.fd));
	return rc ? wick_diag_say(diag, rc, "%s: %s", path, strerror(-rc)) : 0;
}

/* Where it is to be, in a folder that is there. */
static int make_place(char *path, const struct wick_profile_key *key, struct wick_diag *diag)
{
	int rc = find_path(path, key, diag);

	return rc ? rc : wick_cache_folders_make(path, diag);
}

int wick_profile_check(const struct wick_profile_key *key, struct wick_diag *diag)
{
	char path[PATH_BYTES];
	int rc = make_place(path, key, diag);

	if (rc < 0)
		return rc;
	*strrchr(path, '/') = 0;
	return access(path, W_OK | X_OK) < 0 ? wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno)) : 0;
}

int wick_profile_save(const struct wick_profile *profile, char *path, struct wick_diag *diag)
{
	char own[PATH_BYTES];
	json_t *json;
	int rc;

	path = path ? path : own;
	rc = make_place(path, &profile->key, diag);
	if (rc < 0)
		return rc;
	json = to_json(profile);
	rc = json ? write_file(json, path, diag) : wick_diag_say(diag, -ENOMEM, "no memory to save a profile");
	json_decref(json);
	return rc;
}

static int take_cells(struct wick_profile *profile, const json_t *array, struct wick_diag *diag)
{
	static struct wick_profile_cell none;
	struct wick_profile_cell cells[CELLS];
	size_t count = json_array_size(array), i;
	json_t *item;

	if (count > CELLS)
		return wick_diag_say(diag, -EINVAL, "more than %d cells", CELLS);
	json_array_foreach(array, i, item) {
		json_int_t bytes = json_integer_value(json_object_get(item, "chunk_bytes"));
		json_int_t depth = json_integer_value(json_object_get(item, "depth"));
		json_int_t reads = json_integer_value(json_object_get(item, "reads"));

		cells[i] = none;
		if (bytes > 0 && depth > 0 && depth <= WICK_PROFILE_DEPTH_MAX)
			cells[i] = (struct wick_profile_cell){ .bytes = (uint64_t)bytes, .depth = (uint32_t)depth,
				.interval_us = json_number_value(json_object_get(item, "interval_us")),
				.burst_us = json_number_value(json_object_get(item, "burst_us")),
				.reads = (uint64_t)WICK_MAX(reads, 0) };
	}
	return wick_profile_fit(profile, cells, (unsigned)count, diag);
}

/* A run that says how fast it was, and how fast it should have been; any other is none. */
static void take_run(struct wick_profile_run *run, const json_t *json)
{
	double mb_per_s = json_number_value(json_object_get(json, "mb_per_s"));
	double expected = json_number_value(json_object_get(json, "expected_mb_per_s"));

	if (mb_per_s > 0 && mb_per_s < MB_PER_S_MAX && expected > 0 && expected < MB_PER_S_MAX)
		*run = (struct wick_profile_run){ .at_s = json_integer_value(json_object_get(json, "at_s")), .mb_per_s = mb_per_s,
			.reads = (uint64_t)WICK_MAX(json_integer_value(json_object_get(json, "reads")), 0),
			.expected_mb_per_s = expected };
}

static bool says(const json_t *json, const char *name, const char *text)
{
	const char *value = json_string_value(json_object_get(json, name));

	return value && !strcmp(value, text);
}

static int from_json(struct wick_profile *profile, const json_t *json, struct wick_diag *diag)
{
	const char *model = json_string_value(json_object_get(json, "model"));

	if (!says(json, "format", FORMAT))
		return wick_diag_say(diag, -EINVAL, "not a " FORMAT);
	if (!says(json, "device", profile->key.device) || !says(json, "method", profile->key.method) ||
		json_is_true(json_object_get(json, "direct")) != profile->key.direct)
		return wick_diag_say(diag, -EINVAL, "of another drive");
	snprintf(profile->model, sizeof(profile->model), "%s", model ? model : "");
	profile->measured_s = json_integer_value(json_object_get(json, "measured_s"));
	profile->quick = json_is_true(json_object_get(json, "quick"));
	take_run(&profile->last_run, json_object_get(json, "last_run"));
	return take_cells(profile, json_object_get(json, "cells"), diag);
}

/* -EBADMSG: it is not JSON. */
static int read_file(json_t **json, int fd, struct wick_diag *diag)
{
	char *text = malloc(FILE_BYTES_MAX);
	size_t bytes = 0;
	json_error_t error;
	ssize_t got = 1;
	int rc = 0;

	while (text && got > 0 && bytes < FILE_BYTES_MAX) {
		got = read(fd, text + bytes, FILE_BYTES_MAX - bytes);
		bytes += got > 0 ? (size_t)got : 0;
	}
	if (!text || got < 0) {
		rc = text ? -errno : -ENOMEM;
		wick_diag_say(diag, rc, "%s", strerror(-rc));
	} else if (bytes == FILE_BYTES_MAX) {
		rc = wick_diag_say(diag, -EINVAL, "too long for a profile");
	} else if (!(*json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error))) {
		rc = json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
		wick_diag_say(diag, rc, "line %d: %s", error.line, error.text);
	}
	free(text);
	return rc;
}

int wick_profile_load(struct wick_profile *profile, const struct wick_profile_key *key, struct wick_diag *diag)
{
	struct wick_diag reason = { "" };
	struct wick_profile read = { .key = *key };
	char path[PATH_BYTES];
	json_t *json = NULL;
	int rc = find_path(path, key, diag), fd;

	if (rc < 0)
		return rc;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return WICK_PROFILE_MISSING;
	if (fd < 0)
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	rc = read_file(&json, fd, &reason);
	close(fd);
	if (!rc)
		rc = from_json(&read, json, &reason);
	json_decref(json);
	if (rc == -ENOMEM)
		return wick_diag_say(diag, rc, "%s: no memory to read it", path);
	if (rc < 0)
		return wick_diag_say(diag, rc, "%s: %s; remove it, or measure again with wick flashbench --save-profile",
			path, reason.text);
	*profile = read;
	return 0;
}

/* Two runs that end together may each note itself; the later stays. */
int wick_profile_note(const struct wick_profile *profile, const struct wick_profile_run *run, struct wick_diag *diag)
{
	struct wick_profile kept;
	int rc = wick_profile_load(&kept, &profile->key, diag);

	if (rc || kept.measured_s != profile->measured_s)
		return rc < 0 ? rc : 0;
	kept.last_run = *run;
	return wick_profile_save(&kept, NULL, diag);
}
