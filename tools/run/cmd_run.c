/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick run MODEL -p TEXT */

#include "bias.h"
#include "commands.h"
#include "engine_options.h"
#include "figures.h"
#include "generate.h"
#include "figures_json.h"
#include "output.h"
#include "progress.h"
#include "prompt.h"
#include "sampling_options.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *model_path, *prompt_text, *prompt_path, *stats_path, *logits_path;
static struct generate_options generate;
static bool as_json, verbose;
static struct opt_texts bias_words;
static struct wick_logit_bias biases[OPT_TEXTS_MAX]; /* (bias_words.count) */

#define TOKENS_IN_FRONT 16 /* of a text, by its tokenizer: more than any has */

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Text:" },
	{ OPT_TEXT, 'p', .name = "prompt", .value = "TEXT", .into.text = &prompt_text, .help = "continue this text" },
	{ OPT_INPUT, 'f', .name = "text", .value = "FILE", .into.text = &prompt_path,
		.help = "continue the text of this file, without a newline at its end; - is standard input, which is also read "
			"where text is piped in and neither -p nor -f is given" },
	{ OPT_COUNT, 'n', .name = "tokens", .value = "N", .into.count = &generate.tokens,
		.help = "tokens to write, at most (256)" },
	{ OPT_COUNT, .name = "ctx", .value = "N", .into.count = &engine_options.ctx, .min = 1, .max = UINT32_MAX,
		.help = "tokens of context (as many as prompt and -n may need, at most 2048 and the model's own)" },
	{ OPT_TEXTS, .name = "logit-bias", .value = "ID+N", .into.texts = &bias_words,
		.help = "add N to the logit of token ID, or take it off: 198-2.5; 198-inf: never choose it; several may be given" },
	{ OPT_TEXTS, .name = "stop", .value = "TEXT", .into.texts = &generate.stops,
		.help = "end the text in front of any of these" },
	{ OPT_FLAG, .name = "special", .into.flag = &generate.special,
		.help = "special tokens in the prompt, <|im_end|>, are those tokens and not text; those in the text are shown" },
	{ OPT_FLAG, .name = "chat", .into.flag = &generate.chat,
		.help = "the prompt is what a user says in a conversation, and the text is the answer" },
	{ OPT_TEXT, .name = "template", .value = "FILE", .into.text = &generate.template,
		.help = "of conversations, in place of the model's own: a Jinja file, or chatml, llama3 and others (with --chat)" },

	{ OPT_HEADING, .help = "Results:" },
	{ OPT_FLAG, 'v', .name = "verbose", .into.flag = &verbose,
		.help = "say more of the methods in use, and of their cost" },
	{ OPT_FLAG, .name = "json", .into.flag = &as_json,
		.help = "text and figures as JSON on standard output, at the end" },
	{ OPT_OUTPUT, .name = "stats", .value = "FILE", .into.text = &stats_path,
		.help = "write the figures to a file, as JSON" },
	{ OPT_OUTPUT, .name = "logits", .value = "FILE", .into.text = &logits_path,
		.help = "write the logits of every position, the prompt's included: "
			"little-endian f32, a row of the vocabulary each" },
	{ OPT_END },
};

static void init(void)
{
	engine_options_init();
	sampling_options_init();
	bias_words.count = 0;
	generate = (struct generate_options){ .tokens = 256 };
}

/* Whether standard input is a pipe or a file. A terminal is not read unasked, and /dev/null has no text. */
static bool is_piped(void)
{
	struct stat info;

	return !fstat(STDIN_FILENO, &info) && (S_ISFIFO(info.st_mode) || S_ISREG(info.st_mode) || S_ISSOCK(info.st_mode));
}

static int check(struct wick_diag *diag)
{
	if (!prompt_text && !prompt_path && is_piped())
		prompt_path = "-";
	if (!prompt_text && !prompt_path)
		return wick_diag_say(diag, -EINVAL, "a prompt is missing: -p TEXT, -f FILE or text piped in");
	if (generate.template && !generate.chat)
		return wick_diag_say(diag, -EINVAL, "--template is for --chat");
	if (prompt_text && prompt_path)
		return wick_diag_say(diag, -EINVAL, "-p and -f exclude each other");
	return bias_read(biases, &bias_words, diag) ? -EINVAL : engine_options_check(diag);
}

