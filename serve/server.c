/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The life of a server. */

#include "server.h"

#include "clock.h"
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOOK_US 200000
#define DRAIN_NS 60000000000ull /* answers have so long to come to their end */

struct wick_server {
	struct wick_server_options options;
	struct wick_metrics metrics;
	struct wick_endpoints endpoints;
	struct wick_listen listen;
	struct wick_http *http;
	pthread_t watch;
	bool watches;
	_Atomic bool over;
};

/* The thread that looks after time: slow connections, and the end. */
static void *watch(void *user)
{
	struct wick_server *server = user;
	uint64_t asked_ns = 0;

	while (!server->over) {
		usleep(LOOK_US);
		wick_http_look(server->http);
		if (!asked_ns && server->options.is_to_end()) {
			asked_ns = wick_now_ns();
			wick_scheduler_set(server->endpoints.scheduler, WICK_SCHEDULER_DRAINING);
			wick_http_quiesce(server->http);
		}
		if (asked_ns && wick_now_ns() - asked_ns > DRAIN_NS)
			wick_scheduler_set(server->endpoints.scheduler, WICK_SCHEDULER_STOPPING);
	}
	return NULL;
}

static int begin(struct wick_server *server, struct wick_diag *diag)
{
	const struct wick_server_options *options = &server->options;
	const struct wick_scheduler_options scheduler = { .queue_max = options->queue_max, .template = options->template,
		.metrics = &server->metrics, .keep = options->keep };
	int rc = wick_listen_open(&server->listen, options->host, options->port, diag);

	if (rc)
		return rc;
	if (!server->listen.loopback && !options->key)
		return wick_diag_say(diag, -EPERM, "--host %s: others can reach it, and so a key is needed: --api-key-file FILE",
			options->host);
	wick_metrics_init(&server->metrics);
	server->endpoints = (struct wick_endpoints){ .scheduler = wick_scheduler_create(&scheduler), .metrics = &server->metrics,
		.access = { .key = options->key, .origin = options->origin, .host = options->name }, .model = options->model,
		.created = time(NULL) };
	pthread_mutex_init(&server->endpoints.parsing, NULL);
	if (!server->endpoints.scheduler)
		return -ENOMEM;
	rc = wick_http_start(&server->http, &server->listen, &server->endpoints, diag);
	if (!rc)
		rc = -pthread_create(&server->watch, NULL, watch, server);
	server->watches = !rc;
	return rc;
}

int wick_server_start(struct wick_server **into, const struct wick_server_options *options, struct wick_diag *diag)
{
	struct wick_server *server = calloc(1, sizeof(*server));
	int rc;

	*into = NULL;
	if (!server)
		return -ENOMEM;
	server->options = *options;
	server->listen.socket = -1;
	rc = begin(server, diag);
	if (rc)
		wick_server_stop(server);
	else
		*into = server;
	return rc;
}

const char *wick_server_address(const struct wick_server *server)
{
	return server->listen.address;
}

int wick_server_run(struct wick_server *server, struct wick *wick, struct wick_diag *diag)
{
	server->endpoints.wick = wick; /* nobody looks at it before the scheduler says that it is ready */
	return wick_scheduler_run(server->endpoints.scheduler, wick, diag);
}

void wick_server_stop(struct wick_server *server)
{
	if (!server)
		return;
	server->over = true;
	if (server->watches)
		pthread_join(server->watch, NULL);
	if (server->http)
		wick_http_quiesce(server->http);
	else if (server->listen.socket >= 0)
		close(server->listen.socket);
	wick_http_stop(server->http);
	wick_scheduler_destroy(server->endpoints.scheduler);
	free(server);
}
