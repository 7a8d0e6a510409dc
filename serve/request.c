/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The fields of a request, by a table. */

#include "request_field.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS_OF_TEXT 16 /* where a text completion does not say: OpenAI's */

enum { CHAT = 1 << WICK_REQUEST_CHAT, TEXT = 1 << WICK_REQUEST_TEXT, WRITES = CHAT | TEXT,
	TOKENIZE = 1 << WICK_REQUEST_TOKENIZE, DETOKENIZE = 1 << WICK_REQUEST_DETOKENIZE };

int wick_field_refuse_type(const struct wick_reading *reading, const struct wick_field *field, const char *wants)
{
	return wick_refuse(reading->refusal, 400, field->name, "'%s' must be %s", field->name, wants);
}

static int refuse_range(const struct wick_reading *reading, const struct wick_field *field, double value)
{
	return wick_refuse(reading->refusal, 400, field->name, "'%s' is %.15g, and must be from %.15g to %.15g", field->name, value,
		field->min, field->max);
}

static int take_float(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	double number = json_number_value(value);

	if (!json_is_number(value))
		return wick_field_refuse_type(reading, field, "a number");
	if (!(number >= field->min && number <= field->max))
		return refuse_range(reading, field, number);
	*(float *)(void *)((char *)reading->request + field->at) = (float)number;
	return 0;
}

/* 16.0 is one, too: some languages write no other numbers. */
static bool is_whole(const json_t *value)
{
	return json_is_number(value) && json_number_value(value) == floor(json_number_value(value));
}

static int take_count(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	double number = json_number_value(value);

	if (!is_whole(value))
		return wick_field_refuse_type(reading, field, "a whole number");
	if (!(number >= field->min && number <= field->max))
		return refuse_range(reading, field, number);
	*(uint32_t *)(void *)((char *)reading->request + field->at) = (uint32_t)number;
	return 0;
}

static int take_bool(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	if (!json_is_boolean(value))
		return wick_field_refuse_type(reading, field, "true or false");
	*(bool *)((char *)reading->request + field->at) = json_is_true(value);
	return 0;
}

/* Negative seeds count from the other end, as they do elsewhere. */
static int take_seed(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	if (!json_is_integer(value))
		return wick_field_refuse_type(reading, field, "a whole number");
	reading->request->seed = (uint64_t)json_integer_value(value);
	reading->request->has_seed = true;
	return 0;
}

static int take_model(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	if (!json_is_string(value))
		return wick_field_refuse_type(reading, field, "a text");
	if (!strcmp(json_string_value(value), reading->limits->model))
		return 0;
	wick_refuse(reading->refusal, 404, field->name, "there is no model '%.100s' here; '%.100s' is served",
		json_string_value(value), reading->limits->model);
	reading->refusal->code = "model_not_found";
	return -1;
}

static int add_stop(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	struct wick_request *request = reading->request;

	if (!json_is_string(value) || !json_string_length(value))
		return wick_field_refuse_type(reading, field, "a text or a list of texts, none of which is empty");
	if (request->stop_count == WICK_REQUEST_STOPS_MAX)
		return wick_refuse(
			reading->refusal, 400, field->name, "'%s' has more than %d texts", field->name, WICK_REQUEST_STOPS_MAX);
	request->stops[request->stop_count] = strdup(json_string_value(value));
	if (!request->stops[request->stop_count])
		return wick_refuse(reading->refusal, 500, field->name, "there is no memory");
	request->stop_count++;
	return 0;
}

static int take_stop(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	const json_t *stop;
	size_t i;
	int rc = 0;

	if (!json_is_array(value))
		return add_stop(reading, field, value);
	json_array_foreach(value, i, stop)
		if (!rc)
			rc = add_stop(reading, field, stop);
	return rc;
}

