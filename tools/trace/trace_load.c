/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A trace is in order of tokens and is looked at layer by layer: one pass counts, then one pass for each group of layers
 * that fits in memory takes their neurons. */

#include "bits.h"
#include "trace_stats.h"

#include <errno.h>
#include <stdlib.h>

struct loading {
	struct stats *stats;
	uint64_t *active; /* (layers), of all tokens */
	uint32_t *ids;    /* (n_ff) */
	struct stats_layer *group; /* (layers), of which `first` .. `end` - 1 are loaded */
	uint32_t first, end;
};

static int no_memory(struct wick_diag *diag)
{
	return wick_diag_say(diag, -ENOMEM, "no memory for the trace");
}

static int seek(struct loading *loading, uint32_t token, struct wick_diag *diag)
{
	int rc = stats_stopped(loading->stats);

	return rc ? rc : wick_trace_seek(loading->stats->trace, token, diag);
}

static int count_all(struct loading *loading, struct wick_diag *diag)
{
	const struct wick_trace_shape *shape = loading->stats->shape;
	int rc;

	for (uint32_t token = 0; token < shape->tokens; token++) {
		rc = seek(loading, token, diag);
		if (rc)
			return rc;
		for (uint32_t layer = 0; layer < shape->layers; layer++)
			loading->active[layer] += wick_trace_active(loading->stats->trace, layer, loading->ids);
	}
	return 0;
}

static void drop_group(struct loading *loading)
{
	for (uint32_t layer = loading->first; layer < loading->end; layer++) {
		free(loading->group[layer].start);
		free(loading->group[layer].ids);
	}
	loading->first = loading->end;
}

static uint64_t layer_bytes(const struct loading *loading, uint32_t layer)
{
	uint64_t starts = (uint64_t)loading->stats->shape->tokens + 1;

	return wick_add(wick_mul(loading->active[layer], sizeof(uint32_t)), starts * sizeof(uint64_t));
}

static int add_layer(struct loading *loading, struct wick_diag *diag)
{
	const struct wick_trace_shape *shape = loading->stats->shape;
	struct stats_layer *layer = &loading->group[loading->end];

	*layer = (struct stats_layer){ .layer = loading->end, .n_ff = shape->n_ff, .tokens = shape->tokens };
	layer->start = calloc((uint64_t)shape->tokens + 1, sizeof(uint64_t));
	layer->ids = calloc(WICK_MAX(loading->active[loading->end], 1), sizeof(uint32_t));
	loading->end++;
	return layer->start && layer->ids ? 0 : no_memory(diag);
}

/* Makes room for as many of the next layers as fit. */
static int begin_group(struct loading *loading, struct wick_diag *diag)
{
	uint64_t most = loading->stats->group_bytes ? loading->stats->group_bytes : STATS_GROUP_BYTES, bytes = 0;
	int rc = 0;

	drop_group(loading);
	while (!rc && loading->end < loading->stats->shape->layers) {
		bytes = wick_add(bytes, layer_bytes(loading, loading->end));
		if (loading->end > loading->first && bytes > most)
			break;
		rc = add_layer(loading, diag);
	}
	return rc;
}

static int load_group(struct loading *loading, struct wick_diag *diag)
{
	for (uint32_t token = 0; token < loading->stats->shape->tokens; token++) {
		int rc = seek(loading, token, diag);

		if (rc)
			return rc;
		for (uint32_t i = loading->first; i < loading->end; i++) {
			struct stats_layer *layer = &loading->group[i];
			uint32_t count = wick_trace_active(loading->stats->trace, i, loading->ids);

			if (layer->start[token] + count > loading->active[i])
				return wick_diag_say(diag, -EINVAL, "the trace changed while it was read");
			for (uint32_t k = 0; k < count; k++)
				layer->ids[layer->start[token] + k] = loading->ids[k];
			layer->start[token + 1] = layer->start[token] + count;
			layer->active_max = WICK_MAX(layer->active_max, count);
		}
	}
	return 0;
}

static int visit_group(struct loading *loading, int (*visit)(struct stats *stats, const struct stats_layer *layer,
	struct wick_diag *diag), struct wick_diag *diag)
{
	struct stats *stats = loading->stats;

	for (uint32_t i = loading->first; i < loading->end; i++) {
		int rc = visit(stats, &loading->group[i], diag);

		if (!rc && stats->progress && stats->progress(stats->user, i + 1, stats->shape->layers))
			rc = -ECANCELED;
		if (rc)
			return rc;
	}
	return 0;
}

int stats_each_layer(struct stats *stats, int (*visit)(struct stats *stats, const struct stats_layer *layer,
	struct wick_diag *diag), struct wick_diag *diag)
{
	struct loading loading = {
		.stats = stats,
		.active = calloc(stats->shape->layers, sizeof(uint64_t)),
		.ids = calloc(stats->shape->n_ff, sizeof(uint32_t)),
		.group = calloc(stats->shape->layers, sizeof(struct stats_layer)),
	};
	int rc = loading.active && loading.ids && loading.group ? count_all(&loading, diag) : no_memory(diag);

	while (!rc && loading.end < stats->shape->layers) {
		rc = begin_group(&loading, diag);
		if (!rc)
			rc = load_group(&loading, diag);
		if (!rc)
			rc = visit_group(&loading, visit, diag);
	}
	drop_group(&loading);
	free(loading.active);
	free(loading.ids);
	free(loading.group);
	return rc;
}
