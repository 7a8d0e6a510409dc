/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Files that differ from a fixture (see variant.h). */

#include "variant.h"

#include "fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void put_tensors(struct wick_gguf_writer *writer, const struct wick_gguf *gguf, const struct variant *variant)
{
	const uint64_t four = 4;

	for (uint64_t i = 0; i < wick_gguf_tensor_count(gguf); i++) {
		const struct wick_gguf_tensor *tensor = wick_gguf_tensor_at(gguf, i);
		uint64_t ne[4] = { tensor->ne[0], tensor->ne[1], tensor->ne[2], tensor->ne[3] }, bytes = tensor->bytes;
		char name[80];

		snprintf(name, sizeof(name), "%.*s", (int)tensor->name.length, tensor->name.bytes);
		if (variant->no_tensor && !strcmp(name, variant->no_tensor))
			continue;
		if (variant->odd_tensor && !strcmp(name, variant->odd_tensor)) {
			bytes = bytes / ne[1] * (ne[1] + variant->more_rows);
			ne[1] += variant->more_rows;
		}
		wick_gguf_put_tensor(writer, name, tensor->type, ne, tensor->dims, bytes);
	}
	if (variant->new_tensor)
		wick_gguf_put_tensor(writer, variant->new_tensor, WICK_GGML_F32, &four, 1, 4 * sizeof(float));
}

static void write_file(const char *path, const struct wick_gguf_writer *writer)
{
	uint64_t bytes;
	uint8_t *header;

	assert_int_equal(wick_gguf_writer_header(writer, &header, &bytes, NULL), 0);
	file_write(path, header, bytes);
	free(header);
	assert_int_equal(truncate(path, (off_t)(bytes + writer->data_bytes)), 0);
}

void variant_write(const char *path, const char *fixture, const struct variant *variant)
{
	const char *except[5] = { "general.alignment" };
	char folder[PATH_MAX], name[128], from[PATH_MAX];
	struct wick_gguf_writer writer;
	struct wick_gguf *gguf;

	snprintf(name, sizeof(name), "stock/%s", fixture);
	fixture_folder(folder, name);
	path_join(from, folder, "model.gguf");
	assert_int_equal(wick_gguf_open(&gguf, from, NULL), 0);
	for (unsigned i = 0; i < 3; i++)
		except[i + 1] = variant->without[i];
	wick_gguf_writer_init(&writer, 32);
	wick_gguf_put_pairs(&writer, gguf, except);
	if (variant->put)
		variant->put(&writer);
	put_tensors(&writer, gguf, variant);
	write_file(path, &writer);
	wick_gguf_writer_deinit(&writer);
	wick_gguf_close(gguf);
}
