/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The safetensors format: 8 bytes with the length of the header, a JSON header that names every tensor, its type, shape
 * and range, then the numbers. */

#include "source.h"

#define WICK_SAFETENSORS_HEADER_MAX (16u << 20) /* bytes; room for every tensor that a checkpoint may have */

extern const struct wick_source_format wick_safetensors;
