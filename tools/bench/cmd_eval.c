/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick eval MODEL --text FILE */

#include "commands.h"
#include "divergence.h"
#include "engine_options.h"
#include "figures.h"
#include "figures_json.h"
#include "perplexity.h"
#include "progress.h"
#include "recall.h"
#include "trace_commands.h"

#include <errno.h>
#include <string.h>
#include <wick/instruments.h>

static const char *model_path, *text_path;
static uint32_t tokens_max;
static bool as_json, verbose, compares;

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Options:" },
	{ OPT_INPUT, 'f', .name = "text", .value = "FILE", .into.text = &text_path,
		.help = "the text to predict; - is standard input" },
	{ OPT_COUNT, 'n', .name = "tokens", .value = "N", .into.count = &tokens_max, .min = 1, .max = UINT32_MAX,
		.help = "tokens of the text, at most (all)" },
	{ OPT_FLAG, .name = "kl", .into.flag = &compares,
		.help = "with --gate-threshold or --kv-type: by how much these change what the model says, as the Kullback-Leibler "
			"divergence from the model without them; takes twice the time" },
	{ OPT_FLAG, .name = "json", .into.flag = &as_json, .help = "as JSON" },
	{ OPT_FLAG, 'v', .name = "verbose", .into.flag = &verbose, .help = "say more of the methods in use" },
	{ OPT_END },
};

static int check(struct wick_diag *diag)
{
	if (compares && !(engine_options.gate_percent > 0) && !engine_options.kv_type)
		return wick_diag_say(diag, -EINVAL, "--kl compares with the model without --gate-threshold and --kv-type, which are missing");
	return text_path ? engine_options_check(diag) : wick_diag_say(diag, -EINVAL, "--text FILE is missing");
}

/* What looks on: one of the two, or neither. */
struct lookers {
	struct recall *recall;
	struct divergence *divergence;
};

static int print_result(const struct wick *wick, const struct perplexity *result, const struct lookers *lookers)
{
	json_t *json = perplexity_json(result, wick_report_of(wick), wick_plan_of(wick));
	int rc;

	if (lookers->recall)
		recall_report(lookers->recall, json);
	if (lookers->divergence)
		divergence_report(lookers->divergence, json);
	if (as_json) {
		rc = json_print(json, stdout);
	} else {
		json_object_del(json, "layers");
		rc = json_print_lines(json, stdout);
	}
	json_decref(json);
	return rc;
}

static int measure(struct wick *wick, struct reader *reader, const struct lookers *lookers, struct wick_diag *diag)
{
	struct perplexity result;
	struct progress progress;
	int rc;

	progress_begin(&progress, "evaluating");
	rc = perplexity_measure(&result, wick, reader, tokens_max, lookers->divergence, &progress, diag);
	progress_end(&progress);
	if (!rc)
		rc = print_result(wick, &result, lookers);
	return rc;
}

static int run_open(struct wick *wick, struct reader *reader, struct wick_diag *diag)
{
	struct lookers lookers = { 0 };
	int rc = 0;

	print_start(wick_report_of(wick), wick_plan_of(wick), verbose, stderr);
	if (compares)
		rc = divergence_begin(&lookers.divergence, wick, diag);
	else if (!strcmp(wick_report_of(wick)->mode, "sparse"))
		rc = recall_begin(&lookers.recall, wick, diag);
	if (!rc)
		rc = measure(wick, reader, &lookers, diag);
	divergence_end(lookers.divergence);
	recall_end(lookers.recall);
	return rc;
}

/* The memory of evaluating, beside the engine's, counts in the budget, too. */
static int open_engine(struct wick **wick, struct wick_diag *diag)
{
	const struct wick_instruments beside = { .size = sizeof(beside), .f16_session = true };
	struct trace_model model;
	int rc = trace_model_read(model_path, &model, diag);
	uint32_t ctx = engine_options.ctx ? engine_options.ctx : WICK_CTX_DEFAULT;

	if (rc)
		return rc;
	if (ctx > model.ctx_max)
		ctx = model.ctx_max;
	engine_options.beside_bytes = perplexity_bytes(ctx) + recall_bytes(model.layers, model.n_ff, ctx);
	if (compares)
		engine_options.beside_bytes += divergence_bytes(model.vocab);
	engine_options.sessions = compares ? 2 : 1;
	engine_options.instruments = compares ? &beside : NULL;
	engine_options.all_logits = true;
	return engine_open(wick, model_path, &engine_options, diag);
}

static int run(struct wick_diag *diag)
{
	struct reader reader;
	struct wick *wick;
	int rc = reader_open(&reader, text_path, diag);

	if (rc)
		return rc;
	interrupt_catch();
	rc = open_engine(&wick, diag);
	if (!rc) {
		rc = run_open(wick, &reader, diag);
		wick_close(wick);
	}
	reader_close(&reader);
	return rc;
}

const struct command cmd_eval = {
	.name = "eval",
	.purpose = "measure how well a model predicts a text",
	.synopsis = "MODEL --text FILE [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Perplexity: e to the mean of -ln p over the tokens of a text, p being what the\n"
		 "model gave each of them before it came. The text is cut into chunks of as many\n"
		 "tokens as the context has (--ctx), with the token in front that the model's\n"
		 "tokenizer begins a text with (its place is taken off the chunk). Each chunk\n"
		 "starts from nothing; all of its tokens count, but for the first where the\n"
		 "tokenizer puts nothing in front. The last chunk is as long as what is left.\n"
		 "The tokens are those of the whole text, unless it has 32 KiB without any white\n"
		 "space: there it is cut between two characters.\n"
		 "Ctrl-C ends the text early, and the result says: stop interrupted.\n"
		 "\n"
		 "In sparse mode every token is masked by the predictors, and what they chose is\n"
		 "compared with what would have fired: recall is the share of the firing neurons\n"
		 "that was chosen, precision the share of the chosen that fired, pooled over all\n"
		 "layers.\n"
		 "\n"
		 "--kl says by how much --gate-threshold and --kv-type change what the model says,\n"
		 "in nats a token, and after which share of the tokens the likeliest next one is\n"
		 "the same. The model is there once, and is asked twice: the second time without\n"
		 "either.",
	.examples = "wick eval model.gguf --text novel.txt --tokens 10000\n"
		    "wick eval model.gguf --text novel.txt --tokens 10000 --mode dense",
	.options = options,
	.shared = engine_opts,
	.init = engine_options_init,
	.check = check,
	.run = run,
};
