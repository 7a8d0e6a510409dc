/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Words -> values, and the words that are refused. */

#include "opt.h"

#include "commands.h"
#include "plan.h"
#include "policy.h"
#include "stock_mix.h"
#include "types.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool flag;
static uint32_t count, large, mask;
static uint64_t seed, size;
static struct wick_memory budget;
static float number, percent;
static const char *text, *choice, *operand;

static const char *const choices[] = { "uring", "pread", NULL };

static const struct opt own[] = {
	{ OPT_FLAG, .name = "flag", .into.flag = &flag },
	{ OPT_COUNT, 'n', .name = "count", .into.count = &count, .min = 1, .max = 4096 },
	{ OPT_COUNT, .name = "large", .into.count = &large },
	{ OPT_SEED, .name = "seed", .into.seed = &seed },
	{ OPT_TEXT, 'p', .into.text = &text },
	{ OPT_END },
};

static const struct opt shared[] = {
	{ OPT_MASK, .name = "mask", .into.mask = &mask },
	{ OPT_SIZE, .name = "size", .into.size = &size, .min = 512 },
	{ OPT_BUDGET, .name = "budget", .into.budget = &budget },
	{ OPT_NUMBER, .name = "number", .into.number = &number, .max = 1 },
	{ OPT_PERCENT, .name = "percent", .into.number = &percent, .max = 99 },
	{ OPT_CHOICE, .name = "choice", .choices = choices, .into.text = &choice },
	{ OPT_END },
};

static const struct command command = {
	.name = "try", .operand = "MODEL", .operand_into = &operand, .options = own, .shared = shared
};

static struct wick_diag diag;

/* Up to three words in front of the operand. */
static int parse(const char *a, const char *b)
{
	char *words[] = { (char *)"model", (char *)a, (char *)b, NULL };

	operand = NULL;
	diag.text[0] = '\0';
	return opt_parse(&command, words, &diag);
}

static void accepted(const char *a, const char *b)
{
	if (parse(a, b))
		fail_msg("%s %s: %s", a, b ? b : "", diag.text);
}

/* The sentence names the word. */
static void refused(const char *a, const char *b)
{
	const char *bad = b ? b : a;

	if (parse(a, b) != -EINVAL || !strstr(diag.text, bad))
		fail_msg("%s %s is not refused by name: \"%s\"", a, b ? b : "", diag.text);
}

static void values_in_both_spellings(void **state)
{
	(void)state;
	accepted("--count=7", NULL);
	assert_int_equal(count, 7);
	accepted("--count", "8");
	assert_int_equal(count, 8);
	accepted("-n", "9");
	assert_int_equal(count, 9);
	accepted("-n10", NULL);
	assert_int_equal(count, 10);
	accepted("-p", "--flag");
	assert_string_equal(text, "--flag");
	assert_false(flag);
	accepted("-p", "");
	assert_string_equal(text, "");
	accepted("--flag", NULL);
	assert_true(flag);
}

static void numbers_are_bounded(void **state)
{
	static const char *const bad[] = { "0", "4097", "-1", "+1", " 1", "1 ", "1.0", "0x10", "", "a", "4294967297",
		"18446744073709551617" };

	(void)state;
	accepted("-n", "1");
	accepted("-n", "4096");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused("-n", bad[i]);
	assert_int_equal(count, 4096);
	accepted("--large", "4294967295");
	assert_true(large == UINT32_MAX);
	refused("--large", "4294967296");
	refused("--large", "99999999999999999999");
	accepted("--seed", "9223372036854775807");
	assert_true(seed == INT64_MAX);
	refused("--seed", "9223372036854775808");
	refused("--seed", "99999999999999999999");
	accepted("--mask", "0x1f");
	assert_int_equal(mask, 31);
	accepted("--mask", "12");
	assert_int_equal(mask, 12);
	refused("--mask", "0x");
	refused("--mask", "0x100000000");
	refused("--mask", "1f");
}

