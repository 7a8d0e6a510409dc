/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick chat MODEL */

#include "chat_commands.h"
#include "commands.h"
#include "engine_options.h"
#include "line_reader.h"
#include "messages.h"
#include "progress.h"
#include "sampling_options.h"
#include "text.h"

#include <errno.h>
#include <unistd.h>

static const char *model_path, *system_text, *session_path;
static struct chat_options chat_options;
static bool verbose;

#define CTX_USUAL 4096
#define BESIDE_BYTES (4u << 20) /* for the conversation, its prompt and the line that is edited */

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Conversation:" },
	{ OPT_TEXT, .name = "system", .value = "TEXT", .into.text = &system_text,
		.help = "what the model is told before it" },
	{ OPT_TEXT, .name = "template", .value = "FILE", .into.text = &chat_options.template,
		.help = "how it is put to the model, in place of the model's own way: a Jinja file, or chatml, llama3 and others" },
	{ OPT_TEXT, .name = "session", .value = "FILE", .into.text = &session_path,
		.help = "go on with the conversation in this file, if there is one, and keep it there at the end; what was computed is kept in FILE.kv" },
	{ OPT_COUNT, 'n', .name = "tokens", .value = "N", .into.count = &chat_options.tokens,
		.help = "tokens of an answer, at most; 0: as many as the context has room for (0)" },
	{ OPT_COUNT, .name = "ctx", .value = "N", .into.count = &engine_options.ctx, .min = 1, .max = UINT32_MAX,
		.help = "tokens of context (4096, or the model's own if less)" },
	{ OPT_FLAG, .name = "hide-thinking", .into.flag = &chat_options.hide_thoughts,
		.help = "do not show what a model thinks before it answers" },
	{ OPT_FLAG, 'v', .name = "verbose", .into.flag = &verbose,
		.help = "say more of the methods in use, and of their cost" },
	{ OPT_END },
};

static void init(void)
{
	engine_options_init();
	sampling_options_init();
	chat_options = (struct chat_options){ 0 };
}

static int check(struct wick_diag *diag)
{
	return engine_options_check(diag);
}

static int complain(struct wick_diag *diag, int rc)
{
	wick_diag_say(diag, rc, "%s", strerror(-rc));
	text_clean(diag->text);
	fprintf(stderr, "%s\n", diag->text);
	diag->text[0] = 0;
	return 0;
}

static bool is_blank(const char *text)
{
	return !text[strspn(text, " \t\r\n")];
}

/* 1: the end. Whoever sits at a terminal is told of what failed, and goes on; what is piped ends there. */
static int follow(struct chat *chat, const char *text, struct wick_diag *diag)
{
	int rc;

	if (is_blank(text))
		return 0;
	rc = *text == '/' ? chat_command(chat, text, diag) : chat_say(chat, text, diag);
	if (!rc && *text != '/')
		chat_status(chat);
	return rc < 0 && chat->options->terminal && rc != -EPIPE ? complain(diag, rc) : rc;
}

static int converse(struct chat *chat, struct line_reader *reader, struct wick_diag *diag)
{
	int rc;

	do {
		const char *text;

		rc = line_reader_next(reader, &text, diag);
		if (rc > 0)
			rc = follow(chat, text, diag);
		else if (rc == -EINTR && chat->options->terminal)
			rc = putchar('\n') == EOF ? -EIO : 0;
		else
			break;
		interrupt_forget();
	} while (!rc && !interrupted());
	if (chat->options->terminal)
		putchar('\n');
	return rc > 0 || rc == -EINTR ? 0 : rc;
}

static int begin(struct chat *chat, struct wick_diag *diag)
{
	int rc = session_path ? chat_load(chat, session_path, diag) : 0;

	if (rc == -ENOENT) {
		diag->text[0] = 0;
		rc = 0;
	}
	if (!rc && system_text)
		rc = messages_set_system(chat->messages, system_text);
	if (!rc && chat_options.terminal)
		fputs("\nCtrl-C ends an answer, Ctrl-D the conversation; /help lists more.\n\n", stderr);
	return rc;
}

static int run_open(struct wick *wick, struct wick_diag *diag)
{
	struct line_reader *reader = NULL;
	struct chat chat;
	int rc;

	print_start(wick_report_of(wick), wick_plan_of(wick), verbose, stderr);
	rc = chat_open(&chat, wick, &chat_options, diag);
	if (!rc)
		rc = line_reader_open(&reader, chat_options.terminal, diag);
	if (!rc)
		rc = begin(&chat, diag);
	if (!rc)
		rc = converse(&chat, reader, diag);
	if (!rc && session_path)
		rc = chat_save(&chat, session_path, diag);
	line_reader_close(reader);
	chat_close(&chat);
	return rc;
}

static int run(struct wick_diag *diag)
{
	struct wick *wick;
	int rc;

	sampling_options_seed();
	chat_options.sampling = sampling_options.sampling;
	chat_options.seed = sampling_options.seed;
	chat_options.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	engine_options.beside_bytes = BESIDE_BYTES;
	engine_options.ctx_usual = CTX_USUAL;
	interrupt_catch_each();
	rc = engine_open(&wick, model_path, &engine_options, diag);
	if (rc)
		return rc;
	rc = run_open(wick, diag);
	wick_close(wick);
	return rc;
}

const struct command cmd_chat = {
	.name = "chat",
	.purpose = CHAT_PURPOSE,
	.synopsis = "MODEL [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "A conversation in the terminal. Answers go to standard output as they are\n"
		 "written. Ctrl-C ends an answer, Ctrl-D the conversation; /help lists what else\n"
		 "can be said. Where text is piped in, each line of it is a message.",
	.examples = "wick chat model.gguf\n"
		    "wick chat model.gguf --memory 2G --system 'Answer in one sentence.'\n"
		    "echo 'Why is the sea salty?' | wick chat model.gguf",
	.options = options,
	.also = sampling_opts,
	.shared = engine_opts,
	.init = init,
	.check = check,
	.run = run,
};
