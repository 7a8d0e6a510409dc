/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The socket that clients connect to. */

#include "diag.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_listen {
	int socket;
	bool loopback;    /* nobody but this machine reaches it */
	char address[80]; /* "127.0.0.1:8080", "[::1]:8080" */
};

/* host: a name or an address. port 0: any that is free. -EADDRINUSE and the like, with a sentence. */
int wick_listen_open(struct wick_listen *listen, const char *host, uint16_t port, struct wick_diag *diag);
