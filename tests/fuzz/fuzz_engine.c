/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Packed models that anybody may have made, from end to end: told about, verified, planned, opened and run. Each step
 * works or says why not; and what comes out of some tokens is the same to the bit with everything in memory and with as
 * little as works. */

#include "../golden/first_session.h"
#include "fuzz.h"

#include "bits.h"
#include "forecast.h"
#include "mem.h"
#include "mutate.h"

#include <sanitizer/asan_interface.h>
#include <wick/wick.h>

#define BUDGET_BYTES (64u << 20)
#define TOKENS 3
#define TOKENS_LONG 33 /* of a batch that goes by GEMM */

static const struct way {
	const char *mode, *io;
	bool least;     /* memory: what does not fit is read again for every token */
	bool no_verify; /* numbers that nobody has computed checksums of are used */
} ways[] = {
	{ "dense", "pread", false, true },
	{ "dense", "mmap", true, false },
	{ "sparse", "mmap", true, false },
};

int __wrap_wick_rates_measure(struct wick_rates *rates, const struct wick_compute *compute, enum wick_type type,
	uint64_t cols, bool cold, struct wick_diag *diag);
void __wrap_wick_mem_look(struct wick_mem *mem);
void *__real_wick_mem_take(struct wick_mem *mem, uint64_t bytes);
void *__wrap_wick_mem_take(struct wick_mem *mem, uint64_t bytes);
void __real_wick_mem_release(struct wick_mem *mem);
void __wrap_wick_mem_release(struct wick_mem *mem);

/* In place of what takes its time and looks at this machine, not at the model. */
int __wrap_wick_rates_measure(struct wick_rates *rates, const struct wick_compute *compute, enum wick_type type,
	uint64_t cols, bool cold, struct wick_diag *diag)
{
	(void)compute;
	(void)type;
	(void)cols;
	(void)cold;
	(void)diag;
	rates->resident = rates->swept = 1e4;
	return 0;
}

void __wrap_wick_mem_look(struct wick_mem *mem)
{
	mem->pages[0] = 0;
}

/* So that the address sanitizer sees where each array of the one reservation ends. */
void *__wrap_wick_mem_take(struct wick_mem *mem, uint64_t bytes)
{
	uint8_t *taken = __real_wick_mem_take(mem, bytes);

	ASAN_POISON_MEMORY_REGION(taken + bytes, wick_mem_cost(bytes) - bytes);
	return taken;
}

void __wrap_wick_mem_release(struct wick_mem *mem)
{
	ASAN_UNPOISON_MEMORY_REGION(mem->base, mem->bytes);
	__real_wick_mem_release(mem);
}

static void tell(const char *path)
{
	struct wick_diag diag = { 0 };
	char *json;

	fuzz_check(wick_info(path, &json, &diag), &diag);
	wick_require(!json == !!diag.text[0]);
	free(json);
}

static void verify(const char *path)
{
	struct wick_diag diag = { 0 };

	fuzz_check(wick_verify(path, NULL, NULL, NULL, &diag), &diag);
}

/* For the least memory that works, or for plenty. False: there is no plan, or it takes too much for us. */
static bool plan(const char *path, struct wick_options *options, bool least)
{
	struct wick_diag diag = { 0 };
	struct wick_plan plan;

	options->memory.bytes = 1;
	fuzz_check(wick_plan(path, options, &plan, &diag), &diag);
	if (!plan.minimum_bytes || plan.minimum_bytes > BUDGET_BYTES)
		return false;
	options->memory.bytes = least ? plan.minimum_bytes : BUDGET_BYTES;
	fuzz_check(wick_plan(path, options, &plan, &diag), &diag);
	wick_require(plan.total_bytes <= options->memory.bytes);
	return true;
}

/* A text's tokens over and over, those beyond the vocabulary others. */
static void make_prompt(const struct wick *wick, uint32_t ids[TOKENS_LONG])
{
	static const char text[] = "ab a\xc3\xa9 </s> 12\n";
	int64_t count = wick_tokenize(wick, text, sizeof(text) - 1, true, ids, TOKENS_LONG);

	for (uint32_t i = 0; i < TOKENS_LONG; i++)
		ids[i] = (i < count ? ids[i] : i) % wick_report_of(wick)->vocab;
}

static int evaluate(struct wick *wick, uint32_t tokens)
{
	uint32_t ids[TOKENS_LONG], left = wick_plan_of(wick)->ctx - wick_session_position(session_of(wick));
	struct wick_diag diag = { 0 };
	int err;

	make_prompt(wick, ids);
	err = left ? wick_session_eval(session_of(wick), ids, WICK_MIN(tokens, left), NULL, NULL, &diag) : 0;
	fuzz_check(err, &diag);
	return err;
}

static void draw_token(struct wick *wick)
{
	const struct wick_sampling sampling = { .size = sizeof(sampling), .temp = 1, .top_p = 0.9f };
	uint32_t id = wick_session_sample(session_of(wick), &sampling);
	size_t bytes;

	wick_require(id < wick_report_of(wick)->vocab);
	wick_require(wick_token_text(wick, id, &bytes) || !bytes);
}

/* Compared with those that came first. */
static void compare(struct wick *wick, float **truth)
{
	size_t bytes = wick_report_of(wick)->vocab * sizeof(**truth);

	if (*truth) {
		wick_require(!memcmp(*truth, wick_session_logits(session_of(wick)), bytes));
		return;
	}
	*truth = malloc(bytes);
	wick_require(*truth != NULL);
	memcpy(*truth, wick_session_logits(session_of(wick)), bytes);
}

static void use(struct wick *wick, const struct way *way, float **truth)
{
	struct wick_stats stats;
	int err = evaluate(wick, TOKENS);

	if (!err)
		err = evaluate(wick, TOKENS_LONG);
	if (!err)
		draw_token(wick);
	if (!err && strcmp(way->mode, "sparse"))
		compare(wick, truth);
	wick_session_reset(session_of(wick));
	if (err) /* of which nothing is left */
		evaluate(wick, TOKENS);
	wick_stats(wick, &stats);
}

/* False: nor will it run in another way. */
static bool run(const char *path, const struct way *way, float **truth)
{
	struct wick_options options;
	struct wick_diag diag = { 0 };
	struct wick *wick;

	wick_options_init(&options);
	options.mode = way->mode;
	options.io = way->io;
	options.no_verify = way->no_verify;
	options.buffered = true;
	options.threads = options.queue_depth = 1;
	if (!plan(path, &options, way->least))
		return false;
	fuzz_check(wick_open(&wick, path, &options, &diag), &diag);
	wick_require(!wick == !!diag.text[0]);
	if (wick)
		use(wick, way, truth);
	wick_close(wick);
	return true;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	return fuzz_mutate_model(data, size, size_max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int memory = memfd_create("fuzz", MFD_CLOEXEC);
	float *truth = NULL;
	char path[64];

	wick_require(!setenv("XDG_CACHE_HOME", "/proc/self/fd", 1)); /* learned checksums find no place */
	wick_require(memory >= 0 && write(memory, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	tell(path);
	verify(path);
	for (size_t i = 0; i < WICK_COUNT_OF(ways) && run(path, &ways[i], &truth); i++)
		;
	free(truth);
	close(memory);
	return 0;
}
