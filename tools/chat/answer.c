/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* An answer, token by token. The tokens of a session are compared with those of the prompt: what they have in common at
 * the beginning is not evaluated again, and an answer is the same with and without that. */

#include "answer.h"

#include "chat.h"
#include "clock.h"
#include "messages.h"
#include "output.h"
#include "progress.h"
#include "prompt_ids.h"
#include "text.h"
#include "thinking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_SHARE 4 /* of the context one of so many parts is kept for an answer */

struct answer {
	struct chat *chat;
	struct answer_text *text;
	struct wick_stream *stream;
	struct wick_thinking thinking;
	uint32_t *ids; /* (count) the tokens of the answer */
	uint32_t count;
	bool dim;      /* the terminal is now */
	bool is_shown; /* something of it */
	int rc;        /* of keeping the text */
	struct wick_diag *diag;
};

/* What is sent for the template: the system message, and what was not dropped. */
static char *messages_text(const struct chat *chat)
{
	json_t *sent = json_array(), *message;
	size_t i, system = messages_system(chat->messages) != NULL;
	char *text = NULL;
	int rc = 0;

	json_array_foreach(chat->messages, i, message)
		if (i < system || i >= system + chat->dropped)
			rc |= json_array_append(sent, message);
	if (sent && !rc)
		text = json_dumps(sent, JSON_COMPACT);
	json_decref(sent);
	return text;
}

/* Leaves out the oldest turn of those that are left, but never the message that is to be answered. */
static bool drop_turn(struct chat *chat)
{
	size_t system = messages_system(chat->messages) != NULL, next = system + chat->dropped + 1;

	while (next < json_array_size(chat->messages) && !messages_have_role(chat->messages, next, "user"))
		next++;
	if (next >= json_array_size(chat->messages))
		return false;
	chat->dropped = next - system;
	return true;
}

static void say_dropped(const struct chat *chat, uint32_t turns)
{
	if (turns)
		fprintf(stderr, "the context of %u tokens is full: %u of the oldest turns left out, the rest evaluated anew\n",
			wick_plan_of(chat->wick)->ctx, turns);
}

static int make_prompt(struct wick_prompt_ids *prompt, const struct chat *chat, struct wick_diag *diag)
{
	char *messages = messages_text(chat);
	int rc = messages ? wick_prompt_ids(prompt, chat->wick, chat->options->template, messages, chat->bytes_max, diag) :
			    -ENOMEM;

	free(messages);
	return rc;
}

/* Tokens that the context should have room for after a prompt. */
static uint32_t wanted_room(const struct chat *chat)
{
	uint32_t share = wick_plan_of(chat->wick)->ctx / ROOM_SHARE, tokens = chat->options->tokens;

	return tokens && tokens < share ? tokens : share;
}

/* The prompt with as many turns as there is room for. */
static int fit_prompt(struct wick_prompt_ids *prompt, struct chat *chat, uint32_t room, struct wick_diag *diag)
{
	uint32_t ctx = wick_plan_of(chat->wick)->ctx, turns = 0;
	int rc = make_prompt(prompt, chat, diag);

	while ((rc == -EFBIG || (!rc && (uint64_t)prompt->count + room > ctx)) && drop_turn(chat)) {
		wick_prompt_ids_free(prompt);
		diag->text[0] = 0;
		turns++;
		rc = make_prompt(prompt, chat, diag);
	}
	if (!rc)
		say_dropped(chat, turns);
	if (!rc && prompt->count >= ctx)
		return wick_diag_say(diag, -ENOSPC, "the message does not fit: its prompt has %u tokens, the context is %u",
			prompt->count, ctx);
	return rc;
}

static int eval(struct chat *chat, const uint32_t *ids, uint32_t count, struct wick_diag *diag)
{
	int rc = wick_session_eval(chat->session, ids, count, NULL, NULL, diag);

	if (rc == -ECANCELED)
		diag->text[0] = 0; /* which is an end, and no failure to tell of */
	if (rc) {
		chat->count = wick_session_position(chat->session);
		return rc;
	}
	memcpy(chat->ids + chat->count, ids, count * sizeof(*ids));
	chat->count += count;
	return 0;
}

