/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The predictors learned so far, in a file of this machine's own until all are there: a header that says from what,
 * then a record for each predictor. A rerun takes over the records that are whole. */

#include "train.h"

#include "bits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "wicktrn1"

struct header {
	char magic[8];
	uint32_t model_crc, text_crc, tokens, steps, type, layers;
	uint64_t seed;
};

struct record {
	uint32_t layer, ahead, rank, steps;
	uint32_t crc; /* of what follows */
};

static struct header header_of(const struct wick_train *train)
{
	struct header header = { .magic = MAGIC, .model_crc = wick_model_identity(train->model),
		.text_crc = train->kernels.crc32c(0, train->ids, wick_train_tokens(train) * sizeof(*train->ids)),
		.tokens = wick_train_tokens(train), .steps = train->options->steps, .type = train->type,
		.layers = train->model->shape.layers, .seed = train->options->seed };

	return header;
}

/* The parts of a predictor, in the order of a record. */
static void parts_of(const struct wick_train *train, const struct wick_trained *trained, void *parts[4], size_t bytes[4])
{
	const struct wick_shape *shape = &train->model->shape;

	parts[0] = trained->fitted.in;
	bytes[0] = trained->rank * wick_type_bytes(train->type, shape->d_model);
	parts[1] = trained->fitted.out;
	bytes[1] = shape->n_ff * wick_type_bytes(train->type, trained->rank);
	parts[2] = trained->fitted.bias;
	bytes[2] = shape->n_ff * sizeof(float);
	parts[3] = trained->fitted.counts;
	bytes[3] = 2 * sizeof(*trained->fitted.counts);
}

static uint32_t crc_of(const struct wick_train *train, const struct wick_trained *trained)
{
	size_t bytes[4];
	void *parts[4];
	uint32_t crc = 0;

	parts_of(train, trained, parts, bytes);
	for (int i = 0; i < 4; i++)
		crc = train->kernels.crc32c(crc, parts[i], bytes[i]);
	return crc;
}

/* 1: all of it. 0: the file ends before. */
static int read_exactly(const struct wick_train *train, void *into, size_t bytes)
{
	uint8_t *at = into;

	while (bytes) {
		ssize_t got = read(train->keep_fd, at, bytes);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return wick_diag_say(train->diag, -errno, "%s: %s", train->keep_path, strerror(errno));
		if (got == 0)
			return 0;
		at += got;
		bytes -= (size_t)got;
	}
	return 1;
}

static int write_exactly(const struct wick_train *train, const void *from, size_t bytes)
{
	const uint8_t *at = from;

	while (bytes) {
		ssize_t put = write(train->keep_fd, at, bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return wick_diag_say(train->diag, -errno, "%s: %s", train->keep_path, strerror(errno));
		at += put;
		bytes -= (size_t)put;
	}
	return 0;
}

/* The next record into its place. 0: there is none, or it is not whole or of other ranks. */
static int take_record(struct wick_train *train)
{
	struct record record;
	struct wick_trained *trained;
	size_t bytes[4];
	void *parts[4];
	int got = read_exactly(train, &record, sizeof(record));

	if (got <= 0)
		return got;
	if (record.layer >= train->model->shape.layers || record.ahead > 1)
		return 0;
	trained = record.ahead ? &train->ahead[record.layer] : &train->own[record.layer];
	if (record.rank != trained->rank || !record.rank || trained->done)
		return 0;
	parts_of(train, trained, parts, bytes);
	for (int i = 0; got > 0 && i < 4; i++)
		got = read_exactly(train, parts[i], bytes[i]);
	if (got <= 0)
		return got;
	trained->fitted.steps = record.steps;
	trained->done = crc_of(train, trained) == record.crc;
	return trained->done;
}

/* Others name files so, too: what is no training's, or of one that goes on, stays as it is. */
static int check_kept(const struct wick_train *train)
{
	char magic[sizeof(MAGIC) - 1];
	struct stat status;
	ssize_t got;

	if (fstat(train->keep_fd, &status))
		return wick_diag_say(train->diag, -errno, "%s: %s", train->keep_path, strerror(errno));
	got = S_ISREG(status.st_mode) ? pread(train->keep_fd, magic, sizeof(magic), 0) : -1;
	if (got < 0 || memcmp(magic, MAGIC, (size_t)got) != 0)
		return wick_diag_say(train->diag, -EEXIST, "%s: is there already, and is not what a training has kept",
			train->keep_path);
	if (flock(train->keep_fd, LOCK_EX | LOCK_NB))
		return wick_diag_say(train->diag, -EBUSY, "%s: another training writes it", train->keep_path);
	return 0;
}

static int open_kept(struct wick_train *train)
{
	if (asprintf(&train->keep_path, "%s.part", train->path) < 0) {
		train->keep_path = NULL;
		return wick_diag_say(train->diag, -ENOMEM, "%s: no memory for a name", train->path);
	}
	train->keep_fd = open(train->keep_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
	if (train->keep_fd < 0)
		return wick_diag_say(train->diag, -errno, "%s: %s", train->keep_path, strerror(errno));
	return check_kept(train);
}

int wick_train_keep_open(struct wick_train *train)
{
	struct header wanted = header_of(train), found;
	off_t whole = 0;
	int got = open_kept(train);

	if (got)
		return got;
	got = read_exactly(train, &found, sizeof(found));
	if (got > 0 && memcmp(&found, &wanted, sizeof(wanted)) == 0)
		for (whole = sizeof(found); whole >= 0 && (got = take_record(train)) > 0;)
			whole = lseek(train->keep_fd, 0, SEEK_CUR);
	if (got < 0)
		return got; /* what cannot be read now may be whole */
	if (whole < 0 || ftruncate(train->keep_fd, whole) || lseek(train->keep_fd, whole, SEEK_SET) < 0)
		return wick_diag_say(train->diag, -errno, "%s: %s", train->keep_path, strerror(errno));
	return whole ? 0 : write_exactly(train, &wanted, sizeof(wanted));
}

int wick_train_keep(struct wick_train *train, uint32_t layer, bool ahead)
{
	struct wick_trained *trained = ahead ? &train->ahead[layer] : &train->own[layer];
	struct record record = { .layer = layer, .ahead = ahead, .rank = trained->rank, .steps = trained->fitted.steps,
		.crc = crc_of(train, trained) };
	size_t bytes[4];
	void *parts[4];
	int rc = write_exactly(train, &record, sizeof(record));

	parts_of(train, trained, parts, bytes);
	for (int i = 0; rc == 0 && i < 4; i++)
		rc = write_exactly(train, parts[i], bytes[i]);
	if (rc == 0 && fdatasync(train->keep_fd))
		rc = wick_diag_say(train->diag, -errno, "%s: %s", train->keep_path, strerror(errno));
	trained->done = rc == 0;
	return rc;
}

void wick_train_keep_close(struct wick_train *train, bool done)
{
	if (train->keep_fd >= 0)
		close(train->keep_fd);
	if (done)
		unlink(train->keep_path);
	free(train->keep_path);
}
