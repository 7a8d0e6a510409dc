/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Events are made in the connection's own thread, which waits for the job. */

#include "event_stream.h"

#include "respond.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK_BYTES 4096
#define PATIENCE_MS 5000 /* a comment keeps proxies and clients from giving up */

struct stream {
	struct wick_job *job;
	struct wick_reply reply;
	int socket;
	char *text; /* the rest of it from `at` on is to be sent */
	size_t at;
	bool ended;
};

#define SLICE_NS 100000 /* all that it takes to send a token, and more */

#define KEEP_POLICY 8 /* SCHED_FLAG_KEEP_POLICY: whoever runs a server as SCHED_BATCH keeps that */

/* struct sched_attr, which not every libc has. */
struct slice {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

/* A token is there, and all processors compute the next one: a thread that asks for short slices is let in at once, not when
 * another has had its own, which are milliseconds. Linux 6.12 and later; elsewhere nothing comes of it. */
static void run_soon(void)
{
	const struct slice slice = { .size = sizeof(slice), .flags = KEEP_POLICY, .nice = getpriority(PRIO_PROCESS, 0), .runtime_ns = SLICE_NS };

	syscall(SYS_sched_setattr, 0, &slice, 0);
}

/* The last events: the reason for the end, or what went wrong. */
static char *end_text(struct stream *stream)
{
	stream->ended = true;
	if (stream->job->refusal.status)
		return wick_reply_refusal_event(&stream->job->refusal);
	return wick_reply_last(&stream->reply, stream->job);
}

/* Waits for something to send. NULL: the client is gone, or there is no memory. */
static char *next_text(struct stream *stream)
{
	enum wick_job_state state;
	struct wick_piece *pieces;
	size_t count;
	char *text;

	if (!wick_job_take(stream->job, stream->socket, PATIENCE_MS, &pieces, &count, &state)) {
		wick_pieces_free(pieces, count);
		return NULL;
	}
	if (count)
		text = wick_reply_pieces(&stream->reply, pieces, count);
	else
		text = state == WICK_JOB_DONE ? end_text(stream) : strdup(": still reading the prompt\n\n");
	wick_pieces_free(pieces, count);
	return text;
}

/* A MHD_ContentReaderCallback. */
static ssize_t read_stream(void *user, uint64_t position, char *buffer, size_t room)
{
	struct stream *stream = user;
	size_t left;

	(void)position;
	while (!stream->text || !stream->text[stream->at]) {
		if (stream->ended)
			return MHD_CONTENT_READER_END_OF_STREAM;
		free(stream->text);
		stream->at = 0;
		stream->text = next_text(stream);
		if (!stream->text)
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	left = strlen(stream->text + stream->at);
	left = left < room ? left : room;
	memcpy(buffer, stream->text + stream->at, left);
	stream->at += left;
	return (ssize_t)left;
}

static void end_stream(void *user)
{
	struct stream *stream = user;

	wick_job_leave(stream->job);
	free(stream->text);
	free(stream);
}

enum MHD_Result wick_event_stream(struct MHD_Connection *connection, struct wick_job *job, const struct wick_reply *reply,
	int socket, const char *share)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	struct MHD_Response *response = NULL;
	enum MHD_Result result;

	run_soon();
	if (stream) {
		*stream = (struct stream){ .job = job, .reply = *reply, .socket = socket, .text = wick_reply_first(reply) };
		response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, stream, end_stream);
	}
	if (!response) {
		wick_job_leave(job);
		if (stream)
			free(stream->text);
		free(stream);
		return MHD_NO;
	}
	wick_respond_headers(response, "text/event-stream", share);
	MHD_add_response_header(response, "X-Accel-Buffering", "no");
	result = MHD_queue_response(connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}
