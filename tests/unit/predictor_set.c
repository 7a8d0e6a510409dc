/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Predictors of a packed model and of a file of their own: what packing makes finds the neurons that fire, what was
 * written is what is loaded, and what is not as it should be is refused with a sentence. */

#include "packing.h"

#include "bits.h"
#include "file.h"
#include "gguf.h"
#include "io.h"
#include "load.h"
#include "mem.h"
#include "pool.h"
#include "predictor_set.h"
#include "sidecar.h"

#include <math.h>

/* A model that packing made, with what reading from it takes. */
struct opened {
	struct folder folder;
	char path[4096], sidecar[4096];
	struct wick_model *model;
	struct wick_kernels kernels;
	struct wick_pool *pool;
	struct wick_file file;
	struct wick_io *io;
	struct wick_fetch fetch;
	struct wick_mem mem;
};

static struct opened *open_packed(const char *fixture)
{
	struct opened *o = calloc(1, sizeof(*o));
	struct wick_io_options io = { .method = "pread", .depth = 4, .threads = 1 };

	assert_non_null(o);
	o->folder = fixture_copy(fixture);
	snprintf(o->path, sizeof(o->path), "%s/packed.gguf", o->folder.path);
	snprintf(o->sidecar, sizeof(o->sidecar), "%s/packed.pred.gguf", o->folder.path);
	pack_well(o->folder.path, o->path, NULL);
	assert_int_equal(wick_model_open(&o->model, o->path, NULL), 0);
	wick_kernels_init(&o->kernels, ~0u);
	assert_int_equal(wick_pool_create(&o->pool, 2, NULL), 0);
	assert_int_equal(wick_file_open(&o->file, o->path, false, NULL), 0);
	assert_int_equal(wick_io_create(&o->io, &io, NULL), 0);
	assert_int_equal(wick_mem_reserve(&o->mem, 64 << 20, NULL), 0);
	o->fetch = (struct wick_fetch){ .file = &o->file, .io = o->io, .kernels = &o->kernels, .pool = o->pool,
		.chunk_bytes = 1 << 16 };
	return o;
}

static void close_packed(struct opened *o)
{
	wick_io_destroy(o->io);
	wick_pool_destroy(o->pool);
	wick_mem_release(&o->mem);
	wick_file_close(&o->file);
	wick_model_close(o->model);
	folder_remove(&o->folder);
	free(o);
}

static int load(struct opened *o, struct wick_predictor_set *predictors, struct wick_diag *diag)
{
	uint64_t before = o->mem.used;
	int rc = wick_predictor_set_load(predictors, &o->fetch, 4, &o->mem, NULL, NULL, diag);

	assert_int_equal(o->mem.used - before, wick_predictor_set_bytes(predictors));
	return rc;
}

/* A tensor's bytes. */
static const uint8_t *read_tensor(struct opened *o, const struct wick_tensor *tensor)
{
	struct wick_load one = { .tensor = tensor, .rows = tensor->rows,
		.base = wick_mem_take(&o->mem, wick_fetch_buffer_bytes(wick_tensor_bytes(tensor))) };

	assert_int_equal(wick_load_all(&o->fetch, &one, 1, 4, NULL, NULL, NULL), 0);
	return one.base;
}

/* Normally distributed, from the sum of twelve. */
static double normal(uint64_t *seed)
{
	double sum = -6;

	for (int i = 0; i < 12; i++) {
		*seed = *seed * 6364136223846793005u + 1442695040888963407u;
		sum += (double)(*seed >> 11) * 0x1p-53;
	}
	return sum;
}

struct score {
	double fired, found, predicted;
};

/* Random inputs as a norm makes them, through the up-projection itself and through the predictor. */
static struct score score_layer(struct opened *o, const struct wick_predictor *predictor, uint32_t layer)
{
	const struct wick_shape *shape = &o->model->shape;
	const uint8_t *bundles = read_tensor(o, wick_tensor_at(o->model, layer, WICK_T_BUNDLES));
	const float *bias = (const float *)read_tensor(o, wick_tensor_at(o->model, layer, WICK_T_UP_BIAS));
	const float *weight = (const float *)read_tensor(o, wick_tensor_at(o->model, layer, WICK_T_FFN_NORM));
	const float *offset = (const float *)read_tensor(o, wick_tensor_at(o->model, layer, WICK_T_FFN_NORM_BIAS));
	struct wick_compute compute = { .kernels = &o->kernels, .pool = o->pool };
	float *x = malloc(shape->d_model * sizeof(*x)), *up = malloc(shape->d_model * sizeof(*up));
	float *scratch = malloc(wick_predict_scratch_floats(predictor) * sizeof(*scratch));
	uint32_t *active = malloc(shape->n_ff * sizeof(*active));
	struct score score = { 0 };
	uint64_t seed = layer + 1;

