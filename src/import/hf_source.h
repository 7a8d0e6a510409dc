/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the readers of a Hugging Face tokenizer's files: hf_tokenizer.c decides, hf_tokenizer_json.c and
 * hf_vocab_merges.c fill in the vocabulary and the merges from either form, hf_specials.c the rest. */

#include "diag.h"
#include "hf_tokenizer.h"
#include "json.h"

#include <stdbool.h>

struct wick_hf_source {
	const char *folder;
	const char *file;                         /* where the vocabulary is from */
	json_t *config, *tokenizer_config, *special_map; /* objects; empty when the file is absent */
	json_t *vocab;                            /* every token's text -> its id */
	json_t *control;                          /* texts of control tokens, as keys */
	json_t *added;                            /* texts of tokens that are found in a text before BPE, as keys */
	bool added_normalized;                    /* all of them, or none */
	json_t *merged;                           /* merges so far, as keys */
	json_t *strips[2];                        /* texts of tokens that take white space on a side, as keys */
	bool bytes, pieces;                       /* which kind: of GPT-2's alphabet, or with U+2581 for a space */
	size_t piece_count;                       /* those that have scores */
	json_t *piece_types;                      /* of tokenizer.model: every piece's text -> its type; else NULL */
	bool byte_fallback;                       /* "<0x0A>" is a byte */
	bool fuse_unk;                            /* neighbours without a token are one unknown token */
	bool has_template;                        /* tokenizer.json says what goes before a text: */
	int64_t template_bos;                     /* -1: nothing */
	bool any_count;                           /* as many tokens as there are; out->count is none yet */
	struct wick_hf_tokenizer *out;
	struct wick_diag *diag;
};

/* Writes the sentence "folder/file: ..." and returns -EINVAL. file NULL: it is about the folder. */
__attribute__((format(printf, 3, 4))) int wick_hf_refuse(const struct wick_hf_source *source, const char *file,
	const char *format, ...);

/* The root object of a file in the folder. -ENOENT without a sentence when there is no such file. */
int wick_hf_read(const struct wick_hf_source *source, const char *file, const struct wick_json_bounds *bounds,
	enum wick_json_keys keys, json_t **object);

/* A string's text; NULL for what is no string, or has a zero byte in it. */
const char *wick_hf_text(const json_t *value);

/* A true/false member; *value stays as it is when the member is absent or null. */
int wick_hf_flag(const struct wick_hf_source *source, const char *file, const json_t *object, const char *key,
	bool *value);

/* Adds a merge, which must be new; both halves and their union must be in the vocabulary. */
int wick_hf_add_merge(struct wick_hf_source *source, const char *file, const char *left, const char *right);

/* Adds a token that the files list apart from the vocabulary. It may be in the vocabulary already, with the same id.
 * facts: the object that describes it, or NULL. For a special token they do not matter: it is not looked for. */
int wick_hf_add_token(struct wick_hf_source *source, const char *file, const char *text, json_int_t id, bool special,
	const json_t *facts);

/* -ENOENT without a sentence when there is no tokenizer.model. */
int wick_hf_read_sentencepiece(struct wick_hf_source *source);
int wick_hf_read_vocab_merges(struct wick_hf_source *source);
int wick_hf_read_unigram(struct wick_hf_source *source, const json_t *model);
int wick_hf_read_tokenizer_json(struct wick_hf_source *source, json_t *root);

/* Which tokens end a text. */
int wick_hf_read_stops(struct wick_hf_source *source);
/* After the vocabulary and the stops: which tokens are special and what for (bos, eos, pad, unk, add_bos). */
int wick_hf_read_specials(struct wick_hf_source *source);
