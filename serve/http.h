/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* HTTP by libmicrohttpd, a thread for each connection, of which there are a limited number. A connection that does not
 * say in time what it wants is closed. */

#include "endpoints.h"
#include "listen.h"

struct wick_http;

#define WICK_HTTP_CONNECTIONS 64
#define WICK_HTTP_STACK_BYTES (256u << 10) /* of a connection's thread */

/* endpoints must stay until wick_http_stop(). */
int wick_http_start(struct wick_http **http, const struct wick_listen *listen, struct wick_endpoints *endpoints,
	struct wick_diag *diag);

/* Closes connections whose request has not come within the time for it; to be called now and then. */
void wick_http_look(struct wick_http *http);

void wick_http_quiesce(struct wick_http *http); /* takes no new connections */

/* Ends when every response is sent, or after some seconds. NULL is fine. */
void wick_http_stop(struct wick_http *http);
