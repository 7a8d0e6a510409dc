/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading traces: one token in memory at a time, whatever the length of the file. */

#include "trace.h"

#include "fileio.h"
#include "kernels.h"
#include "lfs.h"
#include "routing.h"
#include "trace_synth.h"
#include "trace_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct wick_trace {
	struct wick_trace_shape shape;
	char *path;
	int fd;
	uint64_t end;      /* of the records */
	uint64_t next;     /* offset of the record behind the one here */
	uint64_t token;    /* the record at `next` is of this one */
	uint8_t *record;   /* (record_bytes), the one here */
	uint64_t record_bytes;
	uint64_t *part;    /* (layers), where each begins in record; 0: nothing is here */
	uint32_t (*crc32c)(uint32_t crc, const void *data, size_t bytes);
};

/* Experts of a token where the trace is of them, and a preset where it was made up. */
static bool has_sound_routing(const struct wick_trace_header *header)
{
	bool routing = header->flags & WICK_TRACE_ROUTING, synthetic = header->flags & WICK_TRACE_SYNTHETIC;

	if (!routing)
		return !header->chosen && !header->preset;
	return header->chosen && header->chosen <= header->n_ff && header->n_ff < WICK_NO_EXPERT &&
		(synthetic ? wick_routing_preset_at(header->preset) != NULL : !header->preset);
}

static int check_header(struct wick_trace *trace, const struct wick_trace_header *header, struct wick_diag *diag)
{
	static const struct wick_trace_synthesis none;
	bool synthetic = header->flags & WICK_TRACE_SYNTHETIC;

	if (wick_lfs_is_pointer(header, sizeof(*header)))
		return wick_lfs_refuse(trace->path, diag);
	if (memcmp(header->magic, WICK_TRACE_MAGIC, sizeof(header->magic)))
		return wick_diag_say(diag, -EINVAL, "%s: is not a trace", trace->path);
	if (header->version != WICK_TRACE_VERSION)
		return wick_diag_say(diag, -EINVAL, "%s: is a trace of version %u, not %u", trace->path, header->version,
			WICK_TRACE_VERSION);
	if (trace->crc32c(0, header, offsetof(struct wick_trace_header, crc)) != header->crc)
		return wick_diag_say(diag, -EIO, "%s: header is damaged: its checksum does not match", trace->path);
	if (header->layers < 1 || header->layers > WICK_TRACE_LAYERS_MAX || header->n_ff < 1 ||
		header->n_ff > WICK_TRACE_N_FF_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: %u layers of %u neurons: 1 to %u of 1 to %u are possible",
			trace->path, header->layers, header->n_ff, WICK_TRACE_LAYERS_MAX, WICK_TRACE_N_FF_MAX);
	if (header->flags > (WICK_TRACE_SYNTHETIC | WICK_TRACE_LOOKAHEAD | WICK_TRACE_ROUTING) ||
		(!synthetic && memcmp(&header->synthesis, &none, sizeof(none))) || !has_sound_routing(header))
		return wick_diag_say(diag, -EINVAL, "%s: header has what version %u has no meaning for", trace->path,
			WICK_TRACE_VERSION);
	trace->shape = (struct wick_trace_shape){
		.layers = header->layers,
		.n_ff = header->n_ff,
		.model_crc = header->model_crc,
		.synthetic = synthetic,
		.lookahead = header->flags & WICK_TRACE_LOOKAHEAD,
		.synthesis = header->synthesis,
		.chosen = header->chosen,
		.preset = header->preset,
	};
	return synthetic && !header->chosen ? wick_synth_check(&header->synthesis, diag) : 0;
}

