/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The seeded faulty drive (see sim.h). The fate of an attempt is drawn when it is started; the bytes move when it
 * ends. */

#include "sim.h"

#include "bits.h"
#include "check.h"
#include "splitmix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512u
#define LOOK_NS 100 /* what looking at the clock takes */
#define LATE_NS 3000000000u
#define STOPPED_NS 300000000000u
#define NEVER_NS UINT64_MAX

struct flight {
	struct wick_io_request *request;
	uint64_t due_ns;
	int64_t result; /* bytes, or a negative errno */
	bool flip;
	bool torn;
};

struct wick_sim {
	struct wick_sim_options options;
	struct wick_io *io;
	uint64_t seed;
	uint64_t now_ns;
	uint64_t attempts;
	uint64_t lies;
	uint64_t reads;         /* started for the first time */
	uint64_t strike_offset; /* of the file; UINT64_MAX: the fault has not struck */
	uint64_t strike_file;   /* its serial: the file itself may be closed by now */
	bool strike_ahead;
	struct flight *flights; /* (depth), the first flight_count in no order */
	unsigned flight_count;
	unsigned depth;
	bool stopped; /* the process will be, when it waits next */
};

uint64_t wick_sim_draw(uint64_t *seed, uint64_t limit)
{
	return wick_splitmix_draw(seed) % limit;
}

static bool suffers(struct wick_sim *sim, unsigned per_mille)
{
	return per_mille && wick_sim_draw(&sim->seed, 1000) < per_mille;
}

/* The byte of the attempt's memory that is `at` bytes from its beginning, and how many follow it there. */
static uint8_t *memory_at(const struct wick_io_request *request, uint64_t at, uint64_t *follow)
{
	const struct iovec *iov = request->left;

	for (; at >= iov->iov_len; iov++)
		at -= iov->iov_len;
	*follow = iov->iov_len - at;
	return (uint8_t *)iov->iov_base + at;
}

static void read_image(const struct wick_sim *sim, const struct wick_io_request *request, uint8_t *to, uint64_t at,
	uint64_t bytes)
{
	if (sim->options.image)
		memcpy(to, sim->options.image + request->left_offset + at, bytes);
	else
		wick_require(pread(request->file->fd, to, bytes, (off_t)(request->left_offset + at)) == (ssize_t)bytes);
}

/* Moves the first `bytes` of the attempt, leaving out the sector that begins at `torn`. */
static void deliver(const struct wick_sim *sim, const struct wick_io_request *request, uint64_t bytes, uint64_t torn)
{
	for (uint64_t at = 0, some, follow; at < bytes; at += some) {
		uint8_t *to = memory_at(request, at, &follow);
		bool left_out = at >= torn && at - torn < SECTOR;

		some = WICK_MIN(follow, bytes - at);
		if (left_out)
			some = WICK_MIN(some, torn + SECTOR - at);
		else if (at < torn)
			some = WICK_MIN(some, torn - at);
		if (!left_out)
			read_image(sim, request, to, at, some);
	}
}

/* A failing attempt may write anything anywhere in its memory. */
static void leave_rubbish(struct wick_sim *sim, const struct wick_io_request *request)
{
	uint64_t follow;
	uint8_t *at = memory_at(request, wick_sim_draw(&sim->seed, request->left_bytes), &follow);

	memset(at, 0xa5, follow);
}

static bool touches(const struct wick_sim *sim, const struct wick_io_request *request)
{
	return request->file->serial == sim->strike_file && sim->strike_offset >= request->left_offset &&
	       sim->strike_offset - request->left_offset < request->left_bytes;
}

/* Whether the fault strikes with this attempt; where in it is drawn. */
static bool strikes(struct wick_sim *sim, const struct wick_io_request *request)
{
	bool first = !request->attempts && request->left_offset == request->offset;

	if (!first || sim->reads++ != sim->options.fault_read || !sim->options.fault)
		return false;
	sim->strike_offset = request->offset + wick_sim_draw(&sim->seed, request->left_bytes);
	sim->strike_file = request->file->serial;
	sim->strike_ahead = request->priority == WICK_IO_PREFETCH;
	return true;
}

