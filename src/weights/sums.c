/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Learned checksums (see sums.h). The file: a head of 48 bytes, little-endian, then a bit a block that is known, then all
 * checksums, then the checksum of everything before. */

#include "sums.h"

#include "bits.h"
#include "cache_folder.h"
#include "clock.h"
#include "draft.h"
#include "fileio.h"
#include "gguf.h"
#include "kernels.h"
#include "write_all.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUMS_VERSION 2

struct head {
	char magic[8]; /* "WICKSUMS" */
	uint32_t version, header_crc;
	uint64_t file_bytes;
	int64_t changed_ns;
	uint64_t blocks, check_rows;
};

_Static_assert(sizeof(struct head) == 48, "the head is written as it is in memory");

static uint32_t crc_of(const void *data, uint64_t bytes)
{
	struct wick_kernels kernels;

	wick_kernels_init(&kernels, ~0u);
	return kernels.crc32c(0, data, bytes);
}

/* What a part of the model is: its header, and when it was changed. */
static int look_at(uint32_t *header_crc, int64_t *changed_ns, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	uint64_t header_bytes;
	const void *header = wick_gguf_header(gguf, &header_bytes);
	struct stat status;

	if (fstat(wick_gguf_fd(gguf), &status))
		return wick_diag_say(diag, -errno, "%s: %s", wick_gguf_path(gguf), strerror(errno));
	*header_crc = crc_of(header, header_bytes);
	*changed_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
	return 0;
}

/* What the sums are bound to. Of several parts: all their headers, and when one of them was changed last. */
static int head_of(struct head *head, const struct wick_sums *sums, struct wick_diag *diag)
{
	const struct wick_gguf_parts *parts = &sums->model->parts;
	uint32_t crcs[2]; /* of the parts before, and of this one */
	int64_t changed_ns;
	int err;

	*head = (struct head){ .magic = { 'W', 'I', 'C', 'K', 'S', 'U', 'M', 'S' }, .version = SUMS_VERSION,
		.file_bytes = wick_gguf_parts_file_bytes(parts), .blocks = sums->blocks, .check_rows = WICK_CHECK_ROWS };
	err = look_at(&head->header_crc, &head->changed_ns, parts->at[0], diag);
	for (uint32_t i = 1; !err && i < parts->count; i++) {
		crcs[0] = head->header_crc;
		err = look_at(&crcs[1], &changed_ns, parts->at[i], diag);
		head->header_crc = crc_of(crcs, sizeof(crcs));
		head->changed_ns = WICK_MAX(head->changed_ns, changed_ns);
	}
	return err;
}

static uint64_t bitmap_bytes(const struct wick_sums *sums)
{
	return wick_div_up(sums->blocks, 8);
}

static uint64_t image_bytes(const struct wick_sums *sums)
{
	return sizeof(struct head) + bitmap_bytes(sums) + sums->blocks * sizeof(uint32_t) + sizeof(uint32_t);
}

/* The whole file, into sums->image. */
static int make_image(struct wick_sums *sums, struct wick_diag *diag)
{
	uint8_t *bitmap = sums->image + sizeof(struct head);
	uint64_t bytes = image_bytes(sums);
	struct head head;
	uint32_t crc;
	int err = head_of(&head, sums, diag);

	if (err)
		return err;
	memset(sums->image, 0, bytes);
	memcpy(sums->image, &head, sizeof(head));
	for (uint64_t i = 0; i < sums->blocks; i++)
		bitmap[i / 8] |= (uint8_t)(!!sums->known[i] << i % 8);
	memcpy(bitmap + bitmap_bytes(sums), sums->crcs, sums->blocks * sizeof(uint32_t));
	crc = crc_of(sums->image, bytes - sizeof(crc));
	memcpy(sums->image + bytes - sizeof(crc), &crc, sizeof(crc));
	return 0;
}

