/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The queue of reads: which go to the kernel next, and where those that end go (see io.h, attempt.h and method.h).
 *
 *     submit ---> queue[DEMAND]   --.                    .--> back ---> wait, poll
 *            `--> queue[PREFETCH] --+--> start, drive --<
 *                    ^  ^           |    depth at most   `--> short: front of its queue
 *                    |  `-- due ----|-- later <-----------------  error worth another try
 *                    `---- front ---'
 *
 * When nothing comes back, all that is in flight is called off; and when the kernel keeps some of it, the queue is
 * lost: everything fails, now and later.
 *
 * All lists are threaded through request->next. Every change of state goes through set_state().
 */

#include "io.h"

#include "attempt.h"
#include "bits.h"
#include "check.h"
#include "clock.h"
#include "list.h"
#include "method.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEPTH_MAX 4096
#define GRACE_NS 1000000000u /* after patience */
#define REFILL_SHARE 4 /* 1/4 of the depth free is worth a system call of its own */

struct wick_io {
	const struct wick_io_method_ops *ops;
	void *method;
	unsigned depth;
	unsigned retries;
	uint64_t patience_ns;
	struct wick_list queue[WICK_IO_PRIORITIES]; /* QUEUED, ready to go */
	struct wick_list later;                     /* QUEUED, not before retry_ns */
	struct wick_list back;                      /* ended for good, to be reaped */
	unsigned queued;                       /* in queue[] */
	unsigned in_flight;
	struct wick_io_request **flight; /* (depth), the first in_flight in no order */
	unsigned outstanding;
	uint64_t seen_ns;  /* stamp of what ends in this turn; 0: not taken yet */
	uint64_t heard_ns; /* something ended, or the wait began */
	bool calling_off;
	bool lost;
	struct wick_io_counters counters;
	struct wick_diag why; /* of wick_io_why() */
};

/* The life of a request: from which states each may be entered. */
static void set_state(struct wick_io_request *request, enum wick_io_state state)
{
#define FROM(from) (1u << WICK_IO_##from)
	static const unsigned entered_from[] = {
		[WICK_IO_QUEUED] = FROM(IDLE) | FROM(DONE) | FROM(FAILED) | FROM(FLIGHT),
		[WICK_IO_FLIGHT] = FROM(QUEUED),
		[WICK_IO_DONE] = FROM(FLIGHT),
		[WICK_IO_FAILED] = FROM(FLIGHT),
	};
#undef FROM
	wick_require(request->state <= WICK_IO_FAILED && entered_from[state] & 1u << request->state);
	request->state = state;
}

static uint64_t now_ns(const struct wick_io *io)
{
	return io->ops->now_ns ? io->ops->now_ns(io->method) : wick_now_ns();
}

static void sleep_until_ns(const struct wick_io *io, uint64_t then_ns)
{
	struct timespec then = { .tv_sec = (time_t)(then_ns / 1000000000u), .tv_nsec = (long)(then_ns % 1000000000u) };

	if (io->ops->sleep_until_ns)
		io->ops->sleep_until_ns(io->method, then_ns);
	else
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
}

/* Completions are stamped once a turn, with the first of them. */
static uint64_t seen_ns(struct wick_io *io)
{
	if (!io->seen_ns)
		io->seen_ns = now_ns(io);
	return io->seen_ns;
}

static void finish(struct wick_io *io, struct wick_io_request *request, int result)
{
	request->result = result;
	request->completed_ns = seen_ns(io);
	if (!request->submitted_ns) /* it never had to go */
		request->submitted_ns = request->completed_ns;
	wick_list_push_back(&io->back, request);
}

/* Back among those that wait: at once and first of all, or when retry_ns have passed. */
static void go_on(struct wick_io *io, struct wick_io_request *request, int outcome)
{
	set_state(request, WICK_IO_QUEUED);
	if (outcome == WICK_ATTEMPT_LATER) {
		io->counters.retries++;
		request->retry_ns += seen_ns(io);
		wick_list_push_back(&io->later, request);
	} else {
		wick_list_push_front(&io->queue[request->priority], request);
		io->queued++;
	}
}

static void take_off(struct wick_io *io, struct wick_io_request *request)
{
	set_state(request, WICK_IO_FLIGHT);
	request->place = io->in_flight;
	io->flight[io->in_flight++] = request;
}

static void land(struct wick_io *io, struct wick_io_request *request)
{
	struct wick_io_request *last = io->flight[io->in_flight - 1];

	wick_require(request->state == WICK_IO_FLIGHT && io->flight[request->place] == request);
	io->flight[request->place] = last;
	last->place = request->place;
	io->in_flight--;
}

