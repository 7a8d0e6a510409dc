/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick bench MODEL [--ablation] */

#include "bench.h"
#include "commands.h"
#include "engine.h"
#include "json.h"
#include "progress.h"

#include <string.h>

#define TOKENS 32

static const char *model_path;
static uint32_t tokens;
static bool ablation, as_json;

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Options:" },
	{ OPT_FLAG, .name = "ablation", .into.flag = &ablation,
		.help = "one row for each way to run, from reading everything for each "
			"token on; without it, one row for the options that are given" },
	{ OPT_COUNT, .name = "tokens", .value = "N", .into.count = &tokens, .min = 3, .max = 1u << 20,
		.help = "that count, at most (32); as many go before them in sparse "
			"mode, one in the others" },
	{ OPT_FLAG, .name = "json", .into.flag = &as_json, .help = "as JSON" },
	{ OPT_END },
};

/* From the paper's baselines on, each with one thing more than the one before. */
static const struct bench_way ways[] = {
	{ .name = "naive", .mode = "naive", .adds = "everything is read for every token" },
	{ .name = "hybrid", .mode = "hybrid", .adds = "half of the weights stay" },
	{ .name = "dense", .mode = "dense", .adds = "all stay that fit" },
	{ .name = "predictor", .mode = "sparse", .policy = "window", .forgets = true,
		.adds = "of the FFN only the neurons chosen are read" },
	{ .name = "window", .mode = "sparse", .policy = "window",
		.adds = "those of the last tokens stay" },
	{ .name = "policy", .mode = "sparse", .adds = "the best policy decides which stay" },
	{ .name = "gaps", .mode = "sparse", .bridge = 1,
		.adds = "small gaps between two neurons are read through" },
	{ .name = "overlap", .mode = "sparse", .bridge = 1, .overlap = 1,
		.adds = "what is here is computed while the rest is read" },
	{ .name = "lookahead", .mode = "sparse", .bridge = 1, .overlap = 1, .lookahead = 1,
		.adds = "the next layer's are read ahead" },
};

/* Rows that nothing can switch off, and why. */
static const struct {
	const char *name, *why;
} left_out[] = {
	{ "bundling", "a packed model has no other layout" },
	{ "order", "needs a model packed in that order" },
};

#define WAYS (sizeof(ways) / sizeof(*ways))

static void init(void)
{
	engine_options_init();
	tokens = TOKENS;
}

static void print_json(const struct bench_row *rows, unsigned count, double memory_mb_per_s)
{
	json_t *without = json_object();
	json_t *json;

	for (size_t i = 0; ablation && i < sizeof(left_out) / sizeof(*left_out); i++)
		json_object_set_new(without, left_out[i].name, json_string(left_out[i].why));
	json = json_pack("{s:s, s:s, s:I, s:i, s:s?, s:f, s:o, s:o}", "model", rows[0].model, "type", rows[0].type,
		"budget_bytes", (json_int_t)rows[0].plan.budget_bytes, "ctx", (int)rows[0].plan.ctx, "trace",
		engine_options.trace, "memory_mb_per_s", memory_mb_per_s, "modes", bench_json(rows, count), "left_out",
		without);
	json_print(json, stdout);
	json_decref(json);
}

static void print_table(const struct bench_row *rows, unsigned count, double memory_mb_per_s)
{
	const char *trace = engine_options.trace;

	printf("%s, %s, budget %s%s%s; memory is read at %.1f GB/s; medians of a token\n\n", rows[0].model, rows[0].type,
		BYTES(rows[0].plan.budget_bytes), trace ? ", trace " : "", trace ? trace : "", memory_mb_per_s / 1e3);
	bench_print(rows, count, stdout);
	if (!ablation)
		return;
	putchar('\n');
	for (unsigned i = 0; i < count; i++)
		printf("%-10s %s\n", bench_name(&rows[i]), rows[i].way->adds);
	for (size_t i = 0; i < sizeof(left_out) / sizeof(*left_out); i++)
		printf("no row for %s: %s\n", left_out[i].name, left_out[i].why);
}

/* Why a model has no rows of sparse mode is said; the others are its table. */
static unsigned count_ways(void)
{
	struct wick_options sparse = engine_options;
	struct wick_diag why = { "" };
	struct wick_plan plan;
	unsigned dense = 0;

	sparse.mode = "sparse";
	if (!wick_plan(model_path, &sparse, &plan, &why))
		return WAYS;
	fprintf(stderr, "no rows of sparse mode: %s\n", why.text);
	while (strcmp(ways[dense].mode, "sparse"))
		dense++;
	return dense;
}

static int run_ways(struct bench_row *rows, const struct bench_way *list, unsigned count, struct wick_diag *diag)
{
	struct bench_job job = { .model_path = model_path, .options = engine_options, .tokens = tokens, .diag = diag };
	int rc = wick_memory_rate(engine_options.threads, &job.memory_mb_per_s, diag);

	for (unsigned i = 0; !rc && i < count; i++) {
		if (ablation)
			fprintf(stderr, "%s ...\n", list[i].name);
		rc = bench_run(&rows[i], &list[i], &job);
	}
	if (rc)
		return rc;
	if (as_json)
		print_json(rows, count, job.memory_mb_per_s);
	else
		print_table(rows, count, job.memory_mb_per_s);
	return 0;
}

static int run(struct wick_diag *diag)
{
	const struct bench_way as_given = { .mode = engine_options.mode, .policy = engine_options.policy,
		.bridge = engine_options.bridge, .overlap = engine_options.overlap,
		.lookahead = engine_options.lookahead };
	struct bench_row rows[WAYS];

	interrupt_catch();
	return ablation ? run_ways(rows, ways, count_ways(), diag) : run_ways(rows, &as_given, 1, diag);
}

const struct command cmd_bench = {
	.name = "bench",
	.purpose = "time a model, token by token",
	.synopsis = "MODEL [--ablation] [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Writes tokens one by one and says what one took: medians. DRAM is the weights that\n"
		 "stay, with predictors and neuron matrices; GB/s is what flash gave over the whole\n"
		 "time; planned is what wick plan expects. Two floors follow: the time in which the drive\n"
		 "by its profile reads what was wanted and absent, and that in which memory, measured at\n"
		 "the start, gives the weights that were used; and how many times the larger of the two\n"
		 "the total is. A way that is slow is timed for 20 seconds or three tokens.",
	.options = options,
	.shared = engine_opts,
	.init = init,
	.run = run,
};
