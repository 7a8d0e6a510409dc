/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick trace record MODEL */

#include "bits.h"
#include "engine_options.h"
#include "progress.h"
#include "reader.h"
#include "text.h"
#include "trace.h"
#include "trace_commands.h"
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STREAM_BYTES_MAX (16u << 20) /* read of a text whose length is not known */
#define BATCH 128u /* tokens evaluated at once, and held until all their layers are known */

static const char *model_path, *text_path, *out_path;
static uint32_t tokens;

static const struct opt options[] = {
	{ OPT_HEADING, .help = "What is recorded:" },
	{ OPT_INPUT, 'f', .name = "text", .value = "FILE", .into.text = &text_path, .help = "the text that the model reads" },
	{ OPT_OUTPUT, 'o', .value = "TRACE", .into.text = &out_path, .help = "the trace; appears complete, or not at all" },
	{ OPT_COUNT, 'n', .name = "tokens", .value = "N", .into.count = &tokens, .min = 1, .max = UINT32_MAX,
		.help = "how long it is at most (4096)" },
	{ OPT_CHOICE, .name = "mode", .choices = engine_modes, .into.text = &engine_options.mode,
		.help = "sparse: the neurons that the predictors choose; any other: those that fire, with more or fewer of "
			"the weights in memory (dense)" },
	{ OPT_END },
};

static void init(void)
{
	engine_options_init();
	engine_options.mode = "dense";
	tokens = 4096;
}

static int check(struct wick_diag *diag)
{
	if (!text_path)
		return wick_diag_say(diag, -EINVAL, "--text FILE is missing");
	if (!out_path)
		return wick_diag_say(diag, -EINVAL, "-o TRACE is missing");
	return engine_options_check(diag);
}

/* Written by the engine's watch; the trace is made from it. */
struct recording {
	struct wick *wick;
	struct wick_session *session;
	struct wick_trace_writer *writer;
	struct trace_model model;
	uint32_t *text;  /* ids, of which text_begin .. text_end - 1 are still to be read */
	uint32_t text_begin, text_end, done;
	int64_t bos;     /* -1: none */
	uint32_t base;   /* position of the batch's first token */
	uint64_t *active; /* (BATCH, layers, words), a bit a neuron */
	uint64_t words;
	uint32_t *ids;   /* (n_ff) */
};

static uint64_t *active_at(const struct recording *recording, uint32_t position, uint32_t layer)
{
	uint64_t row = (uint64_t)(position - recording->base) * recording->model.layers + layer;

	return recording->active + row * recording->words;
}

static uint64_t active_bytes(const struct recording *recording)
{
	return BATCH * recording->model.layers * recording->words * sizeof(uint64_t);
}

static void set_active(uint64_t *active, uint32_t neuron)
{
	active[neuron / 64] |= 1ull << neuron % 64;
}

static void note_fired(void *user, uint32_t layer, uint32_t position, uint32_t m, uint32_t first, uint32_t count,
	const float *h, size_t ldh)
{
	for (uint32_t i = 0; i < m; i++)
		for (uint32_t k = 0; k < count; k++)
			if (h[i * ldh + k] != 0)
				set_active(active_at(user, position + i, layer), first + k);
}

static void note_chosen(void *user, uint32_t layer, uint32_t position, const uint32_t *ids, uint32_t count)
{
	for (uint32_t k = 0; k < count; k++)
		set_active(active_at(user, position, layer), ids[k]);
}

static void note_routed(void *user, uint32_t layer, uint32_t position, uint32_t m, const uint32_t *ids, uint32_t chosen)
{
	for (uint32_t i = 0; i < m; i++)
		note_chosen(user, layer, position + i, ids + (size_t)i * chosen, chosen);
}

static int write_batch(struct recording *recording, uint32_t count, struct wick_diag *diag)
{
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t layer = 0; layer < recording->model.layers; layer++) {
			const uint64_t *active = active_at(recording, recording->base + i, layer);
			uint32_t n = 0;
			int rc;

			for (uint32_t k = 0; k < recording->model.n_ff; k++)
				if (active[k / 64] >> k % 64 & 1)
					recording->ids[n++] = k;
			rc = wick_trace_add(recording->writer, layer, recording->ids, n, NULL, NULL, 0, diag);
			if (rc)
				return rc;
		}
	return 0;
}

