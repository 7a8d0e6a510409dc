/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A packed model in another order: everything that belongs to a neuron has moved with it, to where the trace says, and
 * nothing else has; whatever the memory; and what goes wrong leaves the source as it was. */

#include "bits.h"
#include "packing.h"

#include "file.h"
#include "model.h"
#include "predictor_set.h"
#include "sidecar.h"
#include "trace.h"

#define N_FF 68 /* of plain-f32, in 2 layers */
#define LAYERS 2
#define TOKENS 200

static struct folder folder;
static char model_path[512], trace_path[512], out_path[512];

/* Layer 0: i and i + 34 fire together, for token i of 34 and no other. Layer 1: all of an order of their own, each with
 * the next one: 67 with 66, 66 with 65, ... so that the path is the way down. */
static bool fires(uint32_t layer, uint32_t neuron, uint32_t token)
{
	if (layer == 0)
		return token % 34 == neuron % 34;
	return token % N_FF == neuron || token % N_FF == neuron + 1;
}

static void write_trace(const char *path, uint32_t model_crc)
{
	struct wick_trace_shape shape = { .layers = LAYERS, .n_ff = N_FF, .model_crc = model_crc };
	struct wick_trace_writer *writer;
	uint32_t ids[N_FF];

	assert_int_equal(wick_trace_create(&writer, path, &shape, NULL), 0);
	for (uint32_t token = 0; token < TOKENS / N_FF * N_FF; token++)
		for (uint32_t layer = 0; layer < LAYERS; layer++) {
			uint32_t count = 0;

			for (uint32_t i = 0; i < N_FF; i++)
				if (fires(layer, i, token))
					ids[count++] = i;
			assert_int_equal(wick_trace_add(writer, layer, ids, count, NULL, NULL, 0, NULL), 0);
		}
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
}

static struct wick_model *open_model(const char *path)
{
	struct wick_model *model;
	struct wick_diag diag = { 0 };

	if (wick_model_open(&model, path, &diag))
		fail_msg("%s", diag.text);
	return model;
}

static uint32_t identity(const char *path)
{
	struct wick_model *model = open_model(path);
	uint32_t crc = wick_model_identity(model);

	wick_model_close(model);
	return crc;
}

static int set_up(void **state)
{
	(void)state;
	folder = folder_make();
	snprintf(model_path, sizeof(model_path), "%s/model.gguf", folder.path);
	snprintf(trace_path, sizeof(trace_path), "%s/some.trace", folder.path);
	snprintf(out_path, sizeof(out_path), "%s/ordered.gguf", folder.path);
	pack_well(fixture_path("plain-f32"), model_path, NULL);
	write_trace(trace_path, identity(model_path));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	folder_remove(&folder);
	return 0;
}

/* What the traces were made for. In layer 0 all fire as often: pairs, the lower first, by the lower of them. In layer 1
 * all but 67 fire twice a round, so 0 begins, and each goes on to its neighbour. */
static uint32_t wanted(uint32_t layer, uint32_t place)
{
	return layer == 0 ? place / 2 + place % 2 * 34 : place;
}

static void same_bytes(const struct blob *a, uint64_t at_a, const struct blob *b, uint64_t at_b, uint64_t bytes, const char *what)
{
	assert_true(at_a + bytes <= a->count && at_b + bytes <= b->count);
	if (memcmp(a->bytes + at_a, b->bytes + at_b, bytes))
		fail_msg("%s: other bytes", what);
}

/* A tensor with `bytes` bytes for each neuron. */
static void moved(const struct blob *from, const struct wick_tensor *source, const struct blob *to,
	const struct wick_tensor *ordered, uint32_t layer, uint64_t bytes)
{
	for (uint32_t place = 0; place < N_FF; place++)
		same_bytes(from, source->offset + wanted(layer, place) * bytes, to, ordered->offset + place * bytes, bytes,
			ordered->name);
}

struct copies {
	struct blob from, to;
	const struct wick_tensor *source[64];
	unsigned count, at;
};

static void list(const struct wick_tensor *tensor, void *user)
{
	struct copies *copies = user;

	copies->source[copies->count++] = tensor;
}

static bool is_of_neurons(const char *name)
{
	return strstr(name, "ffn_bundles") || strstr(name, "ffn_pred") || strstr(name, "ffn_up.bias");
}

