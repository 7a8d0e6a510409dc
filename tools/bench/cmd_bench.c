/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick bench MODEL [--ablation] */

#include "bench.h"
#include "bench_order.h"
#include "commands.h"
#include "engine_options.h"
#include "gnuplot.h"
#include "figures_json.h"
#include "output.h"
#include "progress.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_TIMES 3 /* of a tenth of a second each */

#define TOKENS 32

static const char *model_path, *svg_path, *only;
static uint32_t tokens;
static bool ablation, as_json;

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Options:" },
	{ OPT_FLAG, .name = "ablation", .into.flag = &ablation,
		.help = "one row for each way to run, from reading everything for each "
			"token on; without it, one row for the options that are given" },
	{ OPT_TEXT, .name = "rows", .value = "NAMES", .into.text = &only,
		.help = "only these of the ablation, with commas between" },
	{ OPT_COUNT, 'n', .name = "tokens", .value = "N", .into.count = &tokens, .min = 3, .max = 1u << 20,
		.help = "that count, at most (32); as many go before them in sparse "
			"mode, one in the others" },
	{ OPT_OUTPUT, .name = "svg", .value = "FILE", .into.text = &svg_path,
		.help = "also draw the table's total times, with gnuplot" },
	{ OPT_FLAG, .name = "json", .into.flag = &as_json, .help = "as JSON" },
	{ OPT_END },
};

/* From the paper's baselines on, each with one thing more than the one before. */
static const struct bench_way ways[] = {
	{ .name = "naive", .mode = "naive", .adds = "everything is read for every token" },
	{ .name = "hybrid", .mode = "hybrid", .adds = "half of the weights stay in memory" },
	{ .name = "dense", .mode = "dense", .adds = "as many as fit stay in memory" },
	{ .name = "predictor", .mode = "sparse", .policy = "window", .forgets = true,
		.adds = "of the FFN only the chosen neurons are read" },
	{ .name = "window", .mode = "sparse", .policy = "window",
		.adds = "the last tokens' neurons stay cached" },
	{ .name = "policy", .mode = "sparse", .adds = "the default policy decides which stay cached" },
	{ .name = "bundling", .mode = "sparse", .bundled = true,
		.adds = "a neuron is one read, not two of half the size" },
	{ .name = "order", .mode = "sparse", .bundled = true, .ordered = true,
		.adds = "neurons that fire together lie together" },
	{ .name = "gaps", .mode = "sparse", .bundled = true, .ordered = true, .bridge = true,
		.adds = "small gaps between two neurons are read through" },
	{ .name = "overlap", .mode = "sparse", .bundled = true, .ordered = true, .bridge = true, .overlap = true,
		.adds = "cached neurons are computed while others are read" },
	{ .name = "lookahead", .mode = "sparse", .bundled = true, .ordered = true, .bridge = true, .overlap = true, .lookahead = 1,
		.adds = "the next layer's neurons are prefetched" },
};

#define WAYS (sizeof(ways) / sizeof(*ways))

/* The same of experts that do not all fit. */
static const struct bench_way expert_ways[] = {
	{ .name = "naive", .mode = "dense", .policy = "lru", .experts = true, .forgets = true,
		.adds = "all experts that are chosen are read for every token" },
	{ .name = "slots", .mode = "dense", .policy = "lru", .experts = true, .adds = "experts stay cached, those used last" },
	{ .name = "policy", .mode = "dense", .experts = true, .adds = "the default policy decides which stay cached" },
	{ .name = "overlap", .mode = "dense", .experts = true, .overlap = true,
		.adds = "experts are computed as they are there, not when all of the layer's are" },
	{ .name = "gate", .mode = "dense", .experts = true, .overlap = true, .gate_first = true,
		.adds = "gate and up are computed while down is on its way" },
	{ .name = "lookahead", .mode = "dense", .experts = true, .overlap = true, .gate_first = true, .lookahead = 2,
		.adds = "the next layer's likeliest experts are read ahead" },
};

#define EXPERT_WAYS (sizeof(expert_ways) / sizeof(*expert_ways))
_Static_assert(EXPERT_WAYS <= WAYS, "a table has rows for either");

static const char *after_comma(const char *list)
{
	const char *comma = strchr(list, ',');

	return comma ? comma + 1 : NULL;
}

/* Whether a name is in a list with commas between; without a list, all are. */
static bool is_listed(const char *name, const char *list)
{
	size_t length = strlen(name);

	if (!list)
		return true;
	for (; list; list = after_comma(list))
		if (!strncmp(list, name, length) && (!list[length] || list[length] == ','))
			return true;
	return false;
}

