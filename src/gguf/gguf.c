/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Opening a GGUF file and answering questions about its header. */

#include "gguf.h"

#include "bits.h"
#include "fileio.h"
#include "gguf_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_READ_BYTES 65536

/* Reads on until the header holds `bytes` bytes. */
static int extend_header(struct wick_gguf *gguf, int fd, uint64_t bytes, struct wick_diag *diag)
{
	uint8_t *header = realloc(gguf->header, bytes + 1);
	uint64_t from = gguf->header_bytes;

	if (!header)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory for a header of %llu bytes", gguf->path,
			(unsigned long long)bytes);
	gguf->header = header;
	gguf->header_bytes = bytes;
	return wick_read_at(fd, gguf->path, header + from, bytes - from, from, diag);
}

/* The header's length is known only to who has parsed it: try with a little of the file, then with four times more. */
static int load_header(struct wick_gguf *gguf, int fd, struct wick_diag *diag)
{
	uint64_t bytes = FIRST_READ_BYTES;

	for (;; bytes *= 4) {
		int rc = extend_header(gguf, fd, WICK_MIN(bytes, gguf->file_bytes), diag);

		if (rc == 0)
			rc = wick_gguf_parse(gguf, diag);
		if (rc != WICK_GGUF_MORE)
			return rc;
		wick_gguf_forget(gguf);
		if (bytes >= WICK_GGUF_HEADER_MAX)
			return wick_diag_say(diag, -EINVAL, "%s: its header is larger than %llu bytes", gguf->path,
				(unsigned long long)WICK_GGUF_HEADER_MAX);
	}
}

/* Gives back what was read beyond the header; parsed again, since the strings moved with it. */
static int trim_header(struct wick_gguf *gguf, struct wick_diag *diag)
{
	uint8_t *header = realloc(gguf->header, gguf->used_bytes);

	if (!header)
		return 0;
	gguf->header = header;
	gguf->header_bytes = gguf->used_bytes;
	wick_gguf_forget(gguf);
	return wick_gguf_parse(gguf, diag);
}

