/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The queue over a drive that misbehaves (io/sim.h), for many seeds: every request comes back exactly once, DONE with
 * all bytes right or FAILED with an error that the drive gave; nothing outside of its memory is touched; the urgent and
 * the earlier go first. A failure prints its seed; WICK_SEED=N runs that one alone. */

#include "sim.h"

#include "bits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define IMAGE_BYTES (256u * 1024 + 100) /* its last sector is not whole */
#define SECTOR 512u
#define GUARD 0xee
#define ITEMS 48u
#define PARTS 5u
#define PART_BYTES (8 * SECTOR)
#define SEEDS 1500u
#define TRANSIENT_TRIES 20u /* as io.h says */

struct item {
	struct wick_io_request request;
	struct iovec iov[PARTS];
	uint64_t sequence; /* of its submission */
	bool out;
};

struct world {
	uint64_t seed;
	struct wick_io *io;
	struct wick_sim *sim;
	struct wick_file file;
	struct item items[ITEMS];
	uint64_t sequence;
	uint64_t came, failed, bytes;
};

static uint8_t image[IMAGE_BYTES];
static uint8_t memory[ITEMS][PARTS][PART_BYTES + SECTOR]; /* a guard after every part */
static struct world world;

static void check(bool condition, const char *words)
{
	if (!condition)
		fail_msg("WICK_SEED=%llu: %s", (unsigned long long)world.seed, words);
}
#define CHECK(condition) check(condition, #condition)

static bool waits_untouched(const struct wick_io_request *request)
{
	return request->state == WICK_IO_QUEUED && !request->attempts && request->left_offset == request->offset;
}

/* No request may be started while a more urgent one, or an earlier one of its kind, has not been. */
static void check_order(void *user, const struct wick_io_request *request)
{
	const struct item *item = request->user;
	bool first = !request->attempts && request->left_offset == request->offset;

	(void)user;
	CHECK(request->state == WICK_IO_FLIGHT);
	for (unsigned i = 0; i < ITEMS; i++) {
		const struct item *other = &world.items[i];

		if (!other->out || !waits_untouched(&other->request))
			continue;
		CHECK(other->request.priority >= request->priority);
		CHECK(!first || other->request.priority > request->priority || other->sequence > item->sequence);
	}
}

/* A read of random whole sectors, now and then past the end of the drive, one buffer or scattered. */
static void fill(struct item *item, uint64_t *draws)
{
	unsigned index = (unsigned)(item - world.items), count = 1 + (unsigned)wick_sim_draw(draws, PARTS);
	struct wick_io_request *request = &item->request; /* what io left in it since the last time stays */

	memset(memory[index], GUARD, sizeof(memory[index]));
	for (unsigned i = 0; i < count; i++)
		item->iov[i] = (struct iovec){ memory[index][i], wick_sim_draw(draws, 9) * SECTOR };
	request->file = &world.file;
	request->user = item;
	request->offset = wick_sim_draw(draws, IMAGE_BYTES / SECTOR - (wick_sim_draw(draws, 10) ? 50 : 0)) * SECTOR;
	request->priority = wick_sim_draw(draws, 2) ? WICK_IO_DEMAND : WICK_IO_PREFETCH;
	request->iov_count = count;
	request->one = item->iov[0];
	request->iov = count > 1 || wick_sim_draw(draws, 2) ? item->iov : NULL;
}

static void submit(struct item *item)
{
	item->out = true;
	item->sequence = ++world.sequence;
	wick_io_submit(world.io, &item->request);
	CHECK(item->request.state == WICK_IO_QUEUED || item->request.state == WICK_IO_FLIGHT);
}

/* Whether the parts hold what the image does; wrong bytes in the guards fail at once. */
static bool bytes_are_right(const struct item *item)
{
	unsigned index = (unsigned)(item - world.items);
	uint64_t at = item->request.offset;
	bool right = true;

	for (unsigned i = 0; i < item->request.iov_count; i++) {
		const struct iovec *part = &item->iov[i];

		right = right && (!part->iov_len || !memcmp(part->iov_base, image + at, part->iov_len));
		at += part->iov_len;
	}
	for (unsigned i = 0; i < PARTS; i++)
		for (size_t k = i < item->request.iov_count ? item->iov[i].iov_len : 0; k < sizeof(memory[0][0]); k++)
			CHECK(memory[index][i][k] == GUARD);
	return right;
}

