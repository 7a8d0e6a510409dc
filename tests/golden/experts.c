/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts from flash: random models of several families, whose experts are large beside everything else of them. The bits
 * are those of a run with all experts in memory, whatever the budget, policy, threads, depth and way of reading, and wherever
 * the prompt is cut; a budget that holds not even one token's experts of a layer is refused with the smallest that works;
 * damage is named, and the next run starts anew. */

#include "expert_models.h"
#include "first_session.h"
#include "fixture.h"

#include "bits.h"
#include "engine.h"
#include "gguf.h"
#include "rehearse_experts.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <wick/instruments.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TOKENS 60

static const struct expert_family *family; /* whose turn it is */
static char scratch[PATH_MAX], model[PATH_MAX];
static float *resident; /* (TOKENS, EXPERT_VOCAB): logits with all experts in memory, */
static float *stacked;  /* and of the same model in another layout */

static const struct timespec long_ago[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

static int make_model(void **state)
{
	(void)state;
	scratch_make(scratch);
	path_join(model, scratch, "model.gguf");
	expert_model_write(model, family, NULL);
	assert_int_equal(utimensat(AT_FDCWD, model, long_ago, 0), 0);
	resident = calloc((size_t)TOKENS * EXPERT_VOCAB, sizeof(float));
	assert_non_null(resident);
	return 0;
}

static int remove_model(void **state)
{
	(void)state;
	scratch_remove(scratch);
	free(stacked);
	stacked = resident;
	return 0;
}

static void keep(void *user, uint32_t position, const float *logits)
{
	memcpy((float *)user + (size_t)position * EXPERT_VOCAB, logits, EXPERT_VOCAB * sizeof(float));
}

static uint32_t id_at(uint32_t position)
{
	return position * 37 % 256;
}

/* The same tokens, the first `prompt` at once and the others one by one. */
static int eval(struct wick *wick, uint32_t prompt, float *logits, struct wick_diag *diag)
{
	uint32_t ids[TOKENS];
	int err;

	for (uint32_t i = 0; i < TOKENS; i++)
		ids[i] = id_at(i);
	err = wick_session_eval(session_of(wick), ids, prompt, keep, logits, diag);
	for (uint32_t i = prompt; !err && i < TOKENS; i++)
		err = wick_session_eval(session_of(wick), &ids[i], 1, keep, logits, diag);
	return err;
}

static struct wick_options options_of(uint64_t budget_bytes)
{
	struct wick_options options;

	wick_options_init(&options);
	options.all_logits = true;
	options.threads = 2;
	options.ctx = TOKENS;
	options.memory.bytes = budget_bytes;
	return options;
}

#define ALL_BYTES (512u << 20) /* a sanitizer keeps what was freed, which counts as the process's own */

static void all_in_memory(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	struct wick *wick = model_open(model, &options);
	struct wick_stats stats;

	(void)state;
	assert_int_equal(wick_plan_of(wick)->expert_slots, 0);
	assert_true(wick_plan_of(wick)->cycle_bytes == 3ull * EXPERT_LAYERS * EXPERT_CHOSEN * expert_part_bytes(family));
	assert_int_equal(eval(wick, 20, resident, NULL), 0);
	wick_stats(wick, &stats);
	assert_int_equal(stats.experts_read, 0);
	assert_true(stats.experts_active >= (TOKENS - 20) * EXPERT_LAYERS * EXPERT_CHOSEN);
	wick_close(wick);
	if (strcmp(family->name, "smallthinker"))
		assert_int_equal(stats.expert_gates, 0);
	else /* random gates are symmetric */
		assert_true(stats.expert_gates >= stats.experts_active * family->n_ff &&
			fabs((double)stats.expert_zeros / (double)stats.expert_gates - 0.5) < 0.1);
	if (family->layout != EXPERTS_STACKED)
		assert_memory_equal(stacked, resident, (size_t)TOKENS * EXPERT_VOCAB * sizeof(float));
}

static const struct {
	double share; /* of the way from the smallest budget to the largest */
	const char *mode, *policy, *io;
	uint32_t threads, depth, prompt;
	uint64_t chunk_bytes;
} ways[] = {
	{ 0, "dense", NULL, NULL, 2, 0, 20, 0 }, { 0, "dense", "decay", "pread", 1, 1, 33, 4096 },
	{ 0.05, "dense", "lru", NULL, 3, 4, 1, 0 }, { 0.2, "dense", "decay", "mmap", 2, 0, 60, 8192 },
	{ 0.4, "dense", "stale", "pread", 2, 64, 47, 0 }, { 0.7, "dense", "nextuse", NULL, 1, 2, 20, 0 },
	{ 0.95, "dense", "lru", NULL, 2, 0, 5, 0 }, { 0.5, "hybrid", NULL, NULL, 2, 0, 20, 0 },
	{ 0.5, "naive", NULL, NULL, 2, 0, 31, 0 },
};

static void check_way(size_t i, float *logits)
{
	struct wick_options options = options_of(ALL_BYTES);
	uint64_t least, whole = model_whole_bytes(model, &options);
	struct wick_diag diag = { 0 };
	struct wick_stats stats;
	struct wick *wick;

	options.mode = ways[i].mode;
	options.policy = ways[i].policy;
	options.io = ways[i].io;
	options.threads = ways[i].threads;
	options.queue_depth = ways[i].depth;
	options.chunk_bytes = ways[i].chunk_bytes;
	least = model_least_bytes(model, &options);
	options.memory.bytes = least + (uint64_t)(ways[i].share * (double)(whole - least));
	wick = model_open(model, &options);
	if (eval(wick, ways[i].prompt, logits, &diag))
		fail_msg("way %zu: %s", i, diag.text);
	wick_stats(wick, &stats);
	print_message("  %s: %u slots, %llu of %llu experts read\n", ways[i].mode, wick_plan_of(wick)->expert_slots,
		(unsigned long long)stats.experts_read, (unsigned long long)stats.experts_active);
	assert_true(wick_plan_of(wick)->expert_slots >= EXPERT_CHOSEN && wick_plan_of(wick)->expert_slots < EXPERT_LAYERS * EXPERT_COUNT);
	assert_true(stats.experts_read > 0 && stats.experts_read <= stats.experts_active);
	if (ways[i].share > 0.9)
		assert_true(stats.experts_read * 3 < stats.experts_active);
	wick_close(wick);
}

static void wherever_they_are(void **state)
{
	size_t bytes = (size_t)TOKENS * EXPERT_VOCAB * sizeof(float);
	float *logits = malloc(bytes);

	(void)state;
	assert_non_null(logits);
	for (size_t i = 0; i < WICK_COUNT_OF(ways); i++) {
		memset(logits, 0, bytes);
		check_way(i, logits);
		assert_memory_equal(resident, logits, bytes);
	}
	free(logits);
}

/* Two conversations in each batch, the other one's tokens being others. */
static void in_company(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	struct wick_session *sessions[2];
	struct wick_row rows[2 * TOKENS];
	struct wick *wick;

	(void)state;
	options.sessions = 2;
	options.memory.bytes = model_least_bytes(model, &options) + (1 << 20);
	wick = model_open(model, &options);
	assert_true(wick_plan_of(wick)->expert_slots > EXPERT_CHOSEN);
	for (int s = 0; s < 2; s++)
		sessions[s] = session_new(wick);
	for (uint32_t at = 0, count = 20; at < TOKENS; at += count, count = 1) {
		for (uint32_t i = 0; i < 2 * count; i++)
			rows[i] = (struct wick_row){ .session = sessions[i / count], .position = at + i % count,
				.id = i < count ? id_at(at + i) : (at + i) * 91 % 256, .want = i % count == count - 1 };
		assert_int_equal(wick_eval_rows(wick, rows, 2 * count, NULL), 0);
		assert_memory_equal(wick_session_logits(sessions[0]), resident + (size_t)(at + count - 1) * EXPERT_VOCAB,
			EXPERT_VOCAB * sizeof(float));
	}
	wick_close(wick);
}

#define BAD_ID (EXPERT_VOCAB - 1)
#define BAD_COLUMN 5
#define BAD_SIZE 1000 /* beside which the other numbers of a row, and what attention adds, are nothing */

static float *numbers_of(uint8_t *file, const struct wick_gguf *gguf, const char *name)
{
	const struct wick_gguf_tensor *tensor = wick_gguf_tensor(gguf, name);

	return tensor ? (float *)(void *)(file + tensor->offset) : NULL;
}

/* A token whose row has one large number, which a norm makes the root of d_model, 8, and others less than 6 of; and a router whose
 * product with that is more than a float holds. */
static void write_bad_stock(const char *path, const char *from)
{
	static const char *const norms[] = { "blk.0.ffn_norm.weight", "blk.0.post_attention_norm.weight" };
	struct wick_gguf *gguf;
	uint64_t bytes;
	uint8_t *file = file_read(from, &bytes);
	float *row;

	assert_int_equal(wick_gguf_open(&gguf, from, NULL), 0);
	row = numbers_of(file, gguf, "token_embd.weight") + BAD_ID * EXPERT_D_MODEL;
	memset(row, 0, EXPERT_D_MODEL * sizeof(*row));
	row[BAD_COLUMN] = BAD_SIZE;
	for (size_t i = 0; i < WICK_COUNT_OF(norms); i++)
		if (numbers_of(file, gguf, norms[i]))
			numbers_of(file, gguf, norms[i])[BAD_COLUMN] = 1;
	numbers_of(file, gguf, "blk.0.ffn_gate_inp.weight")[BAD_COLUMN] = FLT_MAX / 6;
	wick_gguf_close(gguf);
	file_write(path, file, bytes);
	free(file);
}

static void write_bad(const char *path)
{
	char stock[PATH_MAX], from[PATH_MAX];

	if (family->layout != EXPERTS_PACKED) {
		write_bad_stock(path, model);
		return;
	}
	path_join(stock, scratch, "bad.stock");
	path_join(from, scratch, "model.gguf.stock");
	write_bad_stock(stock, from);
	model_pack(stock, path, NULL);
}

/* 20 tokens of each, among those of the second the bad one, and then without it. */
static void check_bad(struct wick *wick, struct wick_session **sessions, float *alone)
{
	struct wick_row rows[40];
	struct wick_diag diag = { 0 };

	for (uint32_t i = 0; i < 40; i++)
		rows[i] = (struct wick_row){ .session = sessions[i % 2], .position = i / 2, .id = i == 23 ? BAD_ID : id_at(i / 2),
			.want = i / 2 == 19 };
	assert_int_equal(wick_eval_rows(wick, rows, 40, &diag), -ERANGE);
	if (!strstr(diag.text, "layer 0: what its router makes of the token at position 11 is not finite"))
		fail_msg("\"%s\"", diag.text);
	assert_int_equal(wick_session_position(sessions[0]), 20);
	assert_int_equal(wick_session_position(sessions[1]), 0);
	assert_null(wick_session_logits(sessions[1]));
	assert_memory_equal(wick_session_logits(sessions[0]), alone, EXPERT_VOCAB * sizeof(float));
	rows[23].id = id_at(11);
	for (uint32_t i = 0; i < 20; i++)
		rows[i] = rows[2 * i + 1];
	assert_int_equal(wick_eval_rows(wick, rows, 20, NULL), 0);
	assert_memory_equal(wick_session_logits(sessions[1]), alone, EXPERT_VOCAB * sizeof(float));
}

/* What a router cannot make numbers of is an error of its session, and changes no bit of another's. */
static void a_row_that_cannot_be_routed(void **state)
{
	float alone[EXPERT_VOCAB];
	char path[PATH_MAX];

	(void)state;
	path_join(path, scratch, "bad.gguf");
	write_bad(path);
	for (uint32_t way = 0; way < 3; way++) {
		struct wick_options options = options_of(ALL_BYTES);
		struct wick_session *sessions[2];
		struct wick *wick;

		options.sessions = 2;
		if (way)
			options.memory.bytes = model_least_bytes(path, &options) + (way - 1) * 1000000;
		wick = model_open(path, &options);
		for (int s = 0; s < 2; s++)
			sessions[s] = session_new(wick);
		if (!way) {
			for (uint32_t i = 0; i < 20; i++)
				assert_int_equal(wick_session_eval(sessions[0], (uint32_t[]){ id_at(i) }, 1, NULL, NULL, NULL), 0);
			memcpy(alone, wick_session_logits(sessions[0]), sizeof(alone));
			wick_session_reset(sessions[0]);
		}
		check_bad(wick, sessions, alone);
		wick_close(wick);
	}
}

static char routing_path[PATH_MAX];

static void make_routing(uint32_t experts, struct wick_routing *routing)
{
	struct wick_trace_shape shape = { .layers = EXPERT_LAYERS, .n_ff = experts, .chosen = EXPERT_CHOSEN, .tokens = 40,
		.preset = wick_routing_number(wick_routing_preset("olmoe")), .synthesis.seed = 3 };
	struct wick_trace *trace;

	path_join(routing_path, scratch, "routing.trace");
	assert_int_equal(wick_routing_write(routing_path, &shape, 0, NULL, NULL, NULL), 0);
	assert_int_equal(wick_trace_open(&trace, routing_path, NULL), 0);
	assert_int_equal(wick_routing_load(routing, trace, NULL), 0);
	wick_trace_close(trace);
}

/* Replayed, the experts are those of the trace, from its beginning again behind its end; the bits do not depend on where
 * they are, and of those that are computed as many are read as the rehearsal of the same policy says. */
static void replayed(void **state)
{
	static const char *const policies[] = { "nextuse", "lru", "decay", "stale" };
	struct wick_options options = options_of(ALL_BYTES);
	size_t bytes = (size_t)TOKENS * EXPERT_VOCAB * sizeof(float);
	float *whole = malloc(bytes), *logits = malloc(bytes);
	uint32_t missing[EXPERT_LAYERS * (EXPERT_CHOSEN + 1)];
	struct wick_routing routing, longer;
	struct wick_stats stats;
	struct wick *wick;

	(void)state;
	make_routing(EXPERT_COUNT, &routing);
	options.trace = routing_path;
	wick = model_open(model, &options);
	assert_int_equal(eval(wick, 20, whole, NULL), 0);
	assert_memory_not_equal(whole, resident, bytes);
	wick_close(wick);
	longer = routing;
	longer.ids = malloc(sizeof(*routing.ids) * TOKENS * EXPERT_LAYERS * EXPERT_CHOSEN);
	longer.tokens = TOKENS;
	for (uint32_t i = 0; i < TOKENS * EXPERT_LAYERS; i++)
		memcpy(longer.ids + i * EXPERT_CHOSEN, wick_routing_at(&routing, i / EXPERT_LAYERS, i % EXPERT_LAYERS), EXPERT_CHOSEN * sizeof(*longer.ids));
	for (size_t p = 0; p < WICK_COUNT_OF(policies); p++) {
		struct wick_expert_rehearsal rehearsal = { .routing = &longer, .policy = wick_policy_find(policies[p]) };

		options.policy = policies[p];
		options.memory.bytes = model_least_bytes(model, &options) + 1300000;
		wick = model_open(model, &options);
		assert_int_equal(eval(wick, 1, logits, NULL), 0);
		assert_memory_equal(whole, logits, bytes);
		wick_stats(wick, &stats);
		rehearsal.capacity = wick_plan_of(wick)->expert_slots;
		wick_close(wick);
		assert_int_equal(wick_rehearse_experts(&rehearsal, missing, NULL), 0);
		assert_int_equal(stats.experts_active, TOKENS * EXPERT_LAYERS * EXPERT_CHOSEN);
		print_message("  %s: %u slots, %llu of %llu experts read\n", policies[p], rehearsal.capacity,
			(unsigned long long)stats.experts_read, (unsigned long long)stats.experts_active);
		assert_true(fabs(1 - (double)stats.experts_read / (double)stats.experts_active - wick_rehearsed_hits(&longer, missing)) <
			1e-9);
	}
	free(longer.ids);
	wick_routing_free(&routing);
	free(whole);
	free(logits);
}

/* Switched off, or on, the parts of reading change no bit; a token after forgetting reads all that it chooses. */
static void by_parts(void **state)
{
	const struct wick_instruments instruments[] = { { .size = sizeof(*instruments) },
		{ .size = sizeof(*instruments), .no_gate_first = true }, { .size = sizeof(*instruments), .no_overlap = true },
		{ .size = sizeof(*instruments), .no_overlap = true, .no_gate_first = true } };
	const uint64_t expert_bytes = 3ull * expert_part_bytes(family);
	size_t bytes = (size_t)TOKENS * EXPERT_VOCAB * sizeof(float);
	float *logits = malloc(bytes);
	uint32_t id = id_at(0);

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(instruments); i++) {
		struct wick_options options = options_of(ALL_BYTES);
		struct wick_stats stats;
		struct wick *wick;

		options.instruments = &instruments[i];
		options.queue_depth = 1 + (uint32_t)i;
		options.memory.bytes = model_least_bytes(model, &options) + 1000000;
		wick = model_open(model, &options);
		assert_int_equal(eval(wick, i % 2 ? 20 : 1, logits, NULL), 0);
		assert_memory_equal(resident, logits, bytes);
		wick_stats(wick, &stats);
		assert_true(stats.experts_read && stats.experts_read < stats.experts_active);
		assert_int_equal(stats.expert_bytes, stats.experts_read * expert_bytes);
		assert_int_equal(stats.dependent_floor_ns, 0);
		wick_forget(wick);
		wick_session_reset(session_of(wick));
		wick_stats_reset(wick);
		assert_int_equal(wick_session_eval(session_of(wick), &id, 1, NULL, NULL, NULL), 0);
		wick_stats(wick, &stats);
		assert_int_equal(stats.experts_active, EXPERT_LAYERS * EXPERT_CHOSEN);
		assert_int_equal(stats.experts_read, EXPERT_LAYERS * EXPERT_CHOSEN);
		assert_memory_equal(resident, wick_session_logits(session_of(wick)), EXPERT_VOCAB * sizeof(float));
		wick_close(wick);
	}
	free(logits);
}

