/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How much memory, from where, and computed how. */

#include "engine_options.h"

#include "progress.h"

#include <errno.h>
#include <string.h>

struct wick_options engine_options;

void engine_options_init(void)
{
	wick_options_init(&engine_options);
	engine_options.measure = true;
}

/* Ctrl-C ends an evaluation at the next layer. */
static int check_interrupt(void *user, uint64_t done, uint64_t total)
{
	(void)user;
	(void)done;
	(void)total;
	return interrupted();
}

int engine_open(struct wick **wick, const char *model_path, const struct wick_options *options, struct wick_diag *diag)
{
	struct wick_options shown = *options;
	struct progress progress;
	int rc;

	shown.progress = progress_show;
	shown.user = &progress;
	if (!shown.eval_progress)
		shown.eval_progress = check_interrupt;
	progress_begin(&progress, "loading");
	rc = wick_open(wick, model_path, &shown, diag);
	progress_end(&progress);
	if (rc == -ECANCELED)
		wick_diag_say(diag, rc, "stopped while loading %s", model_path);
	return rc;
}

static bool is_node(const char *word)
{
	return *word && strspn(word, "0123456789") == strlen(word);
}

static bool is_other(const char *given, const char *name)
{
	return given && strcmp(given, name);
}

int engine_options_check(struct wick_diag *diag)
{
	const struct wick_options *options = &engine_options;

	if (options->window && is_other(options->policy, "window"))
		return wick_diag_say(diag, -EINVAL, "--window is for --policy window, not for '%s'", options->policy);
	if (options->trace && is_other(options->mode, "sparse"))
		return wick_diag_say(diag, -EINVAL, "--trace is for --mode sparse, not for '%s'", options->mode);
	if (options->chunk_bytes % WICK_CHUNK_BYTES_STEP)
		return wick_diag_say(diag, -EINVAL, "--chunk-size takes a multiple of 4k, not '%llu'",
			(unsigned long long)options->chunk_bytes);
	if (is_other(options->numa, "local") && is_other(options->numa, "interleave") && !is_node(options->numa))
		return wick_diag_say(diag, -EINVAL, "--numa takes local, interleave or a node's number, not '%s'",
			options->numa);
	return 0;
}

const char *const engine_modes[] = { WICK_MODES, NULL };
static const char *const policies[] = { WICK_POLICIES, NULL };
static const char *const kv_types[] = { WICK_KV_TYPES, NULL };
static const char *const methods[] = { WICK_METHODS, NULL };

