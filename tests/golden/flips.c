/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One bit of a packed model, of the predictors beside it, or of a stock file whose checksums are known, is flipped, anywhere: verifying the model finds that every
 * time, and so does loading all of it, except where the bit is not read; and then the answer is the same to the bit. Some
 * 1,700 places, drawn from a seed; WICK_SEED=N draws others, WICK_RUNS=N so many of each model. */

#include "answer.h"
#include "fixture.h"
#include "pairs.h"
#include "predictors.h"
#include "synth.h"

#include "bits.h"
#include "gguf.h"
#include "splitmix.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Of each model; of a small one a third is padding. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLACES 75
#else
#define PLACES 425
#endif

#define PLACES_FAMILY 20 /* of each dense family, packed and as it lies */

#define FILES 2 /* the model and its predictors */

static const struct kind {
	const char *name, *fixture, *type; /* no fixture: random weights in the 350M model's layout */
	bool predictors;                   /* in a file of their own */
	bool dense;                        /* packed of a stock file, whose FFNs have no sparse mode */
	bool stock;                        /* the fixture is a file as it lies, whose checksums are learned */
} kinds[] = {
	{ "every_flip_is_found, post-norm", "post-norm-f16", "f16" },
	{ "every_flip_is_found, pre-norm in four bits", "sharded-f16", "q4_0" },
	{ "every_flip_is_found, pre-norm in four bits with predictors", "blocks-f16", "q4_0", true },
	{ "every_flip_is_found, post-norm in eight bits with predictors", NULL, "q8_0", true },
	{ "every_flip_is_found, experts", "stock/qwen3moe-f16/model.gguf", .dense = true },
	{ "every_flip_is_found, experts in MXFP4 with biases", "stock/gpt-oss-mxfp4/model.gguf", .dense = true },
	{ "every_flip_is_found, a stock file", "stock/qwen3-tied-bf16/model.gguf", .dense = true, .stock = true },
	{ "every_flip_is_found, a stock file of experts", "stock/gpt-oss-mxfp4/model.gguf", .dense = true, .stock = true },
};

struct model {
	const struct kind *kind;
	char scratch[PATH_MAX], path[FILES][PATH_MAX];
	uint64_t bytes[FILES];
	struct answer answer; /* as it has to be */
};

static const struct timespec long_ago[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

static void flip(const char *path, uint64_t at, unsigned bit)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 1u << bit;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	assert_int_equal(futimens(fd, long_ago), 0); /* as a drive flips it, without a time of change */
	assert_int_equal(close(fd), 0);
}

/* Loads everything, predictors included, and answers. */
static int load(const struct model *model, struct answer *answer, struct wick_diag *diag)
{
	struct wick_options options;
	struct wick *wick;
	int code;

	wick_options_init(&options);
	options.mode = model->kind->dense ? "dense" : "sparse";
	options.threads = 1;
	options.all_logits = true;
	options.buffered = true; /* the page cache has what was flipped just now */
	code = wick_open(&wick, model->path[0], &options, diag);
	if (!code)
		assert_int_equal(answer_take(answer, wick, 1, diag), 0);
	wick_close(wick);
	return code;
}

/* Whether loading reads what was found damaged: no padding, and beside predictors of their own not those in the model. */
static bool is_read(const struct model *model, unsigned file, const char *verified)
{
	return *verified && !strstr(verified, "padding") && !(!file && model->kind->predictors && strstr(verified, ".ffn_pred"));
}

/* Between two tensors of a stock file, where nothing is read. */
static bool is_between(const struct model *model, uint64_t at)
{
	struct wick_gguf *gguf;
	uint64_t header_bytes;
	bool between;

	if (!model->kind->stock)
		return false;
	assert_int_equal(wick_gguf_open(&gguf, model->path[0], NULL), 0);
	wick_gguf_header(gguf, &header_bytes);
	between = at >= header_bytes;
	for (uint64_t i = 0; i < wick_gguf_tensor_count(gguf); i++) {
		const struct wick_gguf_tensor *tensor = wick_gguf_tensor_at(gguf, i);

		between &= at < tensor->offset || at >= tensor->offset + tensor->bytes;
	}
	wick_gguf_close(gguf);
	return between;
}

