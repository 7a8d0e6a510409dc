/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Sessions in files, by what their tokens begin with. */

#include "shelf.h"

#include "fnv.h"
#include "keeper.h"
#include "prompt_ids.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ENDING ".kept"
#define PART ENDING "." /* of a name that a file has until it is complete: one that a server left which was killed */
#define DIGITS 16    /* of a name, before its ending */
#define STEP WICK_KV_POSITIONS_STEP

struct entry {
	struct entry *next;
	char *path;
	uint32_t *ids; /* (count) */
	uint32_t count;
	uint64_t bytes, used_ns; /* used_ns: since 1970, as files have it */
};

struct wick_shelf {
	const struct wick *wick;
	const struct wick_shelf_options *options;
	struct entry *entries;
	struct wick_keeper keeper;
	uint64_t bytes, ids_bytes; /* of all files; of their tokens, which are in memory */
	bool said;                 /* that a session was lost */
};

static uint64_t ns_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

/* Of now, and that of the file, too: another server may find it. */
static void use(struct entry *entry)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	entry->used_ns = ns_of(&now);
	utimensat(AT_FDCWD, entry->path, NULL, 0);
}

static void free_entry(struct entry *entry)
{
	free(entry->path);
	free(entry->ids);
	free(entry);
}

/* The file goes, too. */
static void discard(struct wick_shelf *shelf, struct entry **at)
{
	struct entry *entry = *at;

	*at = entry->next;
	shelf->bytes -= entry->bytes;
	shelf->ids_bytes -= entry->count * sizeof(*entry->ids);
	unlink(entry->path);
	free_entry(entry);
}

static struct entry **find_oldest(struct wick_shelf *shelf)
{
	struct entry **oldest = &shelf->entries;

	for (struct entry **at = &shelf->entries; *at; at = &(*at)->next)
		if ((*at)->used_ns < (*oldest)->used_ns)
			oldest = at;
	return oldest;
}

static void keep_below(struct wick_shelf *shelf)
{
	while (shelf->entries && (shelf->bytes > shelf->options->bytes_max || shelf->ids_bytes > WICK_SHELF_IDS_BYTES))
		discard(shelf, find_oldest(shelf));
}

/* Takes path and ids over, whatever comes of it: 0, or a negative errno. */
static int add(struct wick_shelf *shelf, char *path, uint32_t *ids, uint32_t count)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	struct stat status;

	if (!entry || stat(path, &status)) {
		int rc = entry ? -errno : -ENOMEM;

		unlink(path);
		free(path);
		free(ids);
		free(entry);
		return rc;
	}
	*entry = (struct entry){ .next = shelf->entries, .path = path, .ids = ids, .count = count,
		.bytes = (uint64_t)status.st_size, .used_ns = ns_of(&status.st_mtim) };
	shelf->entries = entry;
	shelf->bytes += entry->bytes;
	shelf->ids_bytes += count * sizeof(*ids);
	keep_below(shelf);
	return 0;
}

/* A file of the folder: one of ours, or of no use. */
static void look_at(struct wick_shelf *shelf, char *path)
{
	int64_t count = wick_kept_ids(shelf->wick, path, NULL, 0, NULL);
	uint32_t *ids = count > 0 ? malloc((size_t)count * sizeof(*ids)) : NULL;

	if (ids && wick_kept_ids(shelf->wick, path, ids, (size_t)count, NULL) == count) {
		add(shelf, path, ids, (uint32_t)count);
		return;
	}
	if (count == -EBADMSG || count == -ESTALE || !count)
		unlink(path);
	free(path);
	free(ids);
}

static bool has_ending(const char *name)
{
	size_t length = strlen(name), ending = strlen(ENDING);

	return length > ending && !strcmp(name + length - ending, ENDING);
}

/* Files with other names are somebody else's. */
static bool is_ours(const char *name)
{
	return strspn(name, "0123456789abcdef") == DIGITS && (!strcmp(name + DIGITS, ENDING) || !strncmp(name + DIGITS, PART, strlen(PART)));
}

static int look_around(struct wick_shelf *shelf, struct wick_diag *diag)
{
	const char *folder = shelf->options->folder;
	DIR *files;
	const struct dirent *file;
	char *path;

	if (mkdir(folder, 0700) && errno != EEXIST)
		return wick_diag_say(diag, -errno, "%s: %s", folder, strerror(errno));
	files = opendir(folder);
	if (!files)
		return wick_diag_say(diag, -errno, "%s: %s", folder, strerror(errno));
	while ((file = readdir(files))) {
		if (!is_ours(file->d_name))
			continue;
		if (asprintf(&path, "%s/%s", folder, file->d_name) < 0)
			continue;
		if (has_ending(file->d_name)) {
			look_at(shelf, path);
		} else {
			unlink(path);
			free(path);
		}
	}
	closedir(files);
	return 0;
}

int wick_shelf_open(struct wick_shelf **into, const struct wick *wick, const struct wick_shelf_options *options,
	struct wick_diag *diag)
{
	int rc;