static int take_ids(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	struct wick_request *request = reading->request;
	const json_t *id;
	size_t i;

	request->ids = calloc(json_array_size(value) + 1, sizeof(*request->ids));
	if (!request->ids)
		return wick_refuse(reading->refusal, 500, field->name, "there is no memory");
	json_array_foreach(value, i, id) {
		json_int_t number = json_integer_value(id);

		if (!json_is_integer(id))
			return wick_refuse(reading->refusal, 400, field->name, "'%s[%zu]' is no token", field->name, i);
		if (number < 0 || number >= reading->limits->vocab)
			return wick_refuse(reading->refusal, 400, field->name,
				"'%s[%zu]' is %lld: the vocabulary has %u tokens", field->name, i, (long long)number,
				reading->limits->vocab);
		request->ids[request->id_count++] = (uint32_t)number;
	}
	return 0;
}

static int take_text(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	struct wick_request *request = reading->request;

	if (!json_is_string(value))
		return wick_field_refuse_type(reading, field, "a text");
	free(request->text);
	request->text_bytes = json_string_length(value);
	request->text = strdup(json_string_value(value));
	return request->text ? 0 : wick_refuse(reading->refusal, 500, field->name, "there is no memory");
}

/* A text, its tokens, or a list with one of those. */
static int take_prompt(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	if (json_is_array(value) && json_array_size(value) && !json_is_integer(json_array_get(value, 0))) {
		if (json_array_size(value) != 1)
			return wick_refuse(reading->refusal, 400, field->name,
				"'%s' has %zu prompts: several in one request are not there yet", field->name, json_array_size(value));
		value = json_array_get(value, 0);
	}
	if (json_is_array(value) && json_array_size(value))
		return take_ids(reading, field, value);
	if (json_is_string(value))
		return take_text(reading, field, value);
	return wick_field_refuse_type(reading, field, "a text or a list of tokens");
}

static int take_tokens(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	return json_is_array(value) ? take_ids(reading, field, value) : wick_field_refuse_type(reading, field, "a list of tokens");
}

static int take_messages(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	json_t *messages = wick_request_messages(value, reading->refusal);

	(void)field;
	if (!messages)
		return -1;
	free(reading->request->messages);
	reading->request->messages = json_dumps(messages, JSON_COMPACT);
	json_decref(messages);
	return reading->request->messages ? 0 : wick_refuse(reading->refusal, 500, NULL, "there is no memory");
}

static int take_stream_options(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	const json_t *include = json_object_get(value, "include_usage");

	if (!json_is_object(value) || (include && !json_is_null(include) && !json_is_boolean(include)))
		return wick_field_refuse_type(reading, field, "an object such as {\"include_usage\": true}");
	reading->request->include_usage = json_is_true(include);
	return 0;
}

/* {"42": -100}: added to the logit of token 42; -100 is wick_field_never, as OpenAI's API says. */
static int take_bias(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	struct wick_request *request = reading->request;
	struct wick_logit_bias *biases = calloc(json_object_size(value) + 1, sizeof(*biases));
	const char *key;
	json_t *add;

	request->sampling.biases = biases;
	if (!biases)
		return wick_refuse(reading->refusal, 500, field->name, "there is no memory");
	if (!json_is_object(value))
		return wick_field_refuse_type(reading, field, "an object of tokens and numbers");
	json_object_foreach((json_t *)(uintptr_t)value, key, add) {
		char *end;
		unsigned long id = strtoul(key, &end, 10);

		if (*key < '0' || *key > '9' || *end || id >= reading->limits->vocab)
			return wick_refuse(reading->refusal, 400, field->name, "'logit_bias' names '%.40s', which is no token", key);
		if (!json_is_number(add) || !(fabs(json_number_value(add)) <= 100))
			return wick_refuse(
				reading->refusal, 400, field->name, "'logit_bias' of token %lu must be a number from -100 to 100", id);
		biases[request->sampling.bias_count++] = (struct wick_logit_bias){ .id = (uint32_t)id,
			.add = json_number_value(add) <= -100 ? -INFINITY : (float)json_number_value(add) };
	}
	return 0;
}

