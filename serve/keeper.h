/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes a session to a file in a thread of its own: the drive may take seconds to have it, in which the engine works for others. */

#include <pthread.h>
#include <wick/wick.h>

struct wick_keeper {
	const struct wick_session *session; /* NULL: nothing is being written */
	const char *path;
	const uint32_t *ids;
	pthread_t thread;
	_Atomic bool done;
	int rc;
	struct wick_diag diag; /* of rc */
};

/* Until wick_keeper_end() the session rests, and path and ids stay. */
int wick_keeper_begin(struct wick_keeper *keeper, const struct wick_session *session, const uint32_t *ids, const char *path);

bool wick_keeper_is_done(const struct wick_keeper *keeper);

/* Waits for it. 0, or what went wrong. */
int wick_keeper_end(struct wick_keeper *keeper);
