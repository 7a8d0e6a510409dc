/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Memory that this process may use: /proc and the cgroups, read each time, never remembered. */

#include "memory_limits.h"

#include "bits.h"
#include "cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

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

/* Page cache that is charged to a cgroup: the kernel drops it when a process wants the memory. */
static uint64_t cgroup_file_bytes(const struct wick_cgroup *cgroup)
{
	const char *inactive = cgroup->v2 ? "inactive_file" : "total_inactive_file";
	const char *active = cgroup->v2 ? "active_file" : "total_active_file";
	unsigned long long bytes, sum = 0;
	char path[700], line[256], name[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.stat", cgroup->folder);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %llu", name, &bytes) == 2 && (!strcmp(name, inactive) || !strcmp(name, active)))
			sum = wick_add(sum, bytes);
	fclose(file);
	return sum;
}

/* The smallest limit of the process's cgroups, and the least that is left in one of them. */
static void look_at_cgroups(uint64_t *limit, uint64_t *room)
{
	struct wick_cgroup cgroup;

	*limit = *room = UINT64_MAX;
	if (!wick_cgroup_find(&cgroup, "", "memory"))
		return;
	do {
		uint64_t most = wick_cgroup_number(&cgroup, "memory.limit_in_bytes", "memory.max");
		uint64_t used = wick_cgroup_number(&cgroup, "memory.usage_in_bytes", "memory.current");

		if (most >= UINT64_MAX / 4) /* version 1 writes "no limit" as a number close to 2^63 */
			continue;
		used = used == UINT64_MAX ? 0 : used - WICK_MIN(used, cgroup_file_bytes(&cgroup));
		*limit = WICK_MIN(*limit, most);
		*room = WICK_MIN(*room, used < most ? most - used : 0);
	} while (wick_cgroup_up(&cgroup));
}

/* Where /proc does not tell (some containers, systemd's ProcSubset=pid): unused memory, without the part of the page
 * cache that the kernel would give back. */
static uint64_t unused_bytes(void)
{
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		return 0;
	return wick_mul(wick_add(info.freeram, info.bufferram), info.mem_unit);
}

uint64_t wick_free_bytes(void)
{
	uint64_t limit, room, available = proc_bytes("/proc/meminfo", "MemAvailable");

	look_at_cgroups(&limit, &room);
	return WICK_MIN(available ? available : unused_bytes(), room);
}

uint64_t wick_cgroup_limit_bytes(void)
{
	uint64_t limit, room;

	look_at_cgroups(&limit, &room);
	return limit;
}

/* The kernel's other count needs no file, which may be one more than may be open, but begins with the peak of the
 * program that started this one. */
uint64_t wick_peak_bytes(void)
{
	uint64_t bytes = proc_bytes("/proc/self/status", "VmHWM");
	struct rusage used = { 0 };

	if (!bytes && getrusage(RUSAGE_SELF, &used) == 0)
		bytes = wick_mul((uint64_t)used.ru_maxrss, 1024);
	return bytes;
}
