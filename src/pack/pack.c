/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick_pack() of wick.h: everything is read and checked but the numbers before the first byte is written. */

#include "pack_job.h"

#include "bits.h"
#include "fileio.h"
#include "gguf_write.h"
#include "pack_general.h"
#include "pack_synthetic.h"
#include "shape.h"
#include "stock_shapes.h"
#include "synthetic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_NUMBERS (1u << 20)         /* at a time through the three buffers, 12 MiB together */
#define MEMORY_DEFAULT (1ull << 30)
#define OVERHEAD_BYTES (48ull << 20)     /* page cache of both files, names and header */

static int choose_type(enum wick_type *type, const char *name, struct wick_diag *diag)
{
	char names[WICK_WRITTEN_TYPES * 10];
	size_t used = 0;

	for (unsigned t = 0; t < WICK_WRITTEN_TYPES; t++) {
		*type = t;
		if (strcmp(wick_types[t].name, name) == 0)
			return 0;
	}
	for (unsigned t = 0; t < WICK_WRITTEN_TYPES; t++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", t ? ", " : "", wick_types[t].name);
	return wick_diag_say(diag, -EINVAL, "weights cannot be packed as \"%.40s\"; possible are %s", name, names);
}

static int load_config(struct wick_config *config, const char *source, struct wick_diag *diag)
{
	struct stat status;
	int rc;

	if (wick_synthetic_is(source))
		return wick_synthetic_config(config, source, diag);
	if (stat(source, &status) == 0 && S_ISREG(status.st_mode))
		return wick_diag_say(diag, -ENOTDIR, "%s: a file; packing takes a model's Hugging Face folder, a GGUF file or, with "
			"--order coactivation, a packed model", source);
	rc = wick_pack_refuse_adapter(source, diag);
	return rc ? rc : wick_config_load(config, source, diag);
}

static int open_checkpoint(struct wick_pack_job *job, const char *source)
{
	int rc;

	if (wick_synthetic_is(source))
		return wick_synthetic_open(job, source);
	rc = wick_checkpoint_open(&job->checkpoint, source, job->diag);
	if (rc == 0)
		wick_checkpoint_explain(job->checkpoint, &job->notes);
	return rc;
}

/* The shape by config.json and the options, and a checkpoint that agrees with it. */
static int understand(struct wick_pack_job *job, const struct wick_config *config, const char *source, const char *out,
	const struct wick_pack_options *options)
{
	uint32_t align;
	int rc = wick_pack_settle_align(&align, job, out, options->align);

	if (rc)
		return rc;
	rc = job->arch->read_config(&job->shape, config, job->diag);
	job->shape.predictor = wick_is_relu(&job->shape);
	job->shape.predictor_type = wick_shape_predictor_type(&job->shape);
	if (rc == 0)
		rc = wick_shape_complete(&job->shape, align, config->path, job->diag);
	if (rc == 0)
		rc = wick_config_check_keys(config, job->arch->keys, &job->notes, job->diag);
	if (rc == 0)
		rc = open_checkpoint(job, source);
	if (rc == 0)
		rc = wick_pack_check_sources(job);
	if (rc == 0 && !wick_synthetic_is(source))
		rc = wick_pack_explain_tokenizer(source, &job->notes, job->diag);
	if (rc == 0 && !wick_synthetic_is(source))
		rc = wick_pack_explain_generation(source, config, &job->notes, job->diag);
	if (rc == 0)
		rc = wick_shape_complete(&job->shape, align, config->path, job->diag);
	return rc;
}

static int make_header(struct wick_pack_job *job, const char *source, uint8_t **header, uint64_t *header_bytes)
{
	struct wick_gguf_writer writer;
	int rc;

	wick_gguf_writer_init(&writer, WICK_FILE_ALIGN);
	rc = wick_pack_put_name(&writer, source, job->diag);
	if (rc == 0)
		wick_shape_write(&job->shape, &writer);
	if (rc == 0)
		rc = wick_pack_put_tokenizer(&writer, job, source);
	if (rc == 0 && !wick_synthetic_is(source))
		rc = wick_pack_put_chat(&writer, source, job->diag);
	if (rc == 0)
		rc = wick_pack_header(job, &writer, header, header_bytes);
	wick_gguf_writer_deinit(&writer);
	return rc;
}

/* The buffers: what each must be, and as many neurons a turn as the rest of the memory holds. */
static int make_room(struct wick_pack_job *job, uint64_t memory_bytes)
{
	const struct wick_shape *shape = &job->shape;
	uint64_t widest = WICK_MAX(WICK_MAX(shape->d_model, shape->d_embed), shape->n_ff);
	uint64_t column_bytes = (uint64_t)shape->d_model * sizeof(*job->columns);
	uint64_t checksum_count = wick_tensors_checksums(shape);
	uint64_t vector_bytes = (2 * (uint64_t)shape->d_model + shape->n_ff) * sizeof(float), fixed_bytes, least_bytes;

	job->chunk = WICK_MAX(CHUNK_NUMBERS, WICK_CHECK_ROWS * widest);
	job->packed_bytes = WICK_MAX(job->chunk * sizeof(float), shape->stride);
	fixed_bytes = OVERHEAD_BYTES + 2 * job->chunk * sizeof(float) + job->packed_bytes +
		      (shape->n_ff + checksum_count) * sizeof(uint32_t) + vector_bytes;
	least_bytes = fixed_bytes + WICK_MIN(WICK_PACK_COLUMNS_MIN, shape->n_ff) * column_bytes;
	memory_bytes = memory_bytes ? memory_bytes : MEMORY_DEFAULT;
	if (memory_bytes < least_bytes)
		return wick_diag_say(job->diag, -EINVAL,
			"packing this model takes at least %llu bytes of memory, more than the %llu allowed",
			(unsigned long long)least_bytes, (unsigned long long)memory_bytes);
	job->raw = malloc(job->chunk * sizeof(float));
	job->numbers = malloc(job->chunk * sizeof(float));
	job->packed = malloc(job->packed_bytes);
	job->checksums = malloc(checksum_count * sizeof(*job->checksums));
	if (!job->raw || !job->numbers || !job->packed || !job->checksums)
		return wick_diag_say(job->diag, -ENOMEM, "no memory to pack");
	return wick_pack_make_columns(job, memory_bytes - fixed_bytes);
}

static void forget(struct wick_pack_job *job)
{
	wick_outfile_discard(&job->out);
	wick_checkpoint_close(job->checkpoint);
	free(job->raw);
	free(job->numbers);
	free(job->packed);
	wick_pack_free_columns(job);
	free(job->checksums);
}

/* Nothing is written meanwhile. */
static int tick(void *user)
{
	return wick_pack_go_on(user);
}

static int pack_bundles(struct wick_pack_job *job, const struct wick_config *config, const char *source, const char *out,
	const struct wick_pack_options *options)
{
	uint64_t header_bytes = 0;
	uint8_t *header = NULL;
	int rc = understand(job, config, source, out, options);

	if (rc == 0)
		rc = make_header(job, source, &header, &header_bytes);
	if (rc == 0)
		rc = make_room(job, options->memory_bytes);
	if (rc == 0) {
		wick_checkpoint_watch(job->checkpoint, tick, job);
		rc = wick_pack_write(job, out, header, header_bytes, wick_pack_slot);
	}
	if (rc == 0)
		rc = wick_checkpoint_finish(job->checkpoint, job->diag);
	if (rc == 0)
		rc = wick_pack_commit(job);
	free(header);
	forget(job);
	return rc;
}

/* Types, config.json and the family, which decides on what is made. */
static int pack_naturally(
	const char *source, const char *out, const struct wick_pack_options *options, struct wick_diag *diag)
{
	struct wick_pack_job job = { .progress = options->progress, .user = options->user,
		.by_gate = options->predictor && !strcmp(options->predictor, "gate"),
		.notes = { options->note, options->note_user }, .diag = diag };
	struct wick_config config = { 0 }, language = { 0 };
	int rc = choose_type(&job.shape.type, options->type ? options->type : "f16", diag);

	wick_kernels_init(&job.kernels, ~0u);
	if (rc == 0)
		rc = choose_type(&job.shape.matrix_type,
			options->attention_type ? options->attention_type : wick_types[job.shape.type].name, diag);
	if (rc == 0)
		rc = load_config(&config, source, diag);
	if (rc == 0)
		rc = wick_arch_find(&job.arch, &config, diag);
	if (rc == 0 && job.by_gate && !job.arch->stock)
		rc = wick_diag_say(diag, -EINVAL, "%s: predictor gate: its neurons have no gates", config.path);
	if (rc == 0)
		rc = wick_arch_language_config(&language, job.arch, &config, &job.notes, diag);
	if (rc == 0)
		rc = job.arch->stock ? wick_pack_folder(&job, &language, source, out, options) :
			pack_bundles(&job, &language, source, out, options);
	wick_config_free(&config);
	wick_config_free(&language);
	return rc;
}

/* What is not there is told by whoever looks for a folder. */
static int look_for_gguf(bool *is_gguf, const char *source, struct wick_diag *diag)
{
	struct stat status;
	char magic[4];
	int fd, rc;

	*is_gguf = false;
	if (wick_synthetic_is(source))
		return 0;
	if (stat(source, &status))
		return errno == ENOENT ? 0 : wick_diag_say(diag, -errno, "%s: %s", source, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return 0;
	fd = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return wick_diag_say(diag, -errno, "%s: %s", source, strerror(errno));
	rc = wick_read_at(fd, source, magic, sizeof(magic), 0, NULL);
	close(fd);
	*is_gguf = !rc && !memcmp(magic, "GGUF", sizeof(magic));
	if (!rc || rc == -EINVAL) /* or it is shorter than that */
		return 0;
	return wick_diag_say(diag, rc, "%s: %s", source, strerror(-rc));
}

static int pack_stock(const char *source, const char *out, const struct wick_pack_options *options, struct wick_diag *diag)
{
	if (!wick_synthetic_is(source))
		return wick_diag_say(diag, -EINVAL, "%s: only synthetic models are made in stock layout", source);
	return wick_pack_synthetic(source, out, options, diag);
}

int wick_pack(
	const char *source, const char *out, const struct wick_pack_options *options, struct wick_diag *diag)
{
	static const struct wick_pack_options defaults;
	bool is_gguf;
	int rc;

	if (diag)
		diag->text[0] = 0;
	options = options ? options : &defaults;
	if (options->order && !strcmp(options->order, "coactivation"))
		return wick_pack_in_order(source, out, options, diag);
	if (options->order && strcmp(options->order, "natural"))
		return wick_diag_say(diag, -EINVAL, "order \"%.40s\": natural and coactivation are possible", options->order);
	if (options->trace)
		return wick_diag_say(diag, -EINVAL, "a trace is for an order by co-activation, not for the natural one");
	if (options->predictor && strcmp(options->predictor, "copy") && strcmp(options->predictor, "gate"))
		return wick_diag_say(diag, -EINVAL, "predictor \"%.40s\": copy and gate are possible", options->predictor);
	if (options->layout && strcmp(options->layout, "packed") && strcmp(options->layout, "stock"))
		return wick_diag_say(diag, -EINVAL, "layout \"%.40s\": packed and stock are possible", options->layout);
	if (options->layout && !strcmp(options->layout, "stock"))
		return pack_stock(source, out, options, diag);
	if (wick_synthetic_is(source) && !wick_synthetic_has(source) && wick_stock_model_is(source + strlen(WICK_SYNTHETIC)))
		return wick_diag_say(diag, -EINVAL, "%s: a file of this shape is made in stock layout only (--layout stock)", source);
	rc = look_for_gguf(&is_gguf, source, diag);
	if (rc)
		return rc;
	return is_gguf ? wick_pack_gguf(source, out, options, diag) : pack_naturally(source, out, options, diag);
}
