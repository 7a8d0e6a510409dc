/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Words of the command line -> values, by a command's table. */

#include "opt.h"

#include "bits.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SIZE_LIMIT 0x1p63

/* A plain decimal such as 12 or 0.95, without sign, hexadecimal or inf. Returns what follows it, or NULL. */
static const char *parse_decimal(const char *word, double *value)
{
	size_t span = strspn(word, "0123456789.");
	char *end;

	*value = strtod(word, &end);
	return span && isdigit((unsigned char)word[span - 1]) && end == word + span ? end : NULL;
}

/* Likewise, and an exponent may follow: 1e-4. */
static bool parse_number(const char *word, double *value)
{
	bool is_decimal = (isdigit((unsigned char)*word) || *word == '.') && !strpbrk(word, "xX");
	char *end;

	*value = strtod(word, &end);
	return is_decimal && end != word && !*end;
}

/* "G" and "GiB" are powers of 1024, "GB" is one of 1000; 0: no unit. */
static double unit_bytes(const char *unit)
{
	static const char letters[] = "kmgt";
	const char *at = *unit ? strchr(letters, tolower((unsigned char)*unit)) : NULL;
	double bytes = 1;

	if (!at || (unit[1] && strcasecmp(unit + 1, "b") && strcasecmp(unit + 1, "ib")))
		return 0;
	for (const char *letter = letters; letter <= at; letter++)
		bytes *= strcasecmp(unit + 1, "b") ? 1024 : 1000;
	return bytes;
}

bool opt_size(const char *word, uint64_t *bytes)
{
	double value;
	const char *rest = parse_decimal(word, &value);

	if (!rest)
		return false;
	if (*rest) {
		value *= unit_bytes(rest);
		if (!value)
			return false;
	}
	if (value >= SIZE_LIMIT)
		return false;
	*bytes = (uint64_t)value;
	return true;
}

static bool in_bounds(const struct opt *opt, double value)
{
	return value >= opt->min && (!opt->max || value <= opt->max);
}

/* A number that is too large becomes UINT64_MAX, which is beyond all limits here. */
static bool parse_whole(const char *word, int base, uint64_t *value)
{
	char *end;

	*value = strtoull(word, &end, base);
	return isdigit((unsigned char)*word) && !*end;
}

static bool take_count(const struct opt *opt, const char *word)
{
	uint64_t value;

	if (opt->zero && !strcmp(word, opt->zero)) {
		*opt->into.count = 0;
		return true;
	}
	if (!parse_whole(word, 10, &value) || value > UINT32_MAX || !in_bounds(opt, (double)value))
		return false;
	*opt->into.count = (uint32_t)value;
	return true;
}

static bool take_seed(const struct opt *opt, const char *word)
{
	uint64_t value;

	if (!parse_whole(word, 10, &value) || value > INT64_MAX)
		return false;
	*opt->into.seed = value;
	return true;
}

static bool take_mask(const struct opt *opt, const char *word)
{
	uint64_t value;

	if (!parse_whole(word, strncmp(word, "0x", 2) ? 10 : 16, &value) || value > UINT32_MAX)
		return false;
	*opt->into.mask = (uint32_t)value;
	return true;
}

static bool take_size(const struct opt *opt, const char *word)
{
	uint64_t bytes;

	if (!opt_size(word, &bytes) || !in_bounds(opt, (double)bytes))
		return false;
	*opt->into.size = bytes;
	return true;
}

static bool take_budget(const struct opt *opt, const char *word)
{
	struct wick_memory budget = { 0 };
	const char *rest = parse_decimal(word, &budget.percent);
	bool share = rest && !strcmp(rest, "%");

	if (!share)
		budget.percent = 0;
	if (share ? !budget.percent : !opt_size(word, &budget.bytes) || !budget.bytes || (double)budget.bytes < opt->min)
		return false;
	*opt->into.budget = budget;
	return true;
}

static bool take_number(const struct opt *opt, const char *word)
{
	double value;

	if (!parse_number(word, &value) || !isfinite((float)value) || !in_bounds(opt, value))
		return false;
	*opt->into.number = (float)value;
	return true;
}

static bool take_percent(const struct opt *opt, const char *word)
{
	double value;
	const char *rest = parse_decimal(word, &value);

	if (!rest || strcmp(rest, "%") || !in_bounds(opt, value))
		return false;
	*opt->into.number = (float)value;
	return true;
}

static bool take_text(const struct opt *opt, const char *word)
{
	*opt->into.text = word;
	return true;
}

static bool take_file(const struct opt *opt, const char *word)
{
	return *word && take_text(opt, word);
}

static bool take_texts(const struct opt *opt, const char *word)
{
	struct opt_texts *texts = opt->into.texts;

	if (!*word || texts->count == OPT_TEXTS_MAX)
		return false;
	texts->words[texts->count++] = word;
	return true;
}

static bool take_choice(const struct opt *opt, const char *word)
{
	for (const char *const *choice = opt->choices; *choice; choice++) {
		if (!strcmp(*choice, word)) {
			*opt->into.text = *choice;
			return true;
		}
	}
	return false;
}

