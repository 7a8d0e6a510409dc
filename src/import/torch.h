/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The format of torch.save since PyTorch 1.6: a zip.
 *
 *   NAME/data.pkl     a pickle of the saved object; tensors in it say which storage they are in, and how
 *   NAME/byteorder    "little", where it is there at all
 *   NAME/data/K       the bytes of storage K, not compressed
 */

#include "pickle.h"
#include "source.h"

extern const struct wick_source_format wick_torch;

struct wick_torch_archive;

struct wick_torch_entry {
	uint64_t index; /* in the zip */
	uint64_t bytes; /* unpacked */
};

/* The entry of a storage. 0, or -ENOENT without a sentence. */
int wick_torch_find_storage(const struct wick_torch_archive *archive, const char *key, size_t key_length,
	struct wick_torch_entry *entry);

/* The classes that a checkpoint may name, for wick_pickle_parse. */
extern const struct wick_pickle_class wick_torch_classes[];
extern const size_t wick_torch_class_count;

/* Adds every tensor that can be reached from root through dicts, lists and tuples, named by the keys on the way:
 * "model.layers.0.weight", "optimizer.state.0.exp_avg". path is for sentences. */
int wick_torch_list_tensors(const struct wick_pickle_value *root, const struct wick_torch_archive *archive,
	struct wick_source_list *list, const char *path, struct wick_diag *diag);