static int write_stats(const json_t *json, struct wick_diag *diag)
{
	struct output output;
	int rc = output_begin(&output, stats_path, diag);

	return rc ? rc : output_end(&output, json_print(json, output.to), diag);
}

static int print_results(const struct wick *wick, const struct run_figures *figures, json_t *text,
	struct wick_diag *diag)
{
	json_t *json = run_json(figures, wick_report_of(wick), wick_plan_of(wick));
	int rc;

	print_figures(figures, wick_plan_of(wick), verbose, stderr);
	rc = stats_path ? write_stats(json, diag) : 0;
	if (!rc && text) {
		json_object_set(json, "text", text);
		rc = json_print(json, stdout);
	}
	json_decref(json);
	return rc;
}

/* With the model open: text, logits, figures. */
static int run_open(struct wick *wick, const struct prompt *prompt, struct wick_diag *diag)
{
	struct run_figures figures = { .seed = sampling_options.seed };
	struct wick_session *session;
	json_t *text = NULL;
	FILE *logits;
	int rc = bias_check(biases, &bias_words, wick_report_of(wick)->vocab, diag);

	if (rc)
		return rc;
	print_start(wick_report_of(wick), wick_plan_of(wick), verbose, stderr);
	rc = wick_session_create(&session, wick, diag);
	if (!rc)
		rc = output_open(&logits, logits_path, diag);
	if (rc)
		return rc;
	wick_session_seed(session, sampling_options.seed);
	generate.sampling = sampling_options.sampling;
	generate.sampling.biases = biases;
	generate.sampling.bias_count = bias_words.count;
	generate.logits = logits;
	generate.logits_path = logits_path;
	generate.keep_text = as_json;
	rc = generate_text(wick, session, prompt, &generate, &figures, &text, diag);
	rc = output_close(logits, logits_path, rc, diag);
	if (!rc)
		rc = print_results(wick, &figures, text, diag);
	json_decref(text);
	json_decref(figures.stopped_by);
	return rc;
}

/* Tokens of context that a prompt and its text can take at most, as every token is at least a byte. 0: no limit. */
static uint32_t enough_ctx(const struct prompt *prompt)
{
	uint64_t most = prompt->bytes + (uint64_t)generate.tokens + TOKENS_IN_FRONT;

	if (generate.chat) /* and what its template adds */
		return 0;

	return most < UINT32_MAX ? (uint32_t)most : 0;
}

static int run(struct wick_diag *diag)
{
	struct prompt prompt;
	struct wick *wick;
	int rc = prompt_text ? prompt_take(&prompt, prompt_text, diag) : prompt_read(&prompt, prompt_path, diag);

	if (rc)
		return rc;
	sampling_options_seed();
	interrupt_catch();
	engine_options.all_logits = logits_path;
	engine_options.ctx_enough = enough_ctx(&prompt);
	generate_progress(&engine_options);
	rc = engine_open(&wick, model_path, &engine_options, diag);
	if (!rc) {
		rc = run_open(wick, &prompt, diag);
		wick_close(wick);
	}
	prompt_free(&prompt);
	return rc;
}

const struct command cmd_run = {
	.name = "run",
	.purpose = "write text with a model",
	.synopsis = "MODEL [-p TEXT|-f FILE] [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Continues a text with a model. The text goes to standard output as it is\n"
		 "written; what was really in use, and figures at the end, to standard error.\n"
		 "Ctrl-C ends the text; the figures still come.",
	.examples = "wick run model.gguf -p 'The old man looked at the sea and'\n"
		    "echo 'The old man looked at the sea and' | wick run model.gguf\n"
		    "wick run model.gguf --memory 2G -f letter.txt -n 500 --seed 1\n"
		    "wick run model.gguf --chat -p 'Why is the sea salty?'",
	.options = options,
	.also = sampling_opts,
	.shared = engine_opts,
	.init = init,
	.check = check,
	.run = run,
};
