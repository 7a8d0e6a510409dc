/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Text -> response. */

#include "respond.h"

#include "reply.h"

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

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status, const char *type, char *text,
	const char *share, unsigned retry_s)
{
	struct MHD_Response *response =
		text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
	char retry[16];
	enum MHD_Result result;

	if (!response) {
		free(text);
		return MHD_NO;
	}
	wick_respond_headers(response, type, share);
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	snprintf(retry, sizeof(retry), "%u", retry_s);
	if (retry_s)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, retry);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result wick_respond(
	struct MHD_Connection *connection, unsigned status, const char *type, char *text, const char *share)
{
	return send_text(connection, status, type, text, share, 0);
}

enum MHD_Result wick_respond_refusal(
	struct MHD_Connection *connection, const struct wick_refusal *refusal, const char *share)
{
	return send_text(
		connection, (unsigned)refusal->status, WICK_JSON, wick_reply_refusal(refusal), share, refusal->retry_s);
}
