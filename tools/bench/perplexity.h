/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The probability that a model gives the tokens of a text. `wick help eval` states the protocol. */

#include "divergence.h"
#include "progress.h"
#include "reader.h"

#include <jansson.h>
#include <wick/wick.h>

struct perplexity {
	uint64_t tokens; /* that count */
	uint64_t chunks;
	double nats;     /* -ln p, summed */
	uint64_t ns;
	const char *stop; /* why it ended: "end" of the text, "length", "interrupted" */
	struct wick_stats stats;
};

/* Memory that measuring takes beside the engine, the reader's included. */
uint64_t perplexity_bytes(uint32_t ctx);

/* tokens_max: 0, all. The engine was opened with all_logits. divergence: that is measured, too, or NULL. */
int perplexity_measure(struct perplexity *result, struct wick *wick, struct reader *reader, uint64_t tokens_max,
	struct divergence *divergence, struct progress *progress, struct wick_diag *diag);

json_t *perplexity_json(
	const struct perplexity *result, const struct wick_report *report, const struct wick_plan *plan);
