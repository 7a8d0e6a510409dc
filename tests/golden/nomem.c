/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Memory runs out at each allocation in turn: opening, planning, packing, ordering, training, importing and making up a
 * trace end with -ENOMEM and a sentence, give back all they had - blocks, mappings, descriptors and threads - and leave
 * no file.
 *
 * The library's calls of malloc and its relatives, of mmap, and for threads and rings come here (the linker's --wrap).
 * The k-th of an operation fails, for k from the first on, until the operation needs no more and succeeds. What other
 * libraries allocate for themselves does not fail: jansson, for one, takes that for a mistake in the text.
 */

#include "first_session.h"
#include "fixture.h"
#include "operations.h"
#include "pairs.h"

#include "bits.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCKS_MAX 65536
#define LEAVE_S 20 /* for threads that were joined to be gone from /proc */

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
int __real_posix_memalign(void **block, size_t align, size_t bytes);
void *__real_mmap64(void *where, size_t bytes, int access, int flags, int fd, off64_t offset);
int __real_munmap(void *where, size_t bytes);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *arg), void *arg);
int __real_io_uring_queue_init_params(unsigned places, void *ring, void *params);
void __real_free(void *block);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void *__wrap_reallocarray(void *old, size_t count, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t bytes);
int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_posix_memalign(void **block, size_t align, size_t bytes);
void *__wrap_mmap64(void *where, size_t bytes, int access, int flags, int fd, off64_t offset);
int __wrap_munmap(void *where, size_t bytes);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *arg), void *arg);
int __wrap_io_uring_queue_init_params(unsigned places, void *ring, void *params);
void __wrap_free(void *block);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static void *blocks[BLOCKS_MAX]; /* that the library has, the first block_count; in no order */
static size_t block_count;
static uint64_t mapped_pages; /* that the library has */
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

int __wrap_posix_memalign(void **block, size_t align, size_t bytes)
{
	int error = fails() ? ENOMEM : __real_posix_memalign(block, align, bytes);

	note(error ? NULL : *block);
	return error;
}

static uint64_t pages_of(size_t bytes)
{
	return wick_div_up(bytes, (uint64_t)sysconf(_SC_PAGESIZE));
}

void *__wrap_mmap64(void *where, size_t bytes, int access, int flags, int fd, off64_t offset)
{
	void *mapped = fails() ? MAP_FAILED : __real_mmap64(where, bytes, access, flags, fd, offset);

	pthread_mutex_lock(&mutex);
	mapped_pages += mapped == MAP_FAILED ? 0 : pages_of(bytes);
	pthread_mutex_unlock(&mutex);
	return mapped;
}

/* Of what is mapped; parts are whole pages. */
int __wrap_munmap(void *where, size_t bytes)
{
	int code = __real_munmap(where, bytes);

	pthread_mutex_lock(&mutex);
	mapped_pages -= code ? 0 : pages_of(bytes);
	pthread_mutex_unlock(&mutex);
	return code;
}

/* For want of memory glibc says EAGAIN; so that there is one code to look for, this does not. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *arg), void *arg)
{
	return fails() ? ENOMEM : __real_pthread_create(thread, attributes, fn, arg);
}

int __wrap_io_uring_queue_init_params(unsigned places, void *ring, void *params)
{
	return fails() ? -ENOMEM : __real_io_uring_queue_init_params(places, ring, params);
}

void __wrap_free(void *block)
{
	forget(block);
	__real_free(block);
}

/* Mappings of files and rings, whoever made them. Those without one are libc's too, which keeps stacks and arenas. */
static unsigned file_mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned long long inode;
	char line[PATH_MAX + 128];
	unsigned count = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += sscanf(line, "%*s %*s %*s %*s %llu", &inode) == 1 && inode;
	fclose(file);
	return count;
}

/* The kernel's own, which serve io_uring for the process, come and go as it pleases. */
static bool is_ours(const char *task)
{
	char path[PATH_MAX], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task);
	file = fopen(path, "re");
	if (!file || !fgets(name, sizeof(name), file))
		name[0] = 0; /* it ended */
	if (file)
		fclose(file);
	return name[0] && strncmp(name, "iou-", 4);
}

static unsigned threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	unsigned count = 0;

	assert_non_null(tasks);
	while ((task = readdir(tasks)))
		count += task->d_name[0] != '.' && is_ours(task->d_name);
	closedir(tasks);
	return count;
}