static bool may_report(int error)
{
	static const int reported[] = { -EIO, -EINTR, -EAGAIN, -ENOMEM, -EBUSY, -ENODEV, -ENODATA };

	for (unsigned i = 0; i < WICK_COUNT_OF(reported); i++)
		if (error == reported[i])
			return true;
	return false;
}

static void take_back(struct wick_io_request *request, bool must_survive, unsigned retries)
{
	struct item *item = request->user;
	bool past_end = request->offset + request->bytes > IMAGE_BYTES;

	CHECK(&item->request == request && item->out);
	item->out = false;
	world.came++;
	world.bytes += request->bytes;
	CHECK(request->attempts <= TRANSIENT_TRIES + retries && request->medium_errors <= retries);
	CHECK(request->completed_ns >= request->submitted_ns);
	if (request->state == WICK_IO_DONE) {
		CHECK(request->result == 0 && request->bytes_done == request->bytes && !past_end);
		CHECK(bytes_are_right(item) || wick_sim_lies(world.sim));
		return;
	}
	CHECK(request->state == WICK_IO_FAILED && may_report(request->result));
	CHECK(request->bytes_done < request->bytes);
	CHECK(!must_survive || (past_end && request->result == -ENODATA));
	world.failed++;
}

/* Submits `total` reads in a random rhythm and takes all of them back, or leaves some behind. */
static void exercise(uint64_t *draws, bool must_survive, unsigned retries)
{
	unsigned total = 1 + (unsigned)wick_sim_draw(draws, 3 * ITEMS), sent = 0;
	bool leave = wick_sim_draw(draws, 10) == 0;

	while (world.came < total) {
		struct item *item = &world.items[wick_sim_draw(draws, ITEMS)];
		struct wick_io_request *back = NULL;

		switch (wick_sim_draw(draws, 8)) {
		case 0:
			back = wick_io_wait(world.io);
			CHECK(back || world.came == sent);
			break;
		case 1:
			back = wick_io_poll(world.io);
			break;
		case 2:
			wick_io_kick(world.io);
			break;
		default:
			if (sent == total || item->out)
				break;
			fill(item, draws);
			submit(item);
			sent++;
		}
		if (back)
			take_back(back, must_survive, retries);
		CHECK(wick_io_outstanding(world.io) == sent - world.came);
		if (leave && sent == total)
			return;
	}
	CHECK(!wick_io_wait(world.io) && !wick_io_poll(world.io));
}

static void open_world(uint64_t seed, const struct wick_sim_options *faults, unsigned depth, unsigned retries)
{
	const struct wick_io_options options = { .depth = depth, .retries = retries };
	struct wick_sim_options all = *faults;

	memset(&world, 0, sizeof(world));
	all.seed = world.seed = seed;
	all.image = image;
	all.image_bytes = IMAGE_BYTES;
	CHECK(wick_sim_create(&world.io, &world.sim, &world.file, &all, &options) == 0);
}

static void run_seed(uint64_t seed)
{
	uint64_t draws = seed;
	bool must_survive = wick_sim_draw(&draws, 2), lie = wick_sim_draw(&draws, 4) == 0;
	unsigned depth = 1 + (unsigned)wick_sim_draw(&draws, 40), retries = 1 + (unsigned)wick_sim_draw(&draws, 4);
	struct wick_sim_options faults = {
		.latency_ns_min = wick_sim_draw(&draws, 20000),
		.latency_ns_max = wick_sim_draw(&draws, 400000),
		.transient_per_mille = (unsigned)wick_sim_draw(&draws, 150),
		.started = check_order,
	};

	faults.short_per_mille = (unsigned)wick_sim_draw(&draws, 400);
	faults.short_by_sectors = must_survive;
	if (must_survive) {
		faults.eio_once_per_mille = (unsigned)wick_sim_draw(&draws, 400);
	} else {
		faults.eio_per_mille = (unsigned)wick_sim_draw(&draws, 200);
		faults.bad_offset = wick_sim_draw(&draws, IMAGE_BYTES);
		faults.bad_bytes = wick_sim_draw(&draws, 4) * SECTOR;
		faults.gone_after = wick_sim_draw(&draws, 4) ? 0 : 1 + wick_sim_draw(&draws, 200);
	}
	if (lie) {
		faults.flip_per_mille = (unsigned)wick_sim_draw(&draws, 100);
		faults.torn_per_mille = (unsigned)wick_sim_draw(&draws, 100);
	}
	open_world(seed, &faults, depth, retries);
	exercise(&draws, must_survive, retries);
	CHECK(wick_io_counters(world.io)->reads == world.came);
	CHECK(wick_io_counters(world.io)->bytes == world.bytes);
	CHECK(wick_io_counters(world.io)->failed == world.failed);
	wick_io_destroy(world.io);
}

