/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a client asks for: the body of a request, looked at field by field. Each is honoured, or refused by its name; those that
 * nobody knows are ignored, as clients expect. */

#include "refusal.h"

#include <jansson.h>
#include <wick/wick.h>

#define WICK_REQUEST_BYTES_MAX (1u << 20)
#define WICK_REQUEST_DEPTH_MAX 32    /* of arrays and objects in each other */
#define WICK_REQUEST_VALUES_MAX 65536 /* of JSON: what a parsed body takes of memory */
#define WICK_REQUEST_STOPS_MAX 16
#define WICK_REQUEST_TOP_LOGPROBS_MAX 20

enum wick_request_kind {
	WICK_REQUEST_CHAT,
	WICK_REQUEST_TEXT,
	WICK_REQUEST_TOKENIZE,
	WICK_REQUEST_DETOKENIZE,
};

struct wick_request {
	enum wick_request_kind kind;
	char *messages;      /* CHAT: a JSON array */
	char *text;          /* TEXT, TOKENIZE: (text_bytes) */
	size_t text_bytes;
	uint32_t *ids;       /* TEXT in place of a text, DETOKENIZE: (id_count) */
	uint32_t id_count;
	bool add_special;    /* TOKENIZE: what the model begins a text with goes in front */
	bool stream, include_usage;
	uint32_t max_tokens; /* 0: as many as there is room for */
	struct wick_sampling sampling; /* biases belong to the request; no tokens yet */
	bool has_seed;
	uint64_t seed;
	char *stops[WICK_REQUEST_STOPS_MAX];
	uint32_t stop_count;
	bool logprobs;
	uint32_t top_logprobs;
};

/* What the fields are held against. */
struct wick_request_limits {
	const char *model; /* the name that is served */
	uint32_t vocab;
};

/* 0, or -1 with a refusal. wick_request_free() is for either. */
int wick_request_parse(struct wick_request *request, enum wick_request_kind kind, const char *body, size_t bytes,
	const struct wick_request_limits *limits, struct wick_refusal *refusal);
void wick_request_free(struct wick_request *request);

/* The messages of a chat as a template is given them (request_messages.c): a new reference, or NULL with a refusal. Contents in
 * parts become one text; a developer's message is a system message. */
json_t *wick_request_messages(const json_t *messages, struct wick_refusal *refusal);
