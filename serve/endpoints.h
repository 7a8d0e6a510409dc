/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What can be asked for, by method and path. */

#include "access.h"
#include "metrics.h"
#include "scheduler.h"

#include <microhttpd.h>

struct wick_endpoints {
	struct wick_scheduler *scheduler;
	struct wick_metrics *metrics;
	struct wick_access access;
	const char *model;         /* the name that is served */
	long created;
	pthread_mutex_t parsing;   /* one body at a time is parsed, so that they take the memory of one */
	const struct wick *wick;   /* from the time on that the scheduler is ready */
};

struct wick_endpoint;

/* A request's body. It goes once it is parsed: an answer takes long. */
struct wick_body {
	char *text;
	size_t bytes;
	_Atomic size_t *held; /* bytes of all bodies together */
};

void wick_body_free(struct wick_body *body); /* again is fine */

/* What is asked for, or NULL with a refusal: 404, 405, 401, 403, 415. */
const struct wick_endpoint *wick_endpoint_find(struct wick_endpoints *endpoints, struct MHD_Connection *connection,
	const char *method, const char *path, struct wick_refusal *refusal);

/* Answers, with the whole body there. */
enum MHD_Result wick_endpoint_answer(struct wick_endpoints *endpoints, const struct wick_endpoint *endpoint,
	struct MHD_Connection *connection, const char *path, struct wick_body *body);

/* Responds with a refusal, and counts it: whatever is not served is counted here. */
enum MHD_Result wick_endpoint_refuse(
	struct wick_endpoints *endpoints, struct MHD_Connection *connection, const struct wick_refusal *refusal);
