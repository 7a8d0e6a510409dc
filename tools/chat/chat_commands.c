/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* /help and the others. */

#include "chat_commands.h"

#include "messages.h"
#include "progress.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct chat_command {
	const char *name, *word, *help; /* word: what follows the name; NULL: nothing */
	int (*run)(struct chat *chat, const char *word, struct wick_diag *diag);
};

static int show_help(struct chat *chat, const char *word, struct wick_diag *diag);

static int set_system(struct chat *chat, const char *word, struct wick_diag *diag)
{
	const char *system = messages_system(chat->messages);

	(void)diag;
	if (*word)
		return messages_set_system(chat->messages, word);
	fprintf(stderr, "%s\n", system ? system : "there is no system message");
	return 0;
}

static int regenerate(struct chat *chat, const char *word, struct wick_diag *diag)
{
	int rc = chat_regenerate(chat, diag);

	(void)word;
	if (!rc)
		chat_status(chat);
	return rc;
}

static int undo(struct chat *chat, const char *word, struct wick_diag *diag)
{
	(void)word;
	return chat_undo(chat, diag);
}

static int save(struct chat *chat, const char *word, struct wick_diag *diag)
{
	return *word ? chat_save(chat, word, diag) : wick_diag_say(diag, -EINVAL, "/save needs the name of a file");
}

static int load(struct chat *chat, const char *word, struct wick_diag *diag)
{
	int rc = *word ? chat_load(chat, word, diag) : wick_diag_say(diag, -EINVAL, "/load needs the name of a file");

	if (!rc)
		fprintf(stderr, "%zu messages\n", json_array_size(chat->messages));
	return rc;
}

static int stats(struct chat *chat, const char *word, struct wick_diag *diag)
{
	const struct wick_plan *plan = wick_plan_of(chat->wick);

	(void)word;
	if (!chat->figures.stop)
		return wick_diag_say(diag, -ENODATA, "there is no answer yet");
	print_figures(&chat->figures, plan, true, stderr);
	fprintf(stderr, "context %u of %u tokens; %u of the last prompt's %u were there already\n",
		wick_session_position(chat->session), plan->ctx, chat->reused, chat->figures.prompt_tokens);
	return 0;
}

static int quit(struct chat *chat, const char *word, struct wick_diag *diag)
{
	(void)chat;
	(void)word;
	(void)diag;
	return 1;
}

static const struct chat_command commands[] = {
	{ "help", NULL, "this list", show_help },
	{ "system", "TEXT", "what the model is told before the conversation", set_system },
	{ "regenerate", NULL, "another answer in place of the last one", regenerate },
	{ "undo", NULL, "take back the last message and its answer", undo },
	{ "save", "FILE", "keep the conversation", save },
	{ "load", "FILE", "go on with one that was kept", load },
	{ "stats", NULL, "the figures of the last answer", stats },
	{ "quit", NULL, "end, as Ctrl-D does", quit },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int show_help(struct chat *chat, const char *word, struct wick_diag *diag)
{
	(void)chat;
	(void)word;
	(void)diag;
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(stderr, "/%-10s %-4s  %s\n", commands[i].name, commands[i].word ? commands[i].word : "",
			commands[i].help);
	fputs("\nCtrl-C ends an answer. A line that ends with \\ goes on with the next one.\n", stderr);
	return 0;
}

int chat_command(struct chat *chat, const char *text, struct wick_diag *diag)
{
	size_t length = strcspn(text + 1, " \n");
	const char *word = text + 1 + length;

	word += strspn(word, " \n");
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strlen(commands[i].name) != length || memcmp(commands[i].name, text + 1, length) != 0)
			continue;
		if (*word && !commands[i].word)
			return wick_diag_say(diag, -EINVAL, "/%s takes no '%s'", commands[i].name, word);
		return commands[i].run(chat, word, diag);
	}
	return wick_diag_say(diag, -EINVAL, "there is no '/%.*s'; /help lists what there is", (int)length, text + 1);
}

void chat_status(const struct chat *chat)
{
	const struct wick_stats *stats = &chat->figures.decode;
	double seconds = (double)chat->figures.decode_ns / 1e9;

	if (!chat->options->terminal || seconds <= 0)
		return;
	fprintf(stderr, TEXT_DIM "[%.1f tokens/s", chat->figures.tokens / seconds);
	if (stats->flash_bytes)
		fprintf(stderr, ", flash %s/s", BYTES((double)stats->flash_bytes / seconds));
	if (wick_stats_wanted(stats))
		fprintf(stderr, ", hits %.0f%%", 100 * hit_ratio(stats));
	fprintf(stderr, ", memory %s of %s]\n" TEXT_PLAIN, BYTES(stats->peak_bytes), BYTES(wick_plan_of(chat->wick)->budget_bytes));
}