/* The result of an attempt under its fault, given the result without. */
static void strike(struct wick_sim *sim, const struct wick_io_request *request, struct flight *flight)
{
	bool now = strikes(sim, request), lasting = now || touches(sim, request);

	switch (sim->options.fault) {
	case WICK_SIM_SHORT:
		if (now && flight->result > 1)
			flight->result = 1 + (int64_t)wick_sim_draw(&sim->seed, (uint64_t)flight->result - 1);
		break;
	case WICK_SIM_EIO:
		flight->result = now ? -EIO : flight->result;
		break;
	case WICK_SIM_EAGAIN:
		flight->result = now ? -EAGAIN : flight->result;
		break;
	case WICK_SIM_LATE:
		flight->due_ns += now ? LATE_NS : 0;
		break;
	case WICK_SIM_FLIP:
		flight->flip |= now && flight->result > 0;
		break;
	case WICK_SIM_TORN:
		flight->torn |= now && flight->result > 0;
		break;
	case WICK_SIM_STOPPED:
		sim->stopped |= now;
		break;
	case WICK_SIM_EIO_FOREVER:
		flight->result = lasting ? -EIO : flight->result;
		break;
	case WICK_SIM_EAGAIN_FOREVER:
		flight->result = lasting ? -EAGAIN : flight->result;
		break;
	case WICK_SIM_GONE:
		flight->result = sim->strike_offset < UINT64_MAX ? -ENODEV : flight->result;
		break;
	case WICK_SIM_HUNG:
	case WICK_SIM_LOST:
		flight->due_ns = lasting ? NEVER_NS : flight->due_ns;
		break;
	default:
		break;
	}
}

/* Decides the fate of an attempt, of which `available` bytes exist. */
static int64_t draw_result(struct wick_sim *sim, const struct wick_io_request *request, uint64_t available)
{
	static const int passing[] = { -EINTR, -EAGAIN, -ENOMEM, -EBUSY };
	static const int medium[] = { -EIO, -ENODATA, -EILSEQ, -ETIMEDOUT };
	const struct wick_sim_options *options = &sim->options;
	const uint64_t from = request->left_offset, to = from + request->left_bytes;
	const uint64_t unit = options->short_by_sectors ? SECTOR : 1;

	if (options->gone_after && sim->attempts > options->gone_after)
		return -ENODEV;
	if (from < options->bad_offset + options->bad_bytes && to > options->bad_offset)
		return -EIO;
	if (suffers(sim, options->transient_per_mille))
		return passing[wick_sim_draw(&sim->seed, WICK_COUNT_OF(passing))];
	if (suffers(sim, options->eio_per_mille) || (!request->attempts && suffers(sim, options->eio_once_per_mille)))
		return medium[wick_sim_draw(&sim->seed, WICK_COUNT_OF(medium))];
	if (available > unit && suffers(sim, options->short_per_mille))
		return (int64_t)(unit * (1 + wick_sim_draw(&sim->seed, (available - 1) / unit)));
	return (int64_t)available;
}

static void sim_start(void *method, struct wick_io_request *request)
{
	struct wick_sim *sim = method;
	const struct wick_sim_options *options = &sim->options;
	const uint64_t size = request->file->size, from = request->left_offset;
	struct flight flight = { .request = request };

	wick_require(sim->flight_count < sim->depth && from % request->file->offset_align == 0);
	sim->attempts++;
	if (options->started)
		options->started(options->user, request);
	flight.due_ns = sim->now_ns + options->latency_ns_min;
	if (options->beat_ns)
		flight.due_ns += options->beat_ns - sim->now_ns % options->beat_ns;
	if (options->latency_ns_max > options->latency_ns_min)
		flight.due_ns += wick_sim_draw(&sim->seed, options->latency_ns_max - options->latency_ns_min + 1);
	flight.result = draw_result(sim, request, from >= size ? 0 : WICK_MIN(request->left_bytes, size - from));
	flight.flip = flight.result > 0 && suffers(sim, options->flip_per_mille);
	flight.torn = flight.result > 0 && suffers(sim, options->torn_per_mille);
	strike(sim, request, &flight);
	sim->flights[sim->flight_count++] = flight;
}

static void end(struct wick_sim *sim, unsigned index)
{
	struct flight flight = sim->flights[index];
	uint64_t bytes = flight.result > 0 ? (uint64_t)flight.result : 0, follow;
	uint64_t torn = flight.torn ? wick_sim_draw(&sim->seed, wick_div_up(bytes, SECTOR)) * SECTOR : UINT64_MAX;

	sim->flights[index] = sim->flights[--sim->flight_count];
	if (flight.result < 0)
		leave_rubbish(sim, flight.request);
	deliver(sim, flight.request, bytes, torn);
	if (flight.flip)
		*memory_at(flight.request, wick_sim_draw(&sim->seed, bytes), &follow) ^=
			1u << wick_sim_draw(&sim->seed, 8);
	if (sim->options.fault == WICK_SIM_FLIP_FOREVER && bytes && touches(sim, flight.request) &&
		sim->strike_offset - flight.request->left_offset < bytes) {
		*memory_at(flight.request, sim->strike_offset - flight.request->left_offset, &follow) ^= 16;
		sim->lies++;
	}
	sim->lies += flight.flip || flight.torn;
	wick_io_ended(sim->io, flight.request, flight.result);
}

