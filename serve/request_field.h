/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The fields of a request, each with who takes it. */

#include "request.h"

#include <stddef.h>

struct wick_field;

struct wick_reading {
	struct wick_request *request;
	const struct wick_request_limits *limits;
	struct wick_refusal *refusal;
};

struct wick_field {
	const char *name;
	unsigned kinds; /* of requests that have it */
	int (*take)(const struct wick_reading *reading, const struct wick_field *field, const json_t *value);
	size_t at;      /* of the member that it becomes, where it is a plain one */
	double min, max;
};

/* -1 with a refusal: "'NAME' must be ..." */
int wick_field_refuse_type(const struct wick_reading *reading, const struct wick_field *field, const char *wants);

/* What is not there yet (request_later.c). Each of these takes the values that ask for nothing of it, and refuses others by name. */
int wick_field_only_one(const struct wick_reading *reading, const struct wick_field *field, const json_t *value);
int wick_field_only_false(const struct wick_reading *reading, const struct wick_field *field, const json_t *value);
int wick_field_only_empty_text(const struct wick_reading *reading, const struct wick_field *field, const json_t *value);
int wick_field_only_empty(const struct wick_reading *reading, const struct wick_field *field, const json_t *value);
int wick_field_only_none(const struct wick_reading *reading, const struct wick_field *field, const json_t *value);
int wick_field_only_texts(const struct wick_reading *reading, const struct wick_field *field, const json_t *value);
int wick_field_only_text(const struct wick_reading *reading, const struct wick_field *field, const json_t *value);
int wick_field_never(const struct wick_reading *reading, const struct wick_field *field, const json_t *value);
