/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For tests that need one conversation: the engine's first session, taken when it is first asked for. */

#include "engine.h"

static inline struct wick_session *session_of(struct wick *wick)
{
	struct wick_session *session = wick->session;

	if (!session->taken && wick_session_create(&session, wick, NULL))
		return NULL;
	return session;
}