/* The next tokens, which begin with the model's beginning of text where the context is empty. */
static uint32_t take_batch(struct recording *recording, uint32_t ctx, uint32_t batch[BATCH])
{
	uint32_t room = WICK_MIN(WICK_MIN(BATCH, ctx - recording->base), tokens - recording->done), count = 0;

	if (recording->base == 0 && recording->bos >= 0)
		batch[count++] = (uint32_t)recording->bos;
	while (count < room && recording->text_begin < recording->text_end)
		batch[count++] = recording->text[recording->text_begin++];
	return count;
}

/* The text in stretches of the context's length, each begun anew. */
static int record(struct recording *recording, uint32_t ctx, struct progress *progress, struct wick_diag *diag)
{
	int rc = 0;

	while (!rc && recording->done < tokens && recording->text_begin < recording->text_end) {
		uint32_t batch[BATCH], count;

		if (wick_session_position(recording->session) == ctx)
			wick_session_reset(recording->session);
		recording->base = wick_session_position(recording->session);
		count = take_batch(recording, ctx, batch);
		memset(recording->active, 0, active_bytes(recording));
		rc = wick_session_eval(recording->session, batch, count, NULL, NULL, diag);
		if (!rc)
			rc = write_batch(recording, count, diag);
		recording->done += count;
		progress_say(progress, "recorded %u tokens of %u at most", recording->done, tokens);
		if (!rc && interrupted())
			rc = -ECANCELED;
	}
	return rc;
}

/* A token has a byte at least. */
static uint64_t ids_max(const struct reader *text)
{
	return WICK_MIN(tokens, text->total_bytes ? text->total_bytes : STREAM_BYTES_MAX);
}

/* The ids of the next piece, as many as are wanted. *ended: there is none, or nothing is wanted. */
static int take_piece(struct recording *recording, struct reader *text, bool *ended, struct wick_diag *diag)
{
	uint64_t room = ids_max(text) - recording->text_end;
	const char *piece;
	size_t bytes;
	int64_t count;
	int rc = reader_next(text, &piece, &bytes, diag);
	unsigned goes_on = text->done_bytes > bytes ? WICK_TOKENIZE_GOES_ON : 0;

	*ended = rc || !bytes || !room;
	if (*ended)
		return rc;
	count = wick_tokenize(recording->wick, piece, bytes, goes_on, recording->text + recording->text_end, room);
	if (count < 0)
		return wick_diag_say(diag, (int)count, "%s: %s", text->name,
			count == -EINVAL ? "has a character for which the vocabulary has no token" : strerror((int)-count));
	recording->text_end += (uint32_t)WICK_MIN((uint64_t)count, room);
	return 0;
}

/* As many ids as are wanted; the one in front that some models begin with is kept apart. */
static int take_text(struct recording *recording, struct reader *text, struct wick_diag *diag)
{
	uint32_t bos;
	bool ended = false;
	int rc = 0;

	recording->bos = wick_tokenize(recording->wick, "", 0, WICK_TOKENIZE_BOS, &bos, 1) == 1 ? (int64_t)bos : -1;
	recording->text = calloc(ids_max(text), sizeof(uint32_t));
	if (!recording->text)
		return wick_diag_say(diag, -ENOMEM, "no memory for %u tokens", tokens);
	while (!rc && !ended)
		rc = take_piece(recording, text, &ended, diag);
	if (!rc && !recording->text_end)
		rc = wick_diag_say(diag, -EINVAL, "%s: the text is empty", text->name);
	return rc;
}

static int begin(struct recording *recording, struct reader *text, struct wick_diag *diag)
{
	const struct trace_model *model = &recording->model;
	struct wick_trace_shape shape = { .layers = model->layers, .n_ff = model->n_ff, .model_crc = model->crc,
		.chosen = model->chosen };
	int rc = take_text(recording, text, diag);

	reader_close(text);
	if (!rc && recording->bos >= 0 && wick_plan_of(recording->wick)->ctx < 2)
		rc = wick_diag_say(diag, -EINVAL, "a context of 1 token has no room for text behind the one that texts begin with");
	if (rc)
		return rc;
	recording->ids = calloc(model->n_ff, sizeof(uint32_t));
	recording->active = malloc(active_bytes(recording));
	if (!recording->ids || !recording->active)
		return wick_diag_say(diag, -ENOMEM, "no memory for what is active in %u tokens", BATCH);
	return wick_trace_create(&recording->writer, out_path, &shape, diag);
}

