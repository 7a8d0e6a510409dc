/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Memory runs out at each allocation in turn: opening, planning, packing, ordering, training, importing and making up a
 * trace end with -ENOMEM and a sentence, give back all they had, and leave no file.
 *
 * The library's calls of malloc and its relatives come here (the linker's --wrap). The k-th of an operation fails, for k
 * from the first on, until the operation needs no more and succeeds. What other libraries allocate for themselves does not
 * fail: jansson, for one, takes that for a mistake in the text.
 */

#include "fixture.h"
#include "operations.h"

#include "bits.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCKS_MAX 65536

/* With a sanitizer, which takes its time, one in so many fails. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STEP 7
#else
#define STEP 1
#endif

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__real_reallocarray(void *old, size_t count, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t bytes);
int __real_vasprintf(char **text, const char *format, va_list args);
void __real_free(void *block);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void *__wrap_reallocarray(void *old, size_t count, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t bytes);
int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void __wrap_free(void *block);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static void *blocks[BLOCKS_MAX]; /* that the library has, the first block_count; in no order */
static size_t block_count;
static uint64_t calls, failing_call; /* 0: none fails */

/* Counts a call; true when it has to fail. */
static bool fails(void)
{
	bool failing;

	pthread_mutex_lock(&mutex);
	failing = ++calls == failing_call;
	pthread_mutex_unlock(&mutex);
	if (failing)
		errno = ENOMEM;
	return failing;
}

static void *note(void *block)
{
	pthread_mutex_lock(&mutex);
	if (block && block_count < BLOCKS_MAX)
		blocks[block_count++] = block;
	pthread_mutex_unlock(&mutex);
	return block;
}

/* What libc allocated is not among them. */
static void forget(const void *block)
{
	pthread_mutex_lock(&mutex);
	for (size_t i = block_count; block && i--;)
		if (blocks[i] == block) {
			blocks[i] = blocks[--block_count];
			break;
		}
	pthread_mutex_unlock(&mutex);
}

void *__wrap_malloc(size_t bytes)
{
	return fails() ? NULL : note(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : note(__real_calloc(count, bytes));
}

void *__wrap_realloc(void *old, size_t bytes)
{
	if (fails())
		return NULL;
	forget(old);
	return note(__real_realloc(old, bytes));
}

void *__wrap_reallocarray(void *old, size_t count, size_t bytes)
{
	if (fails())
		return NULL;
	forget(old);
	return note(__real_reallocarray(old, count, bytes));
}

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
	return fails() ? NULL : note(__real_aligned_alloc(align, bytes));
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : note(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t bytes)
{
	return fails() ? NULL : note(__real_strndup(text, bytes));
}

int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list args;
	int length;

	if (fails())
		return -1;
	va_start(args, format);
	length = vasprintf(text, format, args);
	va_end(args);
	note(length < 0 ? NULL : *text);
	return length;
}

void __wrap_free(void *block)
{
	forget(block);
	__real_free(block);
}

/* Opens it and takes two steps. */
static int answer(const char *path, const char *with_trace, struct wick_diag *diag)
{
	const uint32_t ids[3] = { 5, 6, 7 };
	struct wick_options options;
	struct wick *wick;
	int code;

	wick_options_init(&options);
	options.mode = "sparse";
	options.io = "pread";
	options.threads = 2;
	options.ctx = 32;
	options.all_logits = true;
	options.trace = with_trace;
	code = wick_open(&wick, path, &options, diag);
	if (!code)
		code = wick_eval(wick, ids, 2, NULL, NULL, diag);
	if (!code)
		code = wick_eval(wick, ids + 2, 1, NULL, NULL, diag);
	wick_close(wick);
	return code;
}

static int open_it(struct wick_diag *diag)
{
	return answer(at.model, NULL, diag);
}

static int open_predicted(struct wick_diag *diag)
{
	return answer(at.predicted, NULL, diag);
}

static int open_with_trace(struct wick_diag *diag)
{
	return answer(at.predicted, at.trace, diag);
}

static int plan_it(struct wick_diag *diag)
{
	struct wick_options options;
	struct wick_plan plan;

	wick_options_init(&options);
	options.mode = "sparse";
	return wick_plan(at.predicted, &options, &plan, diag);
}

static int pack_it(struct wick_diag *diag)
{
	const struct wick_pack_options options = { .type = "f16" };

	return wick_pack(at.source, at.out, &options, diag);
}

static int pack_synthetic(struct wick_diag *diag)
{
	return wick_pack("synthetic:opt-tiny", at.out, NULL, diag);
}

static int train_it(struct wick_diag *diag)
{
	int code = operations_train(15, NULL, diag);

	unlink(at.part); /* what was finished, for the next time */
	return code;
}

/* What an operation that went well has written. */
static void remove_outputs(void)
{
	unlink(at.out);
	unlink(at.out_sidecar);
	unlink(at.sidecar);
}

struct operation {
	const char *name, *fixture;
	int (*run)(struct wick_diag *diag);
	uint64_t least; /* allocations: so that the test can fail */
	unsigned slow;  /* one in so many fails; 0: each */
};

static void out_of_memory_anywhere(void **state)
{
	const struct operation *operation = *state;
	unsigned entries = folder_entries(at.scratch);
	size_t before = block_count;
	uint64_t k = 0, step = operation->slow ? operation->slow : STEP;
	int code = -1;

	if (operation->fixture)
		fixture_folder(at.source, operation->fixture);
	while (code) {
		struct wick_diag diag = { 0 };

		calls = 0;
		failing_call = k += k ? step : 1;
		code = operation->run(&diag);
		failing_call = 0;
		if (code && (code != -ENOMEM || !diag.text[0]))
			fail_msg("allocation %llu fails: %d, \"%s\"", (unsigned long long)k, code, diag.text);
		if (!code)
			remove_outputs();
		if (block_count != before)
			fail_msg("allocation %llu fails: %zu blocks leak", (unsigned long long)k, block_count - before);
		if (folder_entries(at.scratch) != entries)
			fail_msg("allocation %llu fails: a file is left", (unsigned long long)k);
		if (!code && calls >= k)
			code = 1; /* it could do without: go on */
	}
	print_message("  %s: %llu allocations\n", operation->name, (unsigned long long)k - 1);
	assert_in_range(k, operation->least, UINT64_MAX);
}

static int clean_up(void **state)
{
	failing_call = 0;
	return operations_remove(state);
}

static const struct operation operations[] = {
	{ "open", NULL, open_it, 20 },
	{ "open with predictors", NULL, open_predicted, 30 },
	{ "open with a trace", NULL, open_with_trace, 30 },
	{ "plan", NULL, plan_it, 20, .slow = 9 }, /* it measures */
	{ "verify", NULL, operations_verify, 10 },
	{ "info", NULL, operations_info, 10 },
	{ "pack safetensors", "sharded-f16", pack_it, 100 },
	{ "pack pytorch", "post-norm-f16", pack_it, 100 },
	{ "pack synthetic", NULL, pack_synthetic, 20 },
	{ "order", NULL, operations_order, 60 },
	{ "train", NULL, train_it, 40 },
	{ "import", NULL, operations_import, 60 },
	{ "make up a trace", NULL, operations_synthesize, 6 },
};

#define TEST(i) { operations[i].name, out_of_memory_anywhere, NULL, NULL, (void *)&operations[i] }

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(0), TEST(1), TEST(2), TEST(3), TEST(4), TEST(5), TEST(6), TEST(7), TEST(8),
		TEST(9), TEST(10), TEST(11), TEST(12) };

	return cmocka_run_group_tests(tests, operations_make, clean_up);
}
