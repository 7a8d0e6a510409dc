/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Bodies of requests, of every kind, and the headers that say who asks: none crashes, one that is refused has a status and a
 * sentence, and one that is taken has what its kind needs, within the limits. */

#include "access.h"
#include "fuzz.h"
#include "request.h"

#include <strings.h>

#define VOCAB 1000

static void check_taken(const struct wick_request *request)
{
	wick_require(request->messages || request->text || request->ids);
	wick_require(request->stop_count <= WICK_REQUEST_STOPS_MAX && request->top_logprobs <= WICK_REQUEST_TOP_LOGPROBS_MAX);
	for (uint32_t i = 0; i < request->stop_count; i++)
		wick_require(request->stops[i][0]);
	for (uint32_t i = 0; i < request->id_count; i++)
		wick_require(request->ids[i] < VOCAB);
	for (uint32_t i = 0; i < request->sampling.bias_count; i++)
		wick_require(request->sampling.biases[i].id < VOCAB);
	wick_require(request->sampling.temp >= 0 && request->sampling.temp <= 2);
	wick_require(request->sampling.top_p >= 0 && request->sampling.top_p <= 1);
	if (request->messages) {
		json_t *messages = json_loads(request->messages, 0, NULL), *message;
		size_t i;

		wick_require(json_array_size(messages));
		json_array_foreach(messages, i, message)
			wick_require(json_is_string(json_object_get(message, "content")));
		json_decref(messages);
	}
}

static void check_refusal(int rc, const struct wick_refusal *refusal)
{
	wick_require((rc != 0) == (refusal->status != 0));
	wick_require(!rc || (rc == -1 && refusal->status >= 400 && refusal->message[0]));
}

static void try_request(enum wick_request_kind kind, const char *body, size_t bytes)
{
	const struct wick_request_limits limits = { .model = "model", .vocab = VOCAB };
	struct wick_request request;
	struct wick_refusal refusal = { 0 };
	int rc = wick_request_parse(&request, kind, body, bytes, &limits, &refusal);

	check_refusal(rc, &refusal);
	if (!rc)
		check_taken(&request);
	wick_request_free(&request);
}

/* Nothing but the key, and no other page, gets in. */
static void try_access(const char *text)
{
	const struct wick_access by_key = { .key = "key" }, by_host = { .host = "box.example" };
	struct wick_refusal refusal = { 0 };
	int rc = wick_access_check(&by_key, &(struct wick_access_headers){ .authorization = text }, &refusal);

	check_refusal(rc, &refusal);
	wick_require(rc || !strcmp(text + strlen(text) - 4, " key"));
	refusal = (struct wick_refusal){ 0 };
	check_refusal(wick_access_check(&by_host, &(struct wick_access_headers){ .host = text }, &refusal), &refusal);
	refusal = (struct wick_refusal){ 0 };
	rc = wick_access_check(&by_host, &(struct wick_access_headers){ .host = "localhost", .origin = text }, &refusal);
	check_refusal(rc, &refusal);
	wick_require(rc || !strcasecmp(text, "http://localhost"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	wick_require(text);
	memcpy(text, data, size);
	text[size] = 0;
	try_access(text);
	for (int kind = WICK_REQUEST_CHAT; kind <= WICK_REQUEST_DETOKENIZE; kind++)
		try_request((enum wick_request_kind)kind, text, size);
	free(text);
	return 0;
}
