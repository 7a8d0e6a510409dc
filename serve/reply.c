/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Answers as JSON. */

#include "reply.h"

#include "json_text.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

#define FINGERPRINT "wick-" WICK_VERSION

void wick_reply_begin(struct wick_reply *reply, const struct wick_request *request, const char *model)
{
	uint64_t random[2] = { 0 };

	*reply = (struct wick_reply){ .created = time(NULL), .model = model, .chat = request->kind == WICK_REQUEST_CHAT,
		.usage = request->include_usage };
	if (getrandom(random, sizeof(random), GRND_NONBLOCK) < 0)
		random[0] = (uint64_t)reply->created;
	snprintf(reply->id, sizeof(reply->id), "%s-%016llx%08llx", reply->chat ? "chatcmpl" : "cmpl",
		(unsigned long long)random[0], (unsigned long long)random[1] & 0xffffffff);
}

/* Takes the value over. */
static char *dump(json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

	json_decref(value);
	return text;
}

/* "data: {...}\n\n" */
static char *event(json_t *value)
{
	char *text = dump(value), *framed = NULL;

	if (text && asprintf(&framed, "data: %s\n\n", text) < 0)
		framed = NULL;
	free(text);
	return framed;
}

static json_t *usage_of(const struct wick_job_figures *figures)
{
	return json_pack("{s:i, s:i, s:i, s:{s:i}, s:{s:f, s:f, s:f, s:f, s:f}}", "prompt_tokens", (int)figures->prompt_tokens,
		"completion_tokens", (int)figures->completion_tokens, "total_tokens",
		(int)(figures->prompt_tokens + figures->completion_tokens), "prompt_tokens_details", "cached_tokens",
		(int)figures->cached_tokens, "wick", "queued_ms", (double)figures->queued_ns / 1e6, "prompt_ms",
		(double)figures->prompt_ns / 1e6, "decode_ms", (double)figures->decode_ns / 1e6, "flash_bytes",
		figures->flash_bytes, "flash_wait_ms", figures->flash_wait_ns / 1e6);
}

static json_t *head(const struct wick_reply *reply, const char *object)
{
	return json_pack("{s:s, s:s, s:I, s:s, s:s}", "id", reply->id, "object", object, "created", (json_int_t)reply->created,
		"model", reply->model, "system_fingerprint", FINGERPRINT);
}

/* A chunk with one choice. Takes the choice over. */
static json_t *chunk(const struct wick_reply *reply, json_t *choice)
{
	json_t *value = head(reply, reply->chat ? "chat.completion.chunk" : "text_completion");

	json_object_set_new(value, "choices", choice ? json_pack("[o]", choice) : json_array());
	if (reply->usage)
		json_object_set_new(value, "usage", json_null());
	return value;
}

/* {"token": logprob}; null where none were asked for. */
static json_t *map_top(const json_t *token)
{
	const json_t *list = json_object_get(token, "top_logprobs"), *top;
	json_t *map = json_array_size(list) ? json_object() : json_null();
	size_t i;

	json_array_foreach(list, i, top)
		json_object_set(map, json_string_value(json_object_get(top, "token")), json_object_get(top, "logprob"));
	return map;
}

/* The old form of a text's log-probabilities: lists side by side. */
static json_t *text_logprobs(const json_t *tokens)
{
	json_t *names = json_array(), *values = json_array(), *tops = json_array(), *offsets = json_array();
	const json_t *token;
	size_t i;

	json_array_foreach(tokens, i, token) {
		json_array_append(names, json_object_get(token, "token"));
		json_array_append(values, json_object_get(token, "logprob"));
		json_array_append(offsets, json_object_get(token, "text_offset"));
		json_array_append_new(tops, map_top(token));
	}
	return json_pack("{s:o, s:o, s:o, s:o}", "tokens", names, "token_logprobs", values, "top_logprobs", tops, "text_offset",
		offsets);
}

/* A new reference; null where there are none. Takes the tokens over. */
static json_t *logprobs_of(const struct wick_reply *reply, json_t *tokens)
{
	json_t *value;

	if (!tokens)
		return json_null();
	if (reply->chat)
		return json_pack("{s:o, s:n}", "content", tokens, "refusal");
	value = text_logprobs(tokens);
	json_decref(tokens);
	return value;
}

/* All pieces of one kind as one text. */
static json_t *join_pieces(const struct wick_piece *pieces, size_t count, bool thought)
{
	size_t bytes = 0;
	char *text;
	json_t *value;

	for (size_t i = 0; i < count; i++)
		bytes += pieces[i].thought == thought ? pieces[i].bytes : 0;
	text = malloc(bytes + 1);
	if (!text)
		return NULL;
	bytes = 0;
	for (size_t i = 0; i < count; i++)
		if (pieces[i].thought == thought) {
			memcpy(text + bytes, pieces[i].text, pieces[i].bytes);
			bytes += pieces[i].bytes;
		}
	value = wick_json_text(text, bytes);
	free(text);
	return value;
}

