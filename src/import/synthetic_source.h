/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A checkpoint without files: its numbers are made when they are asked for. Number i of a tensor depends on the
 * tensor's name and on i alone, so reading in any order, twice or in pieces gives the same; and so does another
 * machine. */

#include "checkpoint.h"
#include "source.h"

/* Numbers of f32, evenly distributed with a standard deviation of 0.02 around .entry, which is 0 or 1. */
extern const struct wick_source_format wick_synthetic_format;

/* The first `count` of them without a checkpoint; and what depends on the name. */
void wick_synthetic_numbers(float *into, const char *name, float around, uint64_t count);
uint64_t wick_synthetic_seed(const char *name);
