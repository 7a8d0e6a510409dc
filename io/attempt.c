/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Short reads and errors (see attempt.h). */

#include "attempt.h"

#include "bits.h"
#include "check.h"
#include "file.h"

#include <errno.h>
#include <sys/stat.h>

#define TRANSIENT_TRIES 20      /* with the waits below: about a second */
#define RETRY_FIRST_NS 50000ull /* doubled at every further try */
#define RETRY_LAST_NS 100000000ull

/* The rest of an iovec is read alone, and the iovecs behind it after it, so that the caller's array is used as it is
 * and none is made here:
 *
 *     iov     [=====][==xxx][xxxxx]     = arrived, x missing
 *     next             [xxx]            the rest of one
 *     then                  [xxxxx]     those behind it
 */
void wick_attempt_aim(struct wick_io_request *request, uint64_t arrived)
{
	uint64_t align = WICK_MAX(WICK_MAX(request->file->offset_align, request->file->memory_align), 1u);
	const struct iovec *iov = request->iov ? request->iov : &request->one;
	unsigned count = request->iov ? request->iov_count : 1;
	uint64_t before = 0, within;

	for (; arrived - before >= iov->iov_len; iov++, count--)
		before += iov->iov_len;
	within = wick_align_down(arrived - before, align);
	request->bytes_done = before + within;
	request->left_offset = request->offset + request->bytes_done;
	if (within) {
		request->rest = (struct iovec){ (char *)iov->iov_base + within, iov->iov_len - within };
		request->left = &request->rest;
		request->left_count = 1;
		request->left_bytes = request->rest.iov_len;
	} else {
		request->left = iov;
		request->left_count = count;
		request->left_bytes = request->bytes - before;
	}
}

enum retry { NO_RETRY, RETRY_LATER, RETRY_MEDIUM };

/* Whether a read is tried again after an error. The second group are the block layer's errors for a failed medium. */
static enum retry retry_of(int error)
{
	switch (-error) {
	case EINTR:
	case EAGAIN:
	case ENOMEM:
	case EBUSY:
		return RETRY_LATER;
	case EIO:
	case ENODATA:
	case EILSEQ:
	case EREMOTEIO:
	case ENOLINK:
	case ETIMEDOUT:
		return RETRY_MEDIUM;
	default:
		return NO_RETRY;
	}
}

/* Another try later, as long as the bound for this kind of error allows. */
static int after_error(struct wick_io_request *request, int error, unsigned retries)
{
	enum retry retry = retry_of(error);
	uint32_t spent = retry == RETRY_MEDIUM ? request->medium_errors : request->attempts - request->medium_errors;
	uint32_t allowed = retry == RETRY_MEDIUM ? retries : retry == RETRY_LATER ? TRANSIENT_TRIES : 0;

	if (spent >= allowed)
		return retry == RETRY_MEDIUM ? -EIO : error;
	request->retry_ns = WICK_MIN(RETRY_FIRST_NS << WICK_MIN(spent, 20u), RETRY_LAST_NS);
	request->attempts++;
	request->medium_errors += retry == RETRY_MEDIUM;
	return WICK_ATTEMPT_LATER;
}

/* Whether the file ends here by now: it was truncated after it was opened. */
static bool ends_at(const struct wick_file *file, uint64_t offset)
{
	struct stat now;

	return fstat(file->fd, &now) == 0 && S_ISREG(now.st_mode) && (uint64_t)now.st_size <= offset;
}

int wick_attempt_judge(struct wick_io_request *request, int64_t result, unsigned retries)
{
	uint64_t got = (uint64_t)result, arrived, aimed = request->left_offset;

	if (result < 0)
		return after_error(request, (int)result, retries);
	wick_require(got <= request->left_bytes);
	arrived = request->bytes_done + got;
	if (arrived == request->bytes || !got || request->offset + arrived >= request->file->size) {
		request->bytes_done = arrived;
		return arrived == request->bytes ? 0 : -ENODATA;
	}
	wick_attempt_aim(request, arrived);
	if (request->left_offset != aimed)
		return WICK_ATTEMPT_ON;
	/* Less than one aligned block: not getting anywhere. */
	if (!ends_at(request->file, request->offset + arrived))
		return after_error(request, -EIO, retries);
	request->bytes_done = arrived;
	return -ENODATA;
}