static void all_bytes_right_or_an_error(void **state)
{
	const char *given = getenv("WICK_SEED");

	(void)state;
	if (given) {
		run_seed(strtoull(given, NULL, 0));
		return;
	}
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		run_seed(seed);
}

/* One read of eight sectors from the beginning. */
static struct wick_io_request *read_once(void)
{
	struct item *item = &world.items[0];

	memset(memory[0], GUARD, sizeof(memory[0]));
	item->iov[0] = (struct iovec){ memory[0][0], PART_BYTES };
	item->request.file = &world.file;
	item->request.user = item;
	item->request.iov = item->iov;
	item->request.iov_count = 1;
	submit(item);
	CHECK(wick_io_wait(world.io) == &item->request);
	return &item->request;
}

static void errors_that_do_not_pass_end_within_a_second_or_so(void **state)
{
	const struct wick_sim_options faults = { .transient_per_mille = 1000 };
	struct wick_io_request *request;

	(void)state;
	open_world(1, &faults, 4, 3);
	request = read_once();
	assert_int_equal(request->state, WICK_IO_FAILED);
	assert_true(request->result != -EIO && may_report(request->result));
	assert_int_equal(request->attempts, TRANSIENT_TRIES);
	assert_int_equal(wick_sim_attempts(world.sim), TRANSIENT_TRIES + 1);
	assert_true(request->completed_ns - request->submitted_ns > 500000000);
	assert_true(request->completed_ns - request->submitted_ns < 3000000000u);
	assert_true(wick_io_counters(world.io)->wait_ns > 500000000);
	wick_io_destroy(world.io);
}

static struct {
	unsigned of[2 * (TRANSIENT_TRIES + 1)], count;
} attempts;

static void note_attempt(void *user, const struct wick_io_request *request)
{
	const struct item *item = request->user;

	(void)user;
	attempts.of[attempts.count++] = (unsigned)(item - world.items);
}

static void what_is_tried_again_keeps_its_order(void **state)
{
	const struct wick_sim_options faults = { .transient_per_mille = 1000, .latency_ns_min = 1000,
		.latency_ns_max = 1000, .started = note_attempt };

	(void)state;
	open_world(1, &faults, 2, 3);
	attempts.count = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct item *item = &world.items[i];

		item->request = (struct wick_io_request){ .file = &world.file, .user = item, .one = { memory[i], SECTOR } };
		wick_io_submit(world.io, &item->request);
	}
	while (wick_io_wait(world.io))
		;
	assert_int_equal(attempts.count, 2 * (TRANSIENT_TRIES + 1));
	for (unsigned i = 0; i < attempts.count; i++)
		assert_int_equal(attempts.of[i], i % 2);
	wick_io_destroy(world.io);
}

static void medium_errors_are_retried_as_often_as_asked(void **state)
{
	const struct wick_sim_options always = { .eio_per_mille = 1000 }, once = { .eio_once_per_mille = 1000 };

	(void)state;
	for (unsigned retries = 0; retries < 4; retries++) {
		open_world(retries, &always, 4, retries);
		assert_int_equal(read_once()->result, -EIO);
		assert_int_equal(read_once()->attempts, retries); /* a second time as often */
		assert_int_equal(wick_sim_attempts(world.sim), 2 * (retries + 1));
		assert_int_equal(wick_io_counters(world.io)->retries, 2 * retries);
		wick_io_destroy(world.io);

		open_world(retries, &once, 4, retries);
		assert_int_equal(read_once()->result, retries ? 0 : -EIO);
		assert_true(bytes_are_right(&world.items[0]) == (retries > 0));
		wick_io_destroy(world.io);
	}
}

/* Cuts at every byte are resumed from a sector's beginning, as a direct read must be. */
static void short_reads_are_resumed(void **state)
{
	const struct wick_sim_options faults = { .short_per_mille = 600 };
	uint64_t resumed = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		open_world(seed, &faults, 1, 1000);
		CHECK(read_once()->result == 0);
		CHECK(bytes_are_right(&world.items[0]));
		resumed += wick_io_counters(world.io)->resumed;
		wick_io_destroy(world.io);
	}
	assert_true(resumed > 100);
}