/* A file of the same size and time has the header that it had. */
static int compare_heads(const uint8_t *image, const struct wick_sums *sums)
{
	struct head head, kept;

	memcpy(&kept, image, sizeof(kept));
	if (head_of(&head, sums, NULL))
		return -ESTALE;
	if (!memcmp(&kept, &head, sizeof(head)))
		return 0;
	kept.header_crc = head.header_crc;
	return memcmp(&kept, &head, sizeof(head)) ? -ESTALE : -EBADMSG;
}

/* Takes what a file has: see read_sums(). */
static int take_image(struct wick_sums *sums, const uint8_t *image)
{
	const uint8_t *bitmap = image + sizeof(struct head);
	uint64_t bytes = image_bytes(sums);
	uint32_t crc;
	int err;

	memcpy(&crc, image + bytes - sizeof(crc), sizeof(crc));
	err = crc == crc_of(image, bytes - sizeof(crc)) ? compare_heads(image, sums) : -ESTALE;
	if (err)
		return err;
	for (uint64_t i = 0; i < sums->blocks; i++)
		sums->known[i] = bitmap[i / 8] >> i % 8 & 1;
	memcpy(sums->crcs, bitmap + bitmap_bytes(sums), sums->blocks * sizeof(uint32_t));
	sums->saved = wick_sums_known(sums);
	return 0;
}

/* 0: taken; -ENOENT: there is no such file; -ESTALE: it is of another one, or damaged; -EBADMSG: it is of this one, whose
 * header has changed on the drive. */
static int read_sums(struct wick_sums *sums, const char *path)
{
	/* A FIFO of this name must not hold us here. */
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1, err = -ESTALE;
	uint64_t bytes = image_bytes(sums);
	struct stat status;

	if (fd < 0)
		return -ENOENT;
	if (!fstat(fd, &status) && (uint64_t)status.st_size == bytes && !wick_read_at(fd, path, sums->image, bytes, 0, NULL))
		err = take_image(sums, sums->image);
	close(fd);
	return err;
}

static uint64_t count_blocks(const struct wick_model *model)
{
	uint64_t blocks = 0;

	for (uint64_t i = 0; i < wick_tensors_count(model->shape.layers); i++)
		if (wick_tensor_is_own(model, i))
			blocks += wick_div_up(model->tensors[i].rows, model->tensors[i].check_rows);
	return blocks;
}

static void hand_out(struct wick_sums *sums, struct wick_model *model)
{
	uint64_t at = 0;

	for (uint64_t i = 0; i < wick_tensors_count(model->shape.layers); i++) {
		struct wick_tensor *tensor = &model->tensors[i];

		if (!wick_tensor_is_own(model, i))
			continue;
		tensor->crcs = tensor->learned_crcs = sums->crcs + at;
		tensor->learned = sums->known + at;
		at += wick_div_up(tensor->rows, tensor->check_rows);
	}
	wick_model_tie(model);
}

