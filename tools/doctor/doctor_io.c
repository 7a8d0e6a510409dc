/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading: every answer is found by doing it, on the file that was given or a small one made in the folder. */

#include "bits.h"
#include "doctor.h"
#include "flash.h"
#include "profile.h"
#include "progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define DEPTH 32
#define TEST_FILE_BYTES (1u << 20)
#define TEST_LOCK_BYTES (16u << 20) /* twice of what an ordinary user may lock */

/* How to get a ring where there is none. */
static const char *ring_fix(int error)
{
	char disabled[16];

	doctor_read(disabled, sizeof(disabled), "/proc/sys/kernel/io_uring_disabled");
	if (error == -EPERM && disabled[0] && strcmp(disabled, "0"))
		return "as root: sysctl kernel.io_uring_disabled=0";
	if (error == -EPERM || error == -EACCES)
		return "allow io_uring_setup, io_uring_enter and io_uring_register in the container's seccomp profile";
	if (error == -ENOMEM)
		return "raise the limit of locked memory: ulimit -l";
	return "Linux 6.1 or newer with CONFIG_IO_URING, and no seccomp filter that hides it";
}

/* Reads the beginning of the file once. The buffer is the caller's, who frees it when the queue has let go of it. */
static int read_once(struct wick_io *io, const struct wick_file *file, void **buffer)
{
	struct wick_io_request request = { .file = file };

	if (posix_memalign(buffer, WICK_MAX(file->memory_align, 4096u), file->offset_align)) {
		*buffer = NULL;
		return -ENOMEM;
	}
	request.one = (struct iovec){ *buffer, file->offset_align };
	wick_io_submit(io, &request);
	wick_io_wait(io);
	return request.result;
}

