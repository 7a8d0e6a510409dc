/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* "4k..64k,1m" -> numbers. */

#include "flash.h"
#include "opt.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool parse_one(const char *word, bool sizes, uint64_t *value)
{
	char *end;

	if (sizes)
		return opt_size(word, value);
	errno = 0;
	*value = strtoull(word, &end, 10);
	return isdigit((unsigned char)*word) && !*end && !errno;
}

/* True also when it is there already: twice the same cell says nothing new. */
static bool append(struct flash_list *list, uint64_t value)
{
	if (flash_list_has(list, value))
		return true;
	if (list->count == FLASH_LIST_MAX)
		return false;
	list->value[list->count++] = value;
	return true;
}

bool flash_list_has(const struct flash_list *list, uint64_t value)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->value[i] == value)
			return true;
	return false;
}

/* "A..B": A, 2A, 4A and so on, and B. max, far below 2^63, bounds the doubling. */
static bool append_range(struct flash_list *list, uint64_t from, uint64_t to)
{
	for (uint64_t value = from; value < to; value *= 2)
		if (!append(list, value))
			return false;
	return append(list, to);
}

struct limits {
	const char *option;
	bool sizes;
	uint64_t min, max;
};

static int refuse(const struct limits *limits, const char *word, struct wick_diag *diag)
{
	if (limits->sizes)
		return wick_diag_say(diag, -EINVAL, "%s takes sizes from %s to %s such as 4k..1m or 4k,64k, not '%s'",
			limits->option, SIZE(limits->min), SIZE(limits->max), word);
	return wick_diag_say(diag, -EINVAL, "%s takes whole numbers from %llu to %llu such as 1..8 or 1,8, not '%s'",
		limits->option, (unsigned long long)limits->min, (unsigned long long)limits->max, word);
}

static int append_word(struct flash_list *list, const struct limits *limits, char *word, struct wick_diag *diag)
{
	char copy[64], *dots;
	uint64_t from, to;

	snprintf(copy, sizeof(copy), "%s", word);
	dots = strstr(word, "..");
	if (dots)
		*dots = 0;
	if (!parse_one(word, limits->sizes, &from) || !parse_one(dots ? dots + 2 : word, limits->sizes, &to) || from > to ||
		from < limits->min || to > limits->max)
		return refuse(limits, copy, diag);
	if (!append_range(list, from, to))
		return wick_diag_say(diag, -EINVAL, "%s takes %d values at most", limits->option, FLASH_LIST_MAX);
	return 0;
}

int flash_list_parse(struct flash_list *list, const char *option, const char *text, bool sizes, uint64_t min, uint64_t max,
	struct wick_diag *diag)
{
	const struct limits limits = { option, sizes, min, max };
	char word[64];

	list->count = 0;
	do {
		size_t length = strcspn(text, ",");
		int rc;

		if (length >= sizeof(word))
			return refuse(&limits, text, diag);
		memcpy(word, text, length);
		word[length] = 0;
		rc = append_word(list, &limits, word, diag);
		if (rc < 0)
			return rc;
		text += length;
	} while (*text++);
	return 0;
}

const char *flash_say_size(struct flash_size_text *into, uint64_t bytes)
{
	static const char *const units[] = { "", "k", "M", "G", "T" };
	unsigned unit = 0;

	while (bytes && bytes % 1024 == 0 && unit < 4) {
		bytes /= 1024;
		unit++;
	}
	snprintf(into->text, sizeof(into->text), "%llu%s", (unsigned long long)bytes, units[unit]);
	return into->text;
}
