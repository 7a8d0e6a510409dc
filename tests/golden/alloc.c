/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Evaluating and sampling allocate nothing.
 *
 * This program has its own malloc and mmap, which every library of the process then uses, and counts the calls of all
 * threads between wick_open() and wick_close(): those of wick itself, of liburing and of libc's own
 * functions. Starting a thread counts too, since its stack is mapped where nobody sees.
 */

#undef _FILE_OFFSET_BITS /* with it, mmap would be another name for mmap64, and here they are two */

#include "fixture.h"

#include "bits.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

int main(void)
{
	puts("skipped: the sanitizer has its own malloc");
	return 77;
}

#else

static atomic_bool counting;
static atomic_uint calls;
static _Atomic(void *) first_caller;

static void count(void *caller)
{
	if (atomic_load(&counting) && !atomic_fetch_add(&calls, 1))
		atomic_store(&first_caller, caller);
}

#define COUNT() count(__builtin_return_address(0))

/* glibc's own, which it exports for programs like this one. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);

#pragma GCC visibility push(default) /* seen by the libraries */

void *malloc(size_t bytes)
{
	COUNT();
	return __libc_malloc(bytes);
}

void *calloc(size_t number, size_t bytes)
{
	COUNT();
	return __libc_calloc(number, bytes);
}

void *realloc(void *old, size_t bytes)
{
	COUNT();
	return __libc_realloc(old, bytes);
}

void *memalign(size_t align, size_t bytes)
{
	COUNT();
	return __libc_memalign(align, bytes);
}

void *aligned_alloc(size_t align, size_t bytes)
{
	COUNT();
	return __libc_memalign(align, bytes);
}

