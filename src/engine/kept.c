/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a session has computed, in a file:
 *
 *     head | where pools begin | tokens | checksum of them all | blocks of pool 0 | blocks of pool 1 | ...
 *
 * A block is 64 positions of the layers of its pool, as they are there, and its checksum. Only whole ones are kept: behind the last
 * position a block has what others left there. Pool 0 begins with block 0, and is not said; of the others, whose layers have a
 * window, what is there is kept. */

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
	uint64_t block_bytes;    /* of all pools */
};

_Static_assert(sizeof(struct head) == 32, "the head is written as it is in memory");

/* A file that is being written, or read: fd. */
struct kept {
	const struct wick *wick;
	const char *path;
	int fd;
	struct head head;
	uint32_t first[WICK_KV_POOLS]; /* block of each pool */
	const uint32_t *ids; /* (head.count) */
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
	for (uint32_t i = 1; i < wick->forward.kv.pools; i++)
		*sum = wick_fnv(*sum, &wick->forward.kv.pool[i].window, sizeof(wick->forward.kv.pool[i].window));
	for (uint32_t i = 0; !err && i < parts->count; i++)
		err = mix_part(sum, wick, parts->at[i]);
	if (!err)
		err = mix_predictors(sum, wick);
	return err ? wick_diag_say(diag, err, "the model's file cannot be looked at: %s", strerror(-err)) : 0;
}

static uint64_t all_block_bytes(const struct wick_kv *kv)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < kv->pools; i++)
		bytes += wick_kv_block_bytes(kv, i);
	return bytes;
}

static struct head make_head(const struct wick *wick, uint32_t count)
{
	return (struct head){ .magic = { 'W', 'I', 'C', 'K', 'K', 'E', 'P', 'T' }, .version = KEPT_VERSION, .count = count,
		.made_by = wick->binding, .block_bytes = all_block_bytes(&wick->forward.kv) };
}

static uint64_t first_bytes(const struct kept *kept)
{
	return (kept->wick->forward.kv.pools - 1) * sizeof(*kept->first);
}

static uint64_t ids_at(const struct kept *kept)
{
	return sizeof(kept->head) + first_bytes(kept);
}

static uint32_t head_crc(const struct kept *kept)
{
	uint32_t (*crc32c)(uint32_t crc, const void *data, size_t bytes) = kept->wick->kernels.crc32c;
	uint32_t crc = crc32c(0, &kept->head, sizeof(kept->head));

	return crc32c(crc32c(crc, kept->first + 1, first_bytes(kept)), kept->ids, kept->head.count * ID_BYTES);
}

/* Where block i of a pool is; behind the last of the last pool the file ends. */
static uint64_t block_at(const struct kept *kept, uint32_t pool, uint32_t i)
{
	uint32_t end = kept->head.count / WICK_KV_BLOCK;
	uint64_t at = ids_at(kept) + kept->head.count * ID_BYTES + sizeof(uint32_t);

	for (uint32_t p = 0; p <= pool; p++)
		at += ((p < pool ? end : i) - kept->first[p]) * (wick_kv_block_bytes(&kept->wick->forward.kv, p) + sizeof(uint32_t));
	return at;
}

static int write_block(int fd, const struct kept *kept, uint32_t pool, uint32_t block)
{
	const struct wick_kv *kv = &kept->wick->forward.kv;
	uint32_t crc = 0;
	int err = 0;

	for (uint32_t i = 0; !err && i < wick_kv_parts(kv); i++) {
		struct wick_kv_part part = wick_kv_part(kv, pool, block, i);

		if (!part.bytes)
			continue;
		crc = kept->wick->kernels.crc32c(crc, part.data, part.bytes);
		err = wick_write_all(fd, part.data, part.bytes);
	}
	return err ? err : wick_write_all(fd, &crc, sizeof(crc));
}

