/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options, with every default filled in and every number checked. */

#include "kv.h"
#include "plan.h"

#include <wick/wick.h>

struct wick_settings {
	enum wick_mode mode;
	uint32_t sessions;
	struct wick_kv_shape kv;
	struct wick_kv_shape kv_f16; /* of session 0; blocks 0: that is as the others */
	uint32_t kv_blocks_min; /* of its pool, where memory is short; as many as it has, where the options say how many */
	uint32_t ctx, threads, queue_depth, cpu_mask;
	bool threads_given; /* else as many as can be started, up to that */
	bool depth_given; /* else queue_depth is what is best for direct reads */
	uint64_t chunk_bytes;
	const char *io, *numa;
	bool buffered, no_verify, all_logits, measure;
	wick_progress_fn eval_progress;
	void *eval_user;
	float gate_percent; /* of the gates, that a threshold makes 0 */
	/* Of sparse mode: */
	const struct wick_policy_ops *policy;
	uint32_t window;
	bool lookahead, bridge, overlap, bundled;
	/* Of experts: */
	bool gate_first, experts_ahead, whole_windows, f16_session;
	uint32_t trace_apart;
	double memory_mb_per_s;
};

struct wick_policy_ops;

/* -EINVAL with the option and its limits named. Needs the model for what it limits. */
int wick_settings_from(struct wick_settings *settings, const struct wick_options *options,
	const struct wick_model *model, struct wick_diag *diag);
