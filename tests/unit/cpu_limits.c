/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Quotas of the processor, in a /proc and a /sys of our own making. */

#include "cgroup.h"
#include "cpu_limits.h"

#include "bits.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char root[256];

static void put(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	snprintf(whole, sizeof(whole), "mkdir -p \"$(dirname '%s/%s')\"", root, path);
	assert_int_equal(system(whole), 0);
	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	file = fopen(whole, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void nothing_is_no_limit(void **state)
{
	(void)state;
	assert_true(isinf(wick_cpu_quota(root)));
	put("proc/self/cgroup", "0::/\n");
	assert_true(isinf(wick_cpu_quota(root)));
	put("sys/fs/cgroup/cpu.max", "max 100000\n");
	assert_true(isinf(wick_cpu_quota(root)));
}

/* docker run --cpus 1.5; and a slice above it that gives less. */
static void version_2(void **state)
{
	(void)state;
	put("proc/self/cgroup", "0::/slice/box\n");
	put("sys/fs/cgroup/slice/box/cpu.max", "150000 100000\n");
	assert_float_equal(wick_cpu_quota(root), 1.5, 0);
	put("sys/fs/cgroup/slice/cpu.max", "25000 50000\n");
	assert_float_equal(wick_cpu_quota(root), 0.5, 0);
	put("sys/fs/cgroup/slice/box/cpu.max", "max 100000\n");
	assert_float_equal(wick_cpu_quota(root), 0.5, 0);
}

/* Beside version 2, as systemd mounts them; cpuset and cpuacct are no cpu. */
static void version_1(void **state)
{
	(void)state;
	put("proc/self/cgroup", "3:cpuset:/other\n2:cpu,cpuacct:/box\n1:name=systemd:/cpu\n0::/\n");
	put("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "40000\n");
	put("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
	assert_float_equal(wick_cpu_quota(root), 0.4, 0);
	put("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
	assert_true(isinf(wick_cpu_quota(root)));
	put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
	put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	assert_float_equal(wick_cpu_quota(root), 3, 0);
	put("proc/self/cgroup", "3:cpuset,cpuacct:/box\n");
	assert_true(isinf(wick_cpu_quota(root)));
}

/* The path may be that of a hierarchy of which a container sees the lowest part only. */
static void what_cannot_be_seen(void **state)
{
	(void)state;
	put("proc/self/cgroup", "0::/docker/0123/inner\n");
	put("sys/fs/cgroup/cpu.max", "200000 100000\n");
	assert_float_equal(wick_cpu_quota(root), 2, 0);
}

static int make_root(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(root, sizeof(root), "%s/wick-cpu-XXXXXX", parent ? parent : "/tmp");
	return !mkdtemp(root);
}

static int remove_root(void **state)
{
	char command[sizeof(root) + 32];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_no_limit, make_root, remove_root),
		cmocka_unit_test_setup_teardown(version_2, make_root, remove_root),
		cmocka_unit_test_setup_teardown(version_1, make_root, remove_root),
		cmocka_unit_test_setup_teardown(what_cannot_be_seen, make_root, remove_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
