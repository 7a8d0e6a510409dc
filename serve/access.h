/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who may ask: by the key, by the name that the client used for this machine, and by the page that a browser shows. */

#include "refusal.h"

#include <stdbool.h>

struct wick_access {
	const char *key;    /* NULL: none is asked for */
	const char *origin; /* of pages that browsers may let ask, "*" all; NULL: none */
	const char *host;   /* a name beside those of the loopback device, for requests without a key; may be NULL */
};

/* The headers of a request; NULL: it has none of that name. */
struct wick_access_headers {
	const char *authorization, *host, *origin;
};

/* 0, or -1 with a refusal: 401 for a key that is missing or wrong, 403 for the others.
 *
 * Without a key the Host header must name the loopback device, since a page of anybody's could have its own name point to
 * this machine and ask in a browser's name. A page's origin must be the server's own, or the one that was allowed. */
int wick_access_check(
	const struct wick_access *access, const struct wick_access_headers *headers, struct wick_refusal *refusal);

/* Whether the origin may be told that it is allowed to read what it asked for. */
bool wick_access_shares(const struct wick_access *access, const char *origin);