/* A chat says whether, and in another field how many; a text says how many. */
static int take_logprobs(const struct wick_reading *reading, const struct wick_field *field, const json_t *value)
{
	if (reading->request->kind == WICK_REQUEST_CHAT)
		return take_bool(reading, &(struct wick_field){ .name = field->name, .at = offsetof(struct wick_request, logprobs) }, value);
	reading->request->logprobs = true;
	return take_count(reading,
		&(struct wick_field){ .name = field->name, .at = offsetof(struct wick_request, top_logprobs),
			.max = WICK_REQUEST_TOP_LOGPROBS_MAX },
		value);
}

#define SAMPLING(member) offsetof(struct wick_request, sampling.member)

static const struct wick_field fields[] = {
	{ "model", WRITES | TOKENIZE | DETOKENIZE, take_model },
	{ "messages", CHAT, take_messages },
	{ "prompt", TEXT, take_prompt },
	{ "content", TOKENIZE, take_text },
	{ "add_special", TOKENIZE, take_bool, offsetof(struct wick_request, add_special) },
	{ "tokens", DETOKENIZE, take_tokens },
	{ "stream", WRITES, take_bool, offsetof(struct wick_request, stream) },
	{ "stream_options", WRITES, take_stream_options },
	{ "max_tokens", WRITES, take_count, offsetof(struct wick_request, max_tokens), 1, UINT32_MAX },
	{ "max_completion_tokens", CHAT, take_count, offsetof(struct wick_request, max_tokens), 1, UINT32_MAX },
	{ "temperature", WRITES, take_float, SAMPLING(temp), 0, 2 },
	{ "top_p", WRITES, take_float, SAMPLING(top_p), 0, 1 },
	{ "top_k", WRITES, take_count, SAMPLING(top_k), 0, UINT32_MAX },
	{ "min_p", WRITES, take_float, SAMPLING(min_p), 0, 1 },
	{ "typical_p", WRITES, take_float, SAMPLING(typical_p), 0, 1 },
	{ "repeat_penalty", WRITES, take_float, SAMPLING(repeat_penalty), 0, 100 },
	{ "repetition_penalty", WRITES, take_float, SAMPLING(repeat_penalty), 0, 100 },
	{ "presence_penalty", WRITES, take_float, SAMPLING(presence_penalty), -2, 2 },
	{ "frequency_penalty", WRITES, take_float, SAMPLING(frequency_penalty), -2, 2 },
	{ "ignore_eos", WRITES, take_bool, SAMPLING(ignore_stops) },
	{ "logit_bias", WRITES, take_bias },
	{ "seed", WRITES, take_seed },
	{ "stop", WRITES, take_stop },
	{ "logprobs", WRITES, take_logprobs },
	{ "top_logprobs", CHAT, take_count, offsetof(struct wick_request, top_logprobs), 0, WICK_REQUEST_TOP_LOGPROBS_MAX },
	{ "n", WRITES, wick_field_only_one },
	{ "best_of", TEXT, wick_field_only_one },
	{ "echo", TEXT, wick_field_only_false },
	{ "suffix", TEXT, wick_field_only_empty_text },
	{ "tools", CHAT, wick_field_only_empty },
	{ "functions", CHAT, wick_field_only_empty },
	{ "tool_choice", CHAT, wick_field_only_none },
	{ "function_call", CHAT, wick_field_only_none },
	{ "response_format", CHAT, wick_field_only_text },
	{ "reasoning_effort", CHAT, wick_field_only_none },
	{ "modalities", CHAT, wick_field_only_texts },
	{ "audio", CHAT, wick_field_only_empty },
	{ "prediction", CHAT, wick_field_only_empty },
	{ "web_search_options", CHAT, wick_field_never },
	{ "chat_template_kwargs", CHAT, wick_field_only_empty },
	{ "grammar", WRITES, wick_field_only_empty_text },
	{ "json_schema", WRITES, wick_field_only_empty },
	{ "structured_outputs", WRITES, wick_field_only_empty },
	{ "guided_json", WRITES, wick_field_never },
	{ "guided_regex", WRITES, wick_field_never },
	{ "guided_choice", WRITES, wick_field_never },
	{ "guided_grammar", WRITES, wick_field_never },
};

