/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick train MODEL --text FILE... */

#include "clock.h"
#include "commands.h"
#include "figures_json.h"
#include "progress.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>

static const char *model_path, *import_path;
static struct opt_texts texts;
static struct wick_memory share, ahead_share;
static struct wick_train_options train_options;
static bool as_json;

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Text:" },
	{ OPT_TEXTS, 'f', .name = "text", .value = "FILE...", .into.texts = &texts,
		.help = "text to learn from, in UTF-8; of several files each gives "
			"its share" },
	{ OPT_COUNT, 'n', .name = "tokens", .value = "N", .into.count = &train_options.tokens, .min = 1, .max = 1u << 30,
		.help = "of text, at most (131072, or what memory holds if less)" },
	{ OPT_TEXT, .name = "import", .value = "DIR", .into.text = &import_path,
		.help = "learn nothing: take PowerInfer's predictors from model_0.pt, "
			"model_1.pt, ... in this folder" },

	{ OPT_HEADING, .help = "Predictors:" },
	{ OPT_BUDGET, .name = "bytes", .value = "SIZE|PCT%", .into.budget = &share,
		.help = "how large they may be, or what share of the model (4%)" },
	{ OPT_BUDGET, .name = "ahead-bytes", .value = "SIZE|PCT%", .into.budget = &ahead_share,
		.help = "those that look a layer ahead (2%)" },
	{ OPT_FLAG, .name = "no-ahead", .into.flag = &train_options.no_ahead, .help = "none of those" },
	{ OPT_COUNT, .name = "steps", .value = "N", .into.count = &train_options.steps, .min = 1, .max = 1u << 20,
		.help = "of learning for each, at most (1200)" },
	{ OPT_SEED, .name = "seed", .value = "S", .into.seed = &train_options.seed,
		.help = "another one learns a little differently (0)" },

	{ OPT_HEADING, .help = "Work:" },
	{ OPT_SIZE, .name = "memory", .value = "SIZE", .into.size = &train_options.memory_bytes, .min = 1,
		.help = "all that the process may take (three quarters of what is "
			"free)" },
	{ OPT_COUNT, .name = "threads", .value = "N", .into.count = &train_options.threads, .min = 1,
		.max = WICK_THREADS_MAX,
		.help = "that compute (one for each CPU)" },
	{ OPT_FLAG, .name = "json", .into.flag = &as_json, .help = "the figures as JSON on standard output" },
	{ OPT_END },
};

static int check(struct wick_diag *diag)
{
	if (texts.count && import_path)
		return wick_diag_say(diag, -EINVAL, "--text and --import exclude each other");
	return texts.count || import_path ? 0 : wick_diag_say(diag, -EINVAL, "--text FILE is missing");
}

struct shown {
	struct progress progress;
	double begun; /* what was done when this began: an earlier run's part. Below 0: not known yet */
};

/* "training layer 3 of 6: predictor, 41%, 120 s left" */
static int show(void *user, uint32_t layer, uint32_t layers, const char *what, double done)
{
	struct shown *shown = user;
	double seconds = (double)(wick_now_ns() - shown->progress.begun_ns) / 1e9;
	char left[32] = "";

	if (shown->begun < 0)
		shown->begun = done;
	if (done - shown->begun > 0.005)
		snprintf(left, sizeof(left), ", %.0f s left", seconds * (1 - done) / (done - shown->begun));
	progress_say(&shown->progress, "training layer %u of %u: %s, %.0f%%%s", layer + 1, layers, what, 100 * done, left);
	return interrupted();
}

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* All together have no rank. */
static void print_row(const char *name, const json_t *figures)
{
	char rank[16] = "";

	if (json_object_get(figures, "rank"))
		snprintf(rank, sizeof(rank), "%.0f", number_of(figures, "rank"));
	printf("%-8s %5s %9.2f%% %8.2f%% %9.2f%% %10.2f\n", name, rank,
		100 * number_of(figures, "active_share"), 100 * number_of(figures, "recall"),
		100 * number_of(figures, "precision"), number_of(figures, "predicted_per_active"));
}

static void print_section(const char *title, const json_t *section)
{
	const json_t *layers = json_object_get(section, "layers"), *layer;
	size_t i;

	if (!section)
		return;
	printf("\n%s: %s, %.2f%% of the model\n\n", title, BYTES(number_of(section, "bytes")),
		100 * number_of(section, "model_share"));
	printf("%-8s %5s %10s %9s %10s %10s\n", "layer", "rank", "active", "recall", "precision", "predicted");
	json_array_foreach(layers, i, layer) {
		char name[24];

		snprintf(name, sizeof(name), "%.0f", number_of(layer, "layer"));
		print_row(name, layer);
	}
	print_row("all", section);
}

