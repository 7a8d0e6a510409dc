/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Traces: which neurons of each layer were active for each token, or which experts were chosen, recorded from a model or made up. A file
 * of records in token order, each with its checksum; docs/container.md is normative.
 *
 *     header | token 0: layer 0, layer 1, ... | token 1: ... |
 *     a layer's part: a bitmap of n_ff bits; then, where the trace has a lookahead, the neurons that it thought likely,
 *     likeliest first, each with its probability
 */

#include "diag.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_trace;

/* How a synthetic trace was made up (synth.h). */
struct wick_trace_synthesis {
	double zipf, active;
	uint64_t seed;
};

struct wick_trace_shape {
	uint32_t layers, n_ff, tokens;
	uint32_t model_crc;  /* the file's identity, the last entry of wick.checksums; 0: of no model */
	bool synthetic;
	bool lookahead;
	struct wick_trace_synthesis synthesis; /* all 0 unless synthetic */
	uint32_t chosen; /* of routing, whose n_ff are experts: so many for a token in a layer that has some; 0: of neurons */
	uint32_t preset; /* synthetic routing: a number of routing.h, and the seed in synthesis */
};

int wick_trace_open(struct wick_trace **trace, const char *path, struct wick_diag *diag);
void wick_trace_close(struct wick_trace *trace);
const struct wick_trace_shape *wick_trace_shape(const struct wick_trace *trace);
const char *wick_trace_path(const struct wick_trace *trace);

/* Whether the trace is of a model like this: as many layers, as wide, and, unless the trace is of no model, the same
 * file.
 * chosen: 0, or the experts of a token, of which there are n_ff. -EINVAL with a sentence when it is not. */
int wick_trace_fits(const struct wick_trace *trace, uint32_t layers, uint32_t n_ff, uint32_t chosen, uint32_t model_crc,
	struct wick_diag *diag);

/* Goes to a token; past the last one begins again at the first. Its layers can then be asked for. Forward it skips
 * without reading; backward it begins again. After an error there is nothing to ask for. */
int wick_trace_seek(struct wick_trace *trace, uint64_t token, struct wick_diag *diag);
uint32_t wick_trace_active(const struct wick_trace *trace, uint32_t layer, uint32_t *ids); /* ascending */
/* The likeliest first, of equal ones the lower id. */
uint32_t wick_trace_likely(const struct wick_trace *trace, uint32_t layer, uint32_t *ids, float *probability,
	uint32_t most);

struct wick_trace_writer;
int wick_trace_create(struct wick_trace_writer **writer, const char *path, const struct wick_trace_shape *shape,
	struct wick_diag *diag); /* shape->tokens is not known yet */
/* A layer of a token, in order: layer 0 first; the last one ends the token. ids ascend; likely is in any order, and the
 * probabilities are kept in steps of 1/255. */
int wick_trace_add(struct wick_trace_writer *writer, uint32_t layer, const uint32_t *ids, uint32_t count,
	const uint32_t *likely, const float *probability, uint32_t likely_count, struct wick_diag *diag);
uint64_t wick_trace_writer_bytes(const struct wick_trace_shape *shape); /* memory that one takes */
uint64_t wick_trace_written(const struct wick_trace_writer *writer); /* bytes so far */
/* Ends it, whatever happens: the writer is gone after either of these. */
int wick_trace_commit(struct wick_trace_writer *writer, struct wick_diag *diag);
void wick_trace_discard(struct wick_trace_writer *writer);