/* What was kept of a conversation that was loaded, if that is more than the session has. A file that cannot be used costs time. */
static void take_kept(struct chat *chat, const uint32_t *ids, uint32_t count)
{
	struct wick_diag diag = { "" };
	int rc = 0;

	if (chat->kept && !wick_ids_in_common(chat->ids, chat->count, ids, count)) {
		wick_session_reset(chat->session);
		rc = wick_session_resume(chat->session, chat->kept, ids, count, &diag);
		chat->count = wick_session_position(chat->session);
		memcpy(chat->ids, ids, chat->count * sizeof(*ids));
	}
	if (rc && rc != -ENOENT)
		fprintf(stderr, "%s; the conversation is evaluated anew\n", SHOWN(diag.text));
	free(chat->kept);
	chat->kept = NULL;
}

/* Goes back to what the session has in common with these tokens, and evaluates the rest: at least the last, whose logits
 * are wanted. */
static int eval_from_common(struct chat *chat, const uint32_t *ids, uint32_t count, struct wick_diag *diag)
{
	uint32_t common;

	take_kept(chat, ids, count - 1);
	common = wick_ids_in_common(chat->ids, chat->count, ids, count - 1);
	chat->count = wick_session_rewind(chat->session, common);
	chat->reused = chat->count;
	return eval(chat, ids + chat->count, count - chat->count, diag);
}

static void keep(struct answer *answer, bool thought, const char *text, size_t bytes)
{
	struct answer_text *kept = answer->text;
	char **at = thought ? &kept->thought : &kept->text;
	size_t *have = thought ? &kept->thought_bytes : &kept->text_bytes;
	char *grown = realloc(*at, *have + bytes);

	if (!grown) {
		answer->rc = -ENOMEM;
		return;
	}
	memcpy(grown + *have, text, bytes);
	*at = grown;
	*have += bytes;
}

static void set_dim(struct answer *answer, bool dim)
{
	if (dim == answer->dim || !answer->chat->options->terminal)
		return;
	fputs(dim ? TEXT_DIM : TEXT_PLAIN, stdout);
	answer->dim = dim;
}

/* A wick_thinking_fn. */
static void show(void *user, bool thought, const char *text, size_t bytes)
{
	struct answer *answer = user;

	keep(answer, thought, text, bytes);
	if (thought && answer->chat->options->hide_thoughts)
		return;
	if (!thought && answer->is_shown && answer->text->text_bytes == bytes)
		fputs("\n\n", stdout); /* the answer after thoughts that were shown */
	set_dim(answer, thought);
	if (answer->chat->options->terminal)
		text_write_clean(text, bytes, stdout);
	else
		fwrite(text, 1, bytes, stdout);
	answer->is_shown = true;
}

/* Why no token may follow now, or NULL. */
static const char *find_stop(const struct answer *answer)
{
	const struct chat *chat = answer->chat;

	if (interrupted())
		return "interrupted";
	if (chat->options->tokens && chat->figures.tokens >= chat->options->tokens)
		return "length";
	return chat->count >= wick_plan_of(chat->wick)->ctx ? "context" : NULL;
}

static int show_token(struct answer *answer, uint32_t id, const char **stop)
{
	const char *text;
	size_t bytes;
	int ended = wick_stream_put(answer->stream, id, &text, &bytes);

	if (ended < 0)
		return ended;
	wick_thinking_put(&answer->thinking, text, bytes, show, answer);
	if (ended)
		*stop = "eos";
	else
		answer->ids[answer->count++] = id;
	answer->chat->figures.tokens += !ended;
	return answer->rc ? answer->rc : output_flush(answer->diag);
}

/* A token is evaluated only when another one will follow it, so the last costs nothing. */
static int write_tokens(struct answer *answer)
{
	struct chat *chat = answer->chat;
	struct wick_sampling sampling = chat->options->sampling;
	const char *stop = interrupted() ? "interrupted" : NULL;
	int rc = 0;

	sampling.recent = chat->ids;
	while (!rc && !stop) {
		uint32_t id;

		sampling.recent_count = chat->count;
		id = wick_session_sample(chat->session, &sampling);
		rc = show_token(answer, id, &stop);
		stop = stop ? stop : find_stop(answer);
		if (!rc && !stop)
			rc = eval(chat, &id, 1, answer->diag);
		if (rc == -ECANCELED) {
			stop = "interrupted";
			rc = 0;
		}
	}
	chat->figures.stop = stop;
	return rc;
}

