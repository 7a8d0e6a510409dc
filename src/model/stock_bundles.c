/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a packed model of version 3 says beside a stock file's keys: its FFNs are bundles of neurons (see stock.h, and
 * docs/container.md). */

#include "stock_bundles.h"

#include "bits.h"
#include "gguf.h"
#include "gguf_write.h"
#include "shape.h"

#include <errno.h>

#define THRESHOLD "wick.activation_threshold"
#define OF_UP "wick.up_activation"

static int read_parts(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	uint64_t parts = 0, most = shape->kind[0].ffn.gated ? 3 : 2;
	int err = wick_gguf_u64(gguf, "wick.parts", &parts, diag);

	shape->bundle_parts = (uint32_t)parts;
	if (!err && parts >= 2 && parts <= most)
		return 0;
	return err && err != -ENOENT ? err : wick_diag_say(diag, -EINVAL, "%s: wick.parts is %llu; neurons of %s have 2 to %llu",
		wick_gguf_path(gguf), (unsigned long long)parts, shape->name, (unsigned long long)most);
}

static int read_threshold(struct wick_ffn_facts *ffn, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	double threshold = 0;
	int err = wick_gguf_f64(gguf, THRESHOLD, &threshold, diag);

	if (err)
		return err == -ENOENT ? 0 : err;
	ffn->threshold = (float)threshold;
	if (ffn->act == WICK_ACT_RELU && ffn->threshold > 0 && ffn->threshold < 1e6f)
		return 0;
	return wick_diag_say(diag, -EINVAL, "%s: " THRESHOLD " %g with activation %s is not possible", wick_gguf_path(gguf),
		threshold, wick_act_names[ffn->act]);
}

static int read_up(struct wick_ffn_facts *ffn, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	static const char *const names[] = { "relu" };
	struct wick_gguf_string value;
	unsigned which;
	int err = wick_gguf_string(gguf, OF_UP, &value, diag);

	if (err)
		return err == -ENOENT ? 0 : err;
	err = wick_shape_read_name(&which, gguf, OF_UP, names, WICK_COUNT_OF(names), diag);
	ffn->relu_up = true;
	if (!err && !ffn->gated)
		err = wick_diag_say(diag, -EINVAL, "%s: " OF_UP " without gates", wick_gguf_path(gguf));
	return err;
}

/* One that leaves zeros; or, where gates are apart so that thresholds can cut them, that of the family's own files. */
static int read_activation(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct wick_ffn_facts *ffn = &shape->kind[0].ffn;
	const enum wick_act acts[] = { WICK_ACT_RELU, WICK_ACT_RELU2, ffn->act };
	unsigned activation = 0, possible = wick_gate_is_apart(shape) ? 3 : 2;
	const char *names[WICK_COUNT_OF(acts)];
	int err;

	for (unsigned i = 0; i < WICK_COUNT_OF(acts); i++)
		names[i] = wick_act_names[acts[i]];
	err = wick_shape_read_name(&activation, gguf, "wick.activation", names, possible, diag);
	if (!err)
		ffn->act = acts[activation];
	return err;
}

int wick_stock_read_bundles(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct wick_ffn_facts *ffn = &shape->kind[0].ffn;
	int err = read_parts(shape, gguf, diag);

	if (!err && ffn->experts.count)
		err = wick_diag_say(diag, -EINVAL, "%s: bundles of neurons in a model of experts", wick_gguf_path(gguf));
	if (!err)
		err = wick_shape_read_bundles(shape, gguf, diag);
	if (!err)
		err = read_activation(shape, gguf, diag);
	if (!err)
		err = read_threshold(ffn, gguf, diag);
	if (!err)
		err = read_up(ffn, gguf, diag);
	for (uint32_t kind = 1; kind < shape->kinds; kind++)
		shape->kind[kind].ffn = *ffn;
	return err ? err : wick_shape_complete_bundles(shape, 0, wick_gguf_path(gguf), diag);
}

void wick_stock_write_bundles(const struct wick_shape *shape, struct wick_gguf_writer *writer)
{
	const struct wick_ffn_facts *ffn = &shape->kind[0].ffn;

	wick_shape_write_bundles(shape, writer);
	wick_gguf_put_u32(writer, "wick.parts", shape->bundle_parts);
	if (ffn->threshold > 0)
		wick_gguf_put_f32(writer, THRESHOLD, ffn->threshold);
	if (ffn->relu_up)
		wick_gguf_put_string(writer, OF_UP, wick_act_names[WICK_ACT_RELU]);
}