static void look_at_lock(struct doctor *doctor, struct wick_io *io)
{
	static const char fix[] = "ulimit -l unlimited, or a memlock line in /etc/security/limits.conf: less CPU a read";
	struct iovec range = { NULL, TEST_LOCK_BYTES };
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	int rc;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	range.iov_base = mmap(NULL, range.iov_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (range.iov_base == MAP_FAILED)
		return;
	rc = wick_io_register(io, &range, 1);
	if (rc < 0 && limit.rlim_cur == RLIM_INFINITY)
		doctor_note(doctor, "locked memory", DOCTOR_NO, NULL, "no limit, yet refused: %s", strerror(-rc));
	else if (rc < 0)
		doctor_note(doctor, "locked memory", DOCTOR_NO, fix, "%s at most", BYTES(limit.rlim_cur));
	else if (limit.rlim_cur == RLIM_INFINITY)
		doctor_note(doctor, "locked memory", DOCTOR_OK, NULL, "no limit");
	else
		doctor_note(doctor, "locked memory", DOCTOR_OK, NULL, "%s, which does not bind this user", BYTES(limit.rlim_cur));
	wick_io_register(io, NULL, 0);
	munmap(range.iov_base, range.iov_len);
}

/* Without a ring there is the pool; without either there is no wick. */
static void look_at_pool(struct doctor *doctor, const char *why, const char *fix)
{
	const struct wick_io_options options = { .method = "pread", .depth = DEPTH };
	struct wick_diag diag = { "" };
	struct wick_io *io;

	if (wick_io_create(&io, &options, &diag) < 0)
		doctor_note(doctor, "io_uring", DOCTOR_FAIL, fix, "%s; nor a pool of threads: %s", why, diag.text);
	else
		doctor_note(doctor, "io_uring", DOCTOR_NO, fix, "%s; a pool of threads reads, for more CPU", why);
	wick_io_destroy(io);
}

/* file is NULL when none could be opened. */
static void look_at_ring(struct doctor *doctor, const struct wick_file *file)
{
	const struct wick_io_options options = { .method = "uring", .depth = DEPTH };
	struct wick_diag diag = { "" };
	void *buffer = NULL;
	struct wick_io *io;
	int rc = wick_io_create(&io, &options, &diag);

	if (rc < 0) {
		look_at_pool(doctor, diag.text, ring_fix(rc));
		return;
	}
	rc = file ? read_once(io, file, &buffer) : 0;
	if (rc < 0) {
		snprintf(diag.text, sizeof(diag.text), "a read through it failed: %s", strerror(-rc));
		look_at_pool(doctor, diag.text, ring_fix(rc));
	} else {
		doctor_note(doctor, "io_uring", DOCTOR_OK, NULL, "%s", file ? "a read through it works" : "there");
		look_at_lock(doctor, io);
	}
	if (wick_io_destroy(io) == 0) /* else the kernel may still write to it */
		free(buffer);
}

static void look_at_alignment(struct doctor *doctor, const struct wick_file *file)
{
	if (!file->direct)
		doctor_note(doctor, "direct reads", DOCTOR_NO, "keep the model on a drive of its own file system: ext4, xfs, btrfs",
			"%s", file->why);
	else if (file->offset_align > 512)
		doctor_note(doctor, "direct reads", DOCTOR_OK, NULL, "at multiples of %u bytes: pack with --align %u, or "
			"bundles of another size are read through the page cache", file->offset_align, file->offset_align);
	else
		doctor_note(doctor, "direct reads", DOCTOR_OK, NULL, "at multiples of %u bytes", file->offset_align);
}

static void look_at_drive(struct doctor *doctor, const struct wick_device *device)
{
	const bool is_virtual = !strncmp(device->name, "vd", 2) || !strncmp(device->name, "xvd", 3);
	const bool slow_scheduler = device->scheduler[0] && strcmp(device->scheduler, "none");
	const bool turns = device->rotational == 1 && !is_virtual;
	char fix[160] = "", readahead[32] = "unknown";

	if (!device->name[0]) {
		doctor_note(doctor, "drive", DOCTOR_NO, "give the path of a file on the drive", "the file system does not show it");
		return;
	}
	if (turns)
		snprintf(fix, sizeof(fix), "keep the model on flash: this disk turns, and a random read takes milliseconds");
	else if (slow_scheduler)
		snprintf(fix, sizeof(fix), "as root: echo none >/sys/block/%s/queue/scheduler", device->name);
	if (device->readahead_kib >= 0)
		snprintf(readahead, sizeof(readahead), "%d KiB", device->readahead_kib);
	doctor_note(doctor, "drive", fix[0] ? DOCTOR_NO : DOCTOR_OK, fix, "%s%s%s, scheduler %s, readahead %s", device->name,
		device->model[0] ? ", " : "", device->model, device->scheduler[0] ? device->scheduler : "unknown", readahead);
}

static void look_at_profile(struct doctor *doctor, const struct flash_bench *bench)
{
	struct wick_profile_key key = { .method = "uring", .direct = true };
	struct wick_profile profile;
	struct wick_diag diag = { "" };
	char fix[256], day[32] = "";
	struct tm tm;
	time_t when;
	int rc;

	snprintf(key.device, sizeof(key.device), "%s", bench->device.key);
	snprintf(fix, sizeof(fix), "wick flashbench --save-profile %.180s", doctor->path);
	rc = wick_profile_load(&profile, &key, &diag);
	if (rc == WICK_PROFILE_MISSING) {
		doctor_note(doctor, "profile", DOCTOR_NO, fix, "this drive was never measured");
		return;
	}
	if (rc < 0) {
		doctor_note(doctor, "profile", DOCTOR_NO, fix, "%s", diag.text);
		return;
	}
	when = (time_t)profile.measured_s;
	if (localtime_r(&when, &tm))
		strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	if (wick_profile_is_contradicted(&profile))
		doctor_note(doctor, "profile", DOCTOR_NO, fix, "measured on %s%s; the last run read at %.0f MB/s where it says %.0f",
			day, profile.quick ? ", quickly" : "", profile.last_run.mb_per_s, profile.last_run.expected_mb_per_s);
	else
		doctor_note(doctor, "profile", DOCTOR_OK, NULL, "measured on %s%s", day, profile.quick ? ", quickly" : "");
}

/* The file that is given, or a small one; false when the path is of no use. A folder that takes no file is not the end:
 * models are only read. */
static bool open_test_file(struct doctor *doctor, struct flash_bench *bench)
{
	struct wick_diag diag = { "" };
	struct stat info;
	bool folder = stat(doctor->path, &info) == 0 && S_ISDIR(info.st_mode);
	int rc = flash_open(bench, doctor->path, TEST_FILE_BYTES, true, &diag);

	if (rc < 0 && folder)
		doctor_note(doctor, "direct reads", DOCTOR_NO, "give the path of a file", "cannot tell: %s", diag.text);
	else if (rc < 0)
		doctor_note(doctor, "path", DOCTOR_FAIL, "give a file or folder that is there and can be read", "%s", diag.text);
	return rc == 0;
}

void doctor_look_at_io(struct doctor *doctor)
{
	struct flash_bench bench = { .file.fd = -1 };
	bool opened = open_test_file(doctor, &bench);

	look_at_ring(doctor, opened ? &bench.file : NULL);
	if (opened)
		look_at_alignment(doctor, &bench.file);
	if (bench.device.key[0])
		look_at_drive(doctor, &bench.device);
	if (opened && bench.file.direct)
		look_at_profile(doctor, &bench);
	flash_close(&bench);
}
