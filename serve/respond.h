/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Responses of HTTP. */

#include "access.h"
#include "refusal.h"

#include <microhttpd.h>

#define WICK_JSON "application/json"

/* Takes the text over; NULL is a failure. retry_s 0: no Retry-After. share: the origin that may read it, or NULL. */
enum MHD_Result wick_respond(
	struct MHD_Connection *connection, unsigned status, const char *type, char *text, const char *share);
enum MHD_Result wick_respond_refusal(
	struct MHD_Connection *connection, const struct wick_refusal *refusal, const char *share);

/* What all responses have in common: that pages of the origin may read them. */
void wick_respond_headers(struct MHD_Response *response, const char *type, const char *share);
