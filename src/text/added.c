/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Added tokens in a text (see added.h). */

#include "added.h"

#include <stdlib.h>
#include <string.h>

struct tokens {
	const char *bytes;
	const uint32_t *starts;
};

static size_t length_of(const struct tokens *tokens, uint32_t id)
{
	return tokens->starts[id + 1] - tokens->starts[id];
}

static uint8_t first_of(const struct tokens *tokens, uint32_t id)
{
	return (uint8_t)tokens->bytes[tokens->starts[id]];
}

static int by_first_and_length(const void *left, const void *right, void *user)
{
	const struct tokens *tokens = user;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	size_t a_bytes = length_of(tokens, a), b_bytes = length_of(tokens, b);

	if (first_of(tokens, a) != first_of(tokens, b))
		return first_of(tokens, a) < first_of(tokens, b) ? -1 : 1;
	if (a_bytes != b_bytes)
		return a_bytes > b_bytes ? -1 : 1;
	return a < b ? -1 : a > b;
}

void wick_added_sort(struct wick_added *added, const char *bytes, const uint32_t *starts)
{
	struct tokens tokens = { bytes, starts };
	uint32_t i = 0;

	qsort_r(added->ids, added->count, sizeof(*added->ids), by_first_and_length, &tokens);
	for (unsigned byte = 0; byte < 257; byte++) {
		while (i < added->count && first_of(&tokens, added->ids[i]) < byte)
			i++;
		added->first[byte] = i;
	}
}

struct wick_added_match wick_added_find(const struct wick_added *added, const char *bytes, const uint32_t *starts,
	const char *text, size_t text_bytes)
{
	for (size_t at = 0; added->count && at < text_bytes; at++) {
		const uint32_t *first = &added->first[(uint8_t)text[at]];

		for (uint32_t i = first[0]; i < first[1]; i++) {
			uint32_t id = added->ids[i];
			size_t length = starts[id + 1] - starts[id];

			if (length <= text_bytes - at && !memcmp(text + at, bytes + starts[id], length))
				return (struct wick_added_match){ id, at, length };
		}
	}
	return (struct wick_added_match){ .at = text_bytes };
}
