/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the targets share. A target is a file with LLVMFuzzerTestOneInput; linked with driver.c it runs over given
 * files, linked with -fsanitize=fuzzer it looks for its own. A broken promise aborts. */

#include "check.h"
#include "source.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_READ_BYTES 4096u

/* A failure has a sentence, a success none. */
static inline void fuzz_check(int ret, const struct wick_diag *diag)
{
	wick_verify(ret <= 0);
	wick_verify((ret != 0) == (diag->text[0] != 0));
}

/* The first and the last bytes of a tensor that claims to be readable. */
static inline void fuzz_read_tensor(const struct wick_source_format *format, struct wick_source_file *file,
	const struct wick_source_tensor *tensor)
{
	uint64_t bytes = tensor->bytes < FUZZ_READ_BYTES ? tensor->bytes : FUZZ_READ_BYTES;
	char into[FUZZ_READ_BYTES];
	struct wick_diag diag = { 0 };
	uint64_t numbers = 1;

	wick_verify(tensor->name[0] && strlen(tensor->name) <= WICK_SOURCE_NAME_MAX);
	wick_verify((tensor->unfit != NULL) == (tensor->type == WICK_TYPE_COUNT));
	if (tensor->unfit)
		return;
	wick_verify(tensor->dims <= WICK_SOURCE_DIMS_MAX);
	for (unsigned i = 0; i < tensor->dims; i++)
		numbers *= tensor->shape[i];
	wick_verify(tensor->bytes == wick_type_bytes(tensor->type, numbers));
	fuzz_check(format->read(file, tensor, 0, into, bytes, &diag), &diag);
	diag.text[0] = 0;
	fuzz_check(format->read(file, tensor, tensor->bytes - bytes, into, bytes, &diag), &diag);
}

/* Lists and reads the input as a file of this format. */
static inline void fuzz_source(const struct wick_source_format *format, const uint8_t *data, size_t size)
{
	struct wick_source_list list = { 0 };
	struct wick_diag diag = { 0 };
	struct wick_source_file file = { .fd = -1 };
	int memory = memfd_create("fuzz", MFD_CLOEXEC);
	char path[64];

	wick_verify(memory >= 0 && write(memory, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	file.path = path;
	if (!wick_source_open(&file, &diag)) {
		fuzz_check(format->list(&file, &list, &diag), &diag);
		for (unsigned i = 0; !diag.text[0] && i < list.count; i++)
			fuzz_read_tensor(format, &file, &list.tensors[i]);
		if (format->close)
			format->close(&file);
		wick_source_close(&file);
	}
	wick_source_list_free(&list);
	close(memory);
}
