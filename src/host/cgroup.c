/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Cgroups in /proc and /sys (see cgroup.h), read each time, never remembered. */

#include "cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a list such as "cpu,cpuacct" has a name. */
static bool has_name(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (!strncmp(list, name, length) && (!list[length] || list[length] == ','))
			return true;
	}
	return false;
}

/* "4:cpu,cpuacct:/path" into the list of controllers and the path; "0::/path" is version 2's. */
static char *split(char *line, char **path)
{
	char *controllers = strchr(line, ':');

	*path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!*path)
		return NULL;
	*(*path)++ = 0;
	(*path)[strcspn(*path, "\n")] = 0;
	return controllers + 1;
}

static void set(struct wick_cgroup *cgroup, const char *root, const char *controller, const char *path)
{
	cgroup->v2 = !*controller;
	snprintf(cgroup->folder, sizeof(cgroup->folder), "%s/sys/fs/cgroup%s%s", root, cgroup->v2 ? "" : "/", controller);
	cgroup->top_bytes = strlen(cgroup->folder);
	snprintf(cgroup->folder + cgroup->top_bytes, sizeof(cgroup->folder) - cgroup->top_bytes, "%s", path);
}

/* Where both versions are mounted, a controller is in one of them; version 1 tells which it has. */
bool wick_cgroup_find(struct wick_cgroup *cgroup, const char *root, const char *controller)
{
	char line[512], *path, *controllers;
	bool found = false;
	FILE *file;

	snprintf(line, sizeof(line), "%s/proc/self/cgroup", root);
	file = fopen(line, "re");
	if (!file)
		return false;
	while (!(found && !cgroup->v2) && fgets(line, sizeof(line), file)) {
		controllers = split(line, &path);
		if (!controllers || (*controllers && !has_name(controllers, controller)))
			continue;
		set(cgroup, root, *controllers ? controller : "", path);
		found = true;
	}
	fclose(file);
	return found;
}

bool wick_cgroup_up(struct wick_cgroup *cgroup)
{
	char *slash = strrchr(cgroup->folder, '/');

	if (!slash || slash < cgroup->folder + cgroup->top_bytes)
		return false;
	*slash = 0;
	return true;
}

void wick_cgroup_line(const struct wick_cgroup *cgroup, const char *v1, const char *v2, char *line, int bytes)
{
	char path[700];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", cgroup->folder, cgroup->v2 ? v2 : v1);
	line[0] = 0;
	file = fopen(path, "re");
	if (!file)
		return;
	if (!fgets(line, bytes, file))
		line[0] = 0;
	fclose(file);
}

uint64_t wick_cgroup_number(const struct wick_cgroup *cgroup, const char *v1, const char *v2)
{
	uint64_t value;
	char line[32];

	wick_cgroup_line(cgroup, v1, v2, line, sizeof(line));
	errno = 0;
	value = strtoull(line, NULL, 10);
	return line[0] < '0' || line[0] > '9' || errno ? UINT64_MAX : value;
}