/* What the process has. */
struct holdings {
	size_t blocks;
	uint64_t pages;
	unsigned mappings, descriptors, threads, entries;
};

static struct holdings look(void)
{
	return (struct holdings){ .blocks = block_count, .pages = mapped_pages, .mappings = file_mappings(),
		.descriptors = folder_entries("/proc/self/fd"), .threads = threads(),
		.entries = folder_entries(at.scratch) };
}

/* A thread is in /proc for a moment after it was joined. */
static void await_threads(unsigned wanted)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (unsigned i = 0; i < LEAVE_S * 1000 && threads() > wanted; i++)
		nanosleep(&moment, NULL);
}

/* NULL, or what there is more or less of. */
static const char *differs(const struct holdings *before)
{
	struct holdings now;

	await_threads(before->threads);
	now = look();
	if (now.blocks != before->blocks)
		return "blocks";
	if (now.pages != before->pages || now.mappings != before->mappings)
		return "mappings";
	if (now.descriptors != before->descriptors)
		return "descriptors";
	if (now.threads != before->threads)
		return "threads";
	return now.entries != before->entries ? "files" : NULL;
}

/* Opens it and takes two steps. */
static int answer(const char *path, const char *io, const char *with_trace, struct wick_diag *diag)
{
	const uint32_t ids[3] = { 5, 6, 7 };
	struct wick_options options;
	struct wick *wick;
	int code;

	wick_options_init(&options);
	options.mode = "sparse";
	options.io = io;
	options.threads = 2;
	options.ctx = 32;
	options.all_logits = true;
	options.trace = with_trace;
	code = wick_open(&wick, path, &options, diag);
	if (!code)
		code = wick_session_eval(session_of(wick), ids, 2, NULL, NULL, diag);
	if (!code)
		code = wick_session_eval(session_of(wick), ids + 2, 1, NULL, NULL, diag);
	wick_close(wick);
	return code;
}

static int open_it(struct wick_diag *diag)
{
	return answer(at.model, "pread", NULL, diag);
}

static int open_predicted(struct wick_diag *diag)
{
	return answer(at.predicted, "pread", NULL, diag);
}

static int open_uring(struct wick_diag *diag)
{
	return answer(at.predicted, "uring", NULL, diag);
}

static int open_mmap(struct wick_diag *diag)
{
	return answer(at.predicted, "mmap", NULL, diag);
}

static int open_with_trace(struct wick_diag *diag)
{
	return answer(at.predicted, "pread", at.trace, diag);
}

/* In several parts. */
static int open_stock(struct wick_diag *diag)
{
	const uint32_t id = 5;
	struct wick_options options;
	char path[PATH_MAX];
	struct wick *wick;
	int code;

	path_join(path, at.source, "model-00001-of-00004.gguf");
	wick_options_init(&options);
	options.mode = "hybrid";
	options.io = "pread";
	options.threads = 2;
	code = wick_open(&wick, path, &options, diag);
	if (!code)
		code = wick_session_eval(session_of(wick), &id, 1, NULL, NULL, diag);
	wick_close(wick);
	return code;
}

/* Two tokens at once. */
static int eval_two(const struct wick_options *options, struct wick_diag *diag)
{
	const uint32_t ids[] = { 5, 6 };
	char path[PATH_MAX];
	struct wick *wick;
	int code;

	path_join(path, at.source, "model.gguf");
	code = wick_open(&wick, path, options, diag);
	if (!code)
		code = wick_session_eval(session_of(wick), ids, 2, NULL, NULL, diag);
	wick_close(wick);
	return code;
}

/* Of experts, so few of which fit that they are read. */
static int open_experts(struct wick_diag *diag)
{
	struct wick_options options;

	wick_options_init(&options);
	options.mode = "naive";
	options.io = "pread";
	options.threads = 2;
	options.lookahead = 2;
	return eval_two(&options, diag);
}

static unsigned family; /* of dense_families[] */

/* In turns: most of what allocates is the same for all. */
static int open_family(struct wick_diag *diag)
{
	static const char *const modes[] = { "dense", "hybrid", "naive" }, *const ios[] = { "pread", "mmap" };
	struct wick_options options;

	wick_options_init(&options);
	options.mode = modes[family % WICK_COUNT_OF(modes)];
	options.io = ios[family % WICK_COUNT_OF(ios)];
	options.threads = 2;
	return eval_two(&options, diag);
}

