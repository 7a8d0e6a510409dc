/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Version 1 has a hierarchy a controller, version 2 one for all; a machine may have both, with memory in either:
 *
 *     /proc/self/mountinfo   31 25 0:28 /ROOT /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
 *     /proc/self/cgroup      4:memory:/PATH    or    0::/PATH
 *
 * ROOT is what part of the hierarchy is mounted there (inside a container, the container's own), so our folder is the
 * mount point and what of PATH goes on after ROOT.
 */

#include "cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether `word` is one of a list with commas. */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, word, length) && (at[length] == ',' || !at[length]))
			return true;
	return false;
}

/* PATH of this process in the hierarchy of version 2, or of version 1's memory controller. */
static bool own_path(bool v2, char path[PATH_MAX])
{
	char line[2 * PATH_MAX];
	bool found = false;
	FILE *file = fopen("/proc/self/cgroup", "re");

	while (file && !found && fgets(line, sizeof(line), file)) {
		char *controllers = strchr(line, ':'), *where = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!where)
			continue;
		line[strcspn(line, "\n")] = 0;
		*where++ = 0;
		found = v2 ? !controllers[1] : has_word(controllers + 1, "memory");
		if (found)
			snprintf(path, PATH_MAX, "%s", where);
	}
	if (file)
		fclose(file);
	return found;
}

/* Where that hierarchy is mounted, and which part of it. */
static bool find_mount(bool v2, char root[PATH_MAX], char mount[PATH_MAX])
{
	char line[4 * PATH_MAX], type[64], options[PATH_MAX];
	bool found = false;
	FILE *file = fopen("/proc/self/mountinfo", "re");

	while (file && !found && fgets(line, sizeof(line), file)) {
		const char *rest = strstr(line, " - ");

		if (!rest || sscanf(line, "%*s %*s %*s %4095s %4095s", root, mount) != 2 ||
			sscanf(rest, " - %63s %*s %4095s", type, options) != 2)
			continue;
		found = v2 ? !strcmp(type, "cgroup2") : !strcmp(type, "cgroup") && has_word(options, "memory");
	}
	if (file)
		fclose(file);
	return found;
}

/* The folder of the cgroup that this process is in. */
static bool own_folder(bool v2, char folder[PATH_MAX])
{
	char root[PATH_MAX], mount[PATH_MAX], path[PATH_MAX];
	size_t length;

	if (!find_mount(v2, root, mount) || !own_path(v2, path))
		return false;
	length = strcmp(root, "/") ? strlen(root) : 0;
	if (strncmp(path, root, length))
		return false;
	return snprintf(folder, PATH_MAX, "%s%s", mount, path + length) < PATH_MAX;
}

static bool write_to(const struct cgroup *cgroup, const char *name, const char *text)
{
	char path[2 * PATH_MAX];
	bool written;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", cgroup->folder, name);
	file = fopen(path, "we");
	if (!file)
		return false;
	written = fputs(text, file) >= 0;
	return !fclose(file) && written;
}

static uint64_t read_number(const struct cgroup *cgroup, const char *name)
{
	char path[2 * PATH_MAX], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", cgroup->folder, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	return strtoull(text, NULL, 10);
}

static bool create_under(struct cgroup *cgroup, const char *parent)
{
	if (snprintf(cgroup->folder, PATH_MAX, "%s/wick-test-%d", parent, getpid()) >= PATH_MAX ||
		mkdir(cgroup->folder, 0755))
		return false;
	/* Version 2 hands the controller down only where the parent says so. */
	if (write_to(cgroup, cgroup->v2 ? "memory.max" : "memory.limit_in_bytes", cgroup->v2 ? "max" : "-1"))
		return true;
	rmdir(cgroup->folder);
	return false;
}

bool cgroup_create(struct cgroup *cgroup, const char **why)
{
	char own[PATH_MAX], *slash;

	for (int v2 = 0; v2 < 2; v2++) {
		cgroup->v2 = v2;
		if (!own_folder(v2, own))
			continue;
		if (create_under(cgroup, own))
			return true;
		/* A cgroup of version 2 that has processes may have no children with controllers, but siblings. */
		slash = v2 ? strrchr(own, '/') : NULL;
		if (!slash)
			continue;
		*slash = 0;
		if (create_under(cgroup, own))
			return true;
	}
	cgroup->folder[0] = 0;
	*why = "no memory cgroup can be made here";
	return false;
}

void cgroup_remove(struct cgroup *cgroup)
{
	/* A process that has just ended may still be on its way out. */
	for (int i = 0; cgroup->folder[0] && rmdir(cgroup->folder) && errno == EBUSY && i < 100; i++)
		usleep(10000);
	cgroup->folder[0] = 0;
}

bool cgroup_limit(const struct cgroup *cgroup, uint64_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	write_to(cgroup, cgroup->v2 ? "memory.swap.max" : "memory.swappiness", "0");
	return write_to(cgroup, cgroup->v2 ? "memory.max" : "memory.limit_in_bytes", text);
}

bool cgroup_enter(const struct cgroup *cgroup)
{
	return write_to(cgroup, "cgroup.procs", "0");
}

uint64_t cgroup_peak_bytes(const struct cgroup *cgroup)
{
	return read_number(cgroup, cgroup->v2 ? "memory.peak" : "memory.max_usage_in_bytes");
}
