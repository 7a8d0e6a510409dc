/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A checkpoint as downloaded: named tensors in one or more files of a folder. Nothing here knows an architecture. */

#include "diag.h"
#include "notes.h"
#include "types.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_checkpoint;
struct wick_source_format;
struct wick_source_list;

/* Numbers of a byte or less, which mean something only with the scales of another tensor. */
enum wick_source_code { WICK_CODE_NONE, WICK_CODE_BYTES, WICK_CODE_E4M3 };

struct wick_source_tensor {
	const char *name; /* as the file gives it, without wrappers ("state_dict.", "module."); owned by the checkpoint */
	enum wick_type type; /* F32, F16, BF16; WICK_TYPE_COUNT when unfit. Of float64: F32 */
	const char *unfit;   /* NULL, or why it cannot be read: "is of type I64"; then dims and shape mean nothing */
	enum wick_source_code code; /* not NONE: unfit, but dims and shape are right, and bytes can be read */
	unsigned dims;       /* 0..4 */
	uint64_t shape[4];   /* outermost first, as PyTorch prints it */
	uint64_t bytes;      /* contiguous, row-major, little-endian */
	bool alias;          /* another name for a tensor that has one */
	bool doubles;        /* the file has float64: twice as many bytes, of which reading makes float32 */
	unsigned file;       /* the rest is the checkpoint's own */
	uint64_t offset;     /* in the file, or in the zip entry */
	uint64_t entry;      /* of a zip */
};

/* folder: a Hugging Face folder. Takes model.safetensors, model.safetensors.index.json, pytorch_model.bin or
 * pytorch_model.bin.index.json, in this order, and checks every header before it returns. Memory: headers only.
 * -ENOENT when there is none of them; -EINVAL, with file and tensor named, for anything malformed. */
int wick_checkpoint_open(struct wick_checkpoint **checkpoint, const char *folder, struct wick_diag *diag);
/* One of made tensors, which it takes: the list is empty afterwards. name: what sentences call it. */
int wick_checkpoint_make(struct wick_checkpoint **checkpoint, const char *name, const struct wick_source_format *format,
	struct wick_source_list *tensors, struct wick_diag *diag);
/* Tells which of several files and tensors were taken, and which names were changed. */
void wick_checkpoint_explain(const struct wick_checkpoint *checkpoint, const struct wick_notes *notes);
void wick_checkpoint_close(struct wick_checkpoint *checkpoint); /* NULL is fine */

/* NULL when there is none of this name. */
const struct wick_source_tensor *wick_checkpoint_find(const struct wick_checkpoint *checkpoint, const char *name);
/* The tensor that must be there: a missing or unfit one is -ENOENT or -EINVAL with the sentence for it. */
int wick_checkpoint_need(const struct wick_checkpoint *checkpoint, const char *name,
	const struct wick_source_tensor **tensor, struct wick_diag *diag);
unsigned wick_checkpoint_count(const struct wick_checkpoint *checkpoint);
const struct wick_source_tensor *wick_checkpoint_at(const struct wick_checkpoint *checkpoint, unsigned i);
const char *wick_checkpoint_file(const struct wick_checkpoint *checkpoint, const struct wick_source_tensor *tensor);

/* The same numbers in the same place: one tensor under two names. */
bool wick_checkpoint_is_same(const struct wick_source_tensor *a, const struct wick_source_tensor *b);

/* Raw bytes [offset, offset + bytes) of a tensor, as stored, but float64 as float32. Reading forwards through one tensor after another is
 * cheap in every format; the files' page cache is dropped behind the reader. -EIO or -EINVAL, tensor named. */
int wick_checkpoint_read(struct wick_checkpoint *checkpoint, const struct wick_source_tensor *tensor, uint64_t offset,
	void *into, uint64_t bytes, struct wick_diag *diag);

/* go_on is asked from time to time by a read that takes long because much is read to come to one place; when it says
 * other than 0, with a sentence of its own, that is what the read returns. */
void wick_checkpoint_watch(struct wick_checkpoint *checkpoint, int (*go_on)(void *user), void *user);

/* After the last read, where what was read matters: compares the checksums that reading has not come to the end of.
 * Only a torch zip has any. -EINVAL or -EIO, the entry named. */
int wick_checkpoint_finish(struct wick_checkpoint *checkpoint, struct wick_diag *diag);