static void fractions_are_decimal(void **state)
{
	static const char *const bad[] = { "1.01", "-0.1", "nan", "inf", "1e1", "1e", "1e-", "e-1", "-1e-1", "1e-1x", "0x1", "0x1p-2",
		".", "0.5.5", "0.5x", "" };

	(void)state;
	accepted("--number", "0.25");
	assert_true(number == 0.25f);
	accepted("--number", "1e-4");
	assert_true(number == 1e-4f);
	accepted("--number", "2.5E-1");
	assert_true(number == 0.25f);
	accepted("--number", "0");
	accepted("--number", "1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused("--number", bad[i]);
}

static void shares_have_a_sign(void **state)
{
	static const char *const bad[] = { "50", "0.5", "99.5%", "-1%", "50%%", "%", "nan%", "50 %", "" };

	(void)state;
	accepted("--percent", "50%");
	assert_true(percent == 50);
	accepted("--percent", "12.5%");
	assert_true(percent == 12.5f);
	accepted("--percent", "0%");
	accepted("--percent", "99%");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused("--percent", bad[i]);
}

static void sizes_have_units(void **state)
{
	static const struct {
		const char *word;
		uint64_t bytes;
	} good[] = { { "512", 512 }, { "64k", 65536 }, { "64K", 65536 }, { "3M", 3145728 }, { "2G", 2147483648 },
		{ "1.5g", 1610612736 }, { "1T", 1099511627776 },
		{ "2GiB", 2147483648 }, { "2gib", 2147483648 }, { "64KiB", 65536 }, { "2GB", 2000000000 }, { "1kB", 1000 },
		{ "1.5mb", 1500000 }, { "1TB", 1000000000000 } };
	static const char *const bad[] = { "511", "1x", "1kBB", "1kiBs", "1ki", "1B", "1iB", "1GBit", "1 k", "-1k", "k", "", "1e9", "8388608T", "99999999999999T",
		"60%" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		accepted("--size", good[i].word);
		assert_true(size == good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused("--size", bad[i]);
}

static void budgets_are_bytes_or_a_share(void **state)
{
	static const char *const bad[] = { "0", "0%", "%", "-5%", "60%%", "60 %", "60%M", "big", "" };

	(void)state;
	accepted("--budget", "60%");
	assert_true(budget.percent == 60 && budget.bytes == 0);
	accepted("--budget", "37.5%");
	assert_true(budget.percent == 37.5 && budget.bytes == 0);
	accepted("--budget", "512M");
	assert_true(budget.percent == 0 && budget.bytes == 536870912);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused("--budget", bad[i]);
}

static void words_that_are_no_options(void **state)
{
	static const char *const bad[] = { "--nothing", "--nothing=1", "-x", "--coun", "--count1", "--=", "--flag=1",
		"--n", "second" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i], NULL);
	refused("--choice", "mmap");
	accepted("--choice", "pread");
	assert_string_equal(choice, "pread");
	refused("--count", NULL);
	refused("-p", NULL);
}

static const char *const *choices_of(const struct opt *options, const char *name)
{
	while (!options->name || strcmp(options->name, name))
		options++;
	return options->choices;
}

/* Options are checked before anything is opened, so the names that the library knows stand here again: these and no others. */
static void names_are_the_librarys(void **state)
{
	const char *const *modes = choices_of(cmd_run.shared, "mode");
	const char *const *policies = choices_of(cmd_run.shared, "policy");
	const char *const *types = choices_of(cmd_pack.options, "type");
	unsigned mode, known = 0;

	(void)state;
	for (unsigned i = 0; i < WICK_MODE_COUNT; i++) {
		for (mode = 0; modes[mode] && strcmp(modes[mode], wick_mode_names[i]); mode++)
			;
		assert_non_null(modes[mode]);
	}
	assert_null(modes[WICK_MODE_COUNT]);
	for (; policies[known]; known++)
		assert_string_equal(wick_policy_name(wick_policy_find(policies[known])), policies[known]);
	for (const char *comma = wick_policy_names(); comma; comma = strchr(comma + 1, ','))
		known--;
	assert_int_equal(known, 0);
	for (unsigned i = 0; i < WICK_WRITTEN_TYPES; i++)
		assert_string_equal(types[i], wick_types[i].name);
	for (unsigned i = WICK_WRITTEN_TYPES; types[i]; i++) /* of stock files alone */
		assert_non_null(wick_stock_mix_find(types[i]));
}

static void operands(void **state)
{
	char *none[] = { NULL }, *dashed[] = { (char *)"--", (char *)"-n", NULL }, *dash[] = { (char *)"-", NULL };
	char *helped[] = { (char *)"--help", NULL };

	(void)state;
	diag.text[0] = '\0';
	operand = NULL;
	assert_int_equal(opt_parse(&command, none, &diag), -EINVAL);
	assert_string_equal(diag.text, "MODEL is missing");
	assert_int_equal(opt_parse(&command, dashed, &diag), 0);
	assert_string_equal(operand, "-n");
	operand = NULL;
	assert_int_equal(opt_parse(&command, dash, &diag), 0);
	assert_string_equal(operand, "-");
	assert_int_equal(opt_parse(&command, helped, &diag), OPT_HELP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_in_both_spellings),
		cmocka_unit_test(numbers_are_bounded),
		cmocka_unit_test(shares_have_a_sign),
		cmocka_unit_test(fractions_are_decimal),
		cmocka_unit_test(sizes_have_units),
		cmocka_unit_test(budgets_are_bytes_or_a_share),
		cmocka_unit_test(words_that_are_no_options),
		cmocka_unit_test(names_are_the_librarys),
		cmocka_unit_test(operands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