/* Whether the loader found it, too. */
static bool check_flip(const struct model *model, unsigned file, uint64_t at, unsigned bit)
{
	struct wick_diag verified = { 0 }, loaded = { 0 };
	struct answer answer = { 0 };
	bool harmless;
	int verify, code;

	flip(model->path[file], at, bit);
	verify = wick_verify(model->path[0], NULL, NULL, NULL, &verified);
	code = load(model, &answer, &loaded);
	flip(model->path[file], at, bit);
	harmless = code >= 0 && !is_read(model, file, verified.text) && answer_differs(&answer, &model->answer) < 0;
	answer_free(&answer);
	if (is_between(model, at) && harmless)
		return false;
	if (verify >= 0 || !strstr(verified.text, model->path[file]))
		fail_msg("byte %llu, bit %u of %s: verify says %d, \"%s\"", (unsigned long long)at, bit, model->path[file], verify,
			verified.text);
	if (!harmless && (code >= 0 || !strstr(loaded.text, model->path[file])))
		fail_msg("byte %llu, bit %u of %s: verify says \"%s\", loading %d, \"%s\"", (unsigned long long)at, bit,
			model->path[file], verified.text, code, loaded.text);
	return code < 0;
}

/* How many of them loading finds. */
static unsigned flip_places(struct model *model, unsigned places)
{
	const char *seed = getenv("WICK_SEED");
	uint64_t draws = seed ? strtoull(seed, NULL, 0) : 20261121, all = model->bytes[0] + model->bytes[1];
	unsigned loaded = 0;

	assert_int_equal(load(model, &model->answer, NULL), 0);
	assert_int_equal(wick_verify(model->path[0], NULL, NULL, NULL, NULL), 0);
	for (unsigned i = 0; i < places; i++) {
		uint64_t at = wick_splitmix_draw(&draws) % all, bit = wick_splitmix_draw(&draws) % 8;
		bool beside = at >= model->bytes[0];

		loaded += check_flip(model, beside, beside ? at - model->bytes[0] : at, (unsigned)bit);
	}
	print_message("  %u flips, %u of them found by loading, the others harmless\n", places, loaded);
	return loaded;
}

static void every_flip_is_found(void **state)
{
	const char *runs = getenv("WICK_RUNS");
	unsigned places = runs ? (unsigned)strtoul(runs, NULL, 0) : PLACES;

	assert_in_range(flip_places(*state, places), places / 4, places);
}

static void copy_stock(struct model *model)
{
	char from[PATH_MAX];
	uint64_t bytes;
	void *data;

	fixture_folder(from, model->kind->fixture);
	data = file_read(from, &bytes);
	file_write(model->path[0], data, bytes);
	free(data);
	assert_int_equal(utimensat(AT_FDCWD, model->path[0], long_ago, 0), 0);
}

static void pack(struct model *model)
{
	const struct synth_shape shape = { .layers = 2, .d_model = 64, .heads = 2, .ffn = 96, .vocab = 274, .ctx = 64, .embed = 32 };
	char folder[PATH_MAX];

	if (model->kind->fixture) {
		fixture_folder(folder, model->kind->fixture);
	} else {
		path_join(folder, model->scratch, "source");
		assert_int_equal(mkdir(folder, 0700), 0);
		synth_checkpoint(folder, &shape);
	}
	model_pack(folder, model->path[0], model->kind->type);
}

static int make_model(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	assert_non_null(model);
	model->kind = *state;
	*state = model;
	scratch_make(model->scratch);
	path_join(model->path[0], model->scratch, "model.gguf");
	path_join(model->path[1], model->scratch, "model.pred.gguf");
	if (model->kind->stock)
		copy_stock(model);
	else
		pack(model);
	if (model->kind->predictors)
		predictors_write(model->path[0]);
	for (unsigned i = 0; i < (model->kind->predictors ? FILES : 1); i++)
		model->bytes[i] = file_bytes(model->path[i]);
	return 0;
}

static int remove_model(void **state)
{
	struct model *model = *state;

	answer_free(&model->answer);
	scratch_remove(model->scratch);
	free(model);
	return 0;
}

static void of_each_dense_family(void **state)
{
	unsigned loaded = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * DENSE_FAMILIES; i++) {
		char fixture[128];
		const struct kind kind = { .fixture = fixture, .dense = true, .stock = i % 2 };
		void *model = (void *)&kind;

		snprintf(fixture, sizeof(fixture), "stock/%s/model.gguf", dense_families[i / 2]);
		make_model(&model);
		loaded += flip_places(model, PLACES_FAMILY);
		remove_model(&model);
	}
	assert_in_range(loaded, DENSE_FAMILIES * PLACES_FAMILY, 2 * DENSE_FAMILIES * PLACES_FAMILY); /* half: of those packed much is padding */
}

#define TEST(i) { kinds[i].name, every_flip_is_found, make_model, remove_model, (void *)&kinds[i] }

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(0), TEST(1), TEST(2), TEST(3), TEST(4), TEST(5), TEST(6), TEST(7),
		cmocka_unit_test(of_each_dense_family) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