/* The end says how many tokens there are, so a trace that was cut has none. */
static int check_end(struct wick_trace *trace, const struct wick_trace_end *end, struct wick_diag *diag)
{
	uint64_t smallest = sizeof(struct wick_trace_record) + sizeof(uint32_t) +
		wick_trace_bytes_max(trace->shape.layers, trace->shape.n_ff, false);

	if (memcmp(end->magic, WICK_TRACE_END, sizeof(end->magic)))
		return wick_diag_say(diag, -EINVAL, "%s: has no end: it was cut, or is still being written", trace->path);
	if (trace->crc32c(0, end, offsetof(struct wick_trace_end, crc)) != end->crc)
		return wick_diag_say(diag, -EIO, "%s: its end is damaged: the checksum does not match", trace->path);
	if (end->tokens < 1)
		return wick_diag_say(diag, -EINVAL, "%s: has no tokens", trace->path);
	if (wick_mul(end->tokens, smallest) > trace->end - sizeof(struct wick_trace_header))
		return wick_diag_say(diag, -EINVAL, "%s: is too short for its %u tokens", trace->path, end->tokens);
	trace->shape.tokens = end->tokens;
	return 0;
}

static int read_ends(struct wick_trace *trace, struct wick_diag *diag)
{
	struct wick_trace_header header;
	struct wick_trace_end end;
	struct stat status;
	int rc;

	if (fstat(trace->fd, &status) < 0)
		return wick_diag_say(diag, -errno, "%s: %s", trace->path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return wick_diag_say(diag, -EINVAL, "%s: is not a regular file", trace->path);
	if ((uint64_t)status.st_size < sizeof(header) + sizeof(end))
		return wick_diag_say(diag, -EINVAL, "%s: is not a trace: it has %lld bytes", trace->path,
			(long long)status.st_size);
	trace->end = status.st_size - sizeof(end);
	rc = wick_read_at(trace->fd, trace->path, &header, sizeof(header), 0, diag);
	if (!rc)
		rc = check_header(trace, &header, diag);
	if (!rc)
		rc = wick_read_at(trace->fd, trace->path, &end, sizeof(end), trace->end, diag);
	return rc ? rc : check_end(trace, &end, diag);
}

int wick_trace_open(struct wick_trace **trace, const char *path, struct wick_diag *diag)
{
	struct wick_trace *opened = calloc(1, sizeof(*opened));
	struct wick_kernels kernels;
	int rc;

	*trace = NULL;
	if (!opened)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to read it", path);
	wick_kernels_init(&kernels, UINT32_MAX);
	opened->crc32c = kernels.crc32c;
	opened->next = sizeof(struct wick_trace_header);
	opened->path = strdup(path);
	opened->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	rc = opened->fd < 0 ? wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno)) :
		opened->path ? read_ends(opened, diag) : -ENOMEM;
	if (!rc) {
		opened->part = calloc(opened->shape.layers, sizeof(*opened->part));
		rc = opened->part ? 0 : -ENOMEM;
	}
	if (rc) {
		wick_trace_close(opened);
		return wick_diag_say(diag, rc, "%s: no memory to read it", path);
	}
	*trace = opened;
	return 0;
}

void wick_trace_close(struct wick_trace *trace)
{
	if (!trace)
		return;
	if (trace->fd >= 0)
		close(trace->fd);
	free(trace->path);
	free(trace->record);
	free(trace->part);
	free(trace);
}

const struct wick_trace_shape *wick_trace_shape(const struct wick_trace *trace)
{
	return &trace->shape;
}

const char *wick_trace_path(const struct wick_trace *trace)
{
	return trace->path;
}

int wick_trace_fits(const struct wick_trace *trace, uint32_t layers, uint32_t n_ff, uint32_t chosen, uint32_t model_crc,
	struct wick_diag *diag)
{
	const struct wick_trace_shape *shape = &trace->shape;