static int write_kept(int fd, const struct kept *kept, const struct wick_kv_seq *seq)
{
	uint32_t crc = head_crc(kept);
	int err = wick_write_all(fd, &kept->head, sizeof(kept->head));

	if (!err)
		err = wick_write_all(fd, kept->first + 1, first_bytes(kept));
	if (!err)
		err = wick_write_all(fd, kept->ids, kept->head.count * ID_BYTES);
	if (!err)
		err = wick_write_all(fd, &crc, sizeof(crc));
	for (uint32_t p = 0; p < kept->wick->forward.kv.pools; p++)
		for (uint32_t i = kept->first[p]; !err && i < kept->head.count / WICK_KV_BLOCK; i++)
			err = write_block(fd, kept, p, seq->in[p].block[i]);
	return err;
}

static int write_file(const struct kept *kept, const struct wick_kv_seq *seq)
{
	struct wick_draft draft;
	int err = wick_draft_open(&draft, kept->path, 0600);

	return err ? err : wick_draft_close(&draft, kept->path, write_kept(draft.fd, kept, seq));
}

/* Whether a file has no place for what a session keeps: it has blocks of keys and values of the engine's type. */
static int check_place(const struct wick_session *session, struct wick_diag *diag)
{
	if (session->kv != &session->wick->forward.kv)
		return wick_diag_say(diag, -EINVAL, "what a session of f16 beside others of another type has is not for files");
	if (session->kv->recurrent.state_bytes)
		return wick_diag_say(diag, -EINVAL, "what recurrent layers have is not for files");
	return 0;
}

/* Of neurons, or of experts. */
static bool replays(const struct wick *wick)
{
	return wick->trace[0] || wick->routing.tokens;
}

int wick_session_keep(const struct wick_session *session, const uint32_t *ids, const char *path, struct wick_diag *diag)
{
	struct kept kept = { .wick = session->wick, .path = path, .ids = ids };
	uint32_t count = session->position / WICK_KV_BLOCK * WICK_KV_BLOCK;
	int err;

	if (diag)
		diag->text[0] = 0;
	if (session->in_batch)
		return wick_diag_say(diag, -EBUSY, "a session that is being evaluated cannot be kept");
	err = check_place(session, diag);
	if (err)
		return err;
	if (replays(session->wick))
		return wick_diag_say(diag, -EINVAL, "a session that replays a trace cannot be kept: its tokens do not tell what was computed");
	if (!count)
		return wick_diag_say(diag, -ENODATA, "%u tokens are less than a block of %u: there is nothing to keep", session->position,
			WICK_KV_BLOCK);
	if (wick_session_reach(session, count) < count)
		return wick_diag_say(diag, -ENODATA, "what layers with a window looked at before position %u is gone: there is nothing to keep",
			count);
	for (uint32_t i = 1; i < session->wick->forward.kv.pools; i++)
		kept.first[i] = session->seq->in[i].first;
	kept.head = make_head(session->wick, count);
	err = write_file(&kept, session->seq);
	return err ? wick_diag_say(diag, err, "%s: %s", path, strerror(-err)) : 0;
}

/* What is wrong with a file, or 0. */
static int check_head(const struct kept *kept, struct wick_diag *diag)
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
	return 0;
}

/* Where pools begin; all of the file is there. */
static int read_first(struct kept *kept, uint64_t file_bytes, struct wick_diag *diag)
{
	uint32_t pools = kept->wick->forward.kv.pools, count = kept->head.count, end = count / WICK_KV_BLOCK;
	bool right = count % WICK_KV_BLOCK == 0 && file_bytes >= ids_at(kept);
	int err = right ? wick_read_at(kept->fd, kept->path, kept->first + 1, first_bytes(kept), sizeof(kept->head), diag) : 0;

	for (uint32_t i = 1; !err && i < pools; i++)
		right = right && kept->first[i] <= end;
	if (err || (right && block_at(kept, pools - 1, end) == file_bytes))
		return err;
	return wick_diag_say(diag, -EBADMSG, "%s: has %llu bytes, which are not those of %u tokens", kept->path,
		(unsigned long long)file_bytes, count);
}