/* Reading ahead changes no bit, by the next router or by a trace's guesses, and of those it reads it knows which were for nothing. The
 * drive is made to seem idle, so that as many are read as ever may be. */
static void ahead(void **state)
{
	size_t bytes = (size_t)TOKENS * EXPERT_VOCAB * sizeof(float);
	float *logits = malloc(bytes), *replayed = malloc(bytes);
	struct wick_routing routing;
	struct wick *wick;

	(void)state;
	make_routing(EXPERT_COUNT, &routing);
	wick_routing_free(&routing);
	for (uint32_t i = 0; i < 8; i++) {
		struct wick_options options = options_of(ALL_BYTES);
		struct wick_stats stats;

		options.lookahead = 2;
		options.trace = i % 2 ? routing_path : NULL;
		options.queue_depth = i < 4 ? 1 : 0;
		options.io = i < 6 ? NULL : "pread";
		options.threads = 1 + i % 3;
		options.memory.bytes = ALL_BYTES;
		if (i == 1) { /* what all others of the trace are held against */
			wick = model_open(model, &options);
			assert_int_equal(eval(wick, 20, replayed, NULL), 0);
			wick_close(wick);
		}
		options.memory.bytes = model_least_bytes(model, &options) + i / 2 * 700000;
		wick = model_open(model, &options);
		wick->forward.expert_cache.ahead.slack_ns = 1e15;
		wick->forward.expert_cache.ahead.expert_ns = 1;
		assert_int_equal(eval(wick, i < 4 ? 1 : 10, logits, NULL), 0);
		assert_memory_equal(i % 2 ? replayed : resident, logits, bytes);
		wick_stats(wick, &stats);
		print_message("  %u slots: %llu of %llu read, %llu ahead, %llu of these for nothing\n", wick_plan_of(wick)->expert_slots,
			(unsigned long long)stats.experts_read, (unsigned long long)stats.experts_active,
			(unsigned long long)stats.experts_prefetched, (unsigned long long)stats.experts_wasted);
		assert_true(stats.experts_wasted <= stats.experts_prefetched && stats.experts_prefetched <= stats.experts_read);
		if (i > 1)
			assert_true(stats.experts_prefetched > 0);
		wick_close(wick);
	}
	free(logits);
	free(replayed);
}

