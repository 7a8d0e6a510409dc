/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The next step after an attempt to read: the policy of io.h on short reads and errors, as functions of the request
 * alone. Private to this room. */

#include "io.h"

/* Outcomes of an attempt, besides 0 (every byte is in place) and the negative errno that the request fails with. */
enum {
	WICK_ATTEMPT_ON = 1,    /* read on: left, left_offset and left_bytes say what */
	WICK_ATTEMPT_LATER = 2, /* the same again, retry_ns from now */
};

/* Aims the next attempt behind the bytes that arrived (fewer than request->bytes), or before them where the file's
 * alignment asks for it. */
void wick_attempt_aim(struct wick_io_request *request, uint64_t arrived);

/* The next step by the result of an attempt: bytes, or a negative errno. retries is how often an error of the medium is
 * tried again. */
int wick_attempt_judge(struct wick_io_request *request, int64_t result, unsigned retries);
