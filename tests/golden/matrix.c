/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The budget holds for every layout, type, mode, budget, length of context and number of sessions, in a cgroup of exactly that size; and
 * what the plan says will be taken is what is taken.
 *
 * A sample, over small models. WICK_EXHAUSTIVE=1: all of it, over models of OPT's own 125M and 350M shapes, where what the
 * plan says is told from the fixed cost of the process; there the kernel enforces only the least budget of each.
 */

#include "cgroup.h"
#include "fixture.h"
#include "measured.h"
#include "synth.h"
#include "variant.h"

#include "bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WINDOWED_CTX 2048
#define VARIES_BYTES (512u << 10) /* of what a process takes, from one to the next, twice as much as the plan says */
#define OFF_PERCENT 2 /* how far the plan may be off */
#define OFF_BYTES (1u << 20) /* or so far */

static const struct layout {
	const char *name, *source; /* of all of it */
	struct synth_shape shape;  /* of the sample */
} layouts[] = {
	{ "pre", "synthetic:opt-125m",
		{ .layers = 6, .d_model = 512, .heads = 8, .ffn = 2048, .vocab = 512, .ctx = 512 } },
	{ "post", "synthetic:opt-350m",
		{ .layers = 6, .d_model = 512, .heads = 8, .ffn = 2048, .vocab = 512, .ctx = 512, .embed = 256 } },
};

static const char *const types[] = { "f16", "q8_0", "q4_0" };
static const char *const modes[] = { "dense", "sparse", "hybrid", "naive" };
static const uint32_t sample_lengths[] = { 64, 256 }, lengths[] = { 64, 512 };

/* Shares of the way from the least to the most that is used, percent. */
static const unsigned shares[] = { 0, 50, 100 };

static char scratch[PATH_MAX], model[PATH_MAX];
static struct cgroup cgroup;

static const uint32_t sessions[] = { 1, 8 };

static uint64_t budget_of(const char *mode, uint32_t ctx, uint32_t session_count, unsigned share)
{
	struct wick_options options;
	uint64_t least, most;

	wick_options_init(&options);
	options.mode = mode;
	options.ctx = ctx;
	options.sessions = session_count;
	options.threads = 2;
	least = model_least_bytes(model, &options);
	most = WICK_MAX(model_whole_bytes(model, &options), least);
	return least + (most - least) / 100 * share;
}

static void make_cgroup(void)
{
	const char *why;

	if (cgroup_create(&cgroup, &why))
		return;
	scratch_remove(scratch);
	printf("skipped: %s\n", why);
	exit(77);
}

/* What was taken, with all that the plan has to count. Sums of the kernel's are exact in the cgroup only, but it counts no
 * libraries that others have loaded. */
static uint64_t peak_of(const struct measured *measured)
{
	return WICK_MAX(measured->peak_bytes, measured->cgroup_bytes) + measured->untouched_bytes;
}

/* The kernel enforces it. */
static void check_limited(const struct measured_setting *setting)
{
	struct measured limited;

	make_cgroup();
	assert_true(cgroup_limit(&cgroup, setting->bytes));
	assert_int_equal(measured_run(&limited, model, setting, &cgroup), 0);
	cgroup_remove(&cgroup);
}

static void check(const char *name, const char *type, const struct measured_setting *setting)
{
	struct measured measured;
	uint64_t peak, off;

	make_cgroup();
	assert_int_equal(measured_run(&measured, model, setting, &cgroup), 0);
	cgroup_remove(&cgroup);
	peak = peak_of(&measured);
	off = measured.planned_bytes > peak ? measured.planned_bytes - peak : peak - measured.planned_bytes;
	print_message("  %-4s %-4s %-6s ctx %4u, %u sessions: budget %6.1f MB, planned %6.1f, %4.1f of it fixed; process %6.1f, "
		"cgroup %6.1f, untouched %4.1f, off by %4.1f%%\n", name, type, setting->mode, setting->ctx, setting->sessions, measured.budget_bytes / 1e6,
		measured.planned_bytes / 1e6, measured.process_bytes / 1e6, measured.peak_bytes / 1e6,
		measured.cgroup_bytes / 1e6, measured.untouched_bytes / 1e6, 100.0 * off / peak);
	assert_int_equal(measured.budget_bytes, setting->bytes);
	assert_in_range(measured.planned_bytes, 1, measured.budget_bytes);
	assert_in_range(measured.used_bytes, 1, measured.budget_bytes);
	assert_in_range(measured.peak_bytes, 1, measured.budget_bytes + measured_lag_bytes());
	assert_in_range(measured.cgroup_bytes, 0, measured.budget_bytes);
	assert_in_range(off, 0, WICK_MAX(peak * OFF_PERCENT / 100, OFF_BYTES));
}

