/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What clients get: JSON in OpenAI's form, whole or in chunks. Texts are the caller's to free; NULL: no memory. */

#include "job.h"

/* What every part of one answer begins with. */
struct wick_reply {
	char id[48];
	long created; /* seconds since 1970 */
	const char *model;
	bool chat;
	bool usage;   /* chunks have it: null, but for the last */
};

void wick_reply_begin(struct wick_reply *reply, const struct wick_request *request, const char *model);

/* The whole answer, of a job that is done. */
char *wick_reply_whole(const struct wick_reply *reply, const struct wick_job *job);

/* Events of a stream. The first one says who speaks, and is empty for a text completion. */
char *wick_reply_first(const struct wick_reply *reply);
char *wick_reply_pieces(const struct wick_reply *reply, const struct wick_piece *pieces, size_t count);
char *wick_reply_last(const struct wick_reply *reply, const struct wick_job *job); /* the reason, the usage, [DONE] */

/* {"error": {...}}, and the same as an event. */
char *wick_reply_refusal(const struct wick_refusal *refusal);
char *wick_reply_refusal_event(const struct wick_refusal *refusal);

char *wick_reply_models(const char *model, long created);
char *wick_reply_model(const char *model, long created);