/* Every name in the list must be one of a row. */
static int check(struct wick_diag *diag)
{
	size_t known = 0, of_experts = 0, listed = 0;

	if (!only)
		return engine_options_check(diag);
	if (!ablation)
		return wick_diag_say(diag, -EINVAL, "--rows is for --ablation");
	for (size_t i = 0; i < WAYS; i++)
		known += is_listed(ways[i].name, only);
	for (size_t i = 0; i < EXPERT_WAYS; i++)
		of_experts += is_listed(expert_ways[i].name, only);
	for (const char *at = only; at; at = after_comma(at))
		listed++;
	if (known != listed && of_experts != listed)
		return wick_diag_say(diag, -EINVAL, "--rows takes names of rows, each once, not '%s'", only);
	return engine_options_check(diag);
}

static void init(void)
{
	engine_options_init();
	tokens = TOKENS;
}

/* The measured rows, and the reason why one could not be. */
struct table {
	struct bench_row rows[WAYS];
	unsigned count;
	double memory_mb_per_s;
	struct bench_ordered ordered;
	bool interrupted; /* before all rows were there */
	struct wick_diag no_order; /* why there is no row for it; "": there is one, or none was wanted */
};

static int print_json(const struct table *table)
{
	const struct bench_row *rows = table->rows;
	const char *trace = engine_options.trace;
	json_t *without = json_object();
	json_t *json;
	int rc;

	if (*table->no_order.text)
		json_object_set_new(without, "order", wick_json_name(table->no_order.text));
	json = json_pack("{s:o, s:s, s:I, s:i, s:o, s:b, s:f, s:o, s:o}", "model", wick_json_name(rows[0].model), "type",
		rows[0].type, "budget_bytes", (json_int_t)rows[0].plan.budget_bytes, "ctx", (int)rows[0].plan.ctx, "trace",
		trace ? wick_json_name(trace) : json_null(), "interrupted", (int)table->interrupted, "memory_mb_per_s",
		table->memory_mb_per_s, "modes", bench_json(rows, table->count), "left_out", without);
	rc = json_print(json, stdout);
	json_decref(json);
	return rc;
}

static void print_head(const struct table *table)
{
	const struct bench_row *row = &table->rows[0];
	const char *trace = engine_options.trace;

	printf("%s, %s, budget %s%s%s\n", SHOWN(row->model), row->type, BYTES(row->plan.budget_bytes), trace ? ", trace " : "",
		SHOWN(trace));
	printf("medians of a token; memory is read at %.1f GB/s\n\n", table->memory_mb_per_s / 1e3);
	bench_print_head(row->plan.expert_slots, stdout);
}

/* The last row, as soon as it is there, and before the first what stands above it. */
static int print_last(const struct table *table, struct wick_diag *diag)
{
	if (as_json)
		return 0;
	if (table->count == 1)
		print_head(table);
	bench_print_row(&table->rows[table->count - 1], stdout);
	return output_flush(diag);
}

/* Explains the rows of an ablation. */
static void print_legend(const struct table *table)
{
	if (!ablation)
		return;
	if (table->interrupted)
		printf("\ninterrupted: the other rows were not measured\n");
	putchar('\n');
	for (unsigned i = 0; i < table->count; i++)
		printf("%-10s %s\n", bench_name(&table->rows[i]), table->rows[i].way->adds);
	if (*table->no_order.text)
		printf("no row for order: %s\n", SHOWN(table->no_order.text));
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
	fprintf(stderr, "no rows of sparse mode: %s\n", SHOWN(why.text));
	while (strcmp(ways[dense].mode, "sparse"))
		dense++;
	return dense;
}

static int run_way(struct table *table, const struct bench_way *way, const struct bench_job *job)
{
	int rc;

	if (way->name && (as_json || !isatty(STDOUT_FILENO))) /* elsewhere the table itself grows */
		fprintf(stderr, "%s ...\n", way->name);
	rc = bench_run(&table->rows[table->count], way, job);
	if (rc)
		return rc;
	table->count++;
	return print_last(table, job->diag);
}

/* From here on rows are of the ordered model, unless there can be none. */
static int make_order(struct table *table, struct bench_job *job)
{
	int rc = bench_order_make(&table->ordered, model_path, engine_options.trace, 2 * tokens, &table->no_order);

	if (!rc)
		job->ordered = &table->ordered;
	return rc == -ECANCELED ? wick_diag_say(job->diag, rc, "stopped") : 0;
}