/* Where the down-projections of the last layer are. */
static void find_downs(uint64_t at[EXPERT_COUNT])
{
	struct wick_model *opened;

	assert_int_equal(wick_model_open(&opened, model, NULL), 0);
	for (uint32_t expert = 0; expert < EXPERT_COUNT; expert++)
		at[expert] = wick_tensor_place(wick_expert_tensor(opened, EXPERT_LAYERS - 1, WICK_PART_DOWN), expert * EXPERT_D_MODEL).offset;
	wick_model_close(opened);
}

/* Routers of which only the biases are left. */
static void empty_routers(void)
{
	struct wick_model *opened;
	uint64_t bytes;
	uint8_t *data = file_read(model, &bytes);

	assert_int_equal(wick_model_open(&opened, model, NULL), 0);
	for (uint32_t layer = 0; layer < EXPERT_LAYERS; layer++) {
		const struct wick_tensor *router = wick_tensor_at(opened, layer, WICK_T_ROUTER);

		memset(data + router->offset, 0, wick_tensor_bytes(router));
	}
	wick_model_close(opened);
	file_write(model, data, bytes);
	free(data);
}

/* Where biases alone decide which experts are chosen, whatever the input, a guess is always right. */
static void guesses_know_of_biases(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	size_t bytes = (size_t)TOKENS * EXPERT_VOCAB * sizeof(float);
	uint64_t file_bytes;
	uint8_t *kept;
	float *logits;
	struct wick_stats stats;
	struct wick *wick;

	(void)state;
	if (family->layout == EXPERTS_PACKED || (strcmp(family->name, "gpt-oss") && strcmp(family->name, "glm4moe")))
		return;
	logits = malloc(bytes);
	kept = file_read(model, &file_bytes);
	empty_routers();
	options.lookahead = 2;
	options.policy = "lru"; /* what the next layer chose is gone, unless all fit */
	options.memory.bytes = model_least_bytes(model, &options) + 700000;
	wick = model_open(model, &options);
	wick->forward.expert_cache.ahead.slack_ns = 1e15;
	wick->forward.expert_cache.ahead.expert_ns = 1;
	assert_int_equal(eval(wick, 1, logits, NULL), 0);
	wick_stats(wick, &stats);
	print_message("  %u slots: %llu ahead, %llu for nothing\n", wick_plan_of(wick)->expert_slots, (unsigned long long)stats.experts_prefetched,
		(unsigned long long)stats.experts_wasted);
	assert_true(stats.experts_prefetched > 0);
	assert_int_equal(stats.experts_wasted, 0);
	wick_close(wick);
	file_write(model, kept, file_bytes);
	assert_int_equal(utimensat(AT_FDCWD, model, long_ago, 0), 0);
	free(kept);
	free(logits);
}

