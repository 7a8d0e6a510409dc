/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Regular expressions of tokenizers in PCRE2's words (see expression.h). */

#include "expression.h"

#include "bits.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Unicode's White_Space. PCRE2's own \s has U+180E besides, or in its plain form nothing beyond ASCII. */
#define SPACES "\\t-\\r\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

/* The parts of a class, alone or within a larger one. */
static const struct class {
	char name;
	const char *members;
} classes[] = {
	{ 's', SPACES },
	{ 'd', "\\p{Nd}" },
	{ 'w', "\\p{L}\\p{M}\\p{Nd}\\p{Pc}" },
};

/* Expressions that take the square of the text's length, and equals of them that take one pass. */
static const struct rewritten {
	const char *authors, *ours;
} rewritten[] = {
	{ "\\s+$", "(?<!\\s)\\s++\\z" }, /* no text that it is applied to has a line feed */
};

static const struct class *find_class(char name)
{
	for (size_t i = 0; i < WICK_COUNT_OF(classes); i++)
		if (classes[i].name == (name | 0x20))
			return &classes[i];
	return NULL;
}

/* Escapes that mean the same to all. */
static bool is_common(char name)
{
	return name && (strchr("pPrntfzA", name) || ispunct((uint8_t)name));
}

/* One escape, the letter behind the backslash. Returns false for one that is not known to mean the same. */
static bool put_escape(FILE *out, char name, bool in_class)
{
	const struct class *class = find_class(name);
	bool negated = name >= 'A' && name <= 'Z';

	if (class && negated && in_class)
		return false;
	if (class)
		fprintf(out, in_class ? "%s%.0s%.0s" : "%.0s[%s%s]", in_class ? class->members : "", negated ? "^" : "",
			class->members);
	else if (is_common(name))
		fprintf(out, "\\%c", name);
	return class || is_common(name);
}

/* A class in a class to Oniguruma, plain characters to PCRE2. */
static bool is_nested(const char *at)
{
	return *at == '[' || (at[0] == '&' && at[1] == '&');
}

/* Returns the construct that is not known to mean the same, or NULL. */
static const char *translate(FILE *out, const char *at)
{
	bool in_class = false;

	for (; *at; at++) {
		if (*at == '\\' ? !put_escape(out, at[1], in_class) : in_class && is_nested(at))
			return at;
		if (*at == '\\') {
			at++;
			continue;
		}
		if (*at == '[' || *at == ']')
			in_class = *at == '[';
		fputc(*at, out);
	}
	return NULL;
}

int wick_expression_translate(char **translated, const char *expression, const char *whose, struct wick_diag *diag)
{
	const char *unknown;
	size_t bytes;
	FILE *out = open_memstream(translated, &bytes);
	int failed;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < WICK_COUNT_OF(rewritten); i++)
		if (!strcmp(expression, rewritten[i].authors))
			expression = rewritten[i].ours;
	unknown = translate(out, expression);
	failed = ferror(out);
	if (!fclose(out) && !failed && !unknown)
		return 0;
	free(*translated);
	*translated = NULL;
	return !unknown ? -ENOMEM : wick_diag_say(diag, -EINVAL,
		"%s: a pre-tokeniser's expression has \"%.2s\", which is not supported there", whose, unknown);
}
