/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a session has computed, in a file:
 *
 *     head | tokens | checksum of both | block 0 | its checksum | block 1 | its checksum | ...
 *
 * A block is 64 positions of all layers, as they are in the pool. Only whole ones are kept: behind the last position a block has
 * what others left there. */

#include "engine.h"

#include "bits.h"
#include "draft.h"
#include "fileio.h"
#include "fnv.h"
#include "gguf.h"
#include "predictor_set.h"
#include "write_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT_VERSION 1
#define ID_BYTES sizeof(uint32_t)

struct head {
	char magic[8]; /* "WICKKEPT" */
	uint32_t version, count; /* of tokens: a multiple of a block */
	uint64_t made_by;        /* what the answers depend on: see wick_engine_bind() */
	uint64_t block_bytes;
};

_Static_assert(sizeof(struct head) == 32, "the head is written as it is in memory");

/* A file that is being read. */
struct kept {
	const struct wick *wick;
	const char *path;
	int fd;
	struct head head;
	uint32_t *ids; /* (head.count) */
};

static uint64_t mix_text(uint64_t sum, const char *text)
{
	return wick_fnv(sum, text, strlen(text) + 1);
}

static uint64_t mix_status(uint64_t sum, const struct stat *status)
{
	const int64_t facts[] = { status->st_size, status->st_mtim.tv_sec, status->st_mtim.tv_nsec };

	return wick_fnv(sum, facts, sizeof(facts));
}

/* A part of the model: its header, with the directory, its size and when it was changed. */
static int mix_part(uint64_t *sum, const struct wick *wick, const struct wick_gguf *gguf)
{
	uint64_t bytes;
	const void *header = wick_gguf_header(gguf, &bytes);
	uint32_t crc = wick->kernels.crc32c(0, header, bytes);
	struct stat status;

	if (fstat(wick_gguf_fd(gguf), &status))
		return -errno;
	*sum = mix_status(wick_fnv(*sum, &crc, sizeof(crc)), &status);
	return 0;
}

/* In sparse mode the predictors decide, too, which may have a file of their own. */
static int mix_predictors(uint64_t *sum, const struct wick *wick)
{
	const struct wick_predictor_set *predictors = wick->predictors;

	return predictors && predictors->gguf ? mix_part(sum, wick, predictors->gguf) : 0;
}

int wick_engine_bind(struct wick *wick, struct wick_diag *diag)
{
	const struct wick_gguf_parts *parts = &wick->model->parts;
	uint64_t *sum = &wick->binding;
	int err = 0;

	*sum = mix_text(WICK_FNV_BEGIN, wick->report.kernels);
	*sum = mix_text(*sum, wick->report.kv_type);
	*sum = mix_text(*sum, wick->settings.mode == WICK_MODE_SPARSE ? "sparse" : "dense");
	if (wick->settings.gate_percent > 0)
		*sum = wick_fnv(*sum, &wick->settings.gate_percent, sizeof(wick->settings.gate_percent));
	for (uint32_t i = 0; !err && i < parts->count; i++)
		err = mix_part(sum, wick, parts->at[i]);
	if (!err)
		err = mix_predictors(sum, wick);
	return err ? wick_diag_say(diag, err, "the model's file cannot be looked at: %s", strerror(-err)) : 0;
}

static uint64_t block_bytes(const struct wick_kv *kv)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < wick_kv_parts(kv); i++)
		bytes += wick_kv_part(kv, 0, i).bytes;
	return bytes;
}

static struct head make_head(const struct wick *wick, uint32_t count)
{
	return (struct head){ .magic = { 'W', 'I', 'C', 'K', 'K', 'E', 'P', 'T' }, .version = KEPT_VERSION, .count = count,
		.made_by = wick->binding, .block_bytes = block_bytes(&wick->forward.kv) };
}

static uint32_t head_crc(const struct wick *wick, const struct head *head, const uint32_t *ids)
{
	return wick->kernels.crc32c(wick->kernels.crc32c(0, head, sizeof(*head)), ids, head->count * ID_BYTES);
}

/* Where block i is. */
static uint64_t block_at(const struct head *head, uint32_t i)
{
	return sizeof(*head) + head->count * ID_BYTES + sizeof(uint32_t) + i * (head->block_bytes + sizeof(uint32_t));
}

