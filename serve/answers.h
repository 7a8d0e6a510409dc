/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What each endpoint answers. */

#include "endpoints.h"

/* A request that is being answered. */
struct wick_asked {
	struct wick_endpoints *endpoints;
	struct MHD_Connection *connection;
	const char *path;  /* as the table of endpoints has it */
	const char *share; /* the origin that may read the answer, or NULL */
	const char *allow; /* the methods of this path */
	struct wick_body *body;
	int kind; /* enum wick_request_kind, of an endpoint with a body */
};

enum MHD_Result wick_answer_request(const struct wick_asked *asked);
enum MHD_Result wick_answer_models(const struct wick_asked *asked);
enum MHD_Result wick_answer_model(const struct wick_asked *asked);
enum MHD_Result wick_answer_health(const struct wick_asked *asked);
enum MHD_Result wick_answer_metrics(const struct wick_asked *asked);
enum MHD_Result wick_answer_props(const struct wick_asked *asked);
enum MHD_Result wick_answer_options(const struct wick_asked *asked);