static void compare(const struct wick_tensor *tensor, void *user)
{
	struct copies *copies = user;
	const struct wick_tensor *source = copies->source[copies->at++];

	assert_string_equal(tensor->name, source->name);
	if (!is_of_neurons(tensor->name))
		same_bytes(&copies->from, source->offset, &copies->to, tensor->offset, wick_tensor_bytes(source), tensor->name);
}

static void neurons_move_whole(void **state)
{
	const struct wick_pack_options options = { .order = "coactivation", .trace = trace_path };
	struct wick_model *source, *ordered;
	struct copies copies = { 0 };

	(void)state;
	pack_well(model_path, out_path, &options);
	assert_int_equal(wick_verify(out_path, NULL, NULL, NULL, NULL), 0);
	copies.from = blob_load(model_path);
	copies.to = blob_load(out_path);
	source = open_model(model_path);
	ordered = open_model(out_path);
	for (uint32_t i = 0; i < LAYERS; i++) {
		static const enum wick_tensor_id moving[] = { WICK_T_BUNDLES, WICK_T_UP_BIAS, WICK_T_PRED_OUT, WICK_T_PRED_BIAS };

		for (size_t k = 0; k < WICK_COUNT_OF(moving); k++) {
			const struct wick_tensor *from = wick_tensor_at(source, i, moving[k]);
			uint64_t bytes = from->rows == 1 ? sizeof(float) : from->row_bytes;

			moved(&copies.from, from, &copies.to, wick_tensor_at(ordered, i, moving[k]), i, bytes);
		}
	}
	wick_model_each(source, list, &copies);
	wick_model_each(ordered, compare, &copies);
	assert_int_equal(copies.at, copies.count);
	assert_non_null(memmem(copies.to.bytes, 8192, "coactivation", 12));
	free(copies.from.bytes);
	free(copies.to.bytes);
	wick_model_close(source);
	wick_model_close(ordered);
}

static void memory_changes_nothing(void **state)
{
	struct wick_pack_options options = { .order = "coactivation", .trace = trace_path, .memory_bytes = 1 };
	struct blob large, little;
	struct wick_diag diag;
	char *number;

	(void)state;
	pack_well(model_path, out_path, &(struct wick_pack_options){ .order = "coactivation", .trace = trace_path });
	large = blob_load(out_path);
	assert_int_equal(wick_pack(model_path, out_path, &options, &diag), -EINVAL);
	number = strstr(diag.text, "at least ");
	assert_non_null(number);
	options.memory_bytes = strtoull(number + strlen("at least "), NULL, 10);
	pack_well(model_path, out_path, &options); /* 64 bundles a turn, and then 4 */
	little = blob_load(out_path);
	assert_int_equal(large.count, little.count);
	assert_memory_equal(large.bytes, little.bytes, large.count);
	options.memory_bytes--;
	assert_int_equal(wick_pack(model_path, out_path, &options, &diag), -EINVAL);
	free(large.bytes);
	free(little.bytes);
}

static void refuses(const char *source, const struct wick_pack_options *options, const char *words)
{
	struct wick_diag diag;
	unsigned files = folder_count(&folder);
	int rc = wick_pack(source, out_path, options, &diag);

	if (rc >= 0 || !strstr(diag.text, words))
		fail_msg("wanted \"%s\", got %d: %s", words, rc, diag.text);
	assert_int_equal(folder_count(&folder), files);
}

static void refusals(void **state)
{
	struct wick_pack_options options = { .order = "coactivation", .trace = trace_path };

	(void)state;
	unlink(out_path);
	refuses(model_path, &(struct wick_pack_options){ .order = "coactivation" }, "needs a trace");
	refuses(model_path, &(struct wick_pack_options){ .order = "sideways" }, "order \"sideways\"");
	refuses(fixture_path("plain-f32"), &(struct wick_pack_options){ .trace = trace_path }, "not for the natural");
	refuses(model_path, &(struct wick_pack_options){ .order = "coactivation", .trace = trace_path, .type = "f16" },
		"as it is");
	refuses(fixture_path("plain-f32"), &options, "a folder");
	refuses(trace_path, &options, "GGUF");
	write_trace(trace_path, identity(model_path) ^ 1);
	refuses(model_path, &options, "another model");
	write_trace(trace_path, identity(model_path));
}