/* The model whose end is not there while guesses at the last layer are read. */
struct ending {
	uint64_t from, bytes; /* of the file */
	uint8_t *data;        /* all of it */
};

static void cut_and_mend(void *user, uint32_t layer, uint32_t position, uint32_t m, const uint32_t *ids, uint32_t chosen)
{
	const struct ending *ending = user;
	FILE *file;

	(void)position, (void)m, (void)ids, (void)chosen;
	if (layer == EXPERT_LAYERS - 2) {
		assert_int_equal(truncate(model, (off_t)ending->from), 0);
	} else if (layer == EXPERT_LAYERS - 1) {
		file = fopen(model, "r+");
		assert_non_null(file);
		assert_int_equal(fseek(file, (long)ending->from, SEEK_SET), 0);
		assert_int_equal(fwrite(ending->data + ending->from, 1, ending->bytes - ending->from, file), ending->bytes - ending->from);
		assert_int_equal(fclose(file), 0);
	}
}

#define LAST_EXPERT (EXPERT_COUNT - 1)

/* Of the last layer the last expert is guessed each time, and chosen every fourth time, when the guess cannot be read. */
static void write_guesses(void)
{
	struct wick_trace_shape shape = { .layers = EXPERT_LAYERS, .n_ff = EXPERT_COUNT, .chosen = EXPERT_CHOSEN, .lookahead = true };
	const uint32_t guessed = LAST_EXPERT;
	const float sure = 1;
	struct wick_trace_writer *writer;

	path_join(routing_path, scratch, "guesses.trace");
	assert_int_equal(wick_trace_create(&writer, routing_path, &shape, NULL), 0);
	for (uint32_t i = 0; i < TOKENS * EXPERT_LAYERS; i++) {
		uint32_t t = i / EXPERT_LAYERS, l = i % EXPERT_LAYERS;
		const uint32_t ids[EXPERT_CHOSEN] = { (t + l) % 5, 5 + t % 9, l == EXPERT_LAYERS - 1 && t % 4 == 3 ? LAST_EXPERT : LAST_EXPERT - 1 };

		assert_int_equal(wick_trace_add(writer, l, ids, EXPERT_CHOSEN, &guessed, &sure, l == EXPERT_LAYERS - 1, NULL), 0);
	}
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
}