void wick_io_ended(struct wick_io *io, struct wick_io_request *request, int64_t result)
{
	bool cut_short = result >= 0 && (uint64_t)result < request->left_bytes;
	int outcome = -ETIMEDOUT;

	land(io, request);
	seen_ns(io); /* a part is an answer, too */
	if (result >= 0 || !io->calling_off)
		outcome = wick_attempt_judge(request, result, io->retries);
	io->counters.resumed += cut_short && outcome == WICK_ATTEMPT_ON;
	if (outcome > 0)
		go_on(io, request, outcome);
	else
		finish(io, request, outcome);
}

void wick_io_explain(struct wick_io *io, const char *why)
{
	io->why = (struct wick_diag){ "" };
	wick_diag_say(&io->why, 0, "%s", why);
}

/* Moves those whose time has come to the front of their queues. Returns when the next of the others is due. */
static uint64_t revive(struct wick_io *io, uint64_t now)
{
	struct wick_list waiting = io->later, due[WICK_IO_PRIORITIES] = { { NULL } };
	struct wick_io_request *request;
	uint64_t next_ns = UINT64_MAX;

	io->later.head = NULL;
	while ((request = wick_list_pop(&waiting))) {
		if (request->retry_ns <= now) {
			wick_list_push_back(&due[request->priority], request);
			io->queued++;
		} else {
			next_ns = WICK_MIN(next_ns, request->retry_ns);
			wick_list_push_back(&io->later, request);
		}
	}
	for (unsigned priority = 0; priority < WICK_IO_PRIORITIES; priority++)
		wick_list_splice_front(&io->queue[priority], &due[priority]);
	return next_ns;
}

/* Hands the method as many as there are places for, the more urgent first. */
static void start(struct wick_io *io, uint64_t now)
{
	struct wick_io_request *request;

	for (unsigned priority = 0; priority < WICK_IO_PRIORITIES; priority++) {
		while (io->in_flight < io->depth && (request = wick_list_pop(&io->queue[priority]))) {
			io->queued--;
			take_off(io, request);
			if (!request->submitted_ns)
				request->submitted_ns = now;
			io->ops->start(io->method, request);
		}
	}
}

/* Nothing more is to be had from the kernel, which keeps what is in flight. */
static void lose(struct wick_io *io)
{
	struct wick_io_request *request;

	io->lost = true;
	while (io->in_flight) {
		request = io->flight[0];
		land(io, request);
		finish(io, request, -ETIMEDOUT);
	}
	revive(io, UINT64_MAX);
	for (unsigned priority = 0; priority < WICK_IO_PRIORITIES; priority++) {
		while ((request = wick_list_pop(&io->queue[priority]))) {
			set_state(request, WICK_IO_FLIGHT);
			finish(io, request, -ETIMEDOUT);
		}
	}
	io->queued = 0;
}

/* Lets the method send and reap, asleep for so long at the most. Whether anything has ended. */
static bool hear(struct wick_io *io, uint64_t most_ns)
{
	io->seen_ns = 0;
	io->ops->drive(io->method, (unsigned)wick_div_up(most_ns, 1000000u));
	if (io->seen_ns)
		io->heard_ns = io->seen_ns;
	return io->seen_ns;
}

/* Sleeps once, and cancels the reads in flight when none has ended within the patience. A process that was stopped
 * meanwhile finds its patience gone before it can see completions, so it waits a little longer than that. */
static void hear_patiently(struct wick_io *io, uint64_t most_ns)
{
	if (hear(io, WICK_MIN(most_ns, io->patience_ns)) || !io->ops->call_off)
		return;
	if (now_ns(io) - io->heard_ns < io->patience_ns || hear(io, GRACE_NS))
		return;
	io->calling_off = true;
	if (io->ops->call_off(io->method) < 0)
		lose(io);
	io->calling_off = false;
}

/* One round: send what can be sent, take in what has ended; with wait, not before something has (or a signal came). */
static void turn(struct wick_io *io, bool wait)
{
	uint64_t now = now_ns(io), next_ns = revive(io, now);

	start(io, now);
	io->seen_ns = 0;
	if (io->in_flight && wait)
		hear_patiently(io, next_ns - now);
	else if (io->in_flight)
		hear(io, 0);
	else if (wait && next_ns != UINT64_MAX)
		sleep_until_ns(io, next_ns);
	if (wait)
		io->counters.wait_ns += seen_ns(io) - now;
}

static bool worth_sending(const struct wick_io *io)
{
	unsigned sendable = WICK_MIN(io->queued, io->depth - io->in_flight);

	return sendable && sendable * REFILL_SHARE >= io->depth;
}

static struct wick_io_request *hand_back(struct wick_io *io)
{
	struct wick_io_request *request = wick_list_pop(&io->back);