static unsigned earliest(const struct wick_sim *sim)
{
	unsigned first = 0;

	for (unsigned i = 1; i < sim->flight_count; i++)
		if (sim->flights[i].due_ns < sim->flights[first].due_ns)
			first = i;
	return first;
}

static void sim_drive(void *method, unsigned patience_ms)
{
	struct wick_sim *sim = method;
	uint64_t patience_ns = 1000000ull * patience_ms;

	wick_require(sim->flight_count);
	if (patience_ms && sim->stopped) {
		sim->stopped = false;
		sim->now_ns += STOPPED_NS;
		return;
	}
	if (patience_ms)
		sim->now_ns = WICK_MAX(sim->now_ns, WICK_MIN(sim->flights[earliest(sim)].due_ns, sim->now_ns + patience_ns));
	while (sim->flight_count && sim->flights[earliest(sim)].due_ns <= sim->now_ns)
		end(sim, earliest(sim));
}

/* An attempt that never ends has delivered nothing. */
static int sim_call_off(void *method)
{
	struct wick_sim *sim = method;

	if (sim->options.fault == WICK_SIM_LOST) {
		sim->flight_count = 0;
		return -EBUSY;
	}
	while (sim->flight_count) {
		sim->flights[0].result = -ECANCELED;
		end(sim, 0);
	}
	return 0;
}

static uint64_t sim_now_ns(void *method)
{
	struct wick_sim *sim = method;

	return sim->now_ns += LOOK_NS;
}

static void sim_sleep_until_ns(void *method, uint64_t then_ns)
{
	struct wick_sim *sim = method;

	sim->now_ns = WICK_MAX(sim->now_ns, then_ns);
}

static void sim_destroy(void *method)
{
	struct wick_sim *sim = method;

	wick_require(!sim->flight_count); /* io.c let us go with reads under way */
	free(sim->flights);
	free(sim);
}

static int sim_create(void **method, struct wick_io *io, const struct wick_io_options *options, struct wick_diag *diag)
{
	struct wick_sim *sim = *method;

	sim->io = io;
	sim->depth = options->depth;
	sim->flights = calloc(options->depth, sizeof(*sim->flights));
	return sim->flights ? 0 : wick_diag_say(diag, -ENOMEM, "no memory for a simulated drive");
}

const struct wick_io_method_ops wick_io_sim = {
	.name = "sim",
	.create = sim_create,
	.destroy = sim_destroy,
	.start = sim_start,
	.drive = sim_drive,
	.call_off = sim_call_off,
	.now_ns = sim_now_ns,
	.sleep_until_ns = sim_sleep_until_ns,
};

int wick_sim_create(struct wick_io **io, struct wick_sim **sim, struct wick_file *file,
	const struct wick_sim_options *faults, const struct wick_io_options *options)
{
	struct wick_sim *made = calloc(1, sizeof(*made));
	uint32_t align = faults->align ? faults->align : SECTOR;
	int rc;

	*io = NULL;
	*sim = NULL;
	if (!made)
		return -ENOMEM;
	made->options = *faults;
	made->seed = faults->seed;
	made->strike_offset = UINT64_MAX;
	if (faults->image)
		*file = (struct wick_file){ .fd = -1, .size = faults->image_bytes, .direct = true,
			.offset_align = align, .memory_align = align };
	rc = wick_io_create_with(io, &wick_io_sim, made, options, NULL);
	if (rc < 0) {
		free(made);
		return rc;
	}
	*sim = made;
	return 0;
}

uint64_t wick_sim_attempts(const struct wick_sim *sim)
{
	return sim->attempts;
}

uint64_t wick_sim_reads(const struct wick_sim *sim)
{
	return sim->reads;
}

bool wick_sim_struck(const struct wick_sim *sim, uint64_t *offset)
{
	*offset = sim->strike_offset;
	return sim->strike_offset < UINT64_MAX;
}

uint64_t wick_sim_struck_file(const struct wick_sim *sim)
{
	return sim->strike_file;
}

bool wick_sim_struck_ahead(const struct wick_sim *sim)
{
	return sim->strike_ahead;
}

void wick_sim_heal(struct wick_sim *sim)
{
	const struct wick_sim_options *old = &sim->options;

	sim->options = (struct wick_sim_options){ .image = old->image, .image_bytes = old->image_bytes,
		.latency_ns_min = old->latency_ns_min, .latency_ns_max = old->latency_ns_max };
	sim->strike_offset = UINT64_MAX;
}

uint64_t wick_sim_lies(const struct wick_sim *sim)
{
	return sim->lies;
}
