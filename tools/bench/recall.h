/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How well sparse mode chooses: what was chosen, beside what would have fired. Seen in long batches, in which all
 * neurons are computed before those that were not chosen are dropped. */

#include "diag.h"

#include <jansson.h>
#include <stdint.h>

struct wick;
struct recall;

/* Memory that it takes, for a context of ctx tokens. */
uint64_t recall_bytes(uint32_t layers, uint32_t n_ff, uint32_t ctx);
int recall_begin(struct recall **recall, struct wick *wick, struct wick_diag *diag);
/* Adds recall, precision and predicted_per_active, each pooled over all neurons, the worst layer's, and each layer's.
 * Nothing where nothing was seen. */
void recall_report(const struct recall *recall, json_t *into);
void recall_end(struct recall *recall); /* NULL is fine */