/* Memory of recording, beside the engine's. */
static uint64_t beside_bytes(const struct recording *recording, const struct reader *text)
{
	const struct wick_trace_shape shape = { .layers = recording->model.layers, .n_ff = recording->model.n_ff,
		.tokens = (uint32_t)ids_max(text) };

	return active_bytes(recording) + (shape.n_ff + ids_max(text)) * sizeof(uint32_t) + READER_BYTES +
		READER_TOKENIZE_BYTES + wick_trace_writer_bytes(&shape);
}

/* Dense: what fired. Sparse: what the predictor chose, which is what is read then. */
static int record_open(struct recording *recording, struct reader *text, struct wick_diag *diag)
{
	bool sparse = !strcmp(engine_options.mode, "sparse");
	bool routed = recording->model.experts;
	struct wick_watch watch = { .user = recording, .fired = sparse || routed ? NULL : note_fired,
		.chosen = sparse ? note_chosen : NULL, .routed = routed ? note_routed : NULL };
	struct progress progress;
	int rc = begin(recording, text, diag);

	if (!rc)
		rc = wick_session_create(&recording->session, recording->wick, diag);
	progress_begin(&progress, "recording");
	wick_watch(recording->wick, &watch);
	if (!rc)
		rc = record(recording, wick_plan_of(recording->wick)->ctx, &progress, diag);
	wick_watch(recording->wick, NULL);
	progress_end(&progress);
	if (!rc) {
		rc = wick_trace_commit(recording->writer, diag);
		recording->writer = NULL;
	}
	wick_trace_discard(recording->writer);
	free(recording->text);
	free(recording->ids);
	free(recording->active);
	return rc;
}

static int open_model(struct recording *recording, const struct reader *text, struct wick_diag *diag)
{
	int rc = trace_model_read(model_path, &recording->model, diag);

	if (!rc && recording->model.experts)
		recording->model.n_ff = recording->model.experts;
	else if (!rc && !recording->model.relu && !(engine_options.gate_percent > 0))
		rc = wick_diag_say(diag, -EINVAL, "%s: its activation is not ReLU, so all of its neurons are always active",
			model_path);
	recording->words = wick_div_up(recording->model.n_ff, 64);
	engine_options.beside_bytes = beside_bytes(recording, text);
	return rc ? rc : engine_open(&recording->wick, model_path, &engine_options, diag);
}

static int run(struct wick_diag *diag)
{
	struct recording recording = { 0 };
	struct reader text;
	struct stat written;
	int rc = reader_open(&text, text_path, diag);

	if (rc)
		return rc;
	interrupt_catch();
	rc = open_model(&recording, &text, diag);
	if (!rc)
		rc = record_open(&recording, &text, diag);
	reader_close(&text);
	wick_close(recording.wick);
	if (rc == -ECANCELED) {
		diag->text[0] = 0; /* what it was doing then is of no interest */
		return wick_diag_say(diag, rc, "stopped; %s was not written", out_path);
	}
	if (!rc && !stat(out_path, &written))
		fprintf(stderr, "%s: %u tokens of %u layers of %u %s, %s\n", SHOWN(out_path), recording.done, recording.model.layers,
			recording.model.n_ff, recording.model.experts ? "experts" : "neurons", BYTES(written.st_size));
	return rc;
}

const struct command cmd_trace_record = {
	.name = "trace record",
	.purpose = "record an activation trace from a model",
	.synopsis = "MODEL --text FILE -o TRACE [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Records which neurons are active while a model reads a text, in stretches of\n"
		 "the context's length; of a model of experts, which of these are chosen.",
	.examples = "wick trace record model.gguf --text novel.txt -o novel.trace",
	.options = options,
	.shared = engine_opts,
	.init = init,
	.check = check,
	.run = run,
};
