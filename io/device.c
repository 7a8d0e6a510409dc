/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A path -> its drive, through /sys/dev/block/MAJOR:MINOR (see device.h). */

#include "device.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PATH_BYTES 512

/* The first line of a file below a folder, without the blanks around it; "" when there is none. */
static void read_line(char *text, size_t bytes, const char *folder, const char *name)
{
	char path[PATH_BYTES + 64];
	size_t length, blanks;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	text[0] = 0;
	file = fopen(path, "re");
	if (!file)
		return;
	if (!fgets(text, (int)bytes, file))
		text[0] = 0;
	fclose(file);
	length = strlen(text);
	while (length && isspace((unsigned char)text[length - 1]))
		text[--length] = 0;
	blanks = strspn(text, " \t");
	memmove(text, text + blanks, length - blanks + 1);
}

/* The first of several files that says something. */
static void read_any(char *text, size_t bytes, const char *folder, const char *const *names)
{
	text[0] = 0;
	for (; *names && !text[0]; names++)
		read_line(text, bytes, folder, *names);
}

static int read_number(const char *folder, const char *name)
{
	char text[16], *end;
	long value;

	read_line(text, sizeof(text), folder, name);
	value = strtol(text, &end, 10);
	return end == text || *end || value < 0 || value > INT32_MAX ? -1 : (int)value;
}

/* "none [mq-deadline] kyber" -> "mq-deadline" */
static void read_scheduler(char *text, size_t bytes, const char *folder)
{
	char line[128];
	const char *open, *close;

	read_line(line, sizeof(line), folder, "queue/scheduler");
	open = strchr(line, '[');
	close = open ? strchr(open, ']') : NULL;
	if (close)
		snprintf(text, bytes, "%.*s", (int)(close - open - 1), open + 1);
	else
		snprintf(text, bytes, "%.*s", (int)strcspn(line, " "), line);
}

/* Appends what may stand in a file name; the rest becomes '_'. */
static void append_to_key(char *key, size_t bytes, const char *text)
{
	size_t used = strlen(key);

	if (!*text)
		return;
	if (used && used + 1 < bytes)
		key[used++] = '-';
	for (; *text && used + 1 < bytes; text++)
		key[used++] = isalnum((unsigned char)*text) || strchr(".-", *text) ? *text : '_';
	key[used] = 0;
}

bool wick_device_at(struct wick_device *device, const char *sysfs, unsigned major, unsigned minor)
{
	static const char *const models[] = { "device/model", "device/name", "dm/name", "md/level", NULL };
	static const char *const serials[] = { "device/serial", "serial", "wwid", "device/wwid", "dm/uuid", "md/uuid", NULL };
	char path[PATH_BYTES], folder[PATH_BYTES + 16], number[32], *real;

	*device = (struct wick_device){ .block_bytes = -1, .readahead_kib = -1, .rotational = -1 };
	snprintf(number, sizeof(number), "%u:%u", major, minor);
	snprintf(path, sizeof(path), "%s/dev/block/%s", sysfs, number);
	if (access(path, F_OK) < 0) {
		append_to_key(device->key, sizeof(device->key), number);
		return false;
	}
	snprintf(folder, sizeof(folder), "%s/partition", path);
	/* A partition's folder lies in its disk's; the link is followed before the dots. */
	snprintf(folder, sizeof(folder), "%s%s", path, access(folder, F_OK) == 0 ? "/.." : "");
	read_line(number, sizeof(number), folder, "dev");
	read_any(device->model, sizeof(device->model), folder, models);
	read_any(device->serial, sizeof(device->serial), folder, serials);
	read_scheduler(device->scheduler, sizeof(device->scheduler), folder);
	device->block_bytes = read_number(folder, "queue/logical_block_size");
	device->readahead_kib = read_number(folder, "queue/read_ahead_kb");
	device->rotational = read_number(folder, "queue/rotational");
	append_to_key(device->key, sizeof(device->key), number);
	append_to_key(device->key, sizeof(device->key), device->model);
	append_to_key(device->key, sizeof(device->key), device->serial);
	real = realpath(folder, NULL);
	if (real)
		snprintf(device->name, sizeof(device->name), "%s", strrchr(real, '/') + 1);
	free(real);
	return true;
}

/* A file system that shows no drive: its type and id. */
static void key_of_file_system(struct wick_device *device, const char *path)
{
	struct statfs fs;
	char text[64];
	uint32_t id[2];

	if (statfs(path, &fs) < 0)
		return;
	memcpy(id, &fs.f_fsid, sizeof(id));
	snprintf(text, sizeof(text), "fs-%" PRIx64 "-%08" PRIx32 "%08" PRIx32, (uint64_t)fs.f_type, id[0], id[1]);
	device->key[0] = 0;
	append_to_key(device->key, sizeof(device->key), text);
}

int wick_device_of(struct wick_device *device, const char *path, struct wick_diag *diag)
{
	struct stat info;
	dev_t number;

	*device = (struct wick_device){ .block_bytes = -1, .readahead_kib = -1, .rotational = -1 };
	if (stat(path, &info) < 0)
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	number = S_ISBLK(info.st_mode) ? info.st_rdev : info.st_dev;
	if (!wick_device_at(device, "/sys", major(number), minor(number)) && !major(number))
		key_of_file_system(device, path);
	return 0;
}
