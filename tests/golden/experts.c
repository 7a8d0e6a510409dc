/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts from flash: a random model of the Qwen3-MoE kind, whose experts are large beside everything else of it. The bits
 * are those of a run with all experts in memory, whatever the budget, policy, threads, depth and way of reading, and wherever
 * the prompt is cut; a budget that holds not even one token's experts of a layer is refused with the smallest that works;
 * damage is named, and the next run starts anew. */

#include "first_session.h"
#include "fixture.h"

#include "bits.h"
#include "gguf.h"
#include "gguf_write.h"
#include "rehearse_experts.h"
#include "splitmix.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { LAYERS = 3, D_MODEL = 64, HEADS = 2, HEAD = 32, EXPERTS = 16, CHOSEN = 3, N_FF = 96, VOCAB = 259, TOKENS = 60 };

static char scratch[PATH_MAX], model[PATH_MAX];
static float *resident; /* (TOKENS, VOCAB): logits with all experts in memory */

static const struct timespec long_ago[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

struct part {
	const char *name;
	uint64_t ne[3];
	uint32_t dims;
};

/* Of a layer. Nothing of it begins on a block of the drive. */
static const struct part parts[] = {
	{ "attn_norm", { D_MODEL }, 1 }, { "ffn_norm", { D_MODEL }, 1 }, { "attn_q_norm", { HEAD }, 1 },
	{ "attn_k_norm", { HEAD }, 1 }, { "attn_q", { D_MODEL, HEADS * HEAD }, 2 }, { "attn_k", { D_MODEL, HEAD }, 2 },
	{ "attn_v", { D_MODEL, HEAD }, 2 }, { "attn_output", { HEADS * HEAD, D_MODEL }, 2 },
	{ "ffn_gate_inp", { D_MODEL, EXPERTS }, 2 }, { "ffn_gate_exps", { D_MODEL, N_FF, EXPERTS }, 3 },
	{ "ffn_up_exps", { D_MODEL, N_FF, EXPERTS }, 3 }, { "ffn_down_exps", { N_FF, D_MODEL, EXPERTS }, 3 },
};

static uint64_t floats_of(const struct part *part)
{
	uint64_t count = 1;

	for (uint32_t d = 0; d < part->dims; d++)
		count *= part->ne[d];
	return count;
}

static void put_part(struct wick_gguf_writer *writer, const struct part *part, const char *prefix)
{
	char name[80];

	snprintf(name, sizeof(name), "%s%s.weight", prefix, part->name);
	wick_gguf_put_tensor(writer, name, WICK_GGML_F32, part->ne, part->dims, floats_of(part) * sizeof(float));
}

static void put_all(struct wick_gguf_writer *writer)
{
	static const struct part embed = { "token_embd", { D_MODEL, VOCAB }, 2 }, norm = { "output_norm", { D_MODEL }, 1 };

	put_part(writer, &embed, "");
	put_part(writer, &norm, "");
	for (uint32_t layer = 0; layer < LAYERS; layer++) {
		char prefix[16];

		snprintf(prefix, sizeof(prefix), "blk.%u.", layer);
		for (size_t i = 0; i < WICK_COUNT_OF(parts); i++)
			put_part(writer, &parts[i], prefix);
	}
}

static void put_keys(struct wick_gguf_writer *writer)
{
	static const struct {
		const char *key;
		uint32_t value;
	} numbers[] = {
		{ "block_count", LAYERS }, { "context_length", 256 }, { "embedding_length", D_MODEL }, { "feed_forward_length", N_FF },
		{ "attention.head_count", HEADS }, { "attention.head_count_kv", 1 }, { "attention.key_length", HEAD },
		{ "attention.value_length", HEAD }, { "expert_count", EXPERTS }, { "expert_used_count", CHOSEN },
	};

	for (size_t i = 0; i < WICK_COUNT_OF(numbers); i++) {
		char key[80];

		snprintf(key, sizeof(key), "qwen3moe.%s", numbers[i].key);
		wick_gguf_put_u32(writer, key, numbers[i].value);
	}
	wick_gguf_put_f32(writer, "qwen3moe.attention.layer_norm_rms_epsilon", 1e-6f);
}

/* The vocabulary is a fixture's. */
static void put_vocabulary(struct wick_gguf_writer *writer)
{
	static const char *const keys[] = { "block_count", "context_length", "embedding_length", "feed_forward_length",
		"attention.head_count", "attention.head_count_kv", "attention.layer_norm_rms_epsilon", "attention.key_length",
		"attention.value_length", "rope.freq_base", "rope.dimension_count", "expert_count", "expert_used_count",
		"expert_feed_forward_length" };
	const char *except[WICK_COUNT_OF(keys) + 2] = { "general.alignment" };
	char names[WICK_COUNT_OF(keys)][80], folder[PATH_MAX], from[PATH_MAX];
	struct wick_gguf *gguf;

	for (size_t i = 0; i < WICK_COUNT_OF(keys); i++) {
		snprintf(names[i], sizeof(names[i]), "qwen3moe.%s", keys[i]);
		except[i + 1] = names[i];
	}
	fixture_folder(folder, "stock/qwen3moe-f16");
	path_join(from, folder, "model.gguf");
	assert_int_equal(wick_gguf_open(&gguf, from, NULL), 0);
	wick_gguf_put_pairs(writer, gguf, except);
	wick_gguf_close(gguf);
}

/* Numbers of a size that keeps activations in bounds. */
static void fill(float *into, uint64_t bytes, uint64_t seed)
{
	for (uint64_t i = 0; i < bytes / sizeof(float); i++)
		into[i] = ((float)(wick_splitmix_draw(&seed) >> 40) / 0x1p23f - 1) * 0.4f;
}

static int make_model(void **state)
{
	struct wick_gguf_writer writer;
	uint64_t bytes;
	uint8_t *header, *file;

	(void)state;
	scratch_make(scratch);
	path_join(model, scratch, "model.gguf");
	wick_gguf_writer_init(&writer, 32);
	put_vocabulary(&writer);
	put_keys(&writer);
	put_all(&writer);
	assert_int_equal(wick_gguf_writer_header(&writer, &header, &bytes, NULL), 0);
	file = malloc(bytes + writer.data_bytes);
	assert_non_null(file);
	memcpy(file, header, bytes);
	fill((float *)(file + bytes), writer.data_bytes, 7);
	file_write(model, file, bytes + writer.data_bytes);
	assert_int_equal(utimensat(AT_FDCWD, model, long_ago, 0), 0);
	free(file);
	free(header);
	wick_gguf_writer_deinit(&writer);
	resident = calloc((size_t)TOKENS * VOCAB, sizeof(float));
	assert_non_null(resident);
	return 0;
}

static int remove_model(void **state)
{
	(void)state;
	scratch_remove(scratch);
	free(resident);
	return 0;
}

static void keep(void *user, uint32_t position, const float *logits)
{
	memcpy((float *)user + (size_t)position * VOCAB, logits, VOCAB * sizeof(float));
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

#define ALL_BYTES (64u << 20)

static void all_in_memory(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	struct wick *wick = model_open(model, &options);
	struct wick_stats stats;

	(void)state;
	assert_int_equal(wick_plan_of(wick)->expert_slots, 0);
	assert_true(wick_plan_of(wick)->cycle_bytes == 3ull * LAYERS * CHOSEN * N_FF * D_MODEL * sizeof(float));
	assert_int_equal(eval(wick, 20, resident, NULL), 0);
	wick_stats(wick, &stats);
	assert_int_equal(stats.experts_read, 0);
	assert_true(stats.experts_active >= (TOKENS - 20) * LAYERS * CHOSEN);
	wick_close(wick);
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
	assert_true(wick_plan_of(wick)->expert_slots >= CHOSEN && wick_plan_of(wick)->expert_slots < LAYERS * EXPERTS);
	assert_true(stats.experts_read > 0 && stats.experts_read <= stats.experts_active);
	if (ways[i].share > 0.9)
		assert_true(stats.experts_read * 3 < stats.experts_active);
	wick_close(wick);
}

static void wherever_they_are(void **state)
{
	size_t bytes = (size_t)TOKENS * VOCAB * sizeof(float);
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
	assert_true(wick_plan_of(wick)->expert_slots > CHOSEN);
	for (int s = 0; s < 2; s++)
		assert_int_equal(wick_session_create(&sessions[s], wick, NULL), 0);
	for (uint32_t at = 0, count = 20; at < TOKENS; at += count, count = 1) {
		for (uint32_t i = 0; i < 2 * count; i++)
			rows[i] = (struct wick_row){ .session = sessions[i / count], .position = at + i % count,
				.id = i < count ? id_at(at + i) : (at + i) * 91 % 256, .want = i % count == count - 1 };
		assert_int_equal(wick_eval_rows(wick, rows, 2 * count, NULL), 0);
		assert_memory_equal(wick_session_logits(sessions[0]), resident + (size_t)(at + count - 1) * VOCAB,
			VOCAB * sizeof(float));
	}
	wick_close(wick);
}

static char routing_path[PATH_MAX];

static void make_routing(uint32_t experts, struct wick_routing *routing)
{
	struct wick_trace_shape shape = { .layers = LAYERS, .n_ff = experts, .chosen = CHOSEN, .tokens = 40,
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
	size_t bytes = (size_t)TOKENS * VOCAB * sizeof(float);
	float *whole = malloc(bytes), *logits = malloc(bytes);
	uint32_t missing[LAYERS * (CHOSEN + 1)];
	struct wick_routing routing, longer;
	struct wick_stats stats;
	struct wick *wick;

	(void)state;
	make_routing(EXPERTS, &routing);
	options.trace = routing_path;
	wick = model_open(model, &options);
	assert_int_equal(eval(wick, 20, whole, NULL), 0);
	assert_memory_not_equal(whole, resident, bytes);
	wick_close(wick);
	longer = routing;
	longer.ids = malloc(sizeof(*routing.ids) * TOKENS * LAYERS * CHOSEN);
	longer.tokens = TOKENS;
	for (uint32_t i = 0; i < TOKENS * LAYERS; i++)
		memcpy(longer.ids + i * CHOSEN, wick_routing_at(&routing, i / LAYERS, i % LAYERS), CHOSEN * sizeof(*longer.ids));
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
		assert_int_equal(stats.experts_active, TOKENS * LAYERS * CHOSEN);
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

static void note_routed(void *user, uint32_t layer, uint32_t position, uint32_t m, const uint32_t *ids, uint32_t chosen)
{
	struct wick_routing *routing = user;

	assert_int_equal(chosen, CHOSEN);
	for (uint32_t i = 0; i < m * chosen; i++)
		routing->ids[(((size_t)position + i / chosen) * LAYERS + layer) * CHOSEN + i % chosen] = (uint16_t)ids[i];
}

/* What routers choose, recorded in a batch and replayed, gives what they gave. */
static void recorded(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	size_t bytes = (size_t)TOKENS * VOCAB * sizeof(float);
	struct wick_trace_shape shape = { .layers = LAYERS, .n_ff = EXPERTS, .chosen = CHOSEN };
	uint16_t ids[TOKENS * LAYERS * CHOSEN];
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
	for (uint32_t i = 0; i < TOKENS * LAYERS; i++) {
		uint32_t chosen[CHOSEN];

		for (uint32_t k = 0; k < CHOSEN; k++)
			chosen[k] = ids[i * CHOSEN + k];
		assert_int_equal(wick_trace_add(writer, i % LAYERS, chosen, CHOSEN, NULL, NULL, 0, NULL), 0);
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
	struct wick_trace_shape shape = { .layers = LAYERS, .n_ff = EXPERTS, .chosen = CHOSEN, .model_crc = 12345 };
	const uint32_t ids[CHOSEN] = { 0, 1, 2 };
	struct wick_trace_writer *writer;
	struct wick_routing routing;
	struct wick_diag diag = { 0 };
	struct wick *wick;

	(void)state;
	options.trace = routing_path;
	make_routing(EXPERTS + 1, &routing);
	wick_routing_free(&routing);
	assert_int_equal(wick_open(&wick, model, &options, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "is of a model of 3 layers with 3 of 17 experts a token, not of 3 with 3 of 16"));
	assert_int_equal(wick_trace_create(&writer, routing_path, &shape, NULL), 0);
	for (uint32_t l = 0; l < LAYERS; l++)
		assert_int_equal(wick_trace_add(writer, l, ids, CHOSEN, NULL, NULL, 0, NULL), 0);
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
	options.memory.bytes = plan.minimum_bytes - 3 * CHOSEN * N_FF * D_MODEL * sizeof(float);
	assert_int_equal(wick_open(&wick, model, &options, &diag), -ENOSPC);
	assert_non_null(strstr(diag.text, "the smallest that works is"));
	snprintf(least, sizeof(least), "%.1f MB", (double)(plan.minimum_bytes + plan.varies_bytes) / 1e6);
	assert_non_null(strstr(diag.text, least));
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

/* Flips a bit of the last layer's last down-projection, where the file seems unchanged. */
static void flip(uint64_t from_end)
{
	uint64_t bytes;
	uint8_t *data = file_read(model, &bytes);

	data[bytes - from_end] ^= 4;
	file_write(model, data, bytes);
	free(data);
	assert_int_equal(utimensat(AT_FDCWD, model, long_ago, 0), 0);
}

static void damage_is_named(void **state)
{
	struct wick_options options = options_of(ALL_BYTES);
	struct wick_diag diag = { 0 };
	size_t bytes = (size_t)TOKENS * VOCAB * sizeof(float);
	float *logits = malloc(bytes);
	struct wick *wick;

	(void)state;
	assert_int_equal(wick_verify(model, NULL, NULL, NULL, NULL), 0); /* all checksums are learned */
	options.memory.bytes = model_least_bytes(model, &options);
	for (uint32_t expert = 0; expert < EXPERTS; expert++)
		flip(expert * D_MODEL * N_FF * sizeof(float) + 1000);
	wick = model_open(model, &options);
	assert_int_equal(eval(wick, 20, logits, &diag), -EBADMSG);
	if (!strstr(diag.text, "blk.2.ffn_down_exps.weight: rows "))
		fail_msg("%s", diag.text);
	assert_non_null(strstr(diag.text, "checksum does not match"));
	for (uint32_t expert = 0; expert < EXPERTS; expert++)
		flip(expert * D_MODEL * N_FF * sizeof(float) + 1000);
	wick_session_reset(session_of(wick));
	memset(logits, 0, bytes);
	assert_int_equal(eval(wick, 20, logits, &diag), 0);
	assert_memory_equal(resident, logits, bytes);
	wick_close(wick);
	free(logits);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_in_memory), cmocka_unit_test(wherever_they_are),
		cmocka_unit_test(in_company), cmocka_unit_test(replayed), cmocka_unit_test(recorded),
		cmocka_unit_test(traces_of_another_model), cmocka_unit_test(too_little_for_a_token), cmocka_unit_test(wrong_ways_are_refused), cmocka_unit_test(damage_is_named) };

	return cmocka_run_group_tests(tests, make_model, remove_model);
}