/* Whether experts are read from the drive; a plan that fails is told of by the first row. */
static bool draws_experts(void)
{
	struct wick_plan plan = { 0 };

	return !wick_plan(model_path, &engine_options, &plan, NULL) && plan.expert_slots;
}

static int run_expert_ablation(struct table *table, struct bench_job *job)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < EXPERT_WAYS; i++)
		if (is_listed(expert_ways[i].name, only))
			rc = run_way(table, &expert_ways[i], job);
	return rc;
}

static int run_ablation(struct table *table, struct bench_job *job)
{
	unsigned count = count_ways();
	bool tried = false;
	int rc = 0;

	for (unsigned i = 0; !rc && i < count; i++) {
		if (!is_listed(ways[i].name, only))
			continue;
		if (ways[i].ordered && !tried) {
			rc = make_order(table, job);
			tried = true;
		}
		if (!rc && (job->ordered || strcmp(ways[i].name, "order")))
			rc = run_way(table, &ways[i], job);
	}
	if (job->ordered)
		bench_order_remove(job->ordered);
	return rc;
}

/* The best of some: a floor cannot be beaten, and other work on the machine only makes memory slower. */
static int measure_memory(double *mb_per_s, struct wick_diag *diag)
{
	double rate;
	int rc = 0;

	*mb_per_s = 0;
	for (int i = 0; !rc && i < MEMORY_TIMES; i++) {
		rc = wick_memory_rate(engine_options.threads, &rate, diag);
		if (!rc && rate > *mb_per_s)
			*mb_per_s = rate;
	}
	return rc;
}

static int run(struct wick_diag *diag)
{
	const struct bench_way as_given = { .mode = engine_options.mode, .policy = engine_options.policy,
		.bundled = true, .bridge = true, .overlap = true, .gate_first = true, .lookahead = engine_options.lookahead };
	struct bench_job job = { .model_path = model_path, .options = engine_options, .tokens = tokens, .diag = diag };
	struct table table = { .count = 0 };
	int rc;

	rc = svg_path ? gnuplot_check(diag) : 0;
	if (rc)
		return rc;
	interrupt_catch();
	rc = measure_memory(&job.memory_mb_per_s, diag);
	table.memory_mb_per_s = job.memory_mb_per_s;
	if (!rc)
		rc = !ablation ? run_way(&table, &as_given, &job) : draws_experts() ? run_expert_ablation(&table, &job) :
			run_ablation(&table, &job);
	table.interrupted = rc == -ECANCELED && table.count;
	if (rc && !table.interrupted)
		return rc;
	if (!table.count)
		return wick_diag_say(diag, -EINVAL, "none of these rows can be measured with this model");
	rc = as_json ? print_json(&table) : 0;
	if (!as_json)
		print_legend(&table);
	return !rc && svg_path ? bench_write_svg(table.rows, table.count, svg_path, diag) : rc;
}

const struct command cmd_bench = {
	.name = "bench",
	.purpose = "time a model, token by token",
	.synopsis = "MODEL [--ablation] [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Writes tokens one by one and shows the medians of a token. DRAM is the weights\n"
		 "in memory, with predictors and bundle caches; flash and reads are the bytes and\n"
		 "reads of the drive, GB/s its rate over the whole time; wait is the time spent\n"
		 "waiting for the drive, comp the rest of the total, plan the time by wick plan.\n"
		 "\n"
		 "Two floors follow. In the time of drive it reads, by its profile, the weights\n"
		 "that were wanted and not in memory; in that of mem the memory, measured at the\n"
		 "start, gives the weights that were used. x floor is the total over the larger\n"
		 "of the two; none is shown where all weights fit in the processor's cache, which\n"
		 "has no such floor.\n"
		 "\n"
		 "Of experts that do not all fit, floor takes the place of drive: what no order of\n"
		 "work can beat, since a layer's reads wait for its router. It is the sum over\n"
		 "layers of what comes before the router, and the longer of reading what is\n"
		 "missing and of its experts' arithmetic. hits are the experts that were cached.\n"
		 "\n"
		 "Ctrl-C ends an ablation with the rows that are finished. A way that is slow is\n"
		 "timed for 20 seconds or three tokens. Measuring memory takes 128 MiB, and wick\n"
		 "plan's part 48 MiB, beside --memory; both are given back before the model is\n"
		 "opened.",
	.examples = "wick bench model.gguf --memory 2G\n"
		    "wick bench model.gguf --memory 2G --ablation --rows naive,dense,lookahead",
	.options = options,
	.shared = engine_opts,
	.init = init,
	.check = check,
	.run = run,
};
