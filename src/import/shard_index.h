/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The index.json of a checkpoint in many files: its weight_map says in which file of the folder each tensor is. */

#include "diag.h"

#include <jansson.h>

struct wick_shard_index {
	json_t *root;
	json_t *map;        /* tensor name -> file name; in root */
	const char **files; /* (file_count), each once, sorted; in root */
	unsigned file_count;
	json_t *known;      /* the same names, as keys */
};

/* Every file name is one that stays inside the folder. -EINVAL with the index and the tensor named. */
int wick_shard_index_load(struct wick_shard_index *index, const char *path, struct wick_diag *diag);
/* A file that the index names and the folder lacks is a download that did not finish: -ENOENT. One file under two names
 * is -EINVAL: all of its tensors would be listed for each of them. */
int wick_shard_index_check_files(
	const struct wick_shard_index *index, const char *folder, const char *path, struct wick_diag *diag);
void wick_shard_index_free(struct wick_shard_index *index); /* a zeroed one is fine */
