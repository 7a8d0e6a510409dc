/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Text -> response. */

#include "respond.h"

#include "reply.h"

#include <stdlib.h>
#include <string.h>

void wick_respond_headers(struct MHD_Response *response, const char *type, const char *share)
{
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (share) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, share);
		MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Origin");
	}
}

static struct MHD_Response *make_response(char *text, const char *type, const char *share)
{
	struct MHD_Response *response =
		text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;

	if (response)
		wick_respond_headers(response, type, share);
	else
		free(text);
	return response;
}

static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
	enum MHD_Result result = response ? MHD_queue_response(connection, status, response) : MHD_NO;

	if (response)
		MHD_destroy_response(response);
	return result;
}

enum MHD_Result wick_respond(
	struct MHD_Connection *connection, unsigned status, const char *type, char *text, const char *share)
{
	return send_response(connection, status, make_response(text, type, share));
}

/* What HTTP wants beside some statuses. */
static void add_headers(struct MHD_Response *response, const struct wick_refusal *refusal)
{
	char retry[16];

	if (refusal->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (refusal->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, refusal->allow);
	snprintf(retry, sizeof(retry), "%u", refusal->retry_s);
	if (refusal->retry_s)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, retry);
}

enum MHD_Result wick_respond_refusal(
	struct MHD_Connection *connection, const struct wick_refusal *refusal, const char *share)
{
	struct MHD_Response *response = make_response(wick_reply_refusal(refusal), WICK_JSON, share);

	if (response)
		add_headers(response, refusal);
	return send_response(connection, (unsigned)refusal->status, response);
}