static int write_block(int fd, const struct wick *wick, uint32_t block)
{
	const struct wick_kv *kv = &wick->forward.kv;
	uint32_t crc = 0;
	int err = 0;

	for (uint32_t i = 0; !err && i < wick_kv_parts(kv); i++) {
		struct wick_kv_part part = wick_kv_part(kv, block, i);

		crc = wick->kernels.crc32c(crc, part.data, part.bytes);
		err = wick_write_all(fd, part.data, part.bytes);
	}
	return err ? err : wick_write_all(fd, &crc, sizeof(crc));
}

static int write_kept(int fd, const struct wick_session *session, const struct head *head, const uint32_t *ids)
{
	uint32_t crc = head_crc(session->wick, head, ids);
	int err = wick_write_all(fd, head, sizeof(*head));

	if (!err)
		err = wick_write_all(fd, ids, head->count * ID_BYTES);
	if (!err)
		err = wick_write_all(fd, &crc, sizeof(crc));
	for (uint32_t i = 0; !err && i < head->count / WICK_KV_BLOCK; i++)
		err = write_block(fd, session->wick, session->seq->block[i]);
	return err;
}

static int write_file(const char *path, const struct wick_session *session, const struct head *head, const uint32_t *ids)
{
	struct wick_draft draft;
	int err = wick_draft_open(&draft, path, 0600);

	return err ? err : wick_draft_close(&draft, path, write_kept(draft.fd, session, head, ids));
}

/* Of neurons, or of experts. */
static bool replays(const struct wick *wick)
{
	return wick->trace || wick->routing.tokens;
}

int wick_session_keep(const struct wick_session *session, const uint32_t *ids, const char *path, struct wick_diag *diag)
{
	uint32_t count = session->position / WICK_KV_BLOCK * WICK_KV_BLOCK;
	struct head head;
	int err;

	if (diag)
		diag->text[0] = 0;
	if (session->in_batch)
		return wick_diag_say(diag, -EBUSY, "a session that is being evaluated cannot be kept");
	if (replays(session->wick))
		return wick_diag_say(diag, -EINVAL, "a session that replays a trace cannot be kept: its tokens do not tell what was computed");
	if (!count)
		return wick_diag_say(diag, -ENODATA, "%u tokens are less than a block of %u: there is nothing to keep", session->position,
			WICK_KV_BLOCK);
	head = make_head(session->wick, count);
	err = write_file(path, session, &head, ids);
	return err ? wick_diag_say(diag, err, "%s: %s", path, strerror(-err)) : 0;
}

/* What is wrong with a file, or 0. Its size is right if all of it is there. */
static int check_head(const struct kept *kept, uint64_t file_bytes, struct wick_diag *diag)
{
	const struct head *head = &kept->head;
	struct head wanted = make_head(kept->wick, head->count);

	if (memcmp(head->magic, wanted.magic, sizeof(head->magic)))
		return wick_diag_say(diag, -EBADMSG, "%s: has no keys and values of wick's", kept->path);
	if (head->version != wanted.version)
		return wick_diag_say(diag, -ESTALE, "%s: is of version %u, and this program reads %u", kept->path, head->version,
			wanted.version);
	if (memcmp(head, &wanted, sizeof(*head)))
		return wick_diag_say(diag, -ESTALE, "%s: is for another model, or other options, processor or predictors", kept->path);
	if (head->count % WICK_KV_BLOCK || block_at(head, head->count / WICK_KV_BLOCK) != file_bytes)
		return wick_diag_say(diag, -EBADMSG, "%s: has %llu bytes, which are not those of %u tokens", kept->path,
			(unsigned long long)file_bytes, head->count);
	return 0;
}

static int read_ids(struct kept *kept, struct wick_diag *diag)
{
	uint64_t bytes = kept->head.count * ID_BYTES;
	uint32_t crc;
	int err;

	kept->ids = malloc(bytes ? bytes : 1);
	if (!kept->ids)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to read it", kept->path);
	err = wick_read_at(kept->fd, kept->path, kept->ids, bytes, sizeof(kept->head), diag);
	if (!err)
		err = wick_read_at(kept->fd, kept->path, &crc, sizeof(crc), sizeof(kept->head) + bytes, diag);
	if (!err && crc != head_crc(kept->wick, &kept->head, kept->ids))
		err = wick_diag_say(diag, -EBADMSG, "%s: is damaged: the checksum of its tokens does not match", kept->path);
	return err;
}

