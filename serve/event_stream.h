/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A job's answer as server-sent events, as it comes. */

#include "reply.h"

#include <microhttpd.h>

/* Sends the answer of a job that was accepted, and leaves the job in the end, whatever becomes of the connection. */
enum MHD_Result wick_event_stream(struct MHD_Connection *connection, struct wick_job *job, const struct wick_reply *reply,
	int socket, const char *share);
