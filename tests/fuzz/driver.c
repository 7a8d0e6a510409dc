/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Runs a target over every file of the folders given, so that a corpus is an ordinary test; and over a few mutations of each,
 * by the target's own mutator where it has one. WICK_RUNS says how many, WICK_SEED how they are drawn. */

#include "fuzz.h"
#include "random.h"

#include <dirent.h>
#include <signal.h>

#define RUNS_DEFAULT 16
#define GROW_BYTES 4096 /* that a mutation may add */

/* libFuzzer's own, in a program that is not libFuzzer's. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed) __attribute__((weak));
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static struct fuzz_random draws;
static char running[4200]; /* what to try again */

static void say_running(void)
{
	if (write(STDERR_FILENO, running, strlen(running)) < 0)
		_exit(1);
}

static void on_abort(int sig)
{
	say_running();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* A byte changed, put in or taken out. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max)
{
	size_t at = size ? fuzz_below(&draws, size) : 0;
	unsigned what = fuzz_below(&draws, 3);

	if (what == 0 && size < size_max) {
		memmove(data + at + 1, data + at, size - at);
		data[at] = (uint8_t)fuzz_draw(&draws);
		return size + 1;
	}
	if (what == 1 && size > 1) {
		memmove(data + at, data + at + 1, size - at - 1);
		return size - 1;
	}
	if (size)
		data[at] ^= (uint8_t)(1u << fuzz_below(&draws, 8));
	return size;
}

/* In memory of exactly that size, so that a sanitizer sees its end. */
static void run_exactly(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		exit(1);
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_mutated(const char *path, uint64_t seed, const uint8_t *data, size_t size)
{
	size_t size_max = size + GROW_BYTES;
	uint8_t *mutated = malloc(size_max);

	if (!mutated)
		exit(1);
	if (size)
		memcpy(mutated, data, size);
	snprintf(running, sizeof(running), "running a mutation of %s, WICK_SEED=%llu\n", path, (unsigned long long)seed);
	draws.state = seed;
	if (LLVMFuzzerCustomMutator)
		size = LLVMFuzzerCustomMutator(mutated, size, size_max, (unsigned)seed);
	else
		for (unsigned i = 0; i < 1 + seed % 4; i++)
			size = LLVMFuzzerMutate(mutated, size, size_max);
	wick_require(size <= size_max);
	run_exactly(mutated, size);
	free(mutated);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *word = getenv(variable);

	return word ? strtoull(word, NULL, 10) : otherwise;
}

static void run_all(const char *path, const uint8_t *data, size_t size)
{
	uint64_t seed = number_from("WICK_SEED", 0), runs = getenv("WICK_SEED") ? 1 : number_from("WICK_RUNS", RUNS_DEFAULT);

	snprintf(running, sizeof(running), "running %s\n", path);
	run_exactly(data, size);
	for (uint64_t i = 0; i < runs; i++)
		run_mutated(path, seed + i, data, size);
}

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	long size;

	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0) {
		perror(path);
		exit(1);
	}
	rewind(file);
	data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, file) != (size_t)size)
		exit(1);
	run_all(path, data, size);
	free(data);
	fclose(file);
	return 1;
}

static int run_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[4096];
	int count = 0;

	if (!dir) {
		perror(folder);
		exit(1);
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		count += run_file(path);
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	int count = 0;

	signal(SIGABRT, on_abort);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(say_running);
	for (int i = 1; i < argc; i++)
		count += run_folder(argv[i]);
	printf("%d inputs\n", count);
	return count ? 0 : 1;
}
