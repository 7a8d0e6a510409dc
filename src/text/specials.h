/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The tokens that are cut out of a text before anything else is done to it, wherever their very bytes stand: the longest
 * of those that begin first. Those of type USER in any text; control tokens only in what a chat template wrote, or when
 * it is asked for. In a conversation tokens that frame its turns are the template's alone whatever their type, since files
 * have <|im_end|> or </s> as a user's, too. */

#include "diag.h"
#include "mark.h"
#include "tokens.h"

struct wick_special {
	const char *text; /* in the tokens' block */
	uint32_t bytes, id;
	bool strip_left, strip_right; /* white space on that side belongs to it */
	bool frames_turns;
};

struct wick_specials {
	const struct wick_tokens *tokens;
	struct wick_special *list; /* (count) in the order of their bytes */
	uint32_t count;
	uint32_t first[257]; /* of those that begin with a byte, or would */
};

/* Whether a token is spelled as chat formats spell what stands around a turn. */
bool wick_special_frames_turns(const char *text, size_t bytes);

/* tokens must stay where they are. -EINVAL: two have the same bytes. */
int wick_specials_build(struct wick_specials *specials, const struct wick_tokens *tokens,
	const struct wick_vocabulary *vocabulary, struct wick_diag *diag);
void wick_specials_free(struct wick_specials *specials);
uint64_t wick_specials_bytes(const struct wick_specials *specials);

/* A walk over a text. */
struct wick_special_walk {
	const struct wick_specials *specials;
	const char *text;
	size_t bytes, at;
	const struct wick_mark *marks; /* those that are not passed yet */
	size_t mark_count;
	size_t run_end;   /* of the neighbouring bytes of one kind, */
	bool may_control; /* in which control tokens are read */
	bool turns;       /* the text is a conversation */
};

/* Whether a token of type USER is as good as a control token here. */
bool wick_special_walk_controls(const struct wick_special_walk *walk, const struct wick_special *special);

/* marks: together they are the text, a conversation; NULL: all of it is a caller's, or none of it if `special`. */
void wick_special_walk_begin(struct wick_special_walk *walk, const struct wick_specials *specials, const char *text,
	size_t bytes, const struct wick_mark *marks, size_t mark_count, bool special);

/* The next special token, NULL at the end of the text; *plain, *plain_bytes: the text before it. */
const struct wick_special *wick_special_walk_next(struct wick_special_walk *walk, const char **plain,
	size_t *plain_bytes);