/* A read that is due again goes when it is due, not when another one, which may take for ever, is back. */
static void a_retry_waits_for_nobody(void **state)
{
	const struct wick_sim_options faults = { .latency_ns_min = 1000000, .fault = WICK_SIM_HUNG, .eio_once_per_mille = 1000 };
	struct item *hung = &world.items[1];
	const struct wick_io_request *again;

	(void)state;
	open_world(5, &faults, 2, 3);
	hung->iov[0] = (struct iovec){ memory[1][0], SECTOR };
	hung->request = (struct wick_io_request){ .file = &world.file, .user = hung, .iov = hung->iov, .iov_count = 1,
		.offset = 64 * SECTOR };
	submit(hung);
	again = read_once();
	assert_int_equal(again->result, 0);
	assert_int_equal(again->attempts, 1);
	assert_in_range(again->completed_ns - again->submitted_ns, 2000000, 10000000);
	assert_ptr_equal(wick_io_wait(world.io), &hung->request);
	assert_int_equal(hung->request.result, -ETIMEDOUT);
	wick_io_destroy(world.io);
}

static void a_drive_that_is_gone_is_reported_at_once(void **state)
{
	const struct wick_sim_options faults = { .gone_after = 1 };

	(void)state;
	open_world(7, &faults, 4, 3);
	assert_int_equal(read_once()->result, 0);
	assert_int_equal(read_once()->result, -ENODEV);
	assert_int_equal(wick_sim_attempts(world.sim), 2);
	wick_io_destroy(world.io);
}

/* Silent corruption is not this room's to see; it must reach the checksums above. */
static void lies_are_delivered_and_counted(void **state)
{
	const struct wick_sim_options faults = { .flip_per_mille = 1000 };

	(void)state;
	open_world(3, &faults, 1, 0);
	assert_int_equal(read_once()->result, 0);
	assert_false(bytes_are_right(&world.items[0]));
	assert_int_equal(wick_sim_lies(world.sim), 1);
	wick_io_destroy(world.io);
}

/* Reads of the byte that was struck, in the file that was; the image is all files. */
static void what_lasts_stays_in_one_file(void **state)
{
	static const enum wick_sim_fault lasting[] = { WICK_SIM_EIO_FOREVER, WICK_SIM_FLIP_FOREVER };
	uint64_t offset;

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(lasting); i++) {
		const struct wick_sim_options faults = { .fault = lasting[i] };

		open_world(6, &faults, 1, 0);
		for (unsigned k = 0; k < 4; k++) {
			world.file.serial = 1 + k % 2;
			assert_int_equal(!read_once()->result && bytes_are_right(&world.items[0]), k % 2);
		}
		assert_true(wick_sim_struck(world.sim, &offset) && offset < PART_BYTES);
		assert_int_equal(wick_sim_struck_file(world.sim), 1);
		wick_io_destroy(world.io);
	}
}

/* Without an image the drive holds the file that the request names. */
static void a_real_file_on_a_bad_drive(void **state)
{
	const struct wick_sim_options faults = { .seed = 9, .short_per_mille = 500, .short_by_sectors = true };
	const struct wick_io_options options = { .depth = 2 };
	const char *folder = getenv("TMPDIR");
	char path[256];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/wick-sim-XXXXXX", folder ? folder : "/tmp");
	fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, image, IMAGE_BYTES) == IMAGE_BYTES);
	close(fd);
	memset(&world, 0, sizeof(world));
	assert_int_equal(wick_file_open(&world.file, path, false, NULL), 0);
	unlink(path);
	assert_int_equal(wick_sim_create(&world.io, &world.sim, NULL, &faults, &options), 0);
	assert_int_equal(read_once()->result, 0);
	assert_true(bytes_are_right(&world.items[0]));
	wick_io_destroy(world.io);
	wick_file_close(&world.file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_bytes_right_or_an_error),
		cmocka_unit_test(errors_that_do_not_pass_end_within_a_second_or_so),
		cmocka_unit_test(what_is_tried_again_keeps_its_order),
		cmocka_unit_test(medium_errors_are_retried_as_often_as_asked),
		cmocka_unit_test(short_reads_are_resumed),
		cmocka_unit_test(a_retry_waits_for_nobody),
		cmocka_unit_test(a_drive_that_is_gone_is_reported_at_once),
		cmocka_unit_test(lies_are_delivered_and_counted),
		cmocka_unit_test(what_lasts_stays_in_one_file),
		cmocka_unit_test(a_real_file_on_a_bad_drive),
	};
	uint64_t draws = 42;

	for (unsigned i = 0; i < IMAGE_BYTES; i++)
		image[i] = (uint8_t)wick_sim_draw(&draws, 256);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
