/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* config.json: refused with a sentence, or a shape whose every size can be relied on. */

#include "fuzz.h"

#include "family.h"
#include "bits.h"
#include "gguf.h"
#include "gguf_write.h"
#include "shape.h"
#include "stock.h"

static void check_shape(const struct wick_shape *shape)
{
	const struct wick_attn_facts *attn = &shape->kind[0].attn;

	wick_require(shape->layers && shape->layers <= WICK_LAYERS_MAX && shape->d_model && shape->d_model <= WICK_DIM_MAX);
	wick_require(attn->k_dim * attn->heads == shape->d_model && attn->heads % attn->kv_heads == 0);
	wick_require(shape->n_ff && shape->vocab && shape->ctx_max && shape->d_embed);
	wick_require(shape->stride >= shape->bundle_bytes && shape->stride - shape->bundle_bytes < 4096);
	wick_require(shape->bundle_bytes == 2 * wick_type_bytes(shape->type, shape->d_model));
	wick_require(shape->source_bytes >= shape->bundle_bytes * shape->n_ff * shape->layers);
}

static void check_note(void *user, const char *sentence)
{
	(void)user;
	wick_require(sentence[0] && !strchr(sentence, '\n'));
}

/* Keys of a stock file, whose facts are taken from them as packing does. */
static int read_stock(const struct wick_arch_def *arch, const struct wick_config *config, const struct wick_notes *notes,
	struct wick_diag *diag)
{
	struct wick_arch_said said;
	struct wick_gguf_writer writer;
	struct wick_gguf *gguf = NULL;
	struct wick_shape shape = { 0 };
	uint8_t *header = NULL;
	uint64_t bytes = 0;
	int rc;

	wick_gguf_writer_init(&writer, 4096);
	rc = wick_arch_put_keys(arch, &said, config, &writer, diag);
	if (rc == 0) {
		wick_arch_said_free(&said);
		rc = wick_config_check_keys(config, arch->keys, notes, diag);
	}
	if (rc == 0)
		rc = wick_gguf_writer_header(&writer, &header, &bytes, diag);
	if (rc == 0)
		rc = wick_gguf_of_header(&gguf, config->path, header, bytes, diag);
	if (rc == 0)
		rc = wick_stock_facts(&shape, &(struct wick_gguf_parts){ .at = &gguf, .count = 1 }, diag);
	free((void *)shape.kind_of_layer);
	wick_gguf_close(gguf);
	wick_gguf_writer_deinit(&writer);
	return rc;
}

static void read_shape(const struct wick_config *config, enum wick_type type, uint32_t align)
{
	const struct wick_arch_def *arch;
	struct wick_shape shape = { .type = type, .matrix_type = type };
	const struct wick_notes notes = { check_note, NULL };
	struct wick_diag diag = { 0 };
	struct wick_config language;
	int rc = wick_arch_find(&arch, config, &diag);

	if (rc == 0 && arch->stock) {
		rc = wick_arch_language_config(&language, arch, config, &notes, &diag);
		fuzz_check(rc ? rc : read_stock(arch, &language, &notes, &diag), &diag);
		wick_config_free(&language);
		return;
	}
	if (rc == 0)
		rc = arch->read_config(&shape, config, &diag);
	if (rc == 0)
		rc = wick_config_check_keys(config, arch->keys, &notes, &diag);
	if (rc == 0)
		rc = wick_shape_complete(&shape, align, config->path, &diag);
	fuzz_check(rc, &diag);
	if (rc == 0)
		check_shape(&shape);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "config.json" };
	static struct fuzz_folder folder;
	struct wick_config config;
	struct wick_diag diag = { 0 };
	int rc;

	if (!folder.count)
		fuzz_folder_make(&folder, names, WICK_COUNT_OF(names));
	fuzz_folder_put(0, data, size);
	rc = wick_config_load(&config, folder.path, &diag);
	fuzz_check(rc, &diag);
	if (rc == 0)
		read_shape(&config, size % WICK_WEIGHT_TYPES, size % 2 ? 512 : 4096);
	wick_config_free(&config);
	return 0;
}
