/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "first_session.h"
#include "answer.h"

#include "bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLLOWING 2 /* tokens evaluated one by one after each prompt */
#define REST ANSWER_CTX_LONG

const struct answer_cut answer_cuts[ANSWER_CUTS] = { { 1, 1 }, { 4, 4 }, { 8, 8 }, { 40, 40 }, { 1, REST },
	{ 7, REST }, { 31, REST }, { 32, REST }, { 33, REST }, { 512, REST } };

static const uint32_t prompt_lengths[] = { 1, 31, 32, 33, 300, 600 };

static void append(void *user, uint32_t position, const float *logits)
{
	struct answer *answer = user;

	(void)position;
	if (answer->rows == answer->capacity) {
		answer->capacity = 2 * answer->capacity + 64;
		answer->logits = realloc(answer->logits, answer->capacity * answer->vocab * sizeof(float));
		assert_non_null(answer->logits);
	}
	memcpy(answer->logits + answer->rows++ * answer->vocab, logits, answer->vocab * sizeof(float));
}

/* Some id of the vocabulary for each place of each prompt. */
static uint32_t id_at(uint32_t prompt, uint32_t place, uint32_t vocab)
{
	return (prompt * 7919 + place * place * 31 + place * 17 + 5) % vocab;
}

static int answer_one(struct answer *answer, struct wick *wick, uint32_t prompt, const struct answer_cut *cut,
	struct wick_diag *diag)
{
	uint32_t ids[ANSWER_CTX_LONG], count = prompt_lengths[prompt];
	uint32_t some = WICK_MIN(cut->first, count);
	int err = 0;

	for (uint32_t i = 0; i < count + FOLLOWING; i++)
		ids[i] = id_at(prompt, i, answer->vocab);
	wick_session_reset(session_of(wick));
	for (uint32_t done = 0; !err && done < count; done += some, some = WICK_MIN(cut->step, count - done))
		err = wick_session_eval(session_of(wick), ids + done, some, append, answer, diag);
	for (uint32_t i = 0; !err && i < FOLLOWING; i++)
		err = wick_session_eval(session_of(wick), &ids[count + i], 1, append, answer, diag);
	return err;
}

int answer_take_cut(struct answer *answer, struct wick *wick, uint32_t prompt_max, const struct answer_cut *cut,
	struct wick_diag *diag)
{
	static const struct answer_cut in_one = { REST, REST };
	int err = 0;

	*answer = (struct answer){ .vocab = wick_report_of(wick)->vocab };
	for (uint32_t i = 0; !err && i < WICK_COUNT_OF(prompt_lengths) && prompt_lengths[i] <= prompt_max; i++)
		err = answer_one(answer, wick, i, cut ? cut : &in_one, diag);
	return err;
}

int answer_take(struct answer *answer, struct wick *wick, uint32_t prompt_max, struct wick_diag *diag)
{
	return answer_take_cut(answer, wick, prompt_max, NULL, diag);
}

void answer_free(struct answer *answer)
{
	free(answer->logits);
	*answer = (struct answer){ 0 };
}

int64_t answer_differs(const struct answer *a, const struct answer *b)
{
	assert_int_equal(a->vocab, b->vocab);
	assert_int_equal(a->rows, b->rows);
	for (uint64_t i = 0; i < a->rows; i++)
		if (memcmp(a->logits + i * a->vocab, b->logits + i * b->vocab, a->vocab * sizeof(float)))
			return (int64_t)i;
	return -1;
}