/* A guess that cannot be read costs nothing: who does not want it never hears of it, and who does reads it again. */
static void guesses_that_fail(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	size_t bytes = (size_t)TOKENS * EXPERT_VOCAB * sizeof(float);
	float *whole = malloc(bytes), *logits = malloc(bytes);
	uint64_t downs[EXPERT_COUNT];
	struct ending ending;
	const struct wick_watch watch = { .user = &ending, .routed = cut_and_mend };
	struct wick_diag diag = { 0 };
	struct wick_stats stats;
	struct wick *wick;

	(void)state;
	write_guesses();
	find_downs(downs);
	ending.data = file_read(model, &ending.bytes);
	ending.from = downs[LAST_EXPERT] + 100;
	options.trace = routing_path;
	wick = model_open(model, &options);
	assert_int_equal(eval(wick, 1, whole, NULL), 0);
	wick_close(wick);
	options.lookahead = 2;
	options.policy = "lru";
	options.memory.bytes = model_least_bytes(model, &options) + 700000;
	wick = model_open(model, &options);
	wick->forward.expert_cache.ahead.slack_ns = 1e15;
	wick->forward.expert_cache.ahead.expert_ns = 1;
	wick_watch(wick, &watch);
	if (eval(wick, 1, logits, &diag))
		fail_msg("%s", diag.text);
	assert_memory_equal(whole, logits, bytes);
	wick_stats(wick, &stats);
	print_message("  %llu ahead, %llu for nothing\n", (unsigned long long)stats.experts_prefetched, (unsigned long long)stats.experts_wasted);
	assert_true(stats.experts_wasted > 0 && stats.experts_wasted < stats.experts_prefetched);
	wick_close(wick);
	assert_int_equal(utimensat(AT_FDCWD, model, long_ago, 0), 0);
	free(ending.data);
	free(whole);
	free(logits);
}

