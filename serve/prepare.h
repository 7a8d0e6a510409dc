/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a job needs of the engine before its turn: the tokens of its prompt. */

#include "job.h"

struct wick_prepare {
	const struct wick *wick;
	const char *template;
	uint64_t bytes_max; /* of a prompt */
};

/* true: it has a prompt that fits the context, and was accepted. false: it is over: refused, or it wanted nothing more. */
bool wick_prepare(const struct wick_prepare *prepare, struct wick_job *job);
