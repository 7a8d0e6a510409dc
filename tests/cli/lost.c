/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A drive that does not answer takes the queue with it (io/io.h): memory that reads were to land in is kept then, and
 * is freed where the queue lets go of it. Whether it does is said here, not by a drive. */

#include "doctor.h"
#include "flash.h"
#include "probe.h"
#include "profile.h"

#include "bits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct flash_bench bench;
static bool lost;                /* what every queue says when it goes */
static struct wick_probe *probe; /* the last one made, until it goes */
static _Atomic(void *) buffer;   /* likewise, aligned memory; threads of a queue free, too */

int __real_wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag);
int __wrap_wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag);
int __real_wick_io_destroy(struct wick_io *io);
int __wrap_wick_io_destroy(struct wick_io *io);
int __real_wick_probe_create(struct wick_probe **made, const struct wick_probe_options *how, struct wick_diag *diag);
int __wrap_wick_probe_create(struct wick_probe **made, const struct wick_probe_options *how, struct wick_diag *diag);
void __real_wick_probe_destroy(struct wick_probe *gone);
void __wrap_wick_probe_destroy(struct wick_probe *gone);
int __wrap_wick_profile_load(struct wick_profile *profile, const struct wick_profile_key *key, struct wick_diag *diag);
int __real_posix_memalign(void **memory, size_t align, size_t bytes);
int __wrap_posix_memalign(void **memory, size_t align, size_t bytes);
void __real_free(void *memory);
void __wrap_free(void *memory);

/* There may be no uring here. */
int __wrap_wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag)
{
	struct wick_io_options any = *options;

	any.method = "pread";
	return __real_wick_io_create(io, &any, diag);
}

int __wrap_wick_io_destroy(struct wick_io *io)
{
	int rc = __real_wick_io_destroy(io);

	return lost ? -EBUSY : rc;
}

int __wrap_wick_probe_create(struct wick_probe **made, const struct wick_probe_options *how, struct wick_diag *diag)
{
	int rc = __real_wick_probe_create(made, how, diag);

	probe = *made;
	return rc;
}

void __wrap_wick_probe_destroy(struct wick_probe *gone)
{
	probe = gone == probe ? NULL : probe;
	__real_wick_probe_destroy(gone);
}

int __wrap_posix_memalign(void **memory, size_t align, size_t bytes)
{
	int rc = __real_posix_memalign(memory, align, bytes);

	buffer = rc ? NULL : *memory;
	return rc;
}

void __wrap_free(void *memory)
{
	if (memory == buffer)
		buffer = NULL;
	__real_free(memory);
}

/* Of any drive. */
int __wrap_wick_profile_load(struct wick_profile *profile, const struct wick_profile_key *key, struct wick_diag *diag)
{
	static const struct wick_profile_cell cells[] = { { 4096, 1, 100, 100 }, { 1 << 20, 1, 1000, 1000 } };

	*profile = (struct wick_profile){ .key = *key };
	return wick_profile_fit(profile, cells, WICK_COUNT_OF(cells), diag);
}

static const char *scratch(void)
{
	const char *folder = getenv("TMPDIR");

	return folder ? folder : "/tmp";
}

static int make_file(void **state)
{
	(void)state;
	bench = (struct flash_bench){ .seconds = 0.02 };
	return flash_open(&bench, scratch(), 16384, false, NULL);
}

static int drop_file(void **state)
{
	(void)state;
	flash_close(&bench);
	return 0;
}

static void run_cell(void)
{
	struct flash_cell cell = { .chunk_bytes = 4096, .depth = 2, .threads = 1 };

	assert_int_equal(flash_cell_run(&bench, &cell, NULL, NULL, NULL), 0);
}

static void run_check(void)
{
	static struct flash_check check;
	struct wick_diag diag = { "" };

	check = (struct flash_check){ .planned = 1 };
	if (flash_check_run(&bench, &check, NULL, &diag))
		fail_msg("%s", diag.text);
}

static void run_doctor(void)
{
	struct doctor doctor = { .path = scratch() };

	doctor_look_at_io(&doctor);
	assert_true(doctor.count > 0);
}

static void a_probe_is_kept_by(void (*work)(void))
{
	lost = false;
	work();
	assert_null(probe);
	lost = true;
	work();
	assert_non_null(probe);
	__real_wick_probe_destroy(probe);
}

static void by_a_cell(void **state)
{
	(void)state;
	a_probe_is_kept_by(run_cell);
}

static void by_a_check_of_the_profile(void **state)
{
	(void)state;
	a_probe_is_kept_by(run_check);
}

static void by_the_doctor(void **state)
{
	(void)state;
	lost = false;
	run_doctor();
	assert_null(buffer);
	lost = true;
	run_doctor();
	assert_non_null(buffer);
	free(buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_a_cell, make_file, drop_file),
		cmocka_unit_test_setup_teardown(by_a_check_of_the_profile, make_file, drop_file),
		cmocka_unit_test(by_the_doctor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