/* By the trace that is replayed a plan foresees the hits of the run; by a preset it says which. */
static void foreseen(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	size_t bytes = (size_t)TOKENS * EXPERT_VOCAB * sizeof(float);
	float *logits = malloc(bytes);
	struct wick_routing routing;
	struct wick_diag diag = { 0 };
	struct wick_stats stats;
	struct wick_plan plan;
	struct wick *wick;

	(void)state;
	make_routing(EXPERT_COUNT, &routing);
	wick_routing_free(&routing);
	options.memory.bytes = model_least_bytes(model, &options) + 1300000;
	options.trace = routing_path;
	assert_int_equal(wick_plan(model, &options, &plan, NULL), 0);
	wick = model_open(model, &options);
	assert_int_equal(eval(wick, 20, logits, NULL), 0);
	wick_session_reset(session_of(wick));
	wick_stats_reset(wick);
	assert_int_equal(eval(wick, 1, logits, NULL), 0);
	wick_stats(wick, &stats);
	wick_close(wick);
	print_message("  foreseen: %.3f, found: %.3f\n", plan.predicted_hit_share,
		1 - (double)stats.experts_read / (double)stats.experts_active);
	assert_true(fabs(plan.predicted_hit_share + (double)stats.experts_read / (double)stats.experts_active - 1) < 0.05);
	assert_true(fabs(plan.predicted_experts_read - (1 - plan.predicted_hit_share) * EXPERT_LAYERS * EXPERT_CHOSEN) < 1e-9);
	assert_non_null(strstr(plan.firing, "those of the trace"));
	options.trace = NULL;
	options.routing = "uniform";
	assert_int_equal(wick_plan(model, &options, &plan, NULL), 0);
	assert_non_null(strstr(plan.firing, "preset uniform"));
	assert_true(fabs(plan.predicted_hit_share - (double)plan.expert_slots / (EXPERT_LAYERS * EXPERT_COUNT)) < 0.06);
	options.routing = "none";
	assert_int_equal(wick_plan(model, &options, &plan, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "there is no such preset"));
	free(logits);
}

static void note_routed(void *user, uint32_t layer, uint32_t position, uint32_t m, const uint32_t *ids, uint32_t chosen)
{
	struct wick_routing *routing = user;

	assert_int_equal(chosen, EXPERT_CHOSEN);
	for (uint32_t i = 0; i < m * chosen; i++)
		routing->ids[(((size_t)position + i / chosen) * EXPERT_LAYERS + layer) * EXPERT_CHOSEN + i % chosen] = (uint16_t)ids[i];
}

/* What routers choose, recorded in a batch and replayed, gives what they gave. */
static void recorded(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	size_t bytes = (size_t)TOKENS * EXPERT_VOCAB * sizeof(float);
	struct wick_trace_shape shape = { .layers = EXPERT_LAYERS, .n_ff = EXPERT_COUNT, .chosen = EXPERT_CHOSEN };
	uint16_t ids[TOKENS * EXPERT_LAYERS * EXPERT_CHOSEN];
	struct wick_routing routing = { .ids = ids };
	const struct wick_watch watch = { .user = &routing, .routed = note_routed };
	float *logits = malloc(bytes);
	struct wick_trace_writer *writer;
	struct wick *wick;

	(void)state;
	wick = model_open(model, &options);
	wick_watch(wick, &watch);
	assert_int_equal(eval(wick, 20, logits, NULL), 0);
	wick_close(wick);
	assert_memory_equal(resident, logits, bytes);
	assert_int_equal(wick_trace_create(&writer, routing_path, &shape, NULL), 0);
	for (uint32_t i = 0; i < TOKENS * EXPERT_LAYERS; i++) {
		uint32_t chosen[EXPERT_CHOSEN];

		for (uint32_t k = 0; k < EXPERT_CHOSEN; k++)
			chosen[k] = ids[i * EXPERT_CHOSEN + k];
		assert_int_equal(wick_trace_add(writer, i % EXPERT_LAYERS, chosen, EXPERT_CHOSEN, NULL, NULL, 0, NULL), 0);
	}
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
	options.trace = routing_path;
	wick = model_open(model, &options);
	memset(logits, 0, bytes);
	assert_int_equal(eval(wick, 20, logits, NULL), 0);
	wick_close(wick);
	assert_memory_equal(resident, logits, bytes);
	free(logits);
}

static void traces_of_another_model(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	struct wick_trace_shape shape = { .layers = EXPERT_LAYERS, .n_ff = EXPERT_COUNT, .chosen = EXPERT_CHOSEN, .model_crc = 12345 };
	const uint32_t ids[EXPERT_CHOSEN] = { 0, 1, 2 };
	struct wick_trace_writer *writer;
	struct wick_routing routing;
	struct wick_diag diag = { 0 };
	struct wick *wick;

	(void)state;
	options.trace = routing_path;
	make_routing(EXPERT_COUNT + 1, &routing);
	wick_routing_free(&routing);
	assert_int_equal(wick_open(&wick, model, &options, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "is of a model of 3 layers with 3 of 17 experts a token, not of 3 with 3 of 16"));
	assert_int_equal(wick_trace_create(&writer, routing_path, &shape, NULL), 0);
	for (uint32_t l = 0; l < EXPERT_LAYERS; l++)
		assert_int_equal(wick_trace_add(writer, l, ids, EXPERT_CHOSEN, NULL, NULL, 0, NULL), 0);
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
	assert_int_equal(wick_open(&wick, model, &options, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "was recorded from another model"));
}

