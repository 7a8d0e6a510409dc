/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The loop from token to token. */

#include "generate.h"

#include "clock.h"
#include "figures_json.h"
#include "output.h"
#include "progress.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "logits are written as they lie in memory");

#define HIDDEN_TOKEN_BYTES 256

struct generator {
	struct wick *wick;
	struct wick_session *session;
	const struct generate_options *options;
	struct run_figures *figures;
	struct wick_diag *diag;
	FILE *out; /* standard output, or memory */
	struct wick_stream *stream;
	struct wick_sampling sampling; /* the options', with the tokens so far */
	uint32_t *ids;                 /* (ctx) the tokens so far */
	int write_error; /* of the logits; positive errno */
};

/* Of the prompt. */
static struct progress reading;
static uint32_t reading_tokens; /* 0: that is over */

static int show_reading(void *user, uint64_t done, uint64_t total)
{
	double share = (double)done / (double)total, seconds = (double)(wick_now_ns() - reading.begun_ns) / 1e9;

	(void)user;
	if (reading_tokens)
		progress_say(&reading, "reading the prompt of %u tokens, %.0f%%, %.0f s left", reading_tokens, 100 * share,
			seconds / share - seconds);
	return interrupted();
}

void generate_progress(struct wick_options *options)
{
	options->eval_progress = show_reading;
}

static void write_logits(void *user, uint32_t position, const float *logits)
{
	struct generator *gen = user;

	uint32_t vocab = wick_report_of(gen->wick)->vocab;

	(void)position;
	if (!gen->write_error && fwrite(logits, sizeof(*logits), vocab, gen->options->logits) != vocab)
		gen->write_error = errno;
}

/* Penalties are about all tokens of the context. */
static void remember(struct generator *gen, const uint32_t *ids, uint32_t count)
{
	memcpy(gen->ids + gen->sampling.recent_count, ids, count * sizeof(*ids));
	gen->sampling.recent_count += count;
}

static int eval(struct generator *gen, const uint32_t *ids, uint32_t count)
{
	wick_logits_fn each = gen->options->logits ? write_logits : NULL;
	int rc = wick_session_eval(gen->session, ids, count, each, gen, gen->diag);

	if (rc == -ECANCELED)
		gen->diag->text[0] = 0; /* which is an end, and no failure to tell of */
	if (!rc)
		remember(gen, ids, count);
	if (gen->write_error && (!rc || rc == -ECANCELED))
		return wick_diag_say(gen->diag, -gen->write_error, "%s: %s", gen->options->logits_path,
			strerror(gen->write_error));
	return rc;
}

/* Of a prompt, with how far that is. */
static int eval_shown(struct generator *gen, const uint32_t *ids, uint32_t count)
{
	int rc;

	wick_stats_reset(gen->wick);
	progress_begin(&reading, "reading");
	reading_tokens = count;
	rc = eval(gen, ids, count);
	reading_tokens = 0;
	progress_end(&reading);
	return rc;
}

/* Bytes of the longest. Of a token that is shown as nothing they are not known: none has more than the least. */
static uint64_t longest_token(const struct wick *wick)
{
	uint64_t longest = HIDDEN_TOKEN_BYTES;
	uint32_t vocab = wick_report_of(wick)->vocab;
	size_t bytes;

	for (uint32_t id = 0; id < vocab; id++) {
		wick_token_text(wick, id, &bytes);
		longest = bytes > longest ? bytes : longest;
	}
	return longest;
}

/* To tokenize a text takes memory and time for each of its bytes: not of one that cannot fit anyway. */
static int check_length(const struct generator *gen, const struct prompt *prompt)
{
	uint32_t ctx = wick_plan_of(gen->wick)->ctx;
	uint64_t longest = longest_token(gen->wick);

	if (prompt->bytes <= ctx * longest)
		return 0;
	return wick_diag_say(gen->diag, -ENOSPC,
		"the prompt of %zu bytes does not fit: the context is %u tokens, and none has more than %llu bytes", prompt->bytes,
		ctx, (unsigned long long)longest);
}

/* A text and whose its bytes are; no marks: all of it is the caller's. */
struct source {
	const char *text;
	size_t bytes;
	const struct wick_mark *marks;
	size_t mark_count;
	unsigned flags;
};

static int64_t tokenize(const struct generator *gen, const struct source *source, uint32_t *ids, size_t capacity)
{
	if (source->marks)
		return wick_tokenize_marked(
			gen->wick, source->text, source->bytes, source->marks, source->mark_count, source->flags, ids, capacity);
	return wick_tokenize(gen->wick, source->text, source->bytes, source->flags, ids, capacity);
}

