/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What each endpoint answers. */

#include "answers.h"

#include "event_stream.h"
#include "respond.h"

#include <stdlib.h>
#include <string.h>

static enum MHD_Result respond_json(const struct wick_asked *asked, char *text)
{
	return wick_respond(asked->connection, MHD_HTTP_OK, WICK_JSON, text, asked->share);
}

static enum MHD_Result refuse(const struct wick_asked *asked, const struct wick_refusal *refusal)
{
	return wick_endpoint_refuse(asked->endpoints, asked->connection, refusal);
}

static int socket_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

/* The whole answer, once it is there. */
static enum MHD_Result respond_whole(const struct wick_asked *asked, struct wick_job *job, const struct wick_reply *reply)
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
static enum MHD_Result respond_events(const struct wick_asked *asked, struct wick_job *job, const struct wick_reply *reply)
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

static int parse(const struct wick_asked *asked, struct wick_request *request, struct wick_refusal *refusal)
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

enum MHD_Result wick_answer_request(const struct wick_asked *asked)
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

enum MHD_Result wick_answer_models(const struct wick_asked *asked)
{
	return respond_json(asked, wick_reply_models(asked->endpoints->model, asked->endpoints->created));
}

enum MHD_Result wick_answer_model(const struct wick_asked *asked)
{
	struct wick_refusal refusal = { 0 };
	const char *name = asked->path + strlen("/models/");

	if (!strcmp(name, asked->endpoints->model))
		return respond_json(asked, wick_reply_model(asked->endpoints->model, asked->endpoints->created));
	wick_refuse(&refusal, 404, "model", "there is no model '%.100s' here", name);
	refusal.code = "model_not_found";
	return refuse(asked, &refusal);
}

enum MHD_Result wick_answer_health(const struct wick_asked *asked)
{
	static const char *const states[] = { "loading", "ok", "ending", "ending" };
	enum wick_scheduler_state state = wick_scheduler_state(asked->endpoints->scheduler);
	char *text = NULL;

	if (asprintf(&text, "{\"status\":\"%s\"}", states[state]) < 0)
		text = NULL;
	return wick_respond(asked->connection,
		state == WICK_SCHEDULER_READY ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, WICK_JSON, text, asked->share);
}

enum MHD_Result wick_answer_metrics(const struct wick_asked *asked)
{
	wick_metrics_set(asked->endpoints->metrics, WICK_METRIC_MEMORY_BYTES, (double)wick_peak_bytes());
	return wick_respond(asked->connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
		wick_metrics_text(asked->endpoints->metrics), asked->share);
}

enum MHD_Result wick_answer_props(const struct wick_asked *asked)
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

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* A browser asks before a page's request whether it may be made, with which headers: clients have headers of their own. */
static void allow_page(const struct wick_asked *asked, struct MHD_Response *response)
{
	const char *wanted = header(asked->connection, "Access-Control-Request-Headers");

	MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, HEAD, POST");
	MHD_add_response_header(response, "Access-Control-Allow-Headers", wanted ? wanted : "Authorization, Content-Type");
	MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Access-Control-Request-Headers");
}

enum MHD_Result wick_answer_options(const struct wick_asked *asked)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
	bool foreign = header(asked->connection, MHD_HTTP_HEADER_ORIGIN) && !asked->share;
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	wick_respond_headers(response, WICK_JSON, asked->share);
	MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, asked->allow);
	if (asked->share)
		allow_page(asked, response);
	result = MHD_queue_response(asked->connection, foreign ? MHD_HTTP_FORBIDDEN : MHD_HTTP_NO_CONTENT, response);
	MHD_destroy_response(response);
	return result;
}