/* A member that is null is as good as none. */
static int take_fields(const struct wick_reading *reading, const json_t *body)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const json_t *value = json_object_get(body, fields[i].name);

		if (value && !json_is_null(value) && fields[i].kinds & 1u << reading->request->kind &&
			fields[i].take(reading, &fields[i], value))
			return -1;
	}
	return 0;
}

/* The one field that a request is nothing without. */
static int check_complete(const struct wick_reading *reading)
{
	static const char *const needed[] = { [WICK_REQUEST_CHAT] = "messages", [WICK_REQUEST_TEXT] = "prompt",
		[WICK_REQUEST_TOKENIZE] = "content", [WICK_REQUEST_DETOKENIZE] = "tokens" };
	const struct wick_request *request = reading->request;

	if (!request->messages && !request->text && !request->ids)
		return wick_refuse(reading->refusal, 400, needed[request->kind], "'%s' is missing", needed[request->kind]);
	if (request->top_logprobs && !request->logprobs)
		return wick_refuse(reading->refusal, 400, "top_logprobs", "'top_logprobs' needs 'logprobs' to be true");
	if (request->include_usage && !request->stream)
		return wick_refuse(reading->refusal, 400, "stream_options", "'stream_options' needs 'stream' to be true");
	return 0;
}

/* Whether a body is small enough in all but its bytes, looked at before anything is allocated for it. */
static int check_depth(const char *body, size_t bytes, struct wick_refusal *refusal)
{
	size_t depth = 0, values = 0;
	bool in_text = false;

	for (size_t i = 0; i < bytes; i++) {
		char c = body[i];

		if (in_text && c == '\\')
			i++;
		else if (c == '"')
			in_text = !in_text;
		else if (in_text)
			continue;
		else if (c == '{' || c == '[')
			values += depth++ > 0;
		else if (c == '}' || c == ']')
			depth -= depth > 0;
		else if (c == ',')
			values++;
		if (depth > WICK_REQUEST_DEPTH_MAX)
			return wick_refuse(refusal, 400, NULL, "the body has arrays and objects more than %d deep in each other",
				WICK_REQUEST_DEPTH_MAX);
		if (values > WICK_REQUEST_VALUES_MAX)
			return wick_refuse(refusal, 400, NULL, "the body has more than %d values", WICK_REQUEST_VALUES_MAX);
	}
	return 0;
}

static json_t *parse_body(const char *body, size_t bytes, struct wick_refusal *refusal)
{
	json_error_t error;
	json_t *json;

	if (!bytes)
		wick_refuse(refusal, 400, NULL, "the body is empty");
	if (!bytes || check_depth(body, bytes, refusal))
		return NULL;
	json = json_loadb(body, bytes, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(json))
		return json;
	if (json)
		wick_refuse(refusal, 400, NULL, "the body is no JSON object");
	else
		wick_refuse(refusal, 400, NULL, "the body is no JSON: %s, line %d", error.text, error.line);
	json_decref(json);
	return NULL;
}

int wick_request_parse(struct wick_request *request, enum wick_request_kind kind, const char *body, size_t bytes,
	const struct wick_request_limits *limits, struct wick_refusal *refusal)
{
	const struct wick_reading reading = { .request = request, .limits = limits, .refusal = refusal };
	json_t *json = parse_body(body, bytes, refusal);
	int rc = json ? 0 : -1;

	*request = (struct wick_request){ .kind = kind, .sampling = { .size = sizeof(request->sampling), .temp = 1, .top_p = 1 },
		.max_tokens = kind == WICK_REQUEST_TEXT ? MAX_TOKENS_OF_TEXT : 0 };
	if (!rc)
		rc = take_fields(&reading, json);
	if (!rc)
		rc = check_complete(&reading);
	json_decref(json);
	return rc;
}

void wick_request_free(struct wick_request *request)
{
	for (uint32_t i = 0; i < request->stop_count; i++)
		free(request->stops[i]);
	free((void *)(uintptr_t)request->sampling.biases);
	free(request->messages);
	free(request->text);
	free(request->ids);
	*request = (struct wick_request){ 0 };
}