	*into = NULL;
	if (!options->folder)
		return 0;
	*into = calloc(1, sizeof(**into));
	if (!*into)
		return -ENOMEM;
	**into = (struct wick_shelf){ .wick = wick, .options = options };
	rc = look_around(*into, diag);
	if (rc) {
		wick_shelf_close(*into);
		*into = NULL;
	}
	return rc;
}

void wick_shelf_close(struct wick_shelf *shelf)
{
	while (shelf && shelf->entries) {
		struct entry *entry = shelf->entries;

		shelf->entries = entry->next;
		free_entry(entry);
	}
	free(shelf);
}

/* Whether a file has all of these tokens already. */
static bool has_all(const struct wick_shelf *shelf, const uint32_t *ids, uint32_t count)
{
	for (struct entry *entry = shelf->entries; entry; entry = entry->next)
		if (wick_ids_in_common(entry->ids, entry->count, ids, count) == count) {
			use(entry);
			return true;
		}
	return false;
}

/* Files of tokens that these go on from are of no use any more. */
static void drop_beginnings(struct wick_shelf *shelf, const uint32_t *ids, uint32_t count)
{
	for (struct entry **at = &shelf->entries; *at;)
		if (wick_ids_in_common((*at)->ids, (*at)->count, ids, count) == (*at)->count)
			discard(shelf, at);
		else
			at = &(*at)->next;
}

/* A session could not be kept: says the first one, with the sentence that there is or the error's own. */
static int lose(struct wick_shelf *shelf, int rc, const char *why)
{
	if (!shelf->said && shelf->options->lost)
		shelf->options->lost(*why ? why : strerror(-rc));
	shelf->said = true;
	return rc;
}

int wick_shelf_begin(struct wick_shelf *shelf, const struct wick_session *session, const uint32_t *ids)
{
	uint32_t count = shelf ? wick_session_position(session) / STEP * STEP : 0;
	char *path;
	int rc;

	if (!count || has_all(shelf, ids, count))
		return 0;
	if (asprintf(&path, "%s/%016" PRIx64 ENDING, shelf->options->folder, wick_fnv(WICK_FNV_BEGIN, ids, count * sizeof(*ids))) < 0)
		return lose(shelf, -ENOMEM, "");
	rc = wick_keeper_begin(&shelf->keeper, session, ids, path);
	if (!rc)
		return 1;
	free(path);
	return lose(shelf, rc, "");
}

bool wick_shelf_is_done(const struct wick_shelf *shelf)
{
	return wick_keeper_is_done(&shelf->keeper);
}

int wick_shelf_end(struct wick_shelf *shelf)
{
	struct wick_keeper *keeper = &shelf->keeper;
	uint32_t count = wick_session_position(keeper->session) / STEP * STEP, *copy = NULL;
	char *path = (char *)(uintptr_t)keeper->path;
	int rc = wick_keeper_end(keeper);

	if (!rc && !(copy = malloc(count * sizeof(*copy))))
		rc = -ENOMEM;
	if (rc) {
		free(path);
		return lose(shelf, rc, keeper->diag.text);
	}
	memcpy(copy, keeper->ids, count * sizeof(*copy));
	drop_beginnings(shelf, copy, count);
	rc = add(shelf, path, copy, count);
	return rc ? lose(shelf, rc, "") : 0;
}

/* As far as a session can go on from a file. One that is damaged is found out, and dropped, when it is taken. */
static uint32_t reach_of(const struct wick_shelf *shelf, const struct entry *entry, const uint32_t *ids, uint32_t count)
{
	int64_t reach = wick_kept_reach(shelf->wick, entry->path, ids, count, NULL);

	return reach < 0 ? count : (uint32_t)reach;
}

static struct entry **find_best(const struct wick_shelf *shelf, const uint32_t *ids, uint32_t count, uint32_t *common)
{
	struct entry **best = NULL;

	*common = 0;
	for (struct entry **at = (struct entry **)&shelf->entries; *at; at = &(*at)->next) {
		uint32_t some = wick_ids_in_common((*at)->ids, (*at)->count, ids, count) / STEP * STEP;

		if (some > *common)
			some = reach_of(shelf, *at, ids, some);
		if (some > *common) {
			*common = some;
			best = at;
		}
	}
	return best;
}

uint32_t wick_shelf_has(const struct wick_shelf *shelf, const uint32_t *ids, uint32_t count)
{
	uint32_t common = 0;

	if (shelf)
		find_best(shelf, ids, count, &common);
	return common;
}

uint32_t wick_shelf_take(struct wick_shelf *shelf, struct wick_session *session, const uint32_t *ids, uint32_t count)
{
	uint32_t common;
	struct entry **best = find_best(shelf, ids, count, &common);
	int rc = best ? wick_session_resume(session, (*best)->path, ids, count, NULL) : -ENOENT;

	if (!rc)
		use(*best);
	else if (best && rc != -ENOSPC)
		discard(shelf, best);
	return wick_session_position(session);
}
