/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* OpenAI's API over HTTP for one model and several conversations.
 *
 *     struct wick_server *server;
 *
 *     wick_server_start(&server, &options, &diag);   answers 503 from here on
 *     wick_open(&wick, ...);
 *     wick_server_run(server, wick, &diag);          returns when it was asked to end, and is drained
 *     wick_server_stop(server);
 *     wick_close(wick);
 */

#include "shelf.h"

struct wick_server_options {
	const char *host, *key; /* key: what clients must show; NULL: nothing, which is for the loopback device alone */
	uint16_t port;          /* 0: any that is free */
	const char *origin;     /* of pages that browsers may let ask, "*" all; NULL: none */
	const char *name;       /* a host name beside those of the loopback device; NULL: none */
	const char *model;      /* the name that is served */
	const char *template;   /* of chats; NULL: the model's own */
	uint32_t queue_max;     /* requests that wait */
	struct wick_shelf_options keep; /* where idle sessions are, beside memory */
	bool (*is_to_end)(void); /* asked now and then, by a thread of the server's */
};

/* What it takes of memory beside the engine: threads, bodies, and one that is parsed. */
#define WICK_SERVER_BESIDE_BYTES (48u << 20)

struct wick_server;

/* Texts of the options must stay. -EPERM: an address that others reach, and no key. */
int wick_server_start(
	struct wick_server **server, const struct wick_server_options *options, struct wick_diag *diag);
const char *wick_server_address(const struct wick_server *server); /* "127.0.0.1:8080" */
int wick_server_run(struct wick_server *server, struct wick *wick, struct wick_diag *diag);
void wick_server_stop(struct wick_server *server); /* NULL is fine */
