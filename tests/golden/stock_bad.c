/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Stock GGUF files whose keys hold numbers that no model can have: each is refused with a sentence that names the key. */

#include "fixture.h"

#include "bits.h"
#include "gguf.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE "stock/qwen2-linear-f32"
#define TYPE_F32 6

static const char *const keys[] = {
	"qwen2.rope.freq_base", "qwen2.rope.scaling.factor", "qwen2.attention.layer_norm_rms_epsilon",
};

/* The value of a key of a GGUF file: the name, its type, then four bytes. */
static uint8_t *value_of(uint8_t *data, uint64_t bytes, const char *key)
{
	uint8_t *name = memmem(data, bytes, key, strlen(key));
	uint32_t type;

	assert_non_null(name);
	memcpy(&type, name + strlen(key), sizeof(type));
	assert_int_equal(type, TYPE_F32);
	return name + strlen(key) + sizeof(type);
}

static void refuse(const char *path, const char *key)
{
	struct wick_diag diag = { 0 };
	char *json = NULL;

	assert_int_equal(wick_info(path, &json, &diag), -EINVAL);
	assert_null(json);
	assert_non_null(strstr(diag.text, path));
	assert_non_null(strstr(diag.text, key));
}

static void reals_are_positive_floats(void **state)
{
	const float values[] = { 0, -1, -10000, NAN, INFINITY, -INFINITY, FLT_MIN / 2 };
	char folder[PATH_MAX], scratch[PATH_MAX], from[PATH_MAX], path[PATH_MAX];
	uint64_t bytes;
	uint8_t *data;

	(void)state;
	scratch_make(scratch);
	fixture_folder(folder, FIXTURE);
	path_join(from, folder, "model.gguf");
	path_join(path, scratch, "model.gguf");
	data = file_read(from, &bytes);
	for (size_t k = 0; k < WICK_COUNT_OF(keys); k++) {
		uint8_t *value = value_of(data, bytes, keys[k]);
		float kept;

		memcpy(&kept, value, sizeof(kept));
		for (size_t i = 0; i < WICK_COUNT_OF(values); i++) {
			memcpy(value, &values[i], sizeof(values[i]));
			file_write(path, data, bytes);
			refuse(path, keys[k]);
		}
		memcpy(value, &kept, sizeof(kept));
	}
	free(data);
	scratch_remove(scratch);
}

/* Where the divisors of frequencies lie in the file. */
static uint64_t divisors_at(const char *path)
{
	struct wick_gguf *gguf;
	uint64_t offset;

	assert_int_equal(wick_gguf_open(&gguf, path, NULL), 0);
	offset = wick_gguf_tensor(gguf, "rope_freqs.weight")->offset;
	wick_gguf_close(gguf);
	return offset;
}

static void angles_can_be_divided(void **state)
{
	const float values[] = { 0, -1, NAN, INFINITY };
	char folder[PATH_MAX], scratch[PATH_MAX], from[PATH_MAX], path[PATH_MAX];
	uint64_t bytes, offset;
	uint8_t *data;

	(void)state;
	scratch_make(scratch);
	fixture_folder(folder, "stock/llama3-bf16");
	path_join(from, folder, "model.gguf");
	path_join(path, scratch, "model.gguf");
	data = file_read(from, &bytes);
	offset = divisors_at(from);
	for (size_t i = 0; i < WICK_COUNT_OF(values); i++) {
		struct wick_options options;
		struct wick_diag diag;
		struct wick *wick;

		memcpy(data + offset + sizeof(float), &values[i], sizeof(values[i]));
		file_write(path, data, bytes);
		wick_options_init(&options);
		assert_int_equal(wick_open(&wick, path, &options, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, "\"rope_freqs.weight\": number 1 is"));
	}
	free(data);
	scratch_remove(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reals_are_positive_floats),
		cmocka_unit_test(angles_can_be_divided) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
