/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a process takes by itself (see memory_limits.h): the mappings in /proc/self/smaps.
 *
 * Pages of code and libraries are counted as they are touched, and which ones come along with a touch depends on where
 * the system has put things, so that a sum of them differs from run to run, and grows. What they can be at most does not.
 */

#include "memory_limits.h"

#include "bits.h"

#include <stdbool.h>
#include <stdio.h>

#define UNSEEN_BYTES_MAX (256u << 10) /* of a library; some are large and are hardly used */

struct counter {
	uint64_t total_bytes;
	uint64_t file, bytes, resident_bytes; /* of the file that is being counted: its inode; 0: none */
	bool ours;                            /* wick's own code is in it */
};

/* A file's mappings follow each other; this one has ended. */
static void end_file(struct counter *counter)
{
	uint64_t unseen = counter->bytes - WICK_MIN(counter->bytes, counter->resident_bytes);

	if (counter->file)
		counter->total_bytes += counter->ours ? unseen : WICK_MIN(unseen, UNSEEN_BYTES_MAX);
	counter->file = counter->bytes = counter->resident_bytes = 0;
	counter->ours = false;
}

/* "7f00-7f40 r-xp 00002000 fe:00 1234   /usr/lib/libm.so.6" begins a mapping. */
static bool begin_mapping(struct counter *counter, const char *line)
{
	uintptr_t here = (uintptr_t)wick_process_cost_bytes;
	unsigned long long begin, end, file;
	char access[5];

	if (sscanf(line, "%llx-%llx %4s %*x %*x:%*x %llu", &begin, &end, access, &file) != 4)
		return false;
	if (file != counter->file)
		end_file(counter);
	counter->file = file;
	counter->bytes += end - begin;
	counter->ours |= begin <= here && here < end;
	return true;
}

static void count_line(struct counter *counter, const char *line)
{
	unsigned long long kib;

	if (begin_mapping(counter, line) || sscanf(line, "Rss: %llu kB", &kib) != 1)
		return;
	counter->total_bytes += kib << 10;
	counter->resident_bytes += kib << 10;
}

uint64_t wick_process_cost_bytes(void)
{
	struct counter counter = { 0 };
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		count_line(&counter, line);
	fclose(file);
	end_file(&counter);
	return counter.total_bytes;
}
