/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Mutators: of a target, as libFuzzer and driver.c call it, and what they can call. Each returns the new size. */

#include <stddef.h>
#include <stdint.h>

#define FUZZ_PLAIN 8 /* one mutation of so many is of bytes, whatever they are */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

/* Of a GGUF file: see mutate_gguf.c. */
size_t fuzz_mutate_gguf(uint8_t *data, size_t size, size_t size_max, unsigned seed);

/* Of a packed model: see mutate_model.c. */
size_t fuzz_mutate_model(uint8_t *data, size_t size, size_t size_max, unsigned seed);

/* Of a pickle: see mutate_pickle.c. */
size_t fuzz_mutate_pickle(uint8_t *data, size_t size, size_t size_max, unsigned seed);