/* The ordered model is another one: the trace that it was ordered by is not of it. */
static void the_trace_stays_behind(void **state)
{
	const struct wick_pack_options options = { .order = "coactivation", .trace = trace_path };

	(void)state;
	pack_well(model_path, out_path, &options);
	assert_int_not_equal(identity(out_path), identity(model_path));
	assert_int_equal(wick_pack(out_path, out_path, &options, NULL), -EINVAL);
}

#define RANK 8

/* Row i of `out` is all i, and bias i is i; of what looks ahead, 100 more. `in` is all 7. Neuron i fires for i of 100 tokens. */
static int trained_part(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data)
{
	static uint16_t rows[N_FF * 72];
	static float biases[N_FF], firing[N_FF];

	(void)user;
	(void)layer;
	for (uint32_t i = 0; i < N_FF * 72; i++)
		rows[i] = part == WICK_SIDECAR_IN ? 7 : (uint16_t)(i / RANK + 100 * ahead);
	for (uint32_t i = 0; i < N_FF; i++)
		biases[i] = (float)(i + 100 * ahead);
	for (uint32_t i = 0; i < N_FF; i++)
		firing[i] = (float)i / 100;
	*data = part == WICK_SIDECAR_FIRING ? (const void *)firing : part == WICK_SIDECAR_BIAS ? (const void *)biases : rows;
	return 0;
}

static void expect_trained(const struct blob *file, const struct wick_predictor *predictor, uint32_t of_layer, uint32_t more)
{
	const uint16_t *in = (const uint16_t *)(file->bytes + predictor->in.offset);
	const uint16_t *out = (const uint16_t *)(file->bytes + predictor->out.offset);
	const float *bias = (const float *)(file->bytes + predictor->bias.offset);

	for (uint32_t i = 0; i < RANK * 72; i++)
		assert_int_equal(in[i], 7);
	for (uint32_t i = 0; i < N_FF; i++) {
		for (uint32_t k = 0; k < RANK; k++)
			assert_int_equal(out[i * RANK + k], wanted(of_layer, i) + more);
		assert_true(bias[i] == (float)(wanted(of_layer, i) + more));
	}
}

