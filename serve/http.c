/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Connections, and the bodies that come over them. */

#include "http.h"

#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_BYTES (32u << 10)
#define BODIES_BYTES_MAX (8u << 20) /* of all connections together */
#define IDLE_S 30             /* a connection on which nothing happens, and a request that does not come to its end */
#define PASSED_BYTES_MAX (64u << 20) /* of a body after its refusal; then the connection is closed */
#define END_NS 5000000000ull  /* the last responses have so long to be sent when the server ends */

struct line {
	int socket;        /* -1: nobody has it */
	uint64_t since_ns; /* nothing complete has come since; 0: a request is being answered */
};

struct wick_http {
	struct MHD_Daemon *daemon;
	struct wick_endpoints *endpoints;
	int listening;
	bool quiet; /* takes no new connections */
	pthread_mutex_t lock; /* of the lines */
	struct line lines[WICK_HTTP_CONNECTIONS];
	_Atomic unsigned exchanges;
	_Atomic size_t body_bytes; /* of all of them */
};

/* A request on its way. */
struct exchange {
	const struct wick_endpoint *endpoint;
	struct wick_body body;
	size_t passed; /* read for nothing after the refusal */
	struct wick_refusal refusal; /* told when the body is over: a client that still sends would not read it */
};

static struct line *line_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* since_ns 0: busy. */
static void mark(struct wick_http *http, struct line *line, uint64_t since_ns)
{
	pthread_mutex_lock(&http->lock);
	if (line)
		line->since_ns = since_ns;
	pthread_mutex_unlock(&http->lock);
}

static void note_connection(
	void *user, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
	struct wick_http *http = user;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	pthread_mutex_lock(&http->lock);
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context)
			((struct line *)*context)->socket = -1;
	} else {
		*context = NULL;
		for (int i = 0; i < WICK_HTTP_CONNECTIONS && !*context; i++)
			if (http->lines[i].socket < 0)
				*context = &http->lines[i];
		if (*context)
			*(struct line *)*context =
				(struct line){ .socket = info ? info->connect_fd : -1, .since_ns = wick_now_ns() };
	}
	pthread_mutex_unlock(&http->lock);
}

void wick_http_look(struct wick_http *http)
{
	uint64_t now = wick_now_ns();

	pthread_mutex_lock(&http->lock);
	for (int i = 0; i < WICK_HTTP_CONNECTIONS; i++) {
		struct line *line = &http->lines[i];

		if (line->socket >= 0 && line->since_ns && now - line->since_ns > IDLE_S * 1000000000ull)
			shutdown(line->socket, SHUT_RDWR);
	}
	pthread_mutex_unlock(&http->lock);
}

static enum MHD_Result begin(struct wick_http *http, struct MHD_Connection *connection, const char *path,
	const char *method, struct exchange **into)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return MHD_NO;
	exchange->body.held = &http->body_bytes;
	exchange->endpoint = wick_endpoint_find(http->endpoints, connection, method, path, &exchange->refusal);
	http->exchanges++;
	*into = exchange;
	return MHD_YES;
}

/* Whether the limits leave room for `count` more bytes; where they do not, the exchange has its refusal. */
static bool has_room(const struct wick_http *http, struct exchange *exchange, size_t count)
{
	struct wick_refusal *refusal = &exchange->refusal;

	if (exchange->body.bytes + count > WICK_REQUEST_BYTES_MAX) {
		wick_refuse(refusal, 413, NULL, "the body has more than %u bytes", WICK_REQUEST_BYTES_MAX);
	} else if (http->body_bytes + count > BODIES_BYTES_MAX) {
		wick_refuse(refusal, 503, NULL, "the bodies of other requests have more than %u bytes already", BODIES_BYTES_MAX);
		refusal->retry_s = 1;
	}
	return !refusal->status;
}

static enum MHD_Result take_body(struct wick_http *http, struct exchange *exchange, const char *bytes, size_t count)
{
	struct wick_body *body = &exchange->body;
	char *grown;

	if (exchange->refusal.status || !has_room(http, exchange, count)) {
		exchange->passed += count;
		return exchange->passed > PASSED_BYTES_MAX ? MHD_NO : MHD_YES;
	}
	grown = realloc(body->text, body->bytes + count);
	if (!grown)
		return MHD_NO;
	memcpy(grown + body->bytes, bytes, count);
	body->text = grown;
	body->bytes += count;
	http->body_bytes += count;
	return MHD_YES;
}

static enum MHD_Result answer(
	struct wick_http *http, struct exchange *exchange, struct MHD_Connection *connection, const char *path)
{
	if (exchange->refusal.status)
		return wick_endpoint_refuse(http->endpoints, connection, &exchange->refusal);
	return wick_endpoint_answer(http->endpoints, exchange->endpoint, connection, path, &exchange->body);
}

/* A MHD_AccessHandlerCallback: called with the headers, with each part of the body, and at its end. */
static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *path, const char *method,
	const char *version, const char *upload, size_t *upload_bytes, void **context)
{
	struct wick_http *http = user;
	struct exchange *exchange = *context;

	(void)version;
	if (!exchange)
		return begin(http, connection, path, method, (struct exchange **)context);
	if (*upload_bytes) {
		enum MHD_Result result = take_body(http, exchange, upload, *upload_bytes);

		*upload_bytes = 0;
		return result;
	}
	mark(http, line_of(connection), 0);
	return answer(http, exchange, connection, path);
}

static void complete(void *user, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code)
{
	struct wick_http *http = user;
	struct exchange *exchange = *context;

	(void)code;
	mark(http, line_of(connection), wick_now_ns());
	if (!exchange)
		return;
	wick_body_free(&exchange->body);
	free(exchange);
	*context = NULL;
	http->exchanges--;
}

int wick_http_start(struct wick_http **into, const struct wick_listen *listen, struct wick_endpoints *endpoints,
	struct wick_diag *diag)
{
	struct wick_http *http = calloc(1, sizeof(*http));

	*into = http;
	if (!http)
		return -ENOMEM;
	http->endpoints = endpoints;
	http->listening = listen->socket;
	pthread_mutex_init(&http->lock, NULL);
	for (int i = 0; i < WICK_HTTP_CONNECTIONS; i++)
		http->lines[i].socket = -1;
	http->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
			MHD_USE_ITC,
		0, NULL, NULL, handle, http, MHD_OPTION_LISTEN_SOCKET, listen->socket, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)WICK_HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES, MHD_OPTION_THREAD_STACK_SIZE,
		(size_t)WICK_HTTP_STACK_BYTES, MHD_OPTION_NOTIFY_COMPLETED, complete, http, MHD_OPTION_NOTIFY_CONNECTION,
		note_connection, http, MHD_OPTION_END);
	return http->daemon ? 0 : wick_diag_say(diag, -EIO, "%s: the server could not be started", listen->address);
}

/* The socket has to be there until the daemon is gone; nobody is taken by it any more. */
void wick_http_quiesce(struct wick_http *http)
{
	if (http->quiet || !http->daemon)
		return;
	MHD_quiesce_daemon(http->daemon);
	shutdown(http->listening, SHUT_RDWR);
	http->quiet = true;
}

void wick_http_stop(struct wick_http *http)
{
	uint64_t begun_ns = wick_now_ns();

	if (!http)
		return;
	while (http->daemon && http->exchanges && wick_now_ns() - begun_ns < END_NS)
		usleep(10000);
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	close(http->listening);
	pthread_mutex_destroy(&http->lock);
	free(http);
}
