/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One file, one thread. */

#include "keeper.h"

#include "thread.h"

static void *keep(void *user)
{
	struct wick_keeper *keeper = user;

	keeper->rc = wick_session_keep(keeper->session, keeper->ids, keeper->path, &keeper->diag);
	keeper->done = true;
	return NULL;
}

int wick_keeper_begin(struct wick_keeper *keeper, const struct wick_session *session, const uint32_t *ids, const char *path)
{
	int rc;

	*keeper = (struct wick_keeper){ .session = session, .ids = ids, .path = path };
	rc = -wick_thread_start(&keeper->thread, keep, keeper);
	if (rc)
		keeper->session = NULL;
	return rc;
}

bool wick_keeper_is_done(const struct wick_keeper *keeper)
{
	return keeper->done;
}

int wick_keeper_end(struct wick_keeper *keeper)
{
	pthread_join(keeper->thread, NULL);
	keeper->session = NULL;
	return keeper->rc;
}
