/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The reservation takes no more memory than was asked for, huge pages or not, and tells which it got; the peak is told. */

#include "mem.h"
#include "memory_limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (1ull << 20)
#define OTHERS_BYTES (128u << 10) /* that the C library, or a sanitizer, takes meanwhile */

/* Memory of this process that no file backs, counted page by page: other figures of the kernel are sums that lag
 * behind, and pages of libraries come and go as the kernel likes. */
static uint64_t anonymous_bytes(void)
{
	unsigned long long kib = 0;
	char line[256];
	FILE *file = fopen("/proc/self/smaps_rollup", "re");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) && sscanf(line, "Anonymous: %llu", &kib) != 1)
		;
	fclose(file);
	assert_true(kib);
	return kib * 1024;
}

static void pieces_are_zeroed_and_in_order(void **state)
{
	static const uint64_t bytes[] = { 1, 4096, 5 * MIB, 4097, 0, 3 };
	uint64_t total = 0;
	struct wick_mem mem;
	uint8_t *last = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++)
		total += wick_mem_cost(bytes[i]);
	assert_int_equal(wick_mem_reserve(&mem, total, NULL), 0);
	for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++) {
		uint8_t *taken = wick_mem_take(&mem, bytes[i]);

		assert_int_equal((uintptr_t)taken % WICK_MEM_ALIGN, 0);
		assert_true(!last || taken >= last);
		for (uint64_t at = 0; at < bytes[i]; at++)
			assert_int_equal(taken[at], 0);
		memset(taken, 0xa5, bytes[i]);
		last = taken + bytes[i];
	}
	assert_int_equal(mem.used, total);
	wick_mem_release(&mem);
}

/* A touch in every 64 KiB: a huge page that reached past the end, or past what was asked for, would show. */
static void holds_no_more_than_reserved(void **state)
{
	static const uint64_t sizes[] = { 4096, 2 * MIB - 4096, 2 * MIB, 2 * MIB + 4096, 23 * MIB + 8192 };

	(void)state;
#if defined(__SANITIZE_THREAD__)
	print_message("  not tested: the sanitizer's own memory grows with it\n");
	skip();
#endif
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint64_t before = anonymous_bytes(), after;
		struct wick_mem mem;

		assert_int_equal(wick_mem_reserve(&mem, sizes[i], NULL), 0);
		for (uint64_t at = 0; at < sizes[i]; at += 65536)
			mem.base[at] = 1;
		mem.base[sizes[i] - 1] = 1;
		after = anonymous_bytes();
		wick_mem_look(&mem);
		print_message("  %5llu KiB: %5llu KiB more in use, %s\n", (unsigned long long)sizes[i] / 1024,
			(unsigned long long)(after - before) / 1024, mem.pages);
		assert_in_range(after - before, 0, sizes[i] + OTHERS_BYTES);
		wick_mem_release(&mem);
		assert_in_range(anonymous_bytes(), 0, before + OTHERS_BYTES);
	}
}

/* In a process that may have no huge pages, none are claimed. */
static void small_pages_are_said(void **state)
{
	int status, pipes[2];
	char said[96] = "";
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct wick_mem mem;

		if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) || wick_mem_reserve(&mem, 8 * MIB, NULL))
			_exit(1);
		memset(mem.base, 1, 8 * MIB);
		wick_mem_look(&mem);
		_exit(write(pipes[1], mem.pages, sizeof(mem.pages)) != sizeof(mem.pages));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(pipes[0], said, sizeof(said)), sizeof(said));
	assert_int_equal(strncmp(said, "pages of ", 9), 0);
	close(pipes[0]);
	close(pipes[1]);
}

static void too_much_is_said(void **state)
{
	struct wick_diag diag = { 0 };
	struct wick_mem mem;

	(void)state;
	assert_int_equal(wick_mem_reserve(&mem, 1ull << 60, &diag), -ENOMEM);
	assert_non_null(strstr(diag.text, "cannot reserve 1152921504606846976 bytes"));
	wick_mem_release(&mem);
}

/* Where no file may be opened, too; there it is not known what pages there are, or what the process may come to. */
static void the_peak_is_known(void **state)
{
	struct rlimit before, none;
	struct wick_mem mem;
	uint64_t peak, cost;

	(void)state;
	assert_true(wick_peak_bytes() >= anonymous_bytes());
	assert_int_equal(wick_mem_reserve(&mem, MIB, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	peak = wick_peak_bytes();
	cost = wick_process_cost_bytes();
	wick_mem_look(&mem);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(cost, 0);
	assert_non_null(strstr(mem.pages, "unknown size"));
	wick_mem_release(&mem);
	assert_true(peak >= anonymous_bytes());
}

/* Of a library that lies there and is hardly touched little is counted; of one that is used, all. */
static void files_cost_what_they_may_come_to(void **state)
{
	const uint64_t bytes = 4 * MIB, unseen = MIB / 4, little = MIB / 8;
	uint64_t before, mapped, touched, sum = 0;
	FILE *file = tmpfile();
	const uint8_t *at;

	(void)state;
	assert_non_null(file);
	for (uint64_t i = 0; i < bytes; i++)
		putc(1, file);
	assert_int_equal(fflush(file), 0);
	before = wick_process_cost_bytes();
	assert_true(before > anonymous_bytes());
	at = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fileno(file), 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	mapped = wick_process_cost_bytes();
	for (uint64_t i = 0; i < bytes; i += 4096)
		sum += ((const volatile uint8_t *)at)[i];
	touched = wick_process_cost_bytes();
	assert_int_equal(sum, bytes / 4096);
	assert_in_range(mapped, before + unseen - little, before + unseen + little);
	assert_in_range(touched, before + bytes - little, before + bytes + little);
	munmap((void *)(uintptr_t)at, bytes);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_and_in_order),
		cmocka_unit_test(holds_no_more_than_reserved),
		cmocka_unit_test(small_pages_are_said),
		cmocka_unit_test(too_much_is_said),
		cmocka_unit_test(the_peak_is_known),
		cmocka_unit_test(files_cost_what_they_may_come_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