static int make_paths(struct wick_sums *sums, const char *path)
{
	char folder[WICK_CACHE_FOLDER_BYTES];
	uint64_t bytes = strlen(path);

	if (asprintf(&sums->beside, "%s.sums", path) < 0) {
		sums->beside = NULL;
		return -ENOMEM;
	}
	if (wick_cache_folder(folder, NULL))
		return 0;
	if (asprintf(&sums->cached, "%s/%08x.sums", folder, crc_of(path, bytes)) < 0) {
		sums->cached = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int look_for_sums(struct wick_sums *sums, struct wick_diag *diag)
{
	int beside = read_sums(sums, sums->beside), cached = beside ? read_sums(sums, sums->cached) : -ENOENT;
	const char *path = beside ? sums->cached : sums->beside;

	if (beside == -EBADMSG || cached == -EBADMSG)
		return wick_diag_say(diag, -EBADMSG, "%s: its header differs from the one that its checksums were learned with, though size "
			"and time are the same: the drive gave other bytes; or, if you have put another file there, remove %s",
			wick_gguf_path(sums->model->gguf), beside == -EBADMSG ? sums->beside : sums->cached);
	if (!beside || !cached)
		snprintf(sums->said, sizeof(sums->said), "checksums of %.0f%% are known, from %.180s",
			100.0 * (double)sums->saved / (double)WICK_MAX(sums->blocks, 1u), path);
	else if (beside == -ESTALE || cached == -ESTALE)
		snprintf(sums->said, sizeof(sums->said), "the checksums that were kept are of another file, and were dropped");
	else
		snprintf(sums->said, sizeof(sums->said), "no checksums are known yet: they are learned as the file is read");
	return 0;
}

int wick_sums_open(struct wick_sums *sums, struct wick_model *model, struct wick_diag *diag)
{
	int err;

	*sums = (struct wick_sums){ .model = model };
	if (!model->stock || model->crcs)
		return 0;
	sums->blocks = count_blocks(model);
	sums->crcs = calloc(sums->blocks, sizeof(*sums->crcs));
	sums->known = calloc(sums->blocks, sizeof(*sums->known));
	sums->image = malloc(image_bytes(sums));
	if (!sums->crcs || !sums->known || !sums->image || make_paths(sums, wick_gguf_path(model->gguf))) {
		wick_sums_close(sums);
		return wick_diag_say(diag, -ENOMEM, "no memory for %llu checksums", (unsigned long long)sums->blocks);
	}
	sums->saved_ns = wick_now_ns();
	err = look_for_sums(sums, diag);
	if (err)
		wick_sums_close(sums);
	else
		hand_out(sums, model);
	return err;
}

void wick_sums_close(struct wick_sums *sums)
{
	free(sums->crcs);
	free(sums->known);
	free(sums->image);
	free(sums->beside);
	free(sums->cached);
	*sums = (struct wick_sums){ 0 };
}

bool wick_sums_agree(const struct wick_tensor *tensor, uint64_t block, uint32_t crc)
{
	if (tensor->learned && !tensor->learned[block]) {
		tensor->learned_crcs[block] = crc;
		tensor->learned[block] = 1;
	}
	return crc == tensor->crcs[block];
}

uint64_t wick_sums_bytes(const struct wick_sums *sums)
{
	return sums->blocks ? sums->blocks * (sizeof(*sums->crcs) + sizeof(*sums->known)) + image_bytes(sums) : 0;
}

uint64_t wick_sums_known(const struct wick_sums *sums)
{
	uint64_t known = 0;

	for (uint64_t i = 0; i < sums->blocks; i++)
		known += !!sums->known[i];
	return known;
}

static int write_image(const struct wick_sums *sums, const char *path, struct wick_diag *diag)
{
	struct wick_draft draft;
	int err = wick_draft_open(&draft, path, 0644);

	if (!err)
		err = wick_draft_close(&draft, path, wick_write_all(draft.fd, sums->image, image_bytes(sums)));
	return err ? wick_diag_say(diag, err, "%s: %s", path, strerror(-err)) : 0;
}

/* Beside the model or, where that cannot be written, in the cache folder. */
static int write_somewhere(struct wick_sums *sums, struct wick_diag *diag)
{
	int err = write_image(sums, sums->beside, diag);

	if (!err || !sums->cached)
		return err;
	err = wick_cache_folders_make(sums->cached, diag);
	return err ? err : write_image(sums, sums->cached, diag);
}

int wick_sums_save(struct wick_sums *sums, struct wick_diag *diag)
{
	uint64_t known = wick_sums_known(sums);
	int err;

	if (known == sums->saved)
		return 0;
	err = make_image(sums, diag);
	if (!err)
		err = write_somewhere(sums, diag);
	if (err)
		snprintf(sums->said, sizeof(sums->said), "checksums are learned, and cannot be kept: %s", strerror(-err));
	else
		sums->saved = known;
	sums->saved_ns = wick_now_ns();
	return err;
}

int wick_sums_save_now_and_then(struct wick_sums *sums, struct wick_diag *diag)
{
	if (!sums->blocks || wick_now_ns() - sums->saved_ns < WICK_SUMS_EVERY_NS)
		return 0;
	return wick_sums_save(sums, diag);
}