	for (int token = 0; token < 40; token++) {
		uint32_t count, at = 0;

		for (uint32_t c = 0; c < shape->d_model; c++)
			x[c] = (float)(weight[c] * normal(&seed) + offset[c]);
		count = wick_predict(predictor, &compute, x, scratch, NULL, active);
		score.predicted += count;
		for (uint32_t i = 0; i < shape->n_ff; i++) {
			bool predicted = at < count && active[at] == i;
			double sum = bias[i];

			at += predicted;
			o->kernels.to_f32[shape->type](up, bundles + i * shape->stride, shape->d_model);
			for (uint32_t c = 0; c < shape->d_model; c++)
				sum += (double)up[c] * x[c];
			score.fired += sum > 0;
			score.found += sum > 0 && predicted;
		}
	}
	free(x);
	free(up);
	free(scratch);
	free(active);
	return score;
}

/* With random weights a neuron fires half of the time, so all that a predictor can do wrong is near the threshold. */
static void check_packed(const char *fixture, const char *type, double most_predicted)
{
	struct opened *o = open_packed(fixture);
	struct wick_predictor_set *predictors;
	struct wick_diag diag = { 0 };

	if (wick_predictor_set_open(&predictors, o->model, o->path, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(predictors->origin, WICK_PREDICTORS_PACKED);
	assert_string_equal(wick_types[predictors->layer[0].out.type].name, type);
	assert_null(predictors->ahead);
	if (load(o, predictors, &diag))
		fail_msg("%s", diag.text);
	for (uint32_t layer = 0; layer < o->model->shape.layers; layer++) {
		struct score score = score_layer(o, &predictors->layer[layer], layer);

		assert_true(score.fired > 0);
		assert_true(score.found >= 0.98 * score.fired);
		assert_true(score.predicted <= most_predicted * score.fired);
	}
	wick_predictor_set_close(predictors);
	close_packed(o);
}

static void packing_makes_predictors_that_find(void **state)
{
	(void)state;
	check_packed("sharded-f16", "q2", 1.6);
	check_packed("plain-f32", "bf16", 1.05);
}

#define RANK 32

/* Trained predictors for the fixture of width 96, of bytes that follow from their place. */
struct written {
	uint32_t ranks[8], ahead[8];
	struct wick_sidecar_shape shape;
	uint8_t *parts[8][2][WICK_SIDECAR_KINDS];
};

static int written_part(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data)
{
	struct written *written = user;

	*data = written->parts[layer][ahead][part];
	return 0;
}

static int fill_part(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part)
{
	struct written *written = user;
	struct wick_tensor tensor;
	uint64_t bytes;

	wick_sidecar_describe(&tensor, &written->shape, layer, ahead, part);
	bytes = wick_tensor_bytes(&tensor);
	written->parts[layer][ahead][part] = malloc(bytes);
	for (uint64_t i = 0; i < bytes; i++)
		written->parts[layer][ahead][part][i] = (uint8_t)(i * 7 + layer * 3 + ahead * 5 + part);
	for (uint64_t i = 0; part == WICK_SIDECAR_FIRING && i < tensor.cols; i++)
		((float *)written->parts[layer][ahead][part])[i] = (float)((i * 37 + layer) % tensor.cols) / (float)tensor.cols;
	return 0;
}

static struct written *write_sidecar(struct opened *o)
{
	struct written *written = calloc(1, sizeof(*written));
	uint32_t layers = o->model->shape.layers;
	struct wick_diag diag = { 0 };

	assert_true(layers > 1 && layers <= 8);
	for (uint32_t i = 0; i < layers; i++) {
		written->ranks[i] = RANK * (1 + i % 2);
		written->ahead[i] = i + 1 < layers ? RANK : 0;
	}
	written->shape = (struct wick_sidecar_shape){ .model_crc = wick_model_identity(o->model), .layers = layers,
		.d_model = o->model->shape.d_model, .n_ff = o->model->shape.n_ff, .type = WICK_Q4_0, .ranks = written->ranks,
		.ahead = written->ahead, .firing = true };
	wick_sidecar_each(&written->shape, fill_part, written);
	if (wick_sidecar_write(o->sidecar, &written->shape, written_part, written, &diag))
		fail_msg("%s", diag.text);
	return written;
}

static void free_written(struct written *written)
{
	for (int layer = 0; layer < 8; layer++)
		for (int ahead = 0; ahead < 2; ahead++)
			for (int part = 0; part < WICK_SIDECAR_KINDS; part++)
				free(written->parts[layer][ahead][part]);
	free(written);
}

static void check_predictor(struct written *written, const struct wick_predictor *predictor, uint32_t layer, bool ahead)
{
	uint8_t **parts = written->parts[layer][ahead];

	assert_int_equal(predictor->in.rows, ahead ? written->ahead[layer] : written->ranks[layer]);
	assert_int_equal(predictor->out.cols, predictor->in.rows);
	assert_memory_equal(predictor->in_data, parts[WICK_SIDECAR_IN], wick_tensor_bytes(&predictor->in));
	assert_memory_equal(predictor->out_data, parts[WICK_SIDECAR_OUT], wick_tensor_bytes(&predictor->out));
	assert_memory_equal(predictor->bias_data, parts[WICK_SIDECAR_BIAS], wick_tensor_bytes(&predictor->bias));
}

static void what_was_written_is_loaded(void **state)
{
	struct opened *o = open_packed("sharded-f16");
	struct written *written = write_sidecar(o);
	struct wick_predictor_set *predictors;
	struct wick_diag diag = { 0 };

	(void)state;
	if (wick_predictor_set_open(&predictors, o->model, o->path, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(predictors->origin, WICK_PREDICTORS_TRAINED);
	assert_string_equal(predictors->path, o->sidecar);
	if (load(o, predictors, &diag))
		fail_msg("%s", diag.text);
	for (uint32_t i = 0; i < predictors->layers; i++) {
		check_predictor(written, &predictors->layer[i], i, false);
		if (i + 1 < predictors->layers)
			check_predictor(written, &predictors->ahead[i], i, true);
		else
			assert_int_equal(predictors->ahead[i].out.rows, 0);
	}
	wick_predictor_set_close(predictors);
	free_written(written);
	close_packed(o);
}

/* Of n_ff numbers, which 37 does not divide, each share k / n_ff is there once. */
static void how_often_neurons_fire_descends(void **state)
{
	struct opened *o = open_packed("sharded-f16");
	struct written *written = write_sidecar(o);
	uint32_t layers = o->model->shape.layers, n_ff = o->model->shape.n_ff;
	float *shares = calloc((size_t)layers * n_ff, sizeof(*shares)), *of_one = (float *)written->parts[1][0][WICK_SIDECAR_FIRING];
	struct wick_predictor_set *predictors;
	struct wick_diag diag = { 0 };

	(void)state;
	assert_true(n_ff % 37);
	assert_int_equal(wick_predictor_set_open(&predictors, o->model, o->path, &diag), 0);
	if (wick_predictor_set_firing(predictors, shares, &diag))
		fail_msg("%s", diag.text);
	for (uint32_t i = 0; i < layers * n_ff; i++)
		assert_true(shares[i] == (float)(n_ff - 1 - i % n_ff) / (float)n_ff);
	wick_predictor_set_close(predictors);

	of_one[3] = 1.5f;
	assert_int_equal(wick_sidecar_write(o->sidecar, &written->shape, written_part, written, NULL), 0);
	assert_int_equal(wick_predictor_set_open(&predictors, o->model, o->path, NULL), 0);
	assert_int_equal(wick_predictor_set_firing(predictors, shares, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "tensor \"blk.1.ffn_firing\": number 3 is 1.5"));
	wick_predictor_set_close(predictors);
	free(shares);
	free_written(written);
	close_packed(o);
}

/* Files of version 1, as they were written before, are whole. */
static void without_how_often_neurons_fire(void **state)
{
	struct opened *o = open_packed("sharded-f16");
	struct written *written = write_sidecar(o);
	struct wick_predictor_set *predictors;
	struct wick_diag diag = { 0 };
	uint64_t version;

	(void)state;
	written->shape.firing = false;
	assert_int_equal(wick_sidecar_write(o->sidecar, &written->shape, written_part, written, NULL), 0);
	if (wick_predictor_set_open(&predictors, o->model, o->path, &diag) || load(o, predictors, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(wick_gguf_u64(predictors->gguf, "wick.predictors.version", &version, NULL), 0);
	assert_int_equal(version, 1);
	assert_null(predictors->firing);
	assert_int_equal(predictors->origin, WICK_PREDICTORS_TRAINED);
	wick_predictor_set_close(predictors);
	free_written(written);
	close_packed(o);
}

/* Opens and loads; the outcome, with its sentence. */
static int try(struct opened *o, struct wick_diag *diag)
{
	float *shares = calloc((size_t)o->model->shape.layers * o->model->shape.n_ff, sizeof(*shares));
	struct wick_predictor_set *predictors;
	int rc = wick_predictor_set_open(&predictors, o->model, o->path, diag);

	if (rc == 0)
		rc = load(o, predictors, diag);
	if (rc == 0)
		rc = wick_predictor_set_firing(predictors, shares, diag);
	wick_predictor_set_close(predictors);
	free(shares);
	o->mem.used = 0;
	return rc;
}

static void of_another_model(void **state)
{
	struct opened *o = open_packed("sharded-f16");
	struct written *written = write_sidecar(o);
	struct wick_diag diag = { 0 };

	(void)state;
	written->shape.model_crc++;
	assert_int_equal(wick_sidecar_write(o->sidecar, &written->shape, written_part, written, NULL), 0);
	assert_int_equal(try(o, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "made for another model"));
	diag.text[0] = 0;
	written->shape.model_crc--;
	written->shape.n_ff -= 32;
	assert_int_equal(wick_sidecar_write(o->sidecar, &written->shape, written_part, written, NULL), 0);
	assert_int_equal(try(o, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "wick.predictors.n_ff"));
	free_written(written);
	close_packed(o);
}

/* Any bit may be wrong, and any end missing: never a crash, and nothing wrong is loaded, but for padding. */
static void damage_is_found(void **state)
{
	struct opened *o = open_packed("sharded-f16");
	struct written *written = write_sidecar(o);
	struct blob whole = blob_load(o->sidecar);
	unsigned padding = 0, tries = 0;

	(void)state;
	for (size_t at = 0; at < whole.count; at += at < 2048 ? 1 : 509, tries++) {
		struct wick_diag diag = { 0 };
		int rc;

		whole.bytes[at] ^= 1 << at % 8;
		folder_write(&o->folder, "packed.pred.gguf", whole.bytes, whole.count);
		rc = try(o, &diag);
		if (rc == 0)
			padding++;
		else
			assert_true(*diag.text);
		whole.bytes[at] ^= 1 << at % 8;
		assert_true(rc == 0 ? at >= 2048 : rc < 0);
	}
	for (size_t bytes = 0; bytes < whole.count; bytes += 1021) {
		struct wick_diag diag = { 0 };

		folder_write(&o->folder, "packed.pred.gguf", whole.bytes, bytes);
		assert_true(try(o, &diag) < 0);
		assert_true(*diag.text);
	}
	assert_true(padding < tries / 4);
	free(whole.bytes);
	free_written(written);
	close_packed(o);
}

static void names_of_files(void **state)
{
	static const char *const names[][2] = { { "a/model.gguf", "a/model.pred.gguf" }, { "model", "model.pred.gguf" },
		{ ".gguf", ".gguf.pred.gguf" }, { "x.gguf.gguf", "x.gguf.pred.gguf" } };

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(names); i++) {
		char *path = wick_predictor_set_path(names[i][0]);

		assert_string_equal(path, names[i][1]);
		free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packing_makes_predictors_that_find),
		cmocka_unit_test(what_was_written_is_loaded),
		cmocka_unit_test(how_often_neurons_fire_descends),
		cmocka_unit_test(without_how_often_neurons_fire),
		cmocka_unit_test(of_another_model),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(names_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
