/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* config.json to the keys of a stock GGUF file: what config_stock.c, config_fixed.c, config_windows.c, config_rope.c, config_experts.c
 * and config_weights.c share, of which the first calls the others; config_put.c has what they all call. */

#include "family.h"

struct wick_gguf_writer;

#define WICK_CONFIG_KEY_BYTES 96

struct wick_putting {
	const struct wick_arch_def *arch;
	const struct wick_config *config;
	struct wick_gguf_writer *writer;
	struct wick_arch_said *said;
	uint32_t layers, ctx;
	struct wick_diag *diag;
};

/* The name of a key of the family: "llama.block_count". */
const char *wick_putting_spell(char text[WICK_CONFIG_KEY_BYTES], const struct wick_putting *putting, const char *key);
void wick_putting_number(const struct wick_putting *putting, const char *key, uint32_t value);
void wick_putting_real(const struct wick_putting *putting, const char *key, double value);

/* Of config.json, as its readers in config.h: where it says nothing, the family's own default comes before `otherwise`. */
int wick_said_number(const struct wick_putting *putting, const char *key, uint32_t otherwise, uint32_t *value);
int wick_said_real(const struct wick_putting *putting, const char *key, double otherwise, double *value);
bool wick_said_null(const struct wick_putting *putting, const char *key);

/* -EINVAL: "FILE: "key" why". */
int wick_putting_refuse(const struct wick_putting *putting, const struct wick_config *config, const char *key, const char *why);

/* Keys that may say one thing only: those of the family, and the absent ones of a list (see `alone`), which may be NULL. -EINVAL:
 * one says something else. */
int wick_check_fixed(const struct wick_putting *putting);
int wick_check_alone(const struct wick_putting *putting, const char *const *keys);

/* Which layers look no further than a window. -EINVAL: it is not said, or not in a way that is known. */
int wick_put_windows(const struct wick_putting *putting);
/* How queries and keys are turned; said's lists are made of what frequencies are divided by. */
int wick_put_rope(struct wick_putting *putting);
/* said->weights. -EINVAL: they are quantised otherwise than the family's can be. */
int wick_read_weights(const struct wick_putting *putting);
/* Those about experts, if the family has any. */
int wick_put_experts(const struct wick_putting *putting);