/* How each kind takes its value, and the description of its values for a refusal. */
static const struct {
	bool (*take)(const struct opt *opt, const char *word);
	const char *wants;
} kinds[OPT_KINDS] = {
	[OPT_COUNT] = { take_count, "a whole number" },
	[OPT_SEED] = { take_seed, "a whole number below 2^63" },
	[OPT_MASK] = { take_mask, "a mask such as 0x3" },
	[OPT_SIZE] = { take_size, "a size such as 64k, 512M or 2G" },
	[OPT_BUDGET] = { take_budget, "a size such as 512M or a share such as 60%" },
	[OPT_NUMBER] = { take_number, "a number" },
	[OPT_PERCENT] = { take_percent, "a share such as 50%" },
	[OPT_TEXT] = { take_text, "" },
	[OPT_INPUT] = { take_file, "a file name" },
	[OPT_OUTPUT] = { take_file, "a file name" },
	[OPT_TEXTS] = { take_texts, "up to 1024 words" },
	[OPT_CHOICE] = { take_choice, "one of " },
};

/* A bound as people write it: 1G rather than 1073741824. */
static const char *say_bound(char text[32], const struct opt *opt, double bound)
{
	const char *unit = "kMGT";

	if ((opt->kind != OPT_SIZE && opt->kind != OPT_BUDGET) || bound < 1024) {
		snprintf(text, 32, "%.15g", bound);
		return text;
	}
	for (bound /= 1024; bound >= 1024 && unit[1]; bound /= 1024)
		unit++;
	snprintf(text, 32, "%.15g%c", bound, *unit);
	return text;
}

/* "a whole number from 1 to 4096", "one of uring|pread|mmap" */
static void say_wants(const struct opt *opt, char *text, size_t bytes)
{
	size_t used = (size_t)snprintf(text, bytes, "%s", kinds[opt->kind].wants);
	char min[32], max[32];

	if (opt->zero)
		used += (size_t)snprintf(text + used, bytes - used, " or %s", opt->zero);
	for (const char *const *choice = opt->choices; choice && *choice && used < bytes; choice++)
		used += (size_t)snprintf(text + used, bytes - used, "%s%s", choice == opt->choices ? "" : "|", *choice);
	if (opt->max && used < bytes)
		snprintf(text + used, bytes - used, ", %s to %s", say_bound(min, opt, opt->min),
			say_bound(max, opt, opt->max));
	else if (opt->min && used < bytes)
		snprintf(text + used, bytes - used, ", at least %s", say_bound(min, opt, opt->min));
}

static int take_value(const struct opt *opt, const char *shown, const char *word, struct wick_diag *diag)
{
	char wants[256];

	if (!word)
		return wick_diag_say(diag, -EINVAL, "%s needs a value", shown);
	if (kinds[opt->kind].take(opt, word))
		return 0;
	say_wants(opt, wants, sizeof(wants));
	return wick_diag_say(diag, -EINVAL, "%s takes %s, not '%s'", shown, wants, word);
}

/* `name` ends at `length`: in --name=value an equals sign follows. */
static bool has_name(const struct opt *opt, const char *name, size_t length)
{
	return opt->name && strlen(opt->name) == length && !memcmp(opt->name, name, length);
}

/* By name, or by letter where length is 0. */
static const struct opt *find_option(const struct opt *options, const char *name, size_t length)
{
	for (; options && options->kind != OPT_END; options++)
		if (length ? has_name(options, name, length) : options->letter && options->letter == *name)
			return options;
	return NULL;
}

/* An option and its value, which is the rest of its word or the next one. Returns how many words were taken. */
static int take_option(const struct command *command, char **words, struct wick_diag *diag)
{
	const char *word = words[0];
	bool is_long = word[1] == '-';
	size_t length = is_long ? strcspn(word + 2, "=") : 0;
	const char *joined = word + 2 + length;
	const struct opt *opt = find_option(command->options, word + 1 + is_long, length);
	char shown[64];
	int rc, taken;

	if (!opt)
		opt = find_option(command->also, word + 1 + is_long, length);
	if (!opt)
		opt = find_option(command->shared, word + 1 + is_long, length);
	if (!opt)
		return wick_diag_say(diag, -EINVAL, "there is no option '%s'", word);
	if (opt->kind == OPT_FLAG) {
		if (*joined)
			return wick_diag_say(diag, -EINVAL, "'%s': this option takes no value", word);
		*opt->into.flag = true;
		return 1;
	}
	snprintf(shown, sizeof(shown), "%.*s", (int)length + 2, word);
	rc = take_value(opt, shown, *joined ? joined + is_long : words[1], diag);
	taken = *joined ? 1 : 2;
	for (; !rc && opt->kind == OPT_TEXTS && words[taken] && words[taken][0] != '-'; taken++)
		rc = take_value(opt, shown, words[taken], diag);
	return rc ? rc : taken;
}

static int take_operand(const struct command *command, const char *word, struct wick_diag *diag)
{
	bool is_second = command->operand && *command->operand_into;
	const char **into = is_second ? command->second_into : command->operand ? command->operand_into : NULL;

	if (!into || *into)
		return wick_diag_say(diag, -EINVAL, "'%s' is one word too many", word);
	if (!*word)
		return wick_diag_say(diag, -EINVAL, "%s is an empty word", is_second ? "the text" : command->operand);
	*into = word;
	return 1;
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

int opt_parse(const struct command *command, char **words, struct wick_diag *diag)
{
	bool options_over = false;

	while (*words) {
		int taken;

		if (!options_over && is_help(*words))
			return OPT_HELP;
		if (!options_over && !strcmp(*words, "--")) {
			options_over = true;
			words++;
			continue;
		}
		if (options_over || words[0][0] != '-' || !words[0][1])
			taken = take_operand(command, *words, diag);
		else
			taken = take_option(command, words, diag);
		if (taken < 0)
			return taken;
		words += taken;
	}
	if (command->operand && !command->operand_optional && !*command->operand_into)
		return wick_diag_say(diag, -EINVAL, "%s is missing", command->operand);
	return 0;
}
