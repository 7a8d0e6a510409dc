/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The model that is measured, a second time, with its neurons in order of co-activation: made for a bench out of a
 * trace of which the first tokens are replayed and the others decide the order, and removed after it. */

#include <linux/limits.h>
#include <stdint.h>
#include <wick/wick.h>

struct bench_ordered {
	char model[PATH_MAX], trace[PATH_MAX]; /* beside the model; the trace is of the tokens to be replayed */
	char rest[PATH_MAX];                   /* of the others */
	char predictors[PATH_MAX];             /* where the model has trained ones */
};

/* Files that an earlier bench left when it was killed are named on standard error.
 * -ENODATA: the trace cannot say an order, and the sentence says why. After any other error, too, nothing is left
 * behind. */
int bench_order_make(struct bench_ordered *ordered, const char *model_path, const char *trace_path, uint32_t replayed,
	struct wick_diag *diag);
void bench_order_remove(const struct bench_ordered *ordered);