static void check_model(const char *name, const char *type)
{
	for (unsigned mode = 0; mode < WICK_COUNT_OF(modes); mode++)
		for (unsigned length = 0; length < WICK_COUNT_OF(lengths); length++)
			for (unsigned share = 0; share < WICK_COUNT_OF(shares); share++) {
				struct measured_setting setting = { .mode = modes[mode], .ctx = lengths[length],
					.prompt = lengths[length] - MEASURED_TOKENS,
					.sessions = sessions[(mode + length + share) % WICK_COUNT_OF(sessions)] };

				setting.bytes = budget_of(setting.mode, setting.ctx, setting.sessions, shares[share]);
				check(name, type, &setting);
				if (!shares[share]) /* where it is tightest */
					check_limited(&setting);
			}
}

static void all_of_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(layouts); i++)
		for (unsigned type = 0; type < WICK_COUNT_OF(types); type++) {
			model_pack(layouts[i].source, model, types[type]);
			check_model(layouts[i].name, types[type]);
		}
}

/* Each model in two modes; lengths and shares take turns. */
static void a_sample(void **state)
{
	char folder[PATH_MAX];
	unsigned turn = 0;

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(layouts); i++) {
		path_join(folder, scratch, layouts[i].name);
		assert_int_equal(mkdir(folder, 0700), 0);
		synth_checkpoint(folder, &layouts[i].shape);
		for (unsigned type = 0; type < WICK_COUNT_OF(types); type++) {
			model_pack(folder, model, types[type]);
			for (unsigned k = 0; k < 2; k++, turn++) {
				uint32_t ctx = sample_lengths[turn / 2 % 2];
				struct measured_setting setting = { .mode = modes[turn % 4], .ctx = ctx,
					.prompt = ctx - MEASURED_TOKENS, .sessions = sessions[(turn + turn / 4) % WICK_COUNT_OF(sessions)] };

				setting.bytes = budget_of(setting.mode, ctx, setting.sessions, shares[turn / 2 % WICK_COUNT_OF(shares)]);
				check(layouts[i].name, types[type], &setting);
				check_limited(&setting);
			}
		}
	}
}

static void put_context(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "gemma3.context_length", WINDOWED_CTX);
}

/* Layers with a window of 32 have a pool beside that of the others, with less than a fifth of a context, which is written to its end. */
static void windows(void **state)
{
	static const uint32_t counts[] = { 1, 32 }; /* with which what layers keep is more than the plan may be off by */
	static const struct variant longer = { .without = { "gemma3.context_length" }, .put = put_context };
	struct wick_options options;
	struct wick_plan plan;

	(void)state;
	variant_write(model, "gemma3-f16", &longer);
	wick_options_init(&options);
	options.ctx = WINDOWED_CTX;
	assert_int_equal(wick_plan(model, &options, &plan, NULL), 0);
	assert_int_equal(plan.kv_window_layers, 6);
	for (unsigned i = 0; i < WICK_COUNT_OF(counts); i++) {
		struct measured_setting setting = { .mode = i ? "naive" : "dense", .ctx = WINDOWED_CTX,
			.prompt = WINDOWED_CTX - MEASURED_TOKENS, .sessions = counts[i] };

		setting.bytes = budget_of(setting.mode, setting.ctx, setting.sessions, shares[0]) + VARIES_BYTES;
		check("gemma", "f16", &setting);
		check_limited(&setting);
	}
}

static int make_folder(void **state)
{
	(void)state;
	scratch_make(scratch);
	path_join(model, scratch, "model.gguf");
	return 0;
}

/* A test that failed leaves its cgroup. */
static int leave(void **state)
{
	(void)state;
	cgroup_remove(&cgroup);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest sample[] = { cmocka_unit_test_teardown(a_sample, leave),
		cmocka_unit_test_teardown(windows, leave) };
	const struct CMUnitTest all[] = { cmocka_unit_test_teardown(all_of_it, leave),
		cmocka_unit_test_teardown(windows, leave) };
	int measured = measured_main(argc, argv);

	if (measured >= 0)
		return measured;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	puts("skipped: a sanitizer's own memory is not in the budget");
	return 77;
#endif
	return getenv("WICK_EXHAUSTIVE") ? cmocka_run_group_tests(all, make_folder, remove_folder)
					 : cmocka_run_group_tests(sample, make_folder, remove_folder);
}