static void too_little_for_a_token(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	struct wick_diag diag = { 0 };
	struct wick_plan plan;
	struct wick *wick = NULL;
	char least[32];

	(void)state;
	assert_int_equal(wick_plan(model, &options, &plan, NULL), 0);
	options.memory.bytes = plan.minimum_bytes - 3 * EXPERT_CHOSEN * expert_part_bytes(family);
	assert_int_equal(wick_open(&wick, model, &options, &diag), -ENOSPC);
	assert_non_null(strstr(diag.text, "the smallest that works is"));
	snprintf(least, sizeof(least), "%.1f MB", (double)(plan.minimum_bytes + plan.varies_bytes) / 1e6);
	assert_non_null(strstr(diag.text, least));
}

/* Experts that do not fit each other, or the key that says how many there are. */
static void wrong_counts_are_refused(void **state)
{
	static const struct {
		enum expert_layout layout;
		struct expert_fault fault;
		const char *says;
	} cases[] = {
		{ EXPERTS_STACKED, { .fewer = 1 }, "tensor \"blk.1.ffn_up_exps.weight\" is 64 x 96 x 15, not 64 x 96 x 16" },
		{ EXPERTS_STACKED, { .more = 1 }, "tensor \"blk.1.ffn_up_exps.weight\" is 64 x 96 x 17, not 64 x 96 x 16" },
		{ EXPERTS_SPLIT, { .fewer = 2 }, "tensor \"blk.0.ffn_gate.14.weight\" is missing: there are 16 experts" },
		{ EXPERTS_SPLIT, { .more = 1 }, "tensor \"blk.0.ffn_gate.16.weight\" has no place" },
		{ EXPERTS_SPLIT, { .other = 3 }, "tensor \"blk.1.ffn_up.3.weight\" is of another type than that of expert 0" },
		{ EXPERTS_MERGED, { .odd_rows = 1 }, "tensor \"blk.0.ffn_gate_up_exps.weight\" has 193 rows for each expert" },
		{ EXPERTS_MERGED, { .odd_rows = 2 }, "tensor \"blk.0.ffn_gate_up_exps.weight\" is 64 x 194 x 16, not 64 x 192 x 16" },
	};
	char path[PATH_MAX];

	(void)state;
	path_join(path, scratch, "wrong.gguf");
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_diag diag = { 0 };
		char *json = NULL;

		if (cases[i].layout != family->layout || strcmp(family->name, "qwen3moe"))
			continue;
		expert_model_write(path, family, &cases[i].fault);
		assert_int_equal(wick_info(path, &json, &diag), -EINVAL);
		if (!strstr(diag.text, cases[i].says))
			fail_msg("\"%s\" does not say \"%s\"", diag.text, cases[i].says);
	}
}

static void wrong_ways_are_refused(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	struct wick_diag diag = { 0 };
	struct wick *wick = NULL;

	(void)state;
	options.policy = "window";
	assert_int_equal(wick_open(&wick, model, &options, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "policy window is for neurons"));
	options.policy = NULL;
	options.mode = "sparse";
	assert_int_equal(wick_open(&wick, model, &options, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "mode sparse is not for models of experts"));
}

/* Flips a bit of each of these, where the file seems unchanged. */
static void flip_downs(const uint64_t *at, uint32_t count)
{
	uint64_t bytes;
	uint8_t *data = file_read(model, &bytes);

	for (uint32_t i = 0; i < count; i++)
		data[at[i] + 1000] ^= 4;
	file_write(model, data, bytes);
	free(data);
	assert_int_equal(utimensat(AT_FDCWD, model, long_ago, 0), 0);
}

static void damage_is_named(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	struct wick_diag diag = { 0 };
	size_t bytes = (size_t)TOKENS * EXPERT_VOCAB * sizeof(float);
	float *logits = malloc(bytes);
	uint64_t downs[EXPERT_COUNT];
	char named[64];
	struct wick *wick;

	(void)state;
	find_downs(downs);
	assert_int_equal(wick_verify(model, NULL, NULL, NULL, NULL), 0); /* all checksums are learned */
	options.memory.bytes = model_least_bytes(model, &options);
	flip_downs(downs, EXPERT_COUNT);
	wick = model_open(model, &options);
	assert_int_equal(eval(wick, 20, logits, &diag), -EBADMSG);
	snprintf(named, sizeof(named), "%s: rows ", family->down);
	if (!strstr(diag.text, named))
		fail_msg("%s", diag.text);
	assert_non_null(strstr(diag.text, "checksum does not match"));
	flip_downs(downs, EXPERT_COUNT);
	wick_session_reset(session_of(wick));
	memset(logits, 0, bytes);
	assert_int_equal(eval(wick, 20, logits, &diag), 0);
	assert_memory_equal(resident, logits, bytes);
	wick_close(wick);
	free(logits);
}

#define FEW 3 /* rows of each of two sessions */

