/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The table of what can be asked for. */

#include "endpoints.h"

#include "answers.h"
#include "respond.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct wick_endpoint {
	const char *method, *path; /* without /v1; one that ends with a slash has a name behind it */
	enum MHD_Result (*answer)(const struct wick_asked *asked);
	int kind;  /* of a request with a body */
	bool open; /* to everybody */
};

static const struct wick_endpoint endpoints_list[] = {
	{ "POST", "/chat/completions", wick_answer_request, WICK_REQUEST_CHAT, false },
	{ "POST", "/completions", wick_answer_request, WICK_REQUEST_TEXT, false },
	{ "POST", "/tokenize", wick_answer_request, WICK_REQUEST_TOKENIZE, false },
	{ "POST", "/detokenize", wick_answer_request, WICK_REQUEST_DETOKENIZE, false },
	{ "GET", "/models", wick_answer_models, 0, false },
	{ "GET", "/models/", wick_answer_model, 0, false },
	{ "GET", "/health", wick_answer_health, 0, true },
	{ "GET", "/metrics", wick_answer_metrics, 0, false },
	{ "GET", "/props", wick_answer_props, 0, false },
	{ "OPTIONS", "/", wick_answer_options, 0, true },
};

#define ENDPOINTS (sizeof(endpoints_list) / sizeof(endpoints_list[0]))

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* The origin that may read a response to this request, or NULL. */
static const char *share_of(const struct wick_endpoints *endpoints, struct MHD_Connection *connection)
{
	const char *origin = header(connection, MHD_HTTP_HEADER_ORIGIN);

	return wick_access_shares(&endpoints->access, origin) ? origin : NULL;
}

/* Clients are set up with /v1 and without: both are the same here. */
static const char *without_version(const char *path)
{
	return strncmp(path, "/v1/", 4) ? path : path + 3;
}

/* A slash at the end is as good as none. */
static bool has_path(const struct wick_endpoint *endpoint, const char *path)
{
	size_t length = strlen(endpoint->path);

	if (strncmp(path, endpoint->path, length))
		return false;
	if (endpoint->path[length - 1] == '/')
		return path[length] || length == 1;
	return !path[length] || !strcmp(path + length, "/");
}

/* The methods of a path: it is in the table under one of them. */
static const char *allowed_at(const char *path)
{
	const struct wick_endpoint *endpoint = endpoints_list;

	while (!has_path(endpoint, path) && endpoint < endpoints_list + ENDPOINTS - 1)
		endpoint++;
	return !strcmp(endpoint->method, "GET") ? "GET, HEAD, OPTIONS" :
		!strcmp(endpoint->method, "POST") ? "POST, OPTIONS" :
						    "OPTIONS";
}

/* A body is JSON, and says so: a form of a page of anybody's cannot. */
static int check_body(struct MHD_Connection *connection, struct wick_refusal *refusal)
{
	const char *type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE);
	size_t bytes = strlen(WICK_JSON);

	if (!type || strncasecmp(type, WICK_JSON, bytes) || (type[bytes] && type[bytes] != ';' && type[bytes] != ' '))
		return wick_refuse(refusal, 415, NULL, "the Content-Type must be " WICK_JSON);
	return 0;
}

static int check_access(const struct wick_endpoints *endpoints, struct MHD_Connection *connection, struct wick_refusal *refusal)
{
	const struct wick_access_headers headers = { .authorization = header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
		.host = header(connection, MHD_HTTP_HEADER_HOST), .origin = header(connection, MHD_HTTP_HEADER_ORIGIN) };

	return wick_access_check(&endpoints->access, &headers, refusal);
}

static const struct wick_endpoint *find(const char *method, const char *path, struct wick_refusal *refusal)
{
	const char *other = NULL;

	for (size_t i = 0; i < ENDPOINTS; i++) {
		const char *own = endpoints_list[i].method;

		if (!has_path(&endpoints_list[i], path))
			continue;
		if (!strcmp(own, method) || (!strcmp(own, "GET") && !strcmp(method, "HEAD")))
			return &endpoints_list[i];
		other = other || !strcmp(own, "OPTIONS") ? other : own;
	}
	if (!other) {
		wick_refuse(refusal, 404, NULL, "there is nothing under this path");
		return NULL;
	}
	wick_refuse(refusal, 405, NULL, "%.20s is not for this path; %s is", method, other);
	refusal->allow = allowed_at(path);
	return NULL;
}

const struct wick_endpoint *wick_endpoint_find(struct wick_endpoints *endpoints, struct MHD_Connection *connection,
	const char *method, const char *path, struct wick_refusal *refusal)
{
	const struct wick_endpoint *endpoint = find(method, without_version(path), refusal);

	if (endpoint && endpoint->open)
		return endpoint;
	if (refusal->status != 404 && refusal->status != 405 && check_access(endpoints, connection, refusal))
		return NULL;
	if (endpoint && !strcmp(endpoint->method, "POST") && check_body(connection, refusal))
		return NULL;
	return endpoint;
}

enum MHD_Result wick_endpoint_answer(struct wick_endpoints *endpoints, const struct wick_endpoint *endpoint,
	struct MHD_Connection *connection, const char *path, struct wick_body *body)
{
	const struct wick_asked asked = { .endpoints = endpoints, .connection = connection, .path = without_version(path),
		.share = share_of(endpoints, connection), .allow = allowed_at(without_version(path)), .body = body,
		.kind = endpoint->kind };

	return endpoint->answer(&asked);
}

enum MHD_Result wick_endpoint_refuse(
	struct wick_endpoints *endpoints, struct MHD_Connection *connection, const struct wick_refusal *refusal)
{
	if (refusal->status != MHD_HTTP_INTERNAL_SERVER_ERROR) /* which is a request that failed */
		wick_metrics_add(endpoints->metrics, WICK_METRIC_REFUSED, 1);
	return wick_respond_refusal(connection, refusal, share_of(endpoints, connection));
}

void wick_body_free(struct wick_body *body)
{
	*body->held -= body->bytes;
	free(body->text);
	body->text = NULL;
	body->bytes = 0;
}