static int eval_source(struct generator *gen, const struct source *source)
{
	int64_t count = tokenize(gen, source, NULL, 0);
	uint32_t *ids;
	int rc = -ENOMEM;

	if (count == -EINVAL)
		return wick_diag_say(gen->diag, -EINVAL, "the prompt has a character for which the vocabulary has no token");
	if (count < 0)
		return (int)count;
	if (count > UINT32_MAX)
		return wick_diag_say(gen->diag, -EFBIG, "the prompt has more tokens than any context");
	ids = malloc((size_t)count * sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	if (tokenize(gen, source, ids, (size_t)count) == count)
		rc = eval_shown(gen, ids, (uint32_t)count);
	free(ids);
	return rc;
}

/* The prompt is what a user says. */
static int eval_chat(struct generator *gen, const struct prompt *prompt)
{
	json_t *messages = json_pack("[{s:s, s:s%}]", "role", "user", "content", prompt->text, prompt->bytes);
	char *text = messages ? json_dumps(messages, JSON_COMPACT) : NULL;
	struct wick_chat_prompt chat = { 0 };
	int rc = text ? wick_chat_prompt(gen->wick, gen->options->template, text, &chat, gen->diag) :
			wick_diag_say(gen->diag, -EINVAL, "the prompt has a character for which the vocabulary has no token");
	const struct source source = { .text = chat.text, .bytes = chat.bytes, .marks = chat.marks,
		.mark_count = chat.mark_count };

	if (!rc)
		rc = eval_source(gen, &source);
	wick_chat_prompt_free(&chat);
	free(text);
	json_decref(messages);
	return rc;
}

static int eval_prompt(struct generator *gen, const struct prompt *prompt)
{
	const struct source source = { .text = prompt->text, .bytes = prompt->bytes,
		.flags = WICK_TOKENIZE_BOS | (gen->options->special ? WICK_TOKENIZE_SPECIAL : 0) };
	uint64_t begun_ns = wick_now_ns();
	int rc = check_length(gen, prompt);

	if (!rc)
		rc = gen->options->chat ? eval_chat(gen, prompt) : eval_source(gen, &source);
	gen->figures->prompt_tokens = wick_session_position(gen->session);
	gen->figures->prompt_ns = wick_now_ns() - begun_ns;
	wick_stats(gen->wick, &gen->figures->prompt);
	return rc;
}

/* Shows what can be shown. *stop: why the text ends with this token, unless it goes on. */
static int write_token(struct generator *gen, uint32_t id, const char **stop)
{
	const char *text;
	size_t bytes;
	int ended = wick_stream_put(gen->stream, id, &text, &bytes);

	if (ended < 0)
		return ended;
	if (bytes)
		fwrite(text, 1, bytes, gen->out);
	if (ended)
		*stop = wick_stops(gen->wick, id) ? "eos" : "stop";
	gen->figures->tokens += !wick_stops(gen->wick, id);
	return gen->options->keep_text ? 0 : output_flush(gen->diag);
}

/* Why no token may follow now, or NULL. */
static const char *find_stop(const struct generator *gen)
{
	if (interrupted())
		return "interrupted";
	if (gen->figures->tokens >= gen->options->tokens)
		return "length";
	return wick_session_position(gen->session) >= wick_plan_of(gen->wick)->ctx ? "context" : NULL;
}

/* Writes the text that was held back, and notes why the text ended. */
static int write_rest(struct generator *gen)
{
	const char *text, *by = wick_stream_stopped_by(gen->stream);
	size_t bytes;

	wick_stream_end(gen->stream, &text, &bytes);
	if (bytes)
		fwrite(text, 1, bytes, gen->out);
	gen->figures->stopped_by = by ? wick_json_text(by, strlen(by)) : NULL;
	return 0;
}

/* A token is evaluated only when another one will follow it, so the last costs nothing. */
static int write_tokens(struct generator *gen)
{
	const char *stop = interrupted() ? "interrupted" : gen->options->tokens ? NULL : "length";
	int rc = 0;

	while (!rc && !stop) {
		uint32_t id = wick_session_sample(gen->session, &gen->sampling);

		rc = write_token(gen, id, &stop);
		stop = stop ? stop : find_stop(gen);
		if (!rc && !stop)
			rc = eval(gen, &id, 1);
		if (rc == -ECANCELED) {
			stop = "interrupted";
			rc = 0;
		}
	}
	gen->figures->stop = stop;
	return rc ? rc : write_rest(gen);
}

static int generate_to(struct generator *gen, const struct prompt *prompt)
{
	uint64_t begun_ns;
	int rc = eval_prompt(gen, prompt);

	if (rc && rc != -ECANCELED)
		return rc;
	if (!gen->options->keep_text)
		prompt_echo(prompt, stdout);
	wick_stats_reset(gen->wick);
	begun_ns = wick_now_ns();
	rc = write_tokens(gen);
	gen->figures->decode_ns = wick_now_ns() - begun_ns;
	wick_stats(gen->wick, &gen->figures->decode);
	return rc;
}

static int prepare(struct generator *gen)
{
	const struct generate_options *options = gen->options;

	gen->ids = malloc((wick_plan_of(gen->wick)->ctx + 1ull) * sizeof(*gen->ids));
	if (!gen->ids)
		return -ENOMEM;
	gen->sampling = options->sampling;
	gen->sampling.recent = gen->ids;
	return wick_stream_create(&gen->stream, gen->wick, options->stops.words, options->stops.count, options->special);
}

static int generate_and_end(struct generator *gen, const struct prompt *prompt)
{
	int rc = prepare(gen);

	if (!rc)
		rc = generate_to(gen, prompt);
	wick_stream_destroy(gen->stream);
	free(gen->ids);
	return rc;
}

int generate_text(struct wick *wick, struct wick_session *session, const struct prompt *prompt,
	const struct generate_options *options, struct run_figures *figures, json_t **text, struct wick_diag *diag)
{
	struct generator gen = { .wick = wick, .session = session, .options = options, .figures = figures, .diag = diag,
		.out = stdout };
	char *kept = NULL;
	size_t kept_bytes = 0;
	int rc;

	if (options->keep_text)
		gen.out = open_memstream(&kept, &kept_bytes);
	if (!gen.out)
		return -ENOMEM;
	rc = generate_and_end(&gen, prompt);
	if (!options->keep_text) {
		if (figures->tokens)
			putchar('\n');
		return rc ? rc : output_flush(diag);
	}
	if (fclose(gen.out) && !rc)
		rc = -ENOMEM;
	*text = rc ? NULL : wick_json_text(kept, kept_bytes);
	free(kept);
	return rc;
}
