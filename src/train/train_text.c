/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Text for training: each file gives its share of the tokens, from its beginning, in pieces; every tenth chunk is held
 * out. */

#include "train.h"

#include "bits.h"
#include "cut.h"
#include "lfs.h"
#include "tokenizer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES (1u << 16)
#define PIECE_IDS (WICK_TOKENS_MAX(PIECE_BYTES))
#define HELD_EVERY 10u

struct reading {
	struct wick_train *train;
	uint32_t *ids; /* (wanted) */
	uint32_t count, wanted;
	char *piece;   /* (PIECE_BYTES) */
	unsigned goes_on; /* 0 for the first piece of a file, then WICK_ENCODE_GOES_ON */
	uint32_t *piece_ids; /* (PIECE_IDS) */
};

/* Where a piece of `bytes` is cut: in front of its last white space, so that its tokens are those of the whole text, or
 * behind its last whole character if it has none. */
static size_t cut_of(const char *piece, size_t bytes)
{
	size_t cut = wick_text_cut(piece, 0, bytes);

	return cut ? cut : wick_text_whole(piece, bytes);
}

/* Room for one more chunk begins with the model's own beginning of text. */
static void put_id(struct reading *reading, uint32_t id)
{
	int64_t bos = wick_tokenizer_bos(reading->train->tokenizer);

	if (bos >= 0 && reading->count % reading->train->chunk == 0 && reading->count < reading->wanted)
		reading->ids[reading->count++] = (uint32_t)bos;
	if (reading->count < reading->wanted)
		reading->ids[reading->count++] = id;
}

static int take_piece(struct reading *reading, const char *path, size_t bytes)
{
	struct wick_train *train = reading->train;
	int64_t count = wick_tokenizer_encode(train->tokenizer, reading->piece, bytes, reading->goes_on, reading->piece_ids,
		PIECE_IDS);

	if (count < 0)
		return wick_diag_say(train->diag, (int)count, "%s: has a character for which the vocabulary has no token", path);
	for (int64_t i = 0; i < count; i++)
		put_id(reading, reading->piece_ids[i]);
	reading->goes_on = WICK_ENCODE_GOES_ON;
	return 0;
}

static int take_stream(struct reading *reading, FILE *in, const char *path, uint32_t until)
{
	size_t have = 0;
	bool first = true;
	int rc = 0;

	reading->goes_on = 0;
	while (rc == 0 && reading->count < until) {
		size_t more = fread(reading->piece + have, 1, PIECE_BYTES - have, in), cut;

		if (ferror(in))
			return wick_diag_say(reading->train->diag, -errno, "%s: %s", path, strerror(errno));
		have += more;
		if (first && wick_lfs_is_pointer(reading->piece, have))
			return wick_lfs_refuse(path, reading->train->diag);
		first = false;
		if (!have)
			break;
		cut = more ? cut_of(reading->piece, have) : have;
		rc = take_piece(reading, path, cut);
		memmove(reading->piece, reading->piece + cut, have - cut);
		have -= cut;
	}
	return rc;
}

/* Tokens that the files before did not give, later ones may. */
static int take_files(struct reading *reading)
{
	const struct wick_train_options *options = reading->train->options;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < options->text_count; i++) {
		uint32_t until = reading->count + (reading->wanted - reading->count) / (options->text_count - i);
		FILE *in = fopen(options->texts[i], "rbe");

		if (!in)
			return wick_diag_say(reading->train->diag, -errno, "%s: %s", options->texts[i], strerror(errno));
		rc = take_stream(reading, in, options->texts[i], i + 1 == options->text_count ? reading->wanted : until);
		fclose(in);
	}
	return rc;
}

/* Whole chunks, those that are held out behind the others. */
static int arrange(struct reading *reading)
{
	struct wick_train *train = reading->train;
	uint32_t at = 0;

	train->chunks = reading->count / train->chunk;
	train->held_chunks = train->chunks / HELD_EVERY;
	if (train->chunks < WICK_TRAIN_CHUNKS_MIN)
		return wick_diag_say(train->diag, -EINVAL,
			"the text has %u tokens; training takes at least %u, and a hundred times that do it good",
			reading->count, WICK_TRAIN_CHUNKS_MIN * train->chunk);
	train->ids = malloc((size_t)train->chunks * train->chunk * sizeof(*train->ids));
	if (!train->ids)
		return wick_diag_say(train->diag, -ENOMEM, "no memory for the text");
	for (int held = 0; held < 2; held++)
		for (uint32_t c = 0; c < train->chunks; c++)
			if ((c % HELD_EVERY == HELD_EVERY - 1) == held)
				memcpy(train->ids + (size_t)at++ * train->chunk, reading->ids + (size_t)c * train->chunk,
					train->chunk * sizeof(*train->ids));
	return 0;
}

int wick_train_read_text(struct wick_train *train)
{
	struct reading reading = { .train = train, .wanted = wick_train_tokens(train) };
	int rc;

	reading.ids = malloc(reading.wanted * sizeof(*reading.ids));
	reading.piece = malloc(PIECE_BYTES);
	reading.piece_ids = malloc(PIECE_IDS * sizeof(*reading.piece_ids));
	if (!reading.ids || !reading.piece || !reading.piece_ids)
		rc = wick_diag_say(train->diag, -ENOMEM, "no memory to read %u tokens of text", reading.wanted);
	else
		rc = take_files(&reading);
	if (rc == 0)
		rc = arrange(&reading);
	free(reading.ids);
	free(reading.piece);
	free(reading.piece_ids);
	return rc;
}