/* Trained predictors come along; those that look ahead are about the next layer's neurons. */
static void trained_predictors_move(void **state)
{
	const struct wick_pack_options options = { .order = "coactivation", .trace = trace_path };
	const uint32_t ranks[LAYERS] = { RANK, RANK }, ahead[LAYERS] = { RANK, 0 };
	const struct wick_sidecar_shape shape = { .model_crc = identity(model_path), .layers = LAYERS, .d_model = 72,
		.n_ff = N_FF, .type = WICK_BF16, .ranks = ranks, .ahead = ahead, .relu = true, .firing = true };
	struct wick_predictor_set *set;
	struct wick_model *model;
	struct wick_diag diag = { 0 };
	struct blob file;

	(void)state;
	assert_int_equal(wick_sidecar_write(folder_path(&folder, "model.pred.gguf"), &shape, trained_part, NULL, &diag), 0);
	pack_well(model_path, out_path, &options);
	model = open_model(out_path);
	if (wick_predictor_set_open(&set, model, out_path, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(set->origin, WICK_PREDICTORS_TRAINED);
	assert_true(set->layer[0].relu);
	file = blob_load(folder_path(&folder, "ordered.pred.gguf"));
	expect_trained(&file, &set->layer[0], 0, 0);
	expect_trained(&file, &set->layer[1], 1, 0);
	expect_trained(&file, &set->ahead[0], 1, 100);
	for (uint32_t layer = 0; layer < LAYERS; layer++)
		for (uint32_t i = 0; i < N_FF; i++)
			assert_true(((const float *)(file.bytes + set->firing[layer].offset))[i] == (float)wanted(layer, i) / 100);
	assert_int_equal(set->ahead[1].out.rows, 0);
	wick_predictor_set_close(set);
	wick_model_close(model);

	unlink(folder_path(&folder, "ordered.pred.gguf")); /* damaged: no predictors, rather than wrong ones */
	free(file.bytes);
	file = blob_load(folder_path(&folder, "model.pred.gguf"));
	file.bytes[4096 + RANK * 72]++;
	folder_write(&folder, "model.pred.gguf", file.bytes, file.count);
	assert_int_equal(wick_pack(model_path, out_path, &options, &diag), -EBADMSG);
	assert_non_null(strstr(diag.text, "model.pred.gguf"));
	assert_int_not_equal(access(folder_path(&folder, "ordered.pred.gguf"), F_OK), 0);
	unlink(folder_path(&folder, "model.pred.gguf"));
	free(file.bytes);
}

static int enough(void *user, uint64_t done, uint64_t total)
{
	return ++*(unsigned *)user == 12 && done < total;
}

static void interrupted(void **state)
{
	unsigned calls = 0;
	struct wick_pack_options options = { .order = "coactivation", .trace = trace_path, .progress = enough,
		.user = &calls };
	struct blob before = blob_load(model_path), after;
	unsigned files = folder_count(&folder);
	struct wick_diag diag;

	(void)state;
	assert_int_equal(wick_pack(model_path, model_path, &options, &diag), -ECANCELED);
	assert_non_null(strstr(diag.text, "was not written"));
	after = blob_load(model_path);
	assert_int_equal(before.count, after.count);
	assert_memory_equal(before.bytes, after.bytes, before.count);
	assert_int_equal(folder_count(&folder), files);
	free(before.bytes);
	free(after.bytes);
}

struct reading {
	struct wick_file file;
	unsigned calls;
};

static int begin_to_read(void *user, uint64_t done, uint64_t total)
{
	struct reading *reading = user;

	(void)done, (void)total;
	if (++reading->calls == 12)
		assert_int_equal(wick_file_open(&reading->file, out_path, true, NULL), 0);
	return 0;
}

/* A run that begins meanwhile keeps the old model, and that its predictors. */
static void not_over_what_is_read(void **state)
{
	const uint32_t ranks[LAYERS] = { RANK, RANK }, ahead[LAYERS] = { 0 };
	const struct wick_sidecar_shape shape = { .model_crc = identity(model_path), .layers = LAYERS, .d_model = 72,
		.n_ff = N_FF, .type = WICK_BF16, .ranks = ranks, .ahead = ahead, .relu = true };
	struct reading reading = { .calls = 0 };
	const struct wick_pack_options options = { .order = "coactivation", .trace = trace_path, .progress = begin_to_read,
		.user = &reading };
	struct wick_diag diag = { 0 };
	struct blob blob;
	unsigned files;

	(void)state;
	assert_int_equal(wick_sidecar_write(folder_path(&folder, "model.pred.gguf"), &shape, trained_part, NULL, &diag), 0);
	folder_write(&folder, "ordered.gguf", "old", 3);
	folder_write(&folder, "ordered.pred.gguf", "predictors", 10);
	files = folder_count(&folder);
	assert_int_equal(wick_pack(model_path, out_path, &options, &diag), -EBUSY);
	assert_non_null(strstr(diag.text, "in use"));
	assert_int_equal(folder_count(&folder), files);
	blob = blob_load(out_path);
	assert_int_equal(blob.count, 3);
	free(blob.bytes);
	blob = blob_load(folder_path(&folder, "ordered.pred.gguf"));
	assert_int_equal(blob.count, 10);
	free(blob.bytes);
	wick_file_close(&reading.file);
	unlink(folder_path(&folder, "model.pred.gguf"));
	unlink(folder_path(&folder, "ordered.pred.gguf"));
}

static void damaged(void **state)
{
	const struct wick_pack_options options = { .order = "coactivation", .trace = trace_path };
	struct wick_model *model = open_model(model_path);
	struct blob blob = blob_load(model_path);
	struct wick_diag diag;

	(void)state;
	blob.bytes[wick_tensor_at(model, 1, WICK_T_BUNDLES)->offset + 5 * model->shape.stride]++;
	folder_write(&folder, "damaged.gguf", blob.bytes, blob.count);
	assert_int_equal(wick_pack(folder_path(&folder, "damaged.gguf"), out_path, &options, &diag), -EBADMSG);
	assert_non_null(strstr(diag.text, "blk.1.ffn_bundles"));
	free(blob.bytes);
	wick_model_close(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neurons_move_whole),
		cmocka_unit_test(memory_changes_nothing),
		cmocka_unit_test(refusals),
		cmocka_unit_test(the_trace_stays_behind),
		cmocka_unit_test(trained_predictors_move),
		cmocka_unit_test(interrupted),
		cmocka_unit_test(not_over_what_is_read),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
