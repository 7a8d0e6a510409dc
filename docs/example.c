/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Several texts continued at once: each is a session, and the next tokens of all are one pass over the weights.
 *
 *     cc example.c $(pkg-config --cflags --libs wick) -o example
 *     ./example model.gguf 'The old man' 'The sea' */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wick/wick.h>

#define TEXTS_MAX 8
#define PROMPT_MAX 512
#define TOKENS 16 /* to write, each */

static struct wick_diag diag;

static int complain(void)
{
	fprintf(stderr, "%s\n", diag.text);
	return EXIT_FAILURE;
}

/* A session with the prompt evaluated, or NULL. */
static struct wick_session *begin(struct wick *wick, const char *prompt)
{
	uint32_t ids[PROMPT_MAX];
	struct wick_session *session;
	int64_t count = wick_tokenize(wick, prompt, strlen(prompt), WICK_TOKENIZE_BOS, ids, PROMPT_MAX);

	if (count < 0 || count > PROMPT_MAX || wick_session_create(&session, wick, &diag) ||
		wick_session_eval(session, ids, (uint32_t)count, NULL, NULL, &diag))
		return NULL;
	return session;
}

/* The likeliest next token of each text, all in one batch. */
static int step(struct wick *wick, struct wick_session **sessions, int count, uint32_t (*ids)[TOKENS], int at)
{
	const struct wick_sampling greedy = { .size = sizeof(greedy), .top_p = 1, .ignore_stops = true };
	struct wick_row rows[TEXTS_MAX];

	for (int i = 0; i < count; i++) {
		ids[i][at] = wick_session_sample(sessions[i], &greedy);
		rows[i] = (struct wick_row){ .session = sessions[i], .id = ids[i][at],
			.position = wick_session_position(sessions[i]), .want = true };
	}
	return wick_eval_rows(wick, rows, (uint32_t)count, &diag);
}

static void print(const struct wick *wick, const char *prompt, const uint32_t *ids)
{
	fputs(prompt, stdout);
	for (int i = 0; i < TOKENS; i++) {
		size_t bytes;
		const char *text = wick_token_text(wick, ids[i], &bytes);

		fwrite(text, 1, bytes, stdout);
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct wick_session *sessions[TEXTS_MAX];
	uint32_t ids[TEXTS_MAX][TOKENS];
	struct wick_options options;
	int count = argc - 2;
	struct wick *wick;

	if (count < 1 || count > TEXTS_MAX)
		return EXIT_FAILURE;
	wick_options_init(&options);
	options.sessions = (uint32_t)count;
	if (wick_open(&wick, argv[1], &options, &diag))
		return complain();
	for (int i = 0; i < count; i++)
		if (!(sessions[i] = begin(wick, argv[2 + i])))
			return complain();
	for (int at = 0; at < TOKENS; at++)
		if (step(wick, sessions, count, ids, at))
			return complain();
	for (int i = 0; i < count; i++)
		print(wick, argv[2 + i], ids[i]);
	wick_close(wick);
}
