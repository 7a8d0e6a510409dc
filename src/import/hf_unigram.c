/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* tokenizer.json's unigram model: its vocabulary is a list of [piece, score], in the order of their ids. */

#include "hf_source.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static const char file[] = "tokenizer.json";

static int take_piece(struct wick_hf_source *source, const json_t *entry)
{
	const char *text = wick_hf_text(json_array_get(entry, 0));
	const json_t *score = json_array_get(entry, 1);
	size_t id = source->piece_count;

	if (!text || !json_is_number(score))
		return wick_hf_refuse(source, file, "piece %zu is not a text and a score", id);
	if (json_object_get(source->vocab, text))
		return wick_hf_refuse(source, file, "has \"%s\" twice", wick_diag_name(text));
	source->out->scores[id] = json_number_value(score);
	if (!isfinite(source->out->scores[id]))
		return wick_hf_refuse(source, file, "the score of piece %zu is not finite", id);
	source->piece_count++;
	return json_object_set_new(source->vocab, text, json_integer((json_int_t)id)) ? -ENOMEM : 0;
}

static int take_pieces(struct wick_hf_source *source, const json_t *vocab)
{
	int result = 0;

	source->vocab = json_object();
	source->out->scores = calloc(json_array_size(vocab) + 1, sizeof(*source->out->scores));
	if (!source->vocab || !source->out->scores)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(vocab) && !result; i++)
		result = take_piece(source, json_array_get(vocab, i));
	return result;
}

int wick_hf_read_unigram(struct wick_hf_source *source, const json_t *model)
{
	const json_t *vocab = json_object_get(model, "vocab"), *unknown = json_object_get(model, "unk_id");
	int result;

	if (!json_is_array(vocab))
		return wick_hf_refuse(source, file, "model has no vocab array");
	if (!json_is_integer(unknown) || json_integer_value(unknown) < 0 ||
		(size_t)json_integer_value(unknown) >= json_array_size(vocab))
		return wick_hf_refuse(source, file, "model Unigram has no unk_id among its pieces, which is not supported");
	result = take_pieces(source, vocab);
	if (!result)
		result = wick_hf_flag(source, file, model, "byte_fallback", &source->byte_fallback);
	source->fuse_unk = true;
	source->out->unk = json_integer_value(unknown);
	return result;
}