static int open_and_load(struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct stat status;
	int fd = open(gguf->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us here */
	int rc;

	gguf->fd = fd;
	if (fd < 0)
		return wick_diag_say(diag, -errno, "%s: %s", gguf->path, strerror(errno));
	if (fstat(fd, &status) < 0)
		rc = wick_diag_say(diag, -errno, "%s: %s", gguf->path, strerror(errno));
	else if (S_ISDIR(status.st_mode))
		rc = wick_diag_say(diag, -EISDIR, "%s: a folder; wick pack makes a model of one (wick pack FOLDER -o model.gguf)",
			gguf->path);
	else if (!S_ISREG(status.st_mode))
		rc = wick_diag_say(diag, -EINVAL, "%s: not a regular file", gguf->path);
	else {
		gguf->file_bytes = status.st_size;
		posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* readahead would fill the page cache with weights */
		rc = load_header(gguf, fd, diag);
		if (rc == 0)
			rc = trim_header(gguf, diag);
	}
	return rc;
}

int wick_gguf_open(struct wick_gguf **out, const char *path, struct wick_diag *diag)
{
	struct wick_gguf *gguf = calloc(1, sizeof(*gguf));
	int rc;

	*out = NULL;
	if (gguf) {
		gguf->fd = -1;
		gguf->path = strdup(path);
	}
	if (!gguf || !gguf->path)
		rc = wick_diag_say(diag, -ENOMEM, "%s: no memory to open it", path);
	else
		rc = open_and_load(gguf, diag);
	if (rc)
		wick_gguf_close(gguf);
	else
		*out = gguf;
	return rc;
}

int wick_gguf_of_header(struct wick_gguf **out, const char *whose, uint8_t *header, uint64_t bytes, struct wick_diag *diag)
{
	struct wick_gguf *gguf = calloc(1, sizeof(*gguf));
	int rc;

	*out = NULL;
	if (!gguf) {
		free(header);
		return wick_diag_say(diag, -ENOMEM, "%s: no memory for its header", whose);
	}
	*gguf = (struct wick_gguf){ .fd = -1, .path = strdup(whose), .header = header, .header_bytes = bytes, .file_bytes = bytes };
	rc = gguf->path ? wick_gguf_parse(gguf, diag) : wick_diag_say(diag, -ENOMEM, "%s: no memory for its header", whose);
	if (rc)
		wick_gguf_close(gguf);
	else
		*out = gguf;
	return rc;
}

void wick_gguf_close(struct wick_gguf *gguf)
{
	if (!gguf)
		return;
	wick_gguf_forget(gguf);
	if (gguf->fd >= 0)
		close(gguf->fd);
	free(gguf->header);
	free(gguf->path);
	free(gguf);
}

uint64_t wick_gguf_header_bytes(const struct wick_gguf *gguf)
{
	return gguf->data_at;
}

uint64_t wick_gguf_file_bytes(const struct wick_gguf *gguf)
{
	return gguf->file_bytes;
}

uint64_t wick_gguf_memory_bytes(const struct wick_gguf *gguf)
{
	return sizeof(*gguf) + strlen(gguf->path) + 1 + gguf->header_bytes +
	       gguf->pair_count * (sizeof(*gguf->pairs) + sizeof(*gguf->pair_order)) +
	       gguf->tensor_count * (sizeof(*gguf->tensors) + sizeof(*gguf->tensor_order));
}

const char *wick_gguf_path(const struct wick_gguf *gguf)
{
	return gguf->path;
}

int wick_gguf_fd(const struct wick_gguf *gguf)
{
	return gguf->fd;
}

const void *wick_gguf_header(const struct wick_gguf *gguf, uint64_t *bytes)
{
	*bytes = gguf->used_bytes;
	return gguf->header;
}

/* Written over in place it may still be the same file, so its size counts, too; what else was changed in it, checksums
 * find. */
int wick_gguf_check_same(const struct wick_gguf *gguf, int fd, struct wick_diag *diag)
{
	struct stat parsed, opened;

	if (fstat(gguf->fd, &parsed) < 0 || fstat(fd, &opened) < 0)
		return wick_diag_say(diag, -errno, "%s: %s", gguf->path, strerror(errno));
	if (parsed.st_dev == opened.st_dev && parsed.st_ino == opened.st_ino &&
		(uint64_t)opened.st_size == gguf->file_bytes)
		return 0;
	return wick_diag_say(diag, -ESTALE, "%s: the file was replaced by another while it was opened", gguf->path);
}

uint64_t wick_gguf_tensor_count(const struct wick_gguf *gguf)
{
	return gguf->tensor_count;
}

const struct wick_gguf_tensor *wick_gguf_tensor_at(const struct wick_gguf *gguf, uint64_t i)
{
	return i < gguf->tensor_count ? &gguf->tensors[i] : NULL;
}

bool wick_gguf_key_at(const struct wick_gguf *gguf, uint64_t i, struct wick_gguf_string *key)
{
	if (i >= gguf->pair_count)
		return false;
	*key = gguf->pairs[i].key;
	return true;
}

static int wrong_kind(const struct wick_gguf *gguf, const char *key, const char *wanted, struct wick_diag *diag)
{
	return wick_diag_say(diag, -EINVAL, "%s: key \"%s\" is not %s", gguf->path, key, wanted);
}

static bool is_integer(enum wick_gguf_type type)
{
	return type <= WICK_GGUF_I32 || type == WICK_GGUF_U64 || type == WICK_GGUF_I64;
}

static bool is_signed(enum wick_gguf_type type)
{
	return type == WICK_GGUF_I8 || type == WICK_GGUF_I16 || type == WICK_GGUF_I32 || type == WICK_GGUF_I64;
}

/* An integer of any width, widened with its sign: as unsigned, 2^64 - 1 is -1 of a signed type. */
static uint64_t integer_at(const uint8_t *at, enum wick_gguf_type type)
{
	unsigned bytes = wick_gguf_value_bytes(type);
	unsigned unused_bits = 64 - 8 * bytes;
	uint64_t value = wick_gguf_little(at, bytes);

	return is_signed(type) ? (uint64_t)((int64_t)(value << unused_bits) >> unused_bits) : value;
}

int wick_gguf_u64(const struct wick_gguf *gguf, const char *key, uint64_t *value, struct wick_diag *diag)
{
	const struct wick_gguf_pair *pair = wick_gguf_find_pair(gguf, key);

	if (!pair)
		return -ENOENT;
	if (!is_integer(pair->type))
		return wrong_kind(gguf, key, "an integer", diag);
	if (is_signed(pair->type) && (int64_t)integer_at(pair->value, pair->type) < 0)
		return wrong_kind(gguf, key, "positive", diag);
	*value = integer_at(pair->value, pair->type);
	return 0;
}

static bool is_fraction(enum wick_gguf_type type)
{
	return type == WICK_GGUF_F32 || type == WICK_GGUF_F64;
}

static double fraction_at(const uint8_t *at, enum wick_gguf_type type)
{
	uint64_t bits = wick_gguf_little(at, wick_gguf_value_bytes(type));
	uint32_t narrow_bits = (uint32_t)bits;
	double wide;
	float narrow;

	memcpy(&narrow, &narrow_bits, sizeof(narrow));
	memcpy(&wide, &bits, sizeof(wide));
	return type == WICK_GGUF_F32 ? (double)narrow : wide;
}

int wick_gguf_f64(const struct wick_gguf *gguf, const char *key, double *value, struct wick_diag *diag)
{
	const struct wick_gguf_pair *pair = wick_gguf_find_pair(gguf, key);

	if (!pair)
		return -ENOENT;
	if (!is_fraction(pair->type))
		return wrong_kind(gguf, key, "a number with a fraction", diag);
	*value = fraction_at(pair->value, pair->type);
	return 0;
}

int wick_gguf_bool(const struct wick_gguf *gguf, const char *key, bool *value, struct wick_diag *diag)
{
	const struct wick_gguf_pair *pair = wick_gguf_find_pair(gguf, key);

	if (!pair)
		return -ENOENT;
	if (pair->type != WICK_GGUF_BOOL || *pair->value > 1)
		return wrong_kind(gguf, key, "true or false", diag);
	*value = *pair->value;
	return 0;
}

static struct wick_gguf_string string_at(const uint8_t *at)
{
	return (struct wick_gguf_string){ (const char *)at + 8, wick_gguf_little(at, 8) };
}

int wick_gguf_string(
	const struct wick_gguf *gguf, const char *key, struct wick_gguf_string *value, struct wick_diag *diag)
{
	const struct wick_gguf_pair *pair = wick_gguf_find_pair(gguf, key);

	if (!pair)
		return -ENOENT;
	if (pair->type != WICK_GGUF_STRING)
		return wrong_kind(gguf, key, "a string", diag);
	*value = string_at(pair->value);
	return 0;
}

int wick_gguf_array(const struct wick_gguf *gguf, const char *key, enum wick_gguf_type *type, uint64_t *count,
	struct wick_diag *diag)
{
	const struct wick_gguf_pair *pair = wick_gguf_find_pair(gguf, key);

	if (!pair)
		return -ENOENT;
	if (pair->type != WICK_GGUF_ARRAY)
		return wrong_kind(gguf, key, "an array", diag);
	*type = pair->element;
	*count = pair->count;
	return 0;
}

/* Strings have no fixed length, so the pair remembers where the last one asked for ended. */
struct wick_gguf_string wick_gguf_array_string(const struct wick_gguf *gguf, const char *key, uint64_t i)
{
	struct wick_gguf_pair *pair = wick_gguf_find_pair(gguf, key);
	struct wick_gguf_string string = { 0 };

	if (!pair || pair->type != WICK_GGUF_ARRAY || pair->element != WICK_GGUF_STRING || i >= pair->count)
		return string;
	if (i < pair->next_i) {
		pair->next = pair->value;
		pair->next_i = 0;
	}
	for (; pair->next_i <= i; pair->next_i++) {
		string = string_at(pair->next);
		pair->next += 8 + string.length;
	}
	return string;
}

int64_t wick_gguf_array_int(const struct wick_gguf *gguf, const char *key, uint64_t i)
{
	const struct wick_gguf_pair *pair = wick_gguf_find_pair(gguf, key);

	if (!pair || pair->type != WICK_GGUF_ARRAY || i >= pair->count)
		return 0;
	if (!is_integer(pair->element) && pair->element != WICK_GGUF_BOOL)
		return 0;
	return (int64_t)integer_at(pair->value + i * wick_gguf_value_bytes(pair->element), pair->element);
}

const uint8_t *wick_gguf_array_bytes(const struct wick_gguf *gguf, const char *key, uint64_t *count)
{
	const struct wick_gguf_pair *pair = wick_gguf_find_pair(gguf, key);
	bool bytes = pair && pair->type == WICK_GGUF_ARRAY && (pair->element == WICK_GGUF_U8 || pair->element == WICK_GGUF_I8);

	*count = bytes ? pair->count : 0;
	return bytes ? pair->value : NULL;
}

double wick_gguf_array_f64(const struct wick_gguf *gguf, const char *key, uint64_t i)
{
	const struct wick_gguf_pair *pair = wick_gguf_find_pair(gguf, key);

	if (!pair || pair->type != WICK_GGUF_ARRAY || i >= pair->count || !is_fraction(pair->element))
		return 0;
	return fraction_at(pair->value + i * wick_gguf_value_bytes(pair->element), pair->element);
}
