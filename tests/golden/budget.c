/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The whole process, and the page cache it causes, stay within the budget, measured in every way there is (see
 * measured.h). And in a cgroup of exactly that size the run must live. */

#include "cgroup.h"
#include "expert_models.h"
#include "fixture.h"
#include "measured.h"
#include "pairs.h"
#include "predictors.h"
#include "synth.h"
#include "variant.h"

#include "bits.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PERCENT_LEAST 0 /* the smallest budget that works, instead of a share */
#define VARIES_BYTES (256u << 10) /* of what a process takes, from one to the next: plan->varies_bytes */
#define CTX 128
#define PROMPT 100
#define WINDOW 1024 /* with which what eight sessions keep of the layers that have it is 8 MB, a third of the process */
#define WINDOWED_CTX 2048

struct setting {
	const char *mode, *io;
	double percent;
	bool buffered;
	bool trained; /* with predictors in a file of their own */
	bool gated;   /* the model whose neurons have gates */
	bool experts;
	uint32_t windowed; /* so many sessions of a model whose layers have a window, which is full; 0: of another one */
};

static const struct setting settings[] = {
	{ "dense", NULL, PERCENT_LEAST, false },
	{ "dense", NULL, 60, false },
	{ "dense", "pread", 60, false },
	{ "dense", "mmap", 60, false },
	{ "dense", NULL, 100, false },
	{ "dense", NULL, 200, false }, /* all of it resident */
	{ "hybrid", NULL, 60, false },
	{ "naive", NULL, PERCENT_LEAST, false },
	{ "dense", NULL, 60, true },
	{ "naive", "pread", PERCENT_LEAST, true },
	{ "sparse", NULL, PERCENT_LEAST, false },
	{ "sparse", "pread", 60, false },
	{ "sparse", NULL, 100, true },
	{ "sparse", NULL, PERCENT_LEAST, false, .trained = true },
	{ "sparse", NULL, 60, true, .trained = true },
	{ "dense", NULL, PERCENT_LEAST, false, .gated = true },
	{ "sparse", NULL, PERCENT_LEAST, false, .gated = true },
	{ "sparse", "pread", PERCENT_LEAST, true, .gated = true },
	{ "dense", NULL, PERCENT_LEAST, false, .experts = true },
	{ "dense", "pread", PERCENT_LEAST, true, .experts = true },
	{ "dense", "mmap", 1000, false, .experts = true }, /* some of them in memory */
	{ "hybrid", NULL, 1500, false, .experts = true }, /* all */
	{ "dense", NULL, PERCENT_LEAST, false, .windowed = 1 },
	{ "naive", NULL, PERCENT_LEAST, false, .windowed = 8 },
	{ "dense", "pread", PERCENT_LEAST, true, .windowed = 8 },
};

/* Of each dense family, by a table in which any two values meet. So many sessions keep more than a process varies by. */
#define FAMILY_CTX 120
static const char *const family_modes[] = { "dense", "hybrid", "naive" }, *const family_ios[] = { NULL, "pread", "mmap" };
static const unsigned family_shares[] = { 0, 50, 100 }; /* of the way from the least to the most that is used, percent */
static const struct {
	bool buffered;
	uint32_t sessions;
} family_ways[] = { { false, 1 }, { true, 8 }, { false, 8 }, { true, 1 } };

static char scratch[PATH_MAX], model[PATH_MAX], gated[PATH_MAX], experts[PATH_MAX], windowed[PATH_MAX], trained[PATH_MAX]; /* trained: the same as model, under another name */
static struct cgroup cgroup;

static const char *model_of(const struct setting *setting)
{
	if (setting->windowed)
		return windowed;
	if (setting->experts)
		return experts;
	if (setting->gated)
		return gated;
	return setting->trained ? trained : model;
}

/* Runs setting i, inside the cgroup if there is one; with a budget of so many bytes, if not 0. */
static int run_setting(unsigned i, uint64_t bytes, struct measured *measured)
{
	const struct measured_setting setting = { .bytes = bytes, .mode = settings[i].mode, .io = settings[i].io,
		.percent = settings[i].percent, .buffered = settings[i].buffered, .ctx = settings[i].windowed ? WINDOWED_CTX : CTX,
		.prompt = settings[i].windowed ? WINDOWED_CTX - MEASURED_TOKENS : PROMPT, .sessions = settings[i].windowed };

	return measured_run(measured, model_of(&settings[i]), &setting, &cgroup);
}

static void check_measured(const struct measured *measured, const char *mode, double percent, bool buffered)
{
	uint64_t left = measured->left_bytes, budget = measured->budget_bytes;

	print_message("  %-6s %3.0f%% %-8s budget %5.1f MB, process %5.1f, at most %5.1f, left in the page cache %4.1f, "
		"cgroup %5.1f\n", mode, percent, measured->direct ? "direct" : "buffered", budget / 1e6,
		measured->used_bytes / 1e6, measured->peak_bytes / 1e6, left / 1e6, measured->cgroup_bytes / 1e6);
	assert_false(measured->direct && buffered);
	assert_in_range(measured->used_bytes, 1, budget - left);
	assert_in_range(measured->peak_bytes, 1, budget - left + measured_lag_bytes());
	assert_in_range(measured->cgroup_bytes, 0, budget);
}

static void check_setting(unsigned i)
{
	const struct setting *setting = &settings[i];
	struct measured measured;
	const char *why;

	if (!cgroup_create(&cgroup, &why))
		print_message("  %s\n", why);
	assert_int_equal(run_setting(i, 0, &measured), 0);
	check_measured(&measured, setting->mode, setting->percent, setting->buffered);
	cgroup_remove(&cgroup);
}

static void peak_is_within_the_budget(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(settings); i++)
		check_setting(i);
}