const struct opt engine_opts[] = {
	{ OPT_HEADING, .help = "Memory:" },
	{ OPT_BUDGET, .name = "memory", .value = "SIZE|PCT%", .into.budget = &engine_options.memory,
		.min = 1u << 20, /* no process is smaller: 60 would be meant as 60% */
		.help = "all that the process may take: a size such as 2G (k, M, G and T are powers of 1024; kB, MB, GB and TB "
			"of 1000), or a share of the model's weights, to which the process's "
			"own memory is added (three quarters of the free memory, at most as much as the model needs)" },
	{ OPT_COUNT, .name = "ctx", .value = "N", .into.count = &engine_options.ctx, .min = 1, .max = UINT32_MAX,
		.help = "tokens of context (2048, or the model's own if less)" },
	{ OPT_CHOICE, .name = "kv-type", .choices = kv_types, .into.text = &engine_options.kv_type,
		.help = "of keys and values: q8_0 takes half of the memory of f16, and changes answers a little, by how much says wick eval --kl (f16)" },
	{ OPT_CHOICE, .name = "mode", .choices = engine_modes, .into.text = &engine_options.mode,
		.help = "sparse: of the FFN only the neurons that will fire are read and "
			"computed (the default where the model has predictors); dense: "
			"as many weights as fit stay in memory, the rest is read for every token "
			"(the default elsewhere); hybrid: half of the weights stay; "
			"naive: none do" },
	{ OPT_PERCENT, .name = "gate-threshold", .value = "PCT%", .into.number = &engine_options.gate_percent, .max = 99,
		.help = "of a SwiGLU model with gates apart (wick pack --predictor gate), and of experts: the smallest gates, so many "
			"of them, are taken for 0, and what is behind them is not read, or of experts not computed; changes answers, by how much "
			"says wick eval --kl; the thresholds are learned by wick train (0%)" },
	{ OPT_CHOICE, .name = "policy", .choices = policies, .into.text = &engine_options.policy,
		.help = "which neurons or experts stay: lru, those used last; decay, those used most of late; for neurons only window, "
			"those of the last K tokens (decay); for experts only nextuse, those likely to be used soonest, and stale, those of "
			"layers that this token has before it (nextuse)" },

	{ OPT_HEADING, .help = "Sparse mode:" },
	{ OPT_COUNT, .name = "window", .value = "K|auto", .zero = "auto", .into.count = &engine_options.window,
		.min = 1, .max = UINT32_MAX,
		.help = "policy window: neurons of the last K tokens stay (auto: as many as "
			"there is room for)" },
	{ OPT_COUNT, .name = "lookahead", .value = "0|1|2", .into.count = &engine_options.lookahead, .max = 2,
		.help = "read the next layer's probable neurons ahead (1); or 2, in any mode, probable experts, too" },
	{ OPT_INPUT, .name = "trace", .value = "FILE", .into.text = &engine_options.trace,
		.help = "compute the neurons that a trace has (wick trace), not those predicted; of a model of experts, in any mode, "
			"the experts that it has, not those that routers choose" },
	{ OPT_TEXT, .name = "routing", .value = "PRESET", .into.text = &engine_options.routing,
		.help = "of a model of experts without a trace: the preset of wick trace synth by which a plan foresees what routers "
			"choose (that of the model which is most alike)" },

	{ OPT_HEADING, .help = "Flash:" },
	{ OPT_CHOICE, .name = "io", .choices = methods, .into.text = &engine_options.io,
		.help = "how it is read (the first of these that works)" },
	{ OPT_FLAG, .name = "buffered", .into.flag = &engine_options.buffered,
		.help = "through the page cache, even where direct reads would do" },
	{ OPT_FLAG, .name = "no-verify", .into.flag = &engine_options.no_verify,
		.help = "do not compare the checksums of reads: damage goes unnoticed" },
	{ OPT_COUNT, .name = "queue-depth", .value = "N", .into.count = &engine_options.queue_depth,
		.min = 1, .max = WICK_QUEUE_DEPTH_MAX, .help = "reads in flight (256; not direct: 32)" },
	{ OPT_SIZE, .name = "chunk-size", .value = "SIZE", .into.size = &engine_options.chunk_bytes,
		.min = WICK_CHUNK_BYTES_STEP, .max = WICK_CHUNK_BYTES_MAX, .help = "bytes of one read, in steps of 4k (1M)" },

	{ OPT_HEADING, .help = "Processor:" },
	{ OPT_COUNT, .name = "threads", .value = "N", .into.count = &engine_options.threads, .min = 1,
		.max = WICK_THREADS_MAX,
		.help = "that compute (one for each CPU)" },
	{ OPT_TEXT, .name = "numa", .value = "POLICY", .into.text = &engine_options.numa,
		.help = "local: each node its own rows and threads; interleave: pages on each node in turn; a number: only "
			"the node of that number (local)" },
	{ OPT_MASK, .name = "cpumask", .value = "M", .into.mask = &engine_options.cpu_mask,
		.help = "instruction sets allowed, as bits: 0x1 SSE4.2, 0x2 AVX2, "
			"0x4 AVX-512, 0x8 VNNI, 0x100 NEON, 0x200 CRC; 0 is plain C (all)" },
	{ OPT_END },
};
