/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Torch checkpoints: the zip and what is in it. */

#include "fuzz.h"
#include "torch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_source(&wick_torch, data, size);
	return 0;
}