/* Where the context was full before the answer was over, a turn was dropped: the same answer goes on after a shorter
 * prompt, if that has room for it. */
static int go_on(struct answer *answer)
{
	struct chat *chat = answer->chat;
	struct wick_prompt_ids prompt = { 0 };
	uint32_t *ids;
	int rc = fit_prompt(&prompt, chat, answer->count + 1, answer->diag);

	if (rc || prompt.count + answer->count >= wick_plan_of(chat->wick)->ctx) {
		wick_prompt_ids_free(&prompt);
		return rc;
	}
	ids = realloc(prompt.ids, ((size_t)prompt.count + answer->count) * sizeof(*ids));
	if (ids) {
		prompt.ids = ids;
		memcpy(ids + prompt.count, answer->ids, answer->count * sizeof(*ids));
		rc = eval_from_common(chat, ids, prompt.count + answer->count, answer->diag);
	}
	wick_prompt_ids_free(&prompt);
	return !ids ? -ENOMEM : rc ? rc : write_tokens(answer);
}

/* The prompt is evaluated: the answer, however often the context is full on the way. */
static int write_answer(struct answer *answer)
{
	struct chat *chat = answer->chat;
	const char *text;
	size_t bytes;
	int rc = write_tokens(answer);

	while (!rc && !strcmp(chat->figures.stop, "context") && drop_turn(chat)) {
		say_dropped(chat, 1);
		rc = go_on(answer);
	}
	if (rc == -ECANCELED) {
		chat->figures.stop = "interrupted";
		rc = 0;
	}
	wick_stream_end(answer->stream, &text, &bytes);
	wick_thinking_put(&answer->thinking, text, bytes, show, answer);
	wick_thinking_end(&answer->thinking, show, answer);
	set_dim(answer, false);
	if (answer->is_shown)
		putchar('\n');
	return rc ? rc : answer->rc ? answer->rc : output_flush(answer->diag);
}

static int eval_prompt(struct answer *answer)
{
	struct chat *chat = answer->chat;
	struct wick_prompt_ids prompt = { 0 };
	uint64_t begun_ns = wick_now_ns();
	int rc = fit_prompt(&prompt, chat, wanted_room(chat), answer->diag);

	if (!rc)
		rc = eval_from_common(chat, prompt.ids, prompt.count, answer->diag);
	wick_thinking_begin(&answer->thinking, prompt.thinks);
	chat->figures.prompt_tokens = prompt.count;
	chat->figures.prompt_ns = wick_now_ns() - begun_ns;
	wick_stats(chat->wick, &chat->figures.prompt);
	wick_prompt_ids_free(&prompt);
	return rc;
}

/* Ctrl-C while the prompt is evaluated leaves an empty answer. */
static int answer_timed(struct answer *answer)
{
	struct chat *chat = answer->chat;
	uint64_t begun_ns;
	int rc;

	wick_stats_reset(chat->wick);
	wick_session_seed(chat->session, chat->options->seed + chat->answers++);
	rc = eval_prompt(answer);
	if (rc == -ECANCELED) {
		chat->figures.stop = "interrupted";
		return 0;
	}
	if (rc)
		return rc;
	wick_stats_reset(chat->wick);
	begun_ns = wick_now_ns();
	rc = write_answer(answer);
	chat->figures.decode_ns = wick_now_ns() - begun_ns;
	wick_stats(chat->wick, &chat->figures.decode);
	return rc;
}

int answer_write(struct chat *chat, struct answer_text *text, struct wick_diag *diag)
{
	struct answer answer = { .chat = chat, .text = text, .diag = diag };
	int rc;

	json_decref(chat->figures.stopped_by);
	chat->figures = (struct run_figures){ .seed = chat->options->seed };
	answer.ids = malloc(wick_plan_of(chat->wick)->ctx * sizeof(*answer.ids));
	rc = answer.ids ? wick_stream_create(&answer.stream, chat->wick, NULL, 0, false) : -ENOMEM;
	if (!rc)
		rc = answer_timed(&answer);
	wick_stream_destroy(answer.stream);
	free(answer.ids);
	return rc;
}

void answer_text_free(struct answer_text *answer)
{
	free(answer->thought);
	free(answer->text);
}