	if (!shape->chosen != !chosen)
		return wick_diag_say(diag, -EINVAL, "%s: is of %s, and the model has %s", trace->path, shape->chosen ? "experts" : "neurons",
			chosen ? "experts" : "none");
	if (chosen && (shape->layers != layers || shape->n_ff != n_ff || shape->chosen != chosen))
		return wick_diag_say(diag, -EINVAL, "%s: is of a model of %u layers with %u of %u experts a token, not of %u with %u of %u",
			trace->path, shape->layers, shape->chosen, shape->n_ff, layers, chosen, n_ff);
	if (shape->layers != layers || shape->n_ff != n_ff)
		return wick_diag_say(diag, -EINVAL, "%s: is of a model of %u layers of %u neurons, not of %u of %u",
			trace->path, shape->layers, shape->n_ff, layers, n_ff);
	if (shape->model_crc && shape->model_crc != model_crc)
		return wick_diag_say(diag, -EINVAL, "%s: was recorded from another model: the checksum of that is %08x, of this %08x",
			trace->path, shape->model_crc, model_crc);
	return 0;
}

static int say_damaged(const struct wick_trace *trace, const char *what, struct wick_diag *diag)
{
	return wick_diag_say(diag, -EINVAL, "%s: token %llu, at byte %llu: %s", trace->path,
		(unsigned long long)trace->token, (unsigned long long)trace->next, what);
}

static int read_record_header(
	const struct wick_trace *trace, struct wick_trace_record *record, struct wick_diag *diag)
{
	const struct wick_trace_shape *shape = &trace->shape;
	uint64_t left = trace->end - trace->next, around = sizeof(*record) + sizeof(uint32_t);
	int rc;

	if (left < around)
		return say_damaged(trace, "the file ends", diag);
	rc = wick_read_at(trace->fd, trace->path, record, sizeof(*record), trace->next, diag);
	if (rc)
		return rc;
	if (record->token != trace->token)
		return say_damaged(trace, "is another token", diag);
	if (record->bytes > left - around)
		return say_damaged(trace, "the file ends within it", diag);
	if (record->bytes > wick_trace_bytes_max(shape->layers, shape->n_ff, shape->lookahead))
		return say_damaged(trace, "is longer than a token can be", diag);
	return 0;
}

static uint64_t word_at(const uint8_t *bitmap, uint64_t i)
{
	uint64_t word;

	memcpy(&word, bitmap + i * sizeof(word), sizeof(word));
	return word;
}

static uint64_t count_bits(const uint8_t *bitmap, uint64_t bytes)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < bytes / sizeof(uint64_t); i++)
		count += __builtin_popcountll(word_at(bitmap, i));
	return count;
}

/* Nothing may be set behind the last neuron. */
static bool has_strays(const uint8_t *bitmap, uint64_t bytes, uint32_t n_ff)
{
	uint64_t last = word_at(bitmap, bytes / sizeof(uint64_t) - 1);

	return n_ff % 64 && last >> n_ff % 64;
}

/* Finds where each layer begins, and that they fill the record. */
static bool split_record(struct wick_trace *trace, uint64_t bytes)
{
	uint64_t bitmap_bytes = wick_trace_bitmap_bytes(trace->shape.n_ff), at = sizeof(struct wick_trace_record);
	uint64_t bitmaps = trace->shape.lookahead ? 2 : 1, end = at + bytes;

	for (uint32_t layer = 0; layer < trace->shape.layers; layer++) {
		const uint8_t *part = trace->record + at;

		if (end - at < bitmaps * bitmap_bytes || has_strays(part, bitmap_bytes, trace->shape.n_ff))
			return false;
		trace->part[layer] = at;
		at += bitmaps * bitmap_bytes;
		if (!trace->shape.lookahead)
			continue;
		if (has_strays(part + bitmap_bytes, bitmap_bytes, trace->shape.n_ff))
			return false;
		if (count_bits(part + bitmap_bytes, bitmap_bytes) > end - at)
			return false;
		at += count_bits(part + bitmap_bytes, bitmap_bytes);
	}
	return at == end;
}

static int grow(struct wick_trace *trace, uint64_t bytes, struct wick_diag *diag)
{
	uint8_t *larger;

	if (bytes <= trace->record_bytes)
		return 0;
	larger = realloc(trace->record, bytes);
	if (!larger)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory for a token of %llu bytes", trace->path,
			(unsigned long long)bytes);
	trace->record = larger;
	trace->record_bytes = bytes;
	return 0;
}