	if (!request)
		return NULL;
	io->outstanding--;
	io->counters.reads++;
	io->counters.bytes += request->bytes;
	io->counters.failed += request->result < 0;
	io->counters.latency_ns += request->completed_ns - request->submitted_ns;
	set_state(request, request->result < 0 ? WICK_IO_FAILED : WICK_IO_DONE);
	return request;
}

/* The bytes of a request, or a negative errno for one that no file could answer. */
static int64_t measure(const struct wick_io_request *request)
{
	uint64_t bytes = request->one.iov_len;

	if (request->iov) {
		if (request->iov_count > WICK_IO_IOV_MAX)
			return -EINVAL;
		bytes = 0;
		for (unsigned i = 0; i < request->iov_count; i++)
			bytes = wick_add(bytes, request->iov[i].iov_len);
	}
	return wick_add(request->offset, bytes) > INT64_MAX ? -EINVAL : (int64_t)bytes;
}

void wick_io_submit(struct wick_io *io, struct wick_io_request *request)
{
	int64_t bytes = measure(request);

	wick_require(request->priority < WICK_IO_PRIORITIES);
	set_state(request, WICK_IO_QUEUED);
	io->outstanding++;
	request->result = 0;
	request->bytes = bytes < 0 ? 0 : (uint64_t)bytes;
	request->bytes_done = 0;
	request->attempts = request->medium_errors = 0;
	request->submitted_ns = 0;
	if (bytes <= 0 || io->lost) { /* nothing for the kernel to do */
		set_state(request, WICK_IO_FLIGHT);
		io->seen_ns = 0;
		finish(io, request, bytes > 0 ? -ETIMEDOUT : (int)bytes);
		return;
	}
	wick_attempt_aim(request, 0);
	wick_list_push_back(&io->queue[request->priority], request);
	io->queued++;
}

void wick_io_kick(struct wick_io *io)
{
	if (io->queued || io->later.head)
		turn(io, false);
}

struct wick_io_request *wick_io_wait(struct wick_io *io)
{
	if (io->back.head && worth_sending(io))
		turn(io, false);
	if (!io->back.head)
		io->heard_ns = now_ns(io);
	while (!io->back.head && io->outstanding)
		turn(io, true);
	return hand_back(io);
}

struct wick_io_request *wick_io_poll(struct wick_io *io)
{
	if (io->back.head ? worth_sending(io) : io->outstanding > 0)
		turn(io, false);
	return hand_back(io);
}

unsigned wick_io_outstanding(const struct wick_io *io)
{
	return io->outstanding;
}

const char *wick_io_error(int error)
{
	if (error == -ENODATA)
		return "the file ends before it";
	return error == -ETIMEDOUT ? "the drive does not answer" : strerror(-error);
}

const char *wick_io_method(const struct wick_io *io)
{
	return io->ops->name;
}

const char *wick_io_why(const struct wick_io *io)
{
	return io->why.text;
}

unsigned wick_io_threads(const struct wick_io *io)
{
	return io->ops->threads ? io->ops->threads(io->method) : 0;
}

const struct wick_io_counters *wick_io_counters(const struct wick_io *io)
{
	return &io->counters;
}

int wick_io_register(struct wick_io *io, const struct iovec *ranges, unsigned count)
{
	wick_require(!io->outstanding);
	if (io->lost)
		return -EBUSY;
	return io->ops->fix ? io->ops->fix(io->method, ranges, count) : -EOPNOTSUPP;
}

int wick_io_create_with(struct wick_io **io, const struct wick_io_method_ops *ops, void *method,
	const struct wick_io_options *options, struct wick_diag *diag)
{
	struct wick_io *made;
	int rc;

	*io = NULL;
	if (options->depth < 1 || options->depth > DEPTH_MAX)
		return wick_diag_say(diag, -EINVAL, "queue depth %u: must be 1 to %u", options->depth, DEPTH_MAX);
	made = calloc(1, sizeof(*made));
	if (made)
		made->flight = calloc(options->depth, sizeof(struct wick_io_request *));
	if (!made || !made->flight) {
		free(made);
		return wick_diag_say(diag, -ENOMEM, "no memory for an I/O queue");
	}
	made->ops = ops;
	made->method = method;
	made->depth = options->depth;
	made->retries = options->retries;
	made->patience_ns = 1000000ull * (options->patience_ms ? options->patience_ms : WICK_IO_PATIENCE_MS);
	rc = ops->create(&made->method, made, options, diag);
	if (rc < 0) {
		free(made->flight);
		free(made);
		return rc;
	}
	*io = made;
	return 0;
}

int wick_io_destroy(struct wick_io *io)
{
	int rc;

	if (!io)
		return 0;
	io->heard_ns = now_ns(io);
	while (io->in_flight)
		hear_patiently(io, UINT64_MAX);
	rc = io->lost ? -EBUSY : 0;
	io->ops->destroy(io->method);
	free(io->flight);
	free(io);
	return rc;
}
