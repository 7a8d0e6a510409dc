/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* checkkern: every kernel of every instruction set at hand against plain C, and plain C against its definition.
 *
 *     checkkern [--cpumask M] [--seed N] [--every N]
 *         exit 0 when all agree; a set that the CPU lacks says "not run here"; --every runs one shape of N, for emulators
 *     checkkern --bench [KERNEL] [--cpumask M]
 *         GB/s of each kernel of the highest set beside the read bandwidth of the same run
 *
 * A set is checked where it differs from the set before it. Buffers end at a page that cannot be touched, so that a read
 * past the end stops the program, which then says what ran. */

#include "check.h"
#include "cpu.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the bottom up, those of one architecture after each other. */
static const struct set {
	const char *name;
	uint32_t flags;
} sets[] = {
	{ "c", 0 },
	{ "sse42", WICK_CPU_SSE42 },
	{ "avx2", WICK_CPU_SSE42 | WICK_CPU_AVX2 },
	{ "avxvnni", WICK_CPU_SSE42 | WICK_CPU_AVX2 | WICK_CPU_AVX_VNNI },
	{ "avx512", WICK_CPU_SSE42 | WICK_CPU_AVX2 | WICK_CPU_AVX512 },
	{ "avx512vnni", WICK_CPU_SSE42 | WICK_CPU_AVX2 | WICK_CPU_AVX512 | WICK_CPU_AVX512_VNNI },
	{ "vpclmul", WICK_CPU_SSE42 | WICK_CPU_AVX2 | WICK_CPU_AVX512 | WICK_CPU_AVX512_VNNI | WICK_CPU_VPCLMUL },
	{ "neon", WICK_CPU_NEON },
	{ "neon+crc", WICK_CPU_NEON | WICK_CPU_CRC },
	{ "neondot", WICK_CPU_NEON | WICK_CPU_CRC | WICK_CPU_DOTPROD },
};

static const struct family {
	const char *name;
	void (*run)(struct check *check);
} families[] = {
	{ "convert", check_convert },
	{ "matvec", check_matvec },
	{ "matmul", check_matmul },
	{ "ffn", check_ffn },
	{ "batch", check_accumulate },
	{ "norm", check_norm },
	{ "act", check_act },
	{ "rope", check_rope },
	{ "crc32c", check_crc32c },
};

struct options {
	bool bench;
	const char *filter;
	uint32_t mask;
	uint64_t seed;
	unsigned long every;
};

static struct check check;

static void on_fault(int number)
{
	static const char text[] = ": touched memory past a buffer, or ran an illegal instruction\n";
	ssize_t written = write(STDOUT_FILENO, check.what, strlen(check.what));

	written = write(STDOUT_FILENO, text, sizeof(text) - 1);
	(void)written;
	_exit(128 + number);
}

/* True for no argument that it knows: then it is the bench's filter, or a mistake. */
static bool parse(int argc, char **argv, struct options *options)
{
	*options = (struct options){ .mask = UINT32_MAX, .seed = 1, .every = 1 };
	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (!strcmp(argv[i], "--bench"))
			options->bench = true;
		else if (!strcmp(argv[i], "--cpumask") && more)
			options->mask = (uint32_t)strtoul(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--seed") && more)
			options->seed = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--every") && more)
			options->every = strtoul(argv[++i], NULL, 0);
		else if (options->bench && argv[i][0] != '-')
			options->filter = argv[i];
		else
			return false;
	}
	return options->seed && options->every;
}

/* Compares one set with what it is to agree with; below is the table of the last set that ran. */
static unsigned long check_set(const struct set *set, const struct wick_kernels *kernels, const struct wick_kernels *truth,
	const struct wick_kernels *below, const struct options *options)
{
	check_open(&check, options->seed, options->every);
	check.set = set->name;
	check.kernels = kernels;
	check.truth = truth;
	check.below = below;
	check.plain = !set->flags;
	for (size_t f = 0; f < WICK_COUNT_OF(families); f++) {
		unsigned long compared = check.compared, failed = check.failed;

		families[f].run(&check);
		if (check.compared > compared)
			printf("%-10s %-8s %6lu comparisons, %lu failed\n", set->name, families[f].name,
				check.compared - compared, check.failed - failed);
	}
	check_close(&check);
	return check.failed;
}

static unsigned long check_all(const struct options *options)
{
	struct wick_kernels tables[WICK_COUNT_OF(sets)], truth;
	const struct wick_kernels *below = &truth;
	uint32_t flags = wick_cpu_flags() & options->mask;
	unsigned long failed = 0;

	check_truth(&truth);
	for (size_t s = 0; s < WICK_COUNT_OF(sets); s++) {
		if ((sets[s].flags & flags) != sets[s].flags) {
			printf("%-10s not run here\n", sets[s].name);
			continue;
		}
		wick_kernels_init(&tables[s], sets[s].flags);
		failed += check_set(&sets[s], &tables[s], s ? &tables[0] : &truth, below, options);
		below = &tables[s];
	}
	return failed;
}

int main(int argc, char **argv)
{
	struct options options;
	struct wick_kernels kernels;
	unsigned long failed;

	if (!parse(argc, argv, &options)) {
		fprintf(stderr, "usage: checkkern [--cpumask M] [--seed N] [--every N] [--bench [KERNEL]], no N being 0\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (options.bench) {
		wick_kernels_init(&kernels, options.mask);
		check_bench(&kernels, options.filter);
		return 0;
	}
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	signal(SIGILL, on_fault);
	failed = check_all(&options);
	printf("%lu failed, seed %llu\n", failed, (unsigned long long)options.seed);
	return failed != 0;
}
