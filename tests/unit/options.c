/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Defaults are those of the contract; what is out of its limits is refused by name. */

#include "options.h"

#include "bits.h"
#include "pool.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <wick/instruments.h>

static const struct wick_model model = { .shape = { .ctx_max = 4096 } };

static void defaults(void **state)
{
	struct wick_model small = { .shape = { .ctx_max = 512 } };
	struct wick_settings settings;
	struct wick_options options;

	(void)state;
	wick_options_init(&options);
	assert_int_equal(wick_settings_from(&settings, &options, &model, NULL), 0);
	assert_int_equal(settings.ctx, 2048);
	assert_int_equal(settings.mode, WICK_MODE_DENSE);
	assert_true(settings.threads >= 1);
	assert_true(settings.queue_depth >= 1);
	assert_int_equal(settings.chunk_bytes % 4096, 0);
	assert_true(settings.lookahead && settings.bridge && settings.overlap && settings.bundled);
	assert_int_equal(wick_settings_from(&settings, &options, &small, NULL), 0);
	assert_int_equal(settings.ctx, 512);
}

/* Some policies are for neurons, some for experts. */
static int take_policy(struct wick_settings *settings, const struct wick_options *options)
{
	struct wick_layer_facts facts = { .ffn.experts = { .count = 8, .chosen = 2 } };
	struct wick_model experts = { .shape = { .ctx_max = 4096, .kinds = 1, .kind = { facts } } };
	int err = wick_settings_from(settings, options, &model, NULL);

	return err ? wick_settings_from(settings, options, &experts, NULL) : 0;
}

/* The lists of the header are the names that are taken. */
static void every_name_is_taken(void **state)
{
	static const char *const modes[] = { WICK_MODES }, *const policies[] = { WICK_POLICIES }, *const types[] = { WICK_KV_TYPES };
	struct wick_settings settings;
	struct wick_options options;

	(void)state;
	wick_options_init(&options);
	for (unsigned i = 0; i < WICK_COUNT_OF(modes); i++) {
		options.mode = modes[i];
		assert_int_equal(wick_settings_from(&settings, &options, &model, NULL), 0);
		assert_string_equal(wick_mode_names[settings.mode], modes[i]);
	}
	for (unsigned i = 0; i < WICK_COUNT_OF(policies); i++) {
		options.policy = policies[i];
		assert_int_equal(take_policy(&settings, &options), 0);
		assert_string_equal(wick_policy_name(settings.policy), policies[i]);
	}
	options.policy = NULL;
	for (unsigned i = 0; i < WICK_COUNT_OF(types); i++) {
		options.kv_type = types[i];
		assert_int_equal(wick_settings_from(&settings, &options, &model, NULL), 0);
		assert_string_equal(wick_types[settings.kv.type].name, types[i]);
	}
}

struct refusal {
	struct wick_options options;
	const char *word; /* in the sentence */
};

static void refusals(void **state)
{
	const struct refusal refusals[] = {
		{ { .mode = "fast" }, "mode \"fast\"" },
		{ { .ctx = 4097 }, "context 4097" },
		{ { .threads = WICK_THREADS_MAX + 1 }, "threads 257" },
		{ { .queue_depth = 4097 }, "queue depth 4097" },
		{ { .chunk_bytes = 2048 }, "chunk size 2048" },
		{ { .chunk_bytes = 5000 }, "chunk size 5000: not a multiple of 4096" },
		{ { .chunk_bytes = 128u << 20 }, "chunk size" },
		{ { .instruments = &(struct wick_instruments){ 0 } }, "struct wick_instruments: its size is not set" },
		{ { .memory.percent = -3 }, "memory of -3%" },
		{ { .memory.percent = NAN }, "memory of" },
		{ { .memory.percent = 1e9 }, "memory of" },
		{ { .gate_percent = 50 }, "gates that are apart from their neurons" },
		{ { .gate_percent = 99.5f }, "99.5%" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(refusals); i++) {
		struct wick_settings settings;
		struct wick_diag diag = { 0 };

		assert_int_equal(wick_settings_from(&settings, &refusals[i].options, &model, &diag), -EINVAL);
		if (!strstr(diag.text, refusals[i].word))
			fail_msg("\"%s\" does not name %s", diag.text, refusals[i].word);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_name_is_taken),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
