/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The contract of a way of reading, private to this room. io.c owns queues, order, retries and counters; a method takes
 * one attempt at a time to the kernel and says how it ended.
 *
 *     io.c                              method
 *     request QUEUED
 *       | place free
 *     request FLIGHT ---- start() ----> kept, not yet sent
 *                    ---- drive() ----> sent, all in one go
 *       | <--------- wick_io_ended() -- bytes, or a negative errno; only from inside drive()
 *                                                                and call_off()
 *     DONE, FAILED, or QUEUED again
 *
 * An attempt is request->left_offset, left[left_count] and left_bytes; nothing else of the request concerns a method.
 */

#include "io.h"

struct wick_io_method_ops {
	const char *name;

	/* Makes the method ready for options->depth attempts at once, or says why it cannot be had. *method comes in as
	 * the argument of wick_io_create_with() and goes out as the method's own, for all the calls below. */
	int (*create)(void **method, struct wick_io *io, const struct wick_io_options *options, struct wick_diag *diag);

	/* Called with nothing in flight, or after call_off() failed. */
	void (*destroy)(void *method);

	/* As wick_io_register(); NULL: not supported. Called with nothing in flight. */
	int (*fix)(void *method, const struct iovec *ranges, unsigned count);

	/* Takes an attempt; at most depth are taken and not ended. Cannot fail: what goes wrong is told at the end of
	 * the attempt. Until then request->next and method_data are the method's. */
	void (*start)(void *method, struct wick_io_request *request);

	/* Sends what was started and ends what has come back. With patience it sleeps until at least one attempt has
	 * ended or that many milliseconds have passed, and may return earlier when a signal arrives; without, it does
	 * not sleep. Something is in flight. A buffered file's pages are dropped (wick_file_forget) before the attempt
	 * ends. */
	void (*drive)(void *method, unsigned patience_ms);

	/* Nothing has come back for too long. Asks the kernel for all that is in flight, for a second or so, and ends
	 * what comes back. 0 also when something has come back after all, for the next drive to end. -EBUSY when the
	 * kernel kept some: of those nothing is touched or ended any more, and nothing but destroy, now_ns and
	 * sleep_until_ns is called. NULL: drive with patience always ends something. */
	int (*call_off)(void *method);

	/* That read. NULL: none are the method's own. */
	unsigned (*threads)(const void *method);

	/* The method's own time in nanoseconds; NULL for both: CLOCK_MONOTONIC. */
	uint64_t (*now_ns)(void *method);
	void (*sleep_until_ns)(void *method, uint64_t then_ns);
};

extern const struct wick_io_method_ops wick_io_uring, wick_io_pread, wick_io_mmap;

/* wick_io_create() for a given method; options->method is not looked at. */
int wick_io_create_with(struct wick_io **io, const struct wick_io_method_ops *ops, void *method,
	const struct wick_io_options *options, struct wick_diag *diag);

/* An attempt has ended: result is the bytes that arrived, or a negative errno. */
void wick_io_ended(struct wick_io *io, struct wick_io_request *request, int64_t result);

/* Why a method is not what was asked for: what wick_io_why() says from now on. */
void wick_io_explain(struct wick_io *io, const char *why);