static int read_ids(struct kept *kept, struct wick_diag *diag)
{
	uint64_t bytes = kept->head.count * ID_BYTES;
	uint32_t crc, *ids = malloc(bytes ? bytes : 1);
	int err;

	kept->ids = ids;
	if (!ids)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to read it", kept->path);
	err = wick_read_at(kept->fd, kept->path, ids, bytes, ids_at(kept), diag);
	if (!err)
		err = wick_read_at(kept->fd, kept->path, &crc, sizeof(crc), ids_at(kept) + bytes, diag);
	if (!err && crc != head_crc(kept))
		err = wick_diag_say(diag, -EBADMSG, "%s: is damaged: the checksum of its tokens does not match", kept->path);
	return err;
}

static void close_kept(struct kept *kept)
{
	if (kept->fd >= 0)
		close(kept->fd);
	free((void *)kept->ids);
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
		err = check_head(kept, diag);
	if (!err)
		err = read_first(kept, (uint64_t)status.st_size, diag);
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

static int read_block(const struct kept *kept, uint32_t pool, uint32_t i, uint32_t block, struct wick_diag *diag)
{
	const struct wick_kv *kv = &kept->wick->forward.kv;
	uint64_t at = block_at(kept, pool, i);
	uint32_t crc = 0, right;
	int err = 0;

	for (uint32_t p = 0; !err && p < wick_kv_parts(kv); p++) {
		struct wick_kv_part part = wick_kv_part(kv, pool, block, p);

		if (!part.bytes)
			continue;
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

/* After how many of the first `count` tokens a session can go on: all, as far as its context holds them; or none, where what layers with
 * a window look at is not in the file. */
static uint32_t reach_of(const struct kept *kept, uint32_t count)
{
	const struct wick_kv *kv = &kept->wick->forward.kv;

	count = WICK_MIN(count, kept->wick->settings.ctx / WICK_KV_BLOCK * WICK_KV_BLOCK);
	for (uint32_t i = 1; i < kv->pools; i++)
		if (!wick_kv_goes_on(&kv->pool[i], kept->first[i], count))
			return 0;
	return count;
}

static int read_blocks(const struct kept *kept, const struct wick_kv_seq *seq, struct wick_diag *diag)
{
	int err = 0;

	for (uint32_t p = 0; p < kept->wick->forward.kv.pools; p++)
		for (uint32_t i = seq->in[p].first; !err && i < seq->in[p].count; i++)
			err = read_block(kept, p, i, seq->in[p].block[i], diag);
	return err;
}

static int resume(struct wick_session *session, const struct kept *kept, uint32_t count, struct wick_diag *diag)
{
	struct wick_kv *kv = &session->wick->forward.kv;
	int err;

	if (wick_kv_needed(kv, session->seq, 0, count, 0) > wick_kv_free(kv))
		return wick_diag_say(diag, -ENOSPC, "%s: its %u positions are more than the %u that are free", kept->path, count,
			wick_kv_free(kv) * WICK_KV_BLOCK);
	wick_kv_restore(kv, session->seq, kept->first, count);
	err = read_blocks(kept, session->seq, diag);
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
	err = check_place(session, diag);
	if (err)
		return err;
	if (replays(session->wick))
		return wick_diag_say(diag, -EINVAL, "a session that replays a trace cannot go on from a file");
	err = open_kept(&kept, session->wick, path, diag);
	if (!err)
		err = resume(session, &kept, reach_of(&kept, in_common(&kept, ids, count)), diag);
	close_kept(&kept);
	return err;
}

int64_t wick_kept_reach(
	const struct wick *wick, const char *path, const uint32_t *ids, uint32_t count, struct wick_diag *diag)
{
	struct kept kept;
	int64_t reach;
	int err;

	if (diag)
		diag->text[0] = 0;
	err = open_kept(&kept, wick, path, diag);
	reach = err ? err : (int64_t)reach_of(&kept, in_common(&kept, ids, count));
	close_kept(&kept);
	return reach;
}
