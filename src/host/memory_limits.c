/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Memory that this process may use: /proc and the cgroup file systems, read each time, never remembered. */

#include "memory_limits.h"

#include "bits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* "NAME:   123 kB" of a file in /proc, in bytes; 0 when it is not there. */
static uint64_t proc_bytes(const char *path, const char *name)
{
	char line[256];
	uint64_t kib = 0;
	size_t length = strlen(name);
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, length) && line[length] == ':')
			kib = strtoull(line + length + 1, NULL, 10);
	fclose(file);
	return wick_mul(kib, 1024);
}

/* A file with one number, or "max"; UINT64_MAX when there is no limit in it. */
static uint64_t number_in(const char *path)
{
	char text[32] = "";
	uint64_t value;
	FILE *file = fopen(path, "re");

	if (!file)
		return UINT64_MAX;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	errno = 0;
	value = strtoull(text, NULL, 10);
	return text[0] < '0' || text[0] > '9' || errno ? UINT64_MAX : value;
}

struct cgroup {
	char directory[512];
	bool v2;
};

/* Where this process's memory cgroup is; false when it is in none that can be seen. */
static bool find_cgroup(struct cgroup *found)
{
	char line[400];
	bool any = false;
	FILE *file = fopen("/proc/self/cgroup", "re");

	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = 0;
		path[strcspn(path, "\n")] = 0;
		if (strstr(controllers, "memory")) { /* v1 wins: where both are mounted, the controller is there */
			snprintf(found->directory, sizeof(found->directory), "/sys/fs/cgroup/memory%s", path);
			found->v2 = false;
			any = true;
			break;
		}
		if (!strcmp(controllers, ":")) {
			snprintf(found->directory, sizeof(found->directory), "/sys/fs/cgroup%s", path);
			found->v2 = any = true;
		}
	}
	fclose(file);
	return any;
}

static uint64_t cgroup_number(const struct cgroup *cgroup, const char *v1, const char *v2)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", cgroup->directory, cgroup->v2 ? v2 : v1);
	return number_in(path);
}

/* Page cache that is charged to a cgroup: the kernel drops it when a process wants the memory. */
static uint64_t cgroup_file_bytes(const struct cgroup *cgroup)
{
	const char *inactive = cgroup->v2 ? "inactive_file" : "total_inactive_file";
	const char *active = cgroup->v2 ? "active_file" : "total_active_file";
	unsigned long long bytes, sum = 0;
	char path[600], line[256], name[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.stat", cgroup->directory);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %llu", name, &bytes) == 2 && (!strcmp(name, inactive) || !strcmp(name, active)))
			sum = wick_add(sum, bytes);
	fclose(file);
	return sum;
}

/* Looks at the process's cgroup and each of its ancestors: any of them may be the one that limits. */
static void each_level(struct cgroup *cgroup, uint64_t *limit, uint64_t *room)
{
	size_t root = strlen(cgroup->v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");

	for (;;) {
		uint64_t most = cgroup_number(cgroup, "memory.limit_in_bytes", "memory.max");
		uint64_t used = cgroup_number(cgroup, "memory.usage_in_bytes", "memory.current");
		char *slash;

		/* v1 writes "no limit" as a number close to 2^63. */
		if (most < UINT64_MAX / 4) {
			used -= WICK_MIN(used, cgroup_file_bytes(cgroup));
			*limit = WICK_MIN(*limit, most);
			*room = WICK_MIN(*room, used < most ? most - used : 0);
		}
		slash = strrchr(cgroup->directory, '/');
		if (!slash || (size_t)(slash - cgroup->directory) < root)
			return;
		*slash = 0;
	}
}

uint64_t wick_free_bytes(void)
{
	uint64_t limit = UINT64_MAX, room = UINT64_MAX, available = proc_bytes("/proc/meminfo", "MemAvailable");
	struct cgroup cgroup;

	if (find_cgroup(&cgroup))
		each_level(&cgroup, &limit, &room);
	return WICK_MIN(available, room);
}

uint64_t wick_cgroup_limit_bytes(void)
{
	uint64_t limit = UINT64_MAX, room = UINT64_MAX;
	struct cgroup cgroup;

	if (find_cgroup(&cgroup))
		each_level(&cgroup, &limit, &room);
	return limit;
}

/* The kernel's other count needs no file, which may be one more than may be open, but begins with the peak of whoever
 * started the program. */
uint64_t wick_peak_bytes(void)
{
	uint64_t bytes = proc_bytes("/proc/self/status", "VmHWM");
	struct rusage used = { 0 };

	if (!bytes && getrusage(RUSAGE_SELF, &used) == 0)
		bytes = wick_mul((uint64_t)used.ru_maxrss, 1024);
	return bytes;
}