static int read_record(struct wick_trace *trace, const struct wick_trace_record *record, struct wick_diag *diag)
{
	uint64_t guarded = sizeof(*record) + record->bytes;
	uint32_t crc;
	int rc = grow(trace, guarded + sizeof(crc), diag);

	if (!rc)
		rc = wick_read_at(trace->fd, trace->path, trace->record, guarded + sizeof(crc), trace->next, diag);
	if (rc)
		return rc;
	memcpy(&crc, trace->record + guarded, sizeof(crc));
	if (trace->crc32c(0, trace->record, guarded) != crc || memcmp(trace->record, record, sizeof(*record)))
		return say_damaged(trace, "is damaged: its checksum does not match", diag);
	return split_record(trace, record->bytes) ? 0 : say_damaged(trace, "its layers do not fill it", diag);
}

static void forget(struct wick_trace *trace)
{
	memset(trace->part, 0, trace->shape.layers * sizeof(*trace->part));
}

int wick_trace_seek(struct wick_trace *trace, uint64_t token, struct wick_diag *diag)
{
	struct wick_trace_record record;
	uint64_t sought = token % trace->shape.tokens;
	int rc;

	if (sought < trace->token) {
		trace->token = 0;
		trace->next = sizeof(struct wick_trace_header);
	}
	for (;;) {
		rc = read_record_header(trace, &record, diag);
		if (!rc && trace->token == sought)
			rc = read_record(trace, &record, diag);
		if (rc) {
			forget(trace);
			return rc;
		}
		trace->next += sizeof(record) + record.bytes + sizeof(uint32_t);
		if (trace->token++ == sought)
			return 0;
	}
}

uint32_t wick_trace_active(const struct wick_trace *trace, uint32_t layer, uint32_t *ids)
{
	uint64_t words = wick_trace_bitmap_bytes(trace->shape.n_ff) / sizeof(uint64_t);
	const uint8_t *bitmap;
	uint32_t count = 0;

	if (!trace->part[layer])
		return 0;
	bitmap = trace->record + trace->part[layer];
	for (uint64_t i = 0; i < words; i++)
		for (uint64_t word = word_at(bitmap, i); word; word &= word - 1)
			ids[count++] = i * 64 + __builtin_ctzll(word);
	return count;
}

/* Places in order of level, the highest first: a counting sort. */
static void find_places(const uint8_t *levels, uint32_t count, uint32_t *place)
{
	uint32_t sum = 0;

	memset(place, 0, (WICK_TRACE_LEVELS + 1) * sizeof(*place));
	for (uint32_t i = 0; i < count; i++)
		place[levels[i]]++;
	for (unsigned above = WICK_TRACE_LEVELS + 1; above > 0; above--) {
		uint32_t here = place[above - 1];

		place[above - 1] = sum;
		sum += here;
	}
}

uint32_t wick_trace_likely(const struct wick_trace *trace, uint32_t layer, uint32_t *ids, float *probability, uint32_t most)
{
	uint64_t bitmap_bytes = wick_trace_bitmap_bytes(trace->shape.n_ff);
	uint32_t place[WICK_TRACE_LEVELS + 1], count;
	const uint8_t *bitmap, *levels;

	if (!trace->shape.lookahead || !trace->part[layer])
		return 0;
	bitmap = trace->record + trace->part[layer] + bitmap_bytes;
	levels = bitmap + bitmap_bytes;
	count = count_bits(bitmap, bitmap_bytes);
	find_places(levels, count, place);
	for (uint64_t i = 0; i < bitmap_bytes / sizeof(uint64_t); i++)
		for (uint64_t word = word_at(bitmap, i); word; word &= word - 1, levels++) {
			uint32_t to = place[*levels]++;

			if (to >= most)
				continue;
			ids[to] = i * 64 + __builtin_ctzll(word);
			probability[to] = *levels * (1.f / WICK_TRACE_LEVELS);
		}
	return WICK_MIN(count, most);
}