/* Experts of the last layer that rows of a batch chose. */
struct needed {
	uint32_t ids[2 * FEW][EXPERT_CHOSEN];
};

static void note_needed(void *user, uint32_t layer, uint32_t position, uint32_t m, const uint32_t *ids, uint32_t chosen)
{
	struct needed *needed = user;

	(void)position;
	assert_int_equal(m * chosen, 2 * FEW * EXPERT_CHOSEN);
	if (layer == EXPERT_LAYERS - 1)
		memcpy(needed->ids, ids, sizeof(needed->ids));
}

static bool needs(const struct needed *needed, uint32_t session, uint32_t expert)
{
	for (uint32_t row = session; row < 2 * FEW; row += 2)
		for (uint32_t k = 0; k < EXPERT_CHOSEN; k++)
			if (needed->ids[row][k] == expert)
				return true;
	return false;
}

/* One that a session needs and the other does not. */
static uint32_t needed_alone(const struct needed *needed, uint32_t session)
{
	uint32_t expert = 0;

	while (expert < EXPERT_COUNT && !(needs(needed, session, expert) && !needs(needed, 1 - session, expert)))
		expert++;
	assert_true(expert < EXPERT_COUNT);
	return expert;
}

/* Rows of two sessions in turn. */
static int eval_both(struct wick *wick, struct wick_session *const sessions[2], struct wick_diag *diag)
{
	struct wick_row rows[2 * FEW];

	for (uint32_t i = 0; i < 2 * FEW; i++)
		rows[i] = (struct wick_row){ .session = sessions[i % 2], .position = i / 2, .id = id_at(i * 5 + i % 2), .want = i / 2 == FEW - 1 };
	return wick_eval_rows(wick, rows, 2 * FEW, diag);
}

static void check_logits(const struct wick_session *session, const float *logits)
{
	assert_non_null(wick_session_logits(session));
	assert_memory_equal(wick_session_logits(session), logits, EXPERT_VOCAB * sizeof(float));
}

/* An expert that cannot be read is an error of the session whose rows need it, and changes no bit of the other's; when it can be read
 * again, both have their logits. */
static void check_damaged(struct wick *wick, struct wick_session *const sessions[2], uint32_t hit, const uint64_t *down,
	float (*right)[EXPERT_VOCAB])
{
	struct wick_diag diag = { 0 };
	char named[64];

	flip_downs(down, 1);
	assert_int_equal(eval_both(wick, sessions, &diag), -EBADMSG);
	snprintf(named, sizeof(named), "%s: rows ", family->down);
	if (!strstr(diag.text, named) || !strstr(diag.text, "checksum does not match"))
		fail_msg("%s", diag.text);
	assert_int_equal(wick_session_position(sessions[hit]), 0);
	assert_null(wick_session_logits(sessions[hit]));
	assert_int_equal(wick_session_position(sessions[1 - hit]), FEW);
	check_logits(sessions[1 - hit], right[1 - hit]);
	wick_session_reset(sessions[1 - hit]);
	flip_downs(down, 1);
	assert_int_equal(eval_both(wick, sessions, NULL), 0);
	for (int s = 0; s < 2; s++) {
		check_logits(sessions[s], right[s]);
		wick_session_reset(sessions[s]);
	}
}

static void damage_is_a_sessions(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	struct needed needed;
	struct wick_watch watch = { .user = &needed, .routed = note_needed };
	float right[2][EXPERT_VOCAB];
	struct wick_session *sessions[2];
	uint64_t downs[EXPERT_COUNT];
	struct wick *wick;

	(void)state;
	find_downs(downs);
	assert_int_equal(wick_verify(model, NULL, NULL, NULL, NULL), 0);
	options.sessions = 2;
	options.memory.bytes = model_least_bytes(model, &options);
	wick = model_open(model, &options);
	wick_watch(wick, &watch);
	for (int s = 0; s < 2; s++)
		sessions[s] = session_new(wick);
	assert_int_equal(eval_both(wick, sessions, NULL), 0);
	wick_watch(wick, NULL);
	for (int s = 0; s < 2; s++) {
		memcpy(right[s], wick_session_logits(sessions[s]), sizeof(right[s]));
		wick_session_reset(sessions[s]);
	}
	for (uint32_t hit = 0; hit < 2; hit++) {
		wick_forget(wick);
		check_damaged(wick, sessions, hit, &downs[needed_alone(&needed, hit)], right);
	}
	wick_close(wick);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_in_memory), cmocka_unit_test(wherever_they_are),
		cmocka_unit_test(in_company), cmocka_unit_test(a_row_that_cannot_be_routed), cmocka_unit_test(replayed), cmocka_unit_test(recorded),
		cmocka_unit_test(by_parts), cmocka_unit_test(ahead), cmocka_unit_test(guesses_know_of_biases),
		cmocka_unit_test(guesses_that_fail), cmocka_unit_test(foreseen),
		cmocka_unit_test(traces_of_another_model), cmocka_unit_test(too_little_for_a_token), cmocka_unit_test(wrong_ways_are_refused),
		cmocka_unit_test(wrong_counts_are_refused), cmocka_unit_test(damage_is_named),
		cmocka_unit_test(damage_is_a_sessions) };
	int failed = 0;

	for (family = expert_families; family->name; family++) {
		print_message("%s, layout %d\n", family->name, family->layout);
		failed += cmocka_run_group_tests(tests, make_model, remove_model);
	}
	free(stacked);
	return failed;
}
