/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The table of what can be asked for. */

#include "endpoints.h"

#include "event_stream.h"
#include "respond.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A request that is being answered. */
struct asked {
	struct wick_endpoints *endpoints;
	struct MHD_Connection *connection;
	const char *path, *share;
	struct wick_body *body;
	int kind; /* of the endpoint */
};

struct wick_endpoint {
	const char *method, *path; /* a path that ends with a slash has a name behind it */
	enum MHD_Result (*answer)(const struct asked *asked);
	int kind;  /* of a request with a body */
	bool open; /* to everybody */
};

static enum MHD_Result respond_json(const struct asked *asked, char *text)
{
	return wick_respond(asked->connection, MHD_HTTP_OK, WICK_JSON, text, asked->share);
}

static enum MHD_Result refuse(const struct asked *asked, const struct wick_refusal *refusal)
{
	return wick_endpoint_refuse(asked->endpoints, asked->connection, refusal);
}

static int socket_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

/* The whole answer, once it is there. */
static enum MHD_Result respond_whole(const struct asked *asked, struct wick_job *job, const struct wick_reply *reply)
{
	enum MHD_Result result = MHD_NO; /* closes the connection of a client that is gone */

	if (wick_job_await_end(job, socket_of(asked->connection))) {
		if (job->refusal.status)
			result = refuse(asked, &job->refusal);
		else if (job->result)
			result = respond_json(asked, json_dumps(job->result, JSON_COMPACT));
		else
			result = respond_json(asked, wick_reply_whole(reply, job));
	}
	wick_job_leave(job);
	return result;
}

/* Whether the job is refused shows before the first event, so that the status can say it. */
static enum MHD_Result respond_events(const struct asked *asked, struct wick_job *job, const struct wick_reply *reply)
{
	int socket = socket_of(asked->connection);
	enum MHD_Result result = MHD_NO;

	if (wick_job_await_start(job, socket)) {
		if (!job->refusal.status)
			return wick_event_stream(asked->connection, job, reply, socket, asked->share);
		result = refuse(asked, &job->refusal);
	}
	wick_job_leave(job);
	return result;
}

static int parse(const struct asked *asked, struct wick_request *request, struct wick_refusal *refusal)
{
	struct wick_endpoints *endpoints = asked->endpoints;
	struct wick_request_limits limits = { .model = endpoints->model };
	int rc;

	if (!wick_scheduler_has_model(endpoints->scheduler, refusal))
		return -1;
	limits.vocab = wick_report_of(endpoints->wick)->vocab;
	pthread_mutex_lock(&endpoints->parsing);
	rc = wick_request_parse(request, (enum wick_request_kind)asked->kind, asked->body->text,
		asked->body->bytes, &limits, refusal);
	pthread_mutex_unlock(&endpoints->parsing);
	wick_body_free(asked->body);
	return rc;
}

static enum MHD_Result answer_request(const struct asked *asked)
{
	struct wick_request request = { 0 };
	struct wick_refusal refusal = { 0 };
	struct wick_reply reply;
	struct wick_job *job = NULL;
	bool stream;

	if (!parse(asked, &request, &refusal)) {
		wick_reply_begin(&reply, &request, asked->endpoints->model);
		stream = request.stream;
		job = wick_job_create(&request);
		if (!job)
			wick_refuse(&refusal, 500, NULL, "there is no memory");
	}
	wick_request_free(&request);
	if (job && wick_scheduler_submit(asked->endpoints->scheduler, job, &refusal)) {
		wick_job_release(job);
		wick_job_release(job);
		job = NULL;
	}
	if (!job)
		return refuse(asked, &refusal);
	return stream ? respond_events(asked, job, &reply) : respond_whole(asked, job, &reply);
}

static enum MHD_Result answer_models(const struct asked *asked)
{
	return respond_json(asked, wick_reply_models(asked->endpoints->model, asked->endpoints->created));
}

static enum MHD_Result answer_model(const struct asked *asked)
{
	struct wick_refusal refusal = { 0 };
	const char *name = asked->path + strlen("/v1/models/");

	if (!strcmp(name, asked->endpoints->model))
		return respond_json(asked, wick_reply_model(asked->endpoints->model, asked->endpoints->created));
	wick_refuse(&refusal, 404, "model", "there is no model '%.100s' here", name);
	refusal.code = "model_not_found";
	return refuse(asked, &refusal);
}

static enum MHD_Result answer_health(const struct asked *asked)
{
	static const char *const states[] = { "loading", "ok", "ending", "ending" };
	enum wick_scheduler_state state = wick_scheduler_state(asked->endpoints->scheduler);
	char *text = NULL;