int posix_memalign(void **place, size_t align, size_t bytes)
{
	COUNT();
	*place = __libc_memalign(align, bytes);
	return *place ? 0 : ENOMEM;
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	COUNT();
	return (void *)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t bytes, int protection, int flags, int fd, off64_t offset)
{
	COUNT();
	return (void *)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *user)
{
	int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	COUNT();
	*(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
	return next(thread, attributes, start, user);
}

#pragma GCC visibility pop

static void begin_counting(void)
{
	atomic_store(&calls, 0);
	atomic_store(&first_caller, NULL);
	atomic_store(&counting, true);
}

static unsigned end_counting(void)
{
	atomic_store(&counting, false);
	return atomic_load(&calls);
}

/* "function of library", as well as the linker knows. */
static const char *caller_name(void)
{
	static char text[512];
	Dl_info info = { 0 };

	dladdr(atomic_load(&first_caller), &info);
	snprintf(text, sizeof(text), "%s of %s", info.dli_sname ? info.dli_sname : "something",
		info.dli_fname ? info.dli_fname : "somewhere");
	return text;
}

static void *nothing(void *user)
{
	return user;
}

/* Were this test to count nothing at all, it would pass for ever. */
static void the_counter_counts(void **state)
{
	void *volatile kept[8];
	pthread_t thread;

	(void)state;
	begin_counting();
	kept[0] = malloc(10);
	kept[1] = calloc(1, 10);
	kept[2] = realloc(NULL, 10);
	kept[3] = aligned_alloc(64, 64);
	kept[4] = strdup("in libc");
	assert_int_equal(posix_memalign((void **)&kept[5], 64, 64), 0);
	kept[6] = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(pthread_create(&thread, NULL, nothing, NULL), 0);
	assert_in_range(end_counting(), 8, 64);
	pthread_join(thread, NULL);
	for (int i = 0; i < 6; i++)
		free(kept[i]);
	munmap(kept[6], 4096);
}

struct loop {
	const char *mode, *io;
	bool least; /* of memory: all that can be is swept */
	float temp;
};

static const struct loop loops[] = {
	{ "dense", "pread", false, 0 },
	{ "dense", "uring", true, 0 },
	{ "dense", "pread", true, 0.8f },
	{ "hybrid", "uring", true, 0.8f },
	{ "naive", "pread", true, 0 },
	{ "naive", "uring", true, 0 },
	{ "sparse", "uring", true, 0 },
	{ "sparse", "pread", true, 0.8f },
	{ "sparse", "pread", false, 0 },
};

#define SESSIONS 2
#define LONGEST 400 /* of a prompt: blocks of a window go on the way */

/* The next token of each session in one batch. */
static int step(struct wick *wick, struct wick_row *rows, float temp)
{
	const struct wick_sampling sampling = { .size = sizeof(sampling), .temp = temp, .top_p = 0.95f };

	for (unsigned s = 0; s < SESSIONS; s++) {
		rows[s].id = wick_session_sample(rows[s].session, &sampling);
		rows[s].position = wick_session_position(rows[s].session);
	}
	return wick_eval_rows(wick, rows, SESSIONS, NULL);
}

/* A prompt for one, which the other takes over, and a few tokens of both; and again with a long prompt, and going back: 0, or
 * the first error. */
static int evaluate(struct wick *wick, float temp, uint32_t longest)
{
	const uint32_t lengths[] = { 33, 1, longest };
	struct wick_row rows[SESSIONS] = { { .want = true }, { .want = true } };
	uint32_t ids[LONGEST];
	int err = 0;

	for (uint32_t i = 0; i < longest; i++)
		ids[i] = 4 + i * 7 % 200;
	for (unsigned run = 0; !err && run < 3; run++) {
		for (unsigned s = 0; !err && s < SESSIONS; s++)
			err = wick_session_create(&rows[s].session, wick, NULL);
		if (!err)
			err = wick_session_eval(rows[0].session, ids, lengths[run], NULL, NULL, NULL);
		if (!err)
			err = wick_session_share(rows[1].session, rows[0].session, lengths[run] - 1, NULL);
		if (!err)
			err = wick_session_eval(rows[1].session, ids, 1, NULL, NULL, NULL);
		for (unsigned i = 0; !err && i < 16; i++)
			err = step(wick, rows, temp);
		wick_session_rewind(rows[0].session, 3);
		for (unsigned s = 0; s < SESSIONS; s++)
			wick_session_destroy(rows[s].session);
	}
	return err;
}

static void check_loop(const char *model, const struct loop *loop, uint32_t longest)
{
	struct wick_options options;
	struct wick *wick;
	unsigned counted;
	int err;

	if (!strcmp(loop->io, "uring") && !uring_allowed())
		return;
	wick_options_init(&options);
	options.mode = loop->mode;
	options.io = loop->io;
	options.threads = 2;
	options.sessions = SESSIONS;
	if (loop->least)
		options.memory.bytes = model_least_bytes(model, &options);
	wick = model_open(model, &options);
	begin_counting();
	err = evaluate(wick, loop->temp, longest);
	counted = end_counting();
	wick_close(wick);
	assert_int_equal(err, 0);
	if (counted)
		fail_msg("%s, %s, temperature %.1f: %u allocations, the first by %s", loop->mode, loop->io, loop->temp,
			counted, caller_name());
}

static void the_token_loop_allocates_nothing(void **state)
{
	char scratch[PATH_MAX], folder[PATH_MAX], model[PATH_MAX];

	(void)state;
	scratch_make(scratch);
	fixture_folder(folder, "sharded-f16");
	path_join(model, scratch, "model.gguf");
	model_pack(folder, model, "f16");
	for (unsigned i = 0; i < WICK_COUNT_OF(loops); i++)
		check_loop(model, &loops[i], 300);
	scratch_remove(scratch);
}

static void nor_where_layers_have_windows(void **state)
{
	char folder[PATH_MAX], model[PATH_MAX];

	(void)state;
	fixture_folder(folder, "stock/gemma3-f16");
	path_join(model, folder, "model.gguf");
	for (unsigned i = 0; i < WICK_COUNT_OF(loops); i++)
		if (strcmp(loops[i].mode, "sparse"))
			check_loop(model, &loops[i], LONGEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_counter_counts),
		cmocka_unit_test(the_token_loop_allocates_nothing),
		cmocka_unit_test(nor_where_layers_have_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