static int plan_of(const char *path, struct wick_diag *diag)
{
	struct wick_options options;
	struct wick_plan plan;

	wick_options_init(&options);
	options.mode = "sparse";
	return wick_plan(path, &options, &plan, diag);
}

static int plan_it(struct wick_diag *diag)
{
	return plan_of(at.predicted, diag);
}

static char gated[PATH_MAX]; /* its gates are ReLU's, so that it could be packed in another way */

static int plan_gated(struct wick_diag *diag)
{
	return plan_of(gated, diag);
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

/* What libraries keep for good they take at their first use. */
static struct holdings get_ready(const struct operation *operation)
{
	size_t blocks_before = block_count;

	assert_int_equal(operation->run(NULL), 0);
	remove_outputs();
	assert_int_equal(block_count, blocks_before);
	return look();
}

/* One run with the k-th call failing. */
static int run_failing(const struct operation *operation, uint64_t k, const struct holdings *before)
{
	struct wick_diag diag = { 0 };
	const char *other;
	int code;

	calls = 0;
	failing_call = k;
	code = operation->run(&diag);
	failing_call = 0;
	if (code && (code != -ENOMEM || !diag.text[0]))
		fail_msg("allocation %llu fails: %d, \"%s\"", (unsigned long long)k, code, diag.text);
	if (!code)
		remove_outputs();
	other = differs(before);
	if (other)
		fail_msg("allocation %llu fails: there are other %s than before", (unsigned long long)k, other);
	return code;
}

static void out_of_memory_anywhere(void **state)
{
	const struct operation *operation = *state;
	uint64_t k = 0, step = operation->slow ? operation->slow : STEP;
	struct holdings before;
	int code = -1;

	if (operation->run == open_uring && !uring_allowed())
		skip();
	if (operation->fixture)
		fixture_folder(at.source, operation->fixture);
	before = get_ready(operation);
	while (code) {
		k += k ? step : 1;
		code = run_failing(operation, k, &before);
		if (!code && calls >= k)
			code = 1; /* it could do without: go on */
	}
	print_message("  %s: %llu allocations\n", operation->name, (unsigned long long)k - 1);
	assert_in_range(k, operation->least, UINT64_MAX);
}

/* One call in so many, another one for each. */
static void each_dense_family(void **state)
{
	static const struct operation both[] = { { "open", NULL, open_family, 30, .slow = 7 },
		{ "pack", NULL, operations_pack_stock, 20, .slow = 7 } };

	(void)state;
	for (family = 0; family < DENSE_FAMILIES; family++) {
		char name[128];

		snprintf(name, sizeof(name), "stock/%s", dense_families[family]);
		fixture_folder(at.source, name);
		for (size_t i = 0; i < WICK_COUNT_OF(both); i++) {
			void *operation = (void *)&both[i];

			out_of_memory_anywhere(&operation);
		}
	}
}

static int make(void **state)
{
	operations_make(state);
	path_join(gated, at.scratch, "gated.gguf");
	model_pack("synthetic:llama-small", gated, "f16");
	return 0;
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
	{ "open by io_uring", NULL, open_uring, 30 },
	{ "open by mmap", NULL, open_mmap, 30 },
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
	{ "open a stock file", "stock/llama-split-f16", open_stock, 40 },
	{ "pack a stock file", "stock/qwen3-tied-bf16", operations_pack_stock, 20 },
	{ "pack the folder of one", "stock/qwen3-tied-bf16/folder", pack_it, 100 },
	{ "pack the folder of GPT-2", "stock/gpt2-f16/folder", pack_it, 100 },
	{ "plan of ReLU gates", NULL, plan_gated, 40, .slow = 9 },
	{ "open a stock file of experts", "stock/gpt-oss-f16", open_experts, 40 },
	{ "pack a stock file of experts", "stock/gpt-oss-f16", operations_pack_stock, 20 },
};

#define TEST(i) { operations[i].name, out_of_memory_anywhere, NULL, NULL, (void *)&operations[i] }

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(0), TEST(1), TEST(2), TEST(3), TEST(4), TEST(5), TEST(6), TEST(7),
		TEST(8), TEST(9), TEST(10), TEST(11), TEST(12), TEST(13), TEST(14), TEST(15), TEST(16), TEST(17),
		TEST(18), TEST(19), TEST(20), TEST(21), cmocka_unit_test(each_dense_family) };

	return cmocka_run_group_tests(tests, make, clean_up);
}