static void close_kept(struct kept *kept)
{
	if (kept->fd >= 0)
		close(kept->fd);
	free(kept->ids);
}

/* A FIFO of this name must not hold us here. close_kept() is for either outcome. */
static int open_kept(struct kept *kept, const struct wick *wick, const char *path, struct wick_diag *diag)
{
	struct stat status;
	int err = 0;

	*kept = (struct kept){ .wick = wick, .path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	if (kept->fd < 0 || fstat(kept->fd, &status))
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size < sizeof(kept->head))
		return wick_diag_say(diag, -EBADMSG, "%s: has no keys and values of wick's", path);
	err = wick_read_at(kept->fd, path, &kept->head, sizeof(kept->head), 0, diag);
	if (!err)
		err = check_head(kept, (uint64_t)status.st_size, diag);
	return err ? err : read_ids(kept, diag);
}

int64_t wick_kept_ids(const struct wick *wick, const char *path, uint32_t *ids, size_t capacity, struct wick_diag *diag)
{
	struct kept kept;
	int64_t count;
	int err;

	if (diag)
		diag->text[0] = 0;
	err = open_kept(&kept, wick, path, diag);
	count = kept.head.count;
	if (!err && capacity)
		memcpy(ids, kept.ids, WICK_MIN((size_t)count, capacity) * ID_BYTES);
	close_kept(&kept);
	return err ? err : count;
}

static int read_block(const struct kept *kept, uint32_t i, uint32_t block, struct wick_diag *diag)
{
	const struct wick_kv *kv = &kept->wick->forward.kv;
	uint64_t at = block_at(&kept->head, i);
	uint32_t crc = 0, right;
	int err = 0;

	for (uint32_t p = 0; !err && p < wick_kv_parts(kv); p++) {
		struct wick_kv_part part = wick_kv_part(kv, block, p);

		err = wick_read_at(kept->fd, kept->path, part.data, part.bytes, at, diag);
		crc = err ? 0 : kept->wick->kernels.crc32c(crc, part.data, part.bytes);
		at += part.bytes;
	}
	if (!err)
		err = wick_read_at(kept->fd, kept->path, &right, sizeof(right), at, diag);
	if (!err && crc != right)
		err = wick_diag_say(diag, -EBADMSG, "%s: is damaged: the checksum of positions %u to %u does not match", kept->path,
			i * WICK_KV_BLOCK, (i + 1) * WICK_KV_BLOCK - 1);
	return err;
}

/* Whole blocks whose tokens are these. */
static uint32_t in_common(const struct kept *kept, const uint32_t *ids, uint32_t count)
{
	uint32_t common = 0;

	while (common < count && common < kept->head.count && kept->ids[common] == ids[common])
		common++;
	return common / WICK_KV_BLOCK * WICK_KV_BLOCK;
}

static int resume(struct wick_session *session, const struct kept *kept, uint32_t count, struct wick_diag *diag)
{
	struct wick_kv *kv = &session->wick->forward.kv;
	int err = 0;

	count = WICK_MIN(count, session->wick->settings.ctx / WICK_KV_BLOCK * WICK_KV_BLOCK);
	if (wick_kv_needed(kv, session->seq, 0, count, 0) > kv->free_count)
		return wick_diag_say(diag, -ENOSPC, "%s: its %u positions are more than the %u that are free", kept->path, count,
			kv->free_count * WICK_KV_BLOCK);
	wick_kv_extend(kv, session->seq, 0, count);
	for (uint32_t i = 0; !err && i < count / WICK_KV_BLOCK; i++)
		err = read_block(kept, i, session->seq->block[i], diag);
	if (err)
		wick_kv_cut(kv, session->seq, 0);
	else
		session->position = count;
	return err;
}

int wick_session_resume(struct wick_session *session, const char *path, const uint32_t *ids, uint32_t count,
	struct wick_diag *diag)
{
	struct kept kept;
	int err;

	if (diag)
		diag->text[0] = 0;
	if (session->in_batch || session->position)
		return wick_diag_say(diag, session->in_batch ? -EBUSY : -EINVAL, "a session with tokens of its own cannot take those of a file");
	if (replays(session->wick))
		return wick_diag_say(diag, -EINVAL, "a session that replays a trace cannot go on from a file");
	err = open_kept(&kept, session->wick, path, diag);
	if (!err)
		err = resume(session, &kept, in_common(&kept, ids, count), diag);
	close_kept(&kept);
	return err;
}
