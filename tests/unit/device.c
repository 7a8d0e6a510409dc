/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Drives in a sysfs of our own making. */

#include "device.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char sysfs[256];

/* As the kernel lays it out: /sys/dev/block has links into /sys/devices, where a partition lies in its disk. */
static const char *const script =
	"cd '%s' && mkdir -p dev/block devices/nvme0/nvme0n1/queue devices/nvme0/nvme0n1/nvme0n1p2 devices/dm-0/dm &&"
	"cd devices/nvme0 && echo 'Some Drive/980   ' >model && echo ' S64D/../x\t' >serial && ln -s .. nvme0n1/device &&"
	"cd nvme0n1 && echo 259:0 >dev && echo '[none] mq-deadline kyber' >queue/scheduler && echo 128 >queue/read_ahead_kb && echo 4096 >queue/logical_block_size &&"
	"echo 0 >queue/rotational && echo 2 >nvme0n1p2/partition && echo 259:2 >nvme0n1p2/dev &&"
	"cd ../../dm-0 && echo 254:0 >dev && echo CRYPT-LUKS2-abc >dm/uuid && echo home >dm/name &&"
	"cd ../../dev/block && ln -s ../../devices/nvme0/nvme0n1 259:0 && ln -s ../../devices/nvme0/nvme0n1/nvme0n1p2 259:2 &&"
	"ln -s ../../devices/dm-0 254:0 && mkdir 8:0 && echo 8:0 >8:0/dev";

static int make_sysfs(void **state)
{
	const char *parent = getenv("TMPDIR");
	char command[2048];

	(void)state;
	snprintf(sysfs, sizeof(sysfs), "%s/wick-device-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(sysfs))
		return -1;
	snprintf(command, sizeof(command), script, sysfs);
	return system(command);
}

static int remove_sysfs(void **state)
{
	char command[sizeof(sysfs) + 32];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", sysfs);
	return system(command);
}

static void a_drive_is_described(void **state)
{
	struct wick_device device;

	(void)state;
	assert_true(wick_device_at(&device, sysfs, 259, 0));
	assert_string_equal(device.name, "nvme0n1");
	assert_string_equal(device.model, "Some Drive/980");
	assert_string_equal(device.serial, "S64D/../x");
	assert_string_equal(device.scheduler, "none");
	assert_int_equal(device.block_bytes, 4096);
	assert_int_equal(device.readahead_kib, 128);
	assert_int_equal(device.rotational, 0);
	/* No slash, so no way out of the folder that the key names a file in. */
	assert_string_equal(device.key, "259_0-Some_Drive_980-S64D_.._x");
}

static void a_partition_is_its_disk(void **state)
{
	struct wick_device disk, partition;

	(void)state;
	assert_true(wick_device_at(&disk, sysfs, 259, 0));
	assert_true(wick_device_at(&partition, sysfs, 259, 2));
	assert_memory_equal(&disk, &partition, sizeof(disk));
}

static void a_mapped_drive_has_its_uuid(void **state)
{
	struct wick_device device;

	(void)state;
	assert_true(wick_device_at(&device, sysfs, 254, 0));
	assert_string_equal(device.key, "254_0-home-CRYPT-LUKS2-abc");
	assert_string_equal(device.scheduler, "");
	assert_int_equal(device.block_bytes, -1);
	assert_int_equal(device.readahead_kib, -1);
	assert_int_equal(device.rotational, -1);
}

static void little_or_nothing_known(void **state)
{
	struct wick_device device;

	(void)state;
	assert_true(wick_device_at(&device, sysfs, 8, 0));
	assert_string_equal(device.key, "8_0");
	assert_string_equal(device.model, "");
	assert_false(wick_device_at(&device, sysfs, 8, 16));
	assert_string_equal(device.key, "8_16");
	assert_string_equal(device.name, "");
	assert_false(wick_device_at(&device, "/nonexistent", 8, 16));
}

static void every_path_has_a_key(void **state)
{
	struct wick_device device, same;
	struct wick_diag diag = { "" };

	(void)state;
	assert_int_equal(wick_device_of(&device, sysfs, &diag), 0);
	assert_true(strlen(device.key) > 0);
	assert_int_equal(wick_device_of(&same, "/proc", &diag), 0); /* no drive */
	assert_int_equal(strncmp(same.key, "fs-9fa0-", 8), 0);
	assert_string_equal(same.name, "");
	assert_int_equal(wick_device_of(&device, "/nonexistent/x", &diag), -ENOENT);
	assert_non_null(strstr(diag.text, "/nonexistent/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drive_is_described),
		cmocka_unit_test(a_partition_is_its_disk),
		cmocka_unit_test(a_mapped_drive_has_its_uuid),
		cmocka_unit_test(little_or_nothing_known),
		cmocka_unit_test(every_path_has_a_key),
	};

	return cmocka_run_group_tests(tests, make_sysfs, remove_sysfs);
}