	if (asprintf(&text, "{\"status\":\"%s\"}", states[state]) < 0)
		text = NULL;
	return wick_respond(asked->connection,
		state == WICK_SCHEDULER_READY ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, WICK_JSON, text, asked->share);
}

static enum MHD_Result answer_metrics(const struct asked *asked)
{
	wick_metrics_set(asked->endpoints->metrics, WICK_METRIC_MEMORY_BYTES, (double)wick_peak_bytes());
	return wick_respond(asked->connection, MHD_HTTP_OK, "text/plain; version=0.0.4",
		wick_metrics_text(asked->endpoints->metrics), asked->share);
}

static enum MHD_Result answer_props(const struct asked *asked)
{
	struct wick_refusal refusal = { 0 };
	const struct wick_report *report;
	const struct wick_plan *plan;
	json_t *props;
	char *text;

	if (!wick_scheduler_has_model(asked->endpoints->scheduler, &refusal))
		return refuse(asked, &refusal);
	report = wick_report_of(asked->endpoints->wick);
	plan = wick_plan_of(asked->endpoints->wick);
	props = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:i, s:I, s:I, s:s}", "model", asked->endpoints->model, "arch",
		report->arch, "type", report->type, "mode", report->mode, "ctx", (int)plan->ctx, "sessions", (int)plan->sessions,
		"kv_positions", (json_int_t)plan->kv_positions, "vocab", (int)report->vocab, "budget_bytes",
		(json_int_t)plan->budget_bytes, "weight_bytes", (json_int_t)plan->weight_bytes, "version", wick_version());
	text = props ? json_dumps(props, JSON_COMPACT) : NULL;
	json_decref(props);
	return respond_json(asked, text);
}

/* A browser asks before a page's request whether it may be made. */
static enum MHD_Result answer_preflight(const struct asked *asked)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	wick_respond_headers(response, WICK_JSON, asked->share);
	MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, POST");
	MHD_add_response_header(response, "Access-Control-Allow-Headers", "Authorization, Content-Type");
	result = MHD_queue_response(asked->connection, asked->share ? MHD_HTTP_NO_CONTENT : MHD_HTTP_FORBIDDEN, response);
	MHD_destroy_response(response);
	return result;
}

static const struct wick_endpoint endpoints_list[] = {
	{ "POST", "/v1/chat/completions", answer_request, WICK_REQUEST_CHAT, false },
	{ "POST", "/v1/completions", answer_request, WICK_REQUEST_TEXT, false },
	{ "POST", "/tokenize", answer_request, WICK_REQUEST_TOKENIZE, false },
	{ "POST", "/detokenize", answer_request, WICK_REQUEST_DETOKENIZE, false },
	{ "GET", "/v1/models", answer_models, 0, false },
	{ "GET", "/v1/models/", answer_model, 0, false },
	{ "GET", "/health", answer_health, 0, true },
	{ "GET", "/metrics", answer_metrics, 0, false },
	{ "GET", "/props", answer_props, 0, false },
	{ "OPTIONS", "/", answer_preflight, 0, true },
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

static bool has_path(const struct wick_endpoint *endpoint, const char *path)
{
	size_t length = strlen(endpoint->path);

	if (endpoint->path[length - 1] == '/')
		return !strncmp(path, endpoint->path, length) && (path[length] || length == 1);
	return !strcmp(path, endpoint->path);
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
	const char *allowed = NULL;

	method = strcmp(method, "HEAD") ? method : "GET";
	for (size_t i = 0; i < ENDPOINTS; i++) {
		if (!has_path(&endpoints_list[i], path))
			continue;
		if (!strcmp(endpoints_list[i].method, method))
			return &endpoints_list[i];
		allowed = allowed || !strcmp(endpoints_list[i].method, "OPTIONS") ? allowed : endpoints_list[i].method;
	}
	if (allowed)
		wick_refuse(refusal, 405, NULL, "%.20s is not for this path; %s is", method, allowed);
	else
		wick_refuse(refusal, 404, NULL, "there is nothing under this path");
	return NULL;
}

const struct wick_endpoint *wick_endpoint_find(struct wick_endpoints *endpoints, struct MHD_Connection *connection,
	const char *method, const char *path, struct wick_refusal *refusal)
{
	const struct wick_endpoint *endpoint = find(method, path, refusal);

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
	const struct asked asked = { .endpoints = endpoints, .connection = connection, .path = path, .body = body,
		.share = share_of(endpoints, connection), .kind = endpoint->kind };

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
