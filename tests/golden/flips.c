/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One bit of a packed model is flipped, anywhere: verifying it finds that every time, and so does loading all of it,
 * except where the bit is padding that is never read. Some 1,700 places, drawn from a seed; WICK_SEED=N draws others. */

#include "fixture.h"

#include "bits.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Of each model; of a small one a third is padding. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLACES 150
#else
#define PLACES 850
#endif

struct model {
	const char *fixture, *type;
	char scratch[PATH_MAX], path[PATH_MAX];
	uint64_t bytes;
};

static uint64_t draw(uint64_t *state, uint64_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 11) % limit;
}

static void flip(const struct model *model, uint64_t at, unsigned bit)
{
	int fd = open(model->path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 1u << bit;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	assert_int_equal(close(fd), 0);
}

/* Loads everything, predictors included. */
static int load(const struct model *model, struct wick_diag *diag)
{
	struct wick_options options;
	struct wick *wick;
	int code;

	wick_options_init(&options);
	options.mode = "sparse";
	options.threads = 1;
	options.buffered = true; /* the page cache has what was flipped just now */
	code = wick_open(&wick, model->path, &options, diag);
	wick_close(wick);
	return code;
}

/* Whether the loader found it, too. */
static bool check_flip(const struct model *model, uint64_t at, unsigned bit)
{
	struct wick_diag verified = { 0 }, loaded = { 0 };
	int verify, code;

	flip(model, at, bit);
	verify = wick_verify(model->path, NULL, NULL, NULL, &verified);
	code = load(model, &loaded);
	flip(model, at, bit);
	if (verify >= 0 || !strstr(verified.text, model->path))
		fail_msg("byte %llu, bit %u of %s as %s: verify says %d, \"%s\"", (unsigned long long)at, bit, model->fixture,
			model->type, verify, verified.text);
	if ((code >= 0 && !strstr(verified.text, "padding")) || (code < 0 && !strstr(loaded.text, model->path)))
		fail_msg("byte %llu, bit %u of %s as %s: verify says \"%s\", loading %d, \"%s\"", (unsigned long long)at, bit,
			model->fixture, model->type, verified.text, code, loaded.text);
	return code < 0;
}

static void every_flip_is_found(void **state)
{
	const struct model *model = *state;
	const char *seed = getenv("WICK_SEED");
	uint64_t draws = seed ? strtoull(seed, NULL, 0) | 1 : 20261121;
	unsigned loaded = 0;

	assert_int_equal(load(model, NULL), 0);
	assert_int_equal(wick_verify(model->path, NULL, NULL, NULL, NULL), 0);
	for (unsigned i = 0; i < PLACES; i++)
		loaded += check_flip(model, draw(&draws, model->bytes), (unsigned)draw(&draws, 8));
	print_message("  %u flips found by verifying, %u of them by loading\n", PLACES, loaded);
	assert_in_range(loaded, PLACES / 2, PLACES);
}

static int make_model(void **state)
{
	static const char *const names[][2] = { { "post-norm-f16", "f16" }, { "sharded-f16", "q4_0" } };
	struct model *model = calloc(1, sizeof(*model));
	char folder[PATH_MAX];
	unsigned i = (unsigned)(uintptr_t)*state;

	assert_non_null(model);
	*state = model;
	model->fixture = names[i][0];
	model->type = names[i][1];
	fixture_folder(folder, model->fixture);
	scratch_make(model->scratch);
	path_join(model->path, model->scratch, "model.gguf");
	model_pack(folder, model->path, model->type);
	model->bytes = file_bytes(model->path);
	return 0;
}

static int remove_model(void **state)
{
	struct model *model = *state;

	scratch_remove(model->scratch);
	free(model);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{ "every_flip_is_found, post-norm", every_flip_is_found, make_model, remove_model, (void *)0 },
		{ "every_flip_is_found, pre-norm in four bits", every_flip_is_found, make_model, remove_model, (void *)1 },
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