static void print_predictors(const json_t *report)
{
	printf("Learned from %.0f tokens; on %.0f others:\n",
		number_of(report, "tokens") - number_of(report, "held_out_tokens"), number_of(report, "held_out_tokens"));
	print_section("Predictors", json_object_get(report, "predictors"));
	print_section("Lookahead, from the layer before", json_object_get(report, "lookahead"));
	printf("\npredicted: neurons for each one that is active. %s was written.\n",
		SHOWN(json_string_value(json_object_get(report, "file"))));
}

/* "layer 30% 50% 70%" */
static void print_gates(const json_t *report)
{
	const json_t *layer;
	size_t i;

	printf("Gates of %.0f tokens; thresholds that make so many of them 0:\n\n", number_of(report, "tokens"));
	printf("%-8s %10s %10s %10s\n", "layer", "30%", "50%", "70%");
	json_array_foreach(json_object_get(report, "gates"), i, layer)
		printf("%-8.0f %10.4g %10.4g %10.4g\n", number_of(layer, "layer"), number_of(layer, "threshold_30_percent"),
			number_of(layer, "threshold_50_percent"), number_of(layer, "threshold_70_percent"));
	printf("\n%s was written; --gate-threshold takes any share.\n", SHOWN(json_string_value(json_object_get(report, "file"))));
}

static void print_import(const json_t *report)
{
	printf("Predictors of %zu layers: %s, %s, %.2f%% of the model. %s was written.\n",
		json_array_size(json_object_get(report, "ranks")), json_string_value(json_object_get(report, "type")),
		BYTES(number_of(report, "bytes")), 100 * number_of(report, "model_share"),
		SHOWN(json_string_value(json_object_get(report, "file"))));
}

static void print_report(const json_t *report)
{
	if (json_object_get(report, "gates"))
		print_gates(report);
	else
		print_predictors(report);
}

/* Prints what the library says of its work, and frees it. */
static int print_json(char *text, void (*print)(const json_t *report), struct wick_diag *diag)
{
	json_t *report = json_loads(text, 0, NULL);
	int rc = 0;

	free(text);
	if (!report)
		return wick_diag_say(diag, -EINVAL, "what the library says of the predictors is no JSON");
	if (as_json)
		rc = json_print(report, stdout);
	else
		print(report);
	json_decref(report);
	return rc;
}

static int learn(struct wick_diag *diag)
{
	struct shown shown = { .begun = -1 };
	char *text;
	int rc;

	interrupt_catch();
	train_options.texts = texts.words;
	train_options.text_count = texts.count;
	train_options.size = share;
	train_options.ahead_size = ahead_share;
	train_options.progress = show;
	train_options.user = &shown;
	progress_begin(&shown.progress, "training");
	rc = wick_train(model_path, &train_options, &text, diag);
	progress_end(&shown.progress);
	if (rc)
		return rc;
	return print_json(text, print_report, diag);
}

static int import(struct wick_diag *diag)
{
	struct progress progress;
	char *text;
	int rc;

	interrupt_catch();
	progress_begin(&progress, "importing");
	rc = wick_import_predictors(model_path, import_path, progress_show, &progress, &text, diag);
	progress_end(&progress);
	return rc ? rc : print_json(text, print_import, diag);
}

static int run(struct wick_diag *diag)
{
	return import_path ? import(diag) : learn(diag);
}

const struct command cmd_train = {
	.name = "train",
	.purpose = "learn which neurons fire, so that only those are read",
	.synopsis = "MODEL --text FILE...|--import DIR [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Learns from text which neurons of a ReLU model fire, and writes the predictors\n"
		 "beside it: model.pred.gguf for model.gguf. From then on they take the place of\n"
		 "those that packing made. Ctrl-C keeps the layers that are finished; the same\n"
		 "command goes on from there.\n"
		 "Of a SwiGLU model with gates apart (wick pack --predictor gate), and of one\n"
		 "with experts, it learns how small the gates are, for --gate-threshold; 16384\n"
		 "tokens are usual then.",
	.examples = "wick train model.gguf --text novel.txt letters.txt\n"
		    "wick train model.gguf --import OPT-6.7B-predictor",
	.options = options,
	.check = check,
	.run = run,
};