static json_t *join_logprobs(const struct wick_piece *pieces, size_t count)
{
	json_t *all = NULL;

	for (size_t i = 0; i < count; i++)
		if (pieces[i].logprobs) {
			all = all ? all : json_array();
			json_array_extend(all, pieces[i].logprobs);
		}
	return all;
}

/* Empty texts are left out of what a chunk adds; a whole answer has a content in any case. */
static void set_text(json_t *object, const char *key, json_t *text, bool always)
{
	if (always || json_string_length(text))
		json_object_set(object, key, text);
	json_decref(text);
}

/* Why the answer ends, and the token or stop text that ended it. */
static void set_end(json_t *choice, const struct wick_job *job)
{
	const char *by = job->stopped_by;

	json_object_set_new(choice, "finish_reason", json_string(job->finish));
	json_object_set_new(choice, "stop_reason", by ? wick_json_text(by, strlen(by)) : json_null());
}

char *wick_reply_whole(const struct wick_reply *reply, const struct wick_job *job)
{
	const struct wick_piece *pieces = job->pieces;
	json_t *value = head(reply, reply->chat ? "chat.completion" : "text_completion");
	json_t *choice = json_pack("{s:i}", "index", 0), *message = reply->chat ? json_pack("{s:s}", "role", "assistant") : choice;

	set_text(message, reply->chat ? "content" : "text", join_pieces(pieces, job->piece_count, false), true);
	set_text(message, "reasoning_content", join_pieces(pieces, job->piece_count, true), false);
	if (reply->chat)
		json_object_set_new(choice, "message", message);
	json_object_set_new(choice, "logprobs", logprobs_of(reply, join_logprobs(pieces, job->piece_count)));
	set_end(choice, job);
	json_object_set_new(value, "choices", json_pack("[o]", choice));
	json_object_set_new(value, "usage", usage_of(&job->figures));
	return dump(value);
}

char *wick_reply_first(const struct wick_reply *reply)
{
	if (!reply->chat)
		return strdup("");
	return event(chunk(reply, json_pack("{s:i, s:{s:s, s:s}, s:n, s:n}", "index", 0, "delta", "role", "assistant", "content",
					  "", "logprobs", "finish_reason")));
}

char *wick_reply_pieces(const struct wick_reply *reply, const struct wick_piece *pieces, size_t count)
{
	json_t *choice = json_pack("{s:i}", "index", 0), *delta = reply->chat ? json_object() : choice;

	set_text(delta, reply->chat ? "content" : "text", join_pieces(pieces, count, false), !reply->chat);
	set_text(delta, "reasoning_content", join_pieces(pieces, count, true), false);
	if (reply->chat)
		json_object_set_new(choice, "delta", delta);
	json_object_set_new(choice, "logprobs", logprobs_of(reply, join_logprobs(pieces, count)));
	json_object_set_new(choice, "finish_reason", json_null());
	return event(chunk(reply, choice));
}

char *wick_reply_last(const struct wick_reply *reply, const struct wick_job *job)
{
	json_t *choice = reply->chat ? json_pack("{s:i, s:{}, s:n}", "index", 0, "delta", "logprobs") :
				       json_pack("{s:i, s:s, s:n}", "index", 0, "text", "", "logprobs");
	char *reason, *usage = NULL, *all = NULL;

	set_end(choice, job);
	reason = event(chunk(reply, choice));
	if (reply->usage) {
		json_t *value = chunk(reply, NULL);

		json_object_set_new(value, "usage", usage_of(&job->figures));
		usage = event(value);
	}
	if (reason && asprintf(&all, "%s%sdata: [DONE]\n\n", reason, usage ? usage : "") < 0)
		all = NULL;
	free(reason);
	free(usage);
	return all;
}

static const char *type_of(int status)
{
	return status == 401 ? "authentication_error" :
		status == 429	 ? "rate_limit_error" :
		status >= 500	 ? "server_error" :
				   "invalid_request_error";
}

static json_t *describe_refusal(const struct wick_refusal *refusal)
{
	return json_pack("{s:{s:o, s:s, s:o, s:s?}}", "error", "message", wick_json_name(refusal->message), "type",
		type_of(refusal->status), "param", *refusal->param ? wick_json_name(refusal->param) : json_null(), "code",
		refusal->code);
}

char *wick_reply_refusal(const struct wick_refusal *refusal)
{
	return dump(describe_refusal(refusal));
}

char *wick_reply_refusal_event(const struct wick_refusal *refusal)
{
	return event(describe_refusal(refusal));
}

static json_t *describe_model(const char *model, long created)
{
	return json_pack("{s:s, s:s, s:I, s:s}", "id", model, "object", "model", "created", (json_int_t)created, "owned_by", "wick");
}

char *wick_reply_model(const char *model, long created)
{
	return dump(describe_model(model, created));
}

char *wick_reply_models(const char *model, long created)
{
	return dump(json_pack("{s:s, s:[o]}", "object", "list", "data", describe_model(model, created)));
}