static uint64_t budget_of(const char *path, const struct measured_setting *setting, unsigned share)
{
	struct wick_options options;
	uint64_t least, most;

	wick_options_init(&options);
	options.mode = setting->mode;
	options.io = setting->io;
	options.buffered = setting->buffered;
	options.ctx = setting->ctx;
	options.sessions = setting->sessions;
	options.threads = 2;
	least = model_least_bytes(path, &options);
	most = WICK_MAX(model_whole_bytes(path, &options), least);
	return least + (most - least) * share / 100 + VARIES_BYTES;
}

/* Measured, and once more where the kernel enforces it. */
static void check_family(const char *path, const unsigned row[PAIRS_COLUMNS])
{
	struct measured_setting setting = { .mode = family_modes[row[1]], .io = family_ios[row[2]],
		.buffered = family_ways[row[4]].buffered, .ctx = FAMILY_CTX, .prompt = FAMILY_CTX - MEASURED_TOKENS,
		.sessions = family_ways[row[4]].sessions };
	struct measured measured;
	const char *why;

	setting.bytes = budget_of(path, &setting, family_shares[row[3]]);
	cgroup_create(&cgroup, &why);
	assert_int_equal(measured_run(&measured, path, &setting, &cgroup), 0);
	check_measured(&measured, setting.mode, family_shares[row[3]], setting.buffered);
	cgroup_remove(&cgroup);
	if (!cgroup_create(&cgroup, &why))
		return;
	assert_true(cgroup_limit(&cgroup, setting.bytes));
	assert_int_equal(measured_run(&measured, path, &setting, &cgroup), 0);
	cgroup_remove(&cgroup);
}

static void each_dense_family(void **state)
{
	static struct pairs pairs = { .counts = { DENSE_FAMILIES, WICK_COUNT_OF(family_modes), WICK_COUNT_OF(family_ios),
		WICK_COUNT_OF(family_shares), WICK_COUNT_OF(family_ways) } };
	char name[128], path[PATH_MAX];
	unsigned row[PAIRS_COLUMNS];

	(void)state;
	path_join(path, scratch, "family.gguf");
	while (pairs_next(&pairs, row)) {
		char from[PATH_MAX];
		uint64_t bytes;
		void *data;

		snprintf(name, sizeof(name), "stock/%s/model.gguf", dense_families[row[0]]);
		fixture_folder(from, name);
		data = file_read(from, &bytes);
		file_write(path, data, bytes);
		free(data);
		check_family(path, row);
	}
}

/* The kernel enforces what was promised: a run whose cgroup is as large as its budget is not killed. */
static void lives_in_a_cgroup_of_that_size(void **state)
{
	const char *why;

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(settings); i++) {
		struct measured measured;
		uint64_t budget;

		assert_int_equal(run_setting(i, 0, &measured), 0);
		budget = measured.budget_bytes + VARIES_BYTES;
		if (!cgroup_create(&cgroup, &why)) {
			print_message("  not tested: %s\n", why);
			skip();
		}
		assert_true(cgroup_limit(&cgroup, budget));
		assert_int_equal(run_setting(i, budget, &measured), 0);
		cgroup_remove(&cgroup);
	}
}

/* Were memory not charged to the cgroup, the test above would pass for ever: half of it has to be too little. */
static void dies_in_half_of_it(void **state)
{
	struct measured measured;
	const char *why;
	uint64_t budget;

	(void)state;
	assert_int_equal(run_setting(3, 0, &measured), 0);
	budget = measured.budget_bytes;
	if (!cgroup_create(&cgroup, &why))
		skip();
	assert_true(cgroup_limit(&cgroup, budget / 2));
	assert_int_not_equal(run_setting(3, budget, &measured), 0);
	cgroup_remove(&cgroup);
}

static void put_window(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "gemma3.context_length", WINDOWED_CTX);
	wick_gguf_put_u32(writer, "gemma3.attention.sliding_window", WINDOW);
}

static int make_model(void **state)
{
	static const struct variant longer = { .without = { "gemma3.context_length", "gemma3.attention.sliding_window" }, .put = put_window };
	static const struct synth_shape shape = { .layers = 6, .d_model = 512, .heads = 8, .ffn = 2048, .vocab = 512,
		.ctx = 128 };

	(void)state;
	scratch_make(scratch);
	synth_checkpoint(scratch, &shape);
	path_join(model, scratch, "model.gguf");
	model_pack(scratch, model, "bf16");
	path_join(trained, scratch, "trained.gguf");
	assert_int_equal(link(model, trained), 0);
	predictors_write(trained);
	path_join(gated, scratch, "gated.gguf");
	model_pack("synthetic:llama-small", gated, "f16");
	path_join(experts, scratch, "experts.gguf");
	expert_model_write(experts, expert_families, NULL);
	path_join(windowed, scratch, "windowed.gguf");
	variant_write(windowed, "gemma3-f16", &longer);
	if (measured_evict(model))
		return 0;
	puts("skipped: files here cannot be evicted from the page cache");
	scratch_remove(scratch);
	exit(77);
}

/* A test that failed leaves its cgroup. */
static int leave(void **state)
{
	(void)state;
	cgroup_remove(&cgroup);
	return 0;
}

static int remove_model(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(peak_is_within_the_budget, leave),
		cmocka_unit_test_teardown(each_dense_family, leave),
		cmocka_unit_test_teardown(lives_in_a_cgroup_of_that_size, leave),
		cmocka_unit_test_teardown(dies_in_half_of_it, leave),
	};

	int run = measured_main(argc, argv);

	if (run >= 0)
		return run;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	puts("skipped: a sanitizer's own memory is not in the budget");
	return 77;
#endif
	return cmocka_run_group_tests(tests, make_model, remove_model);
}
