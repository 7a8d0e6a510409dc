/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A checkpoint's inside, which its three files share: checkpoint_open.c finds the files and says which were taken,
 * checkpoint_names.c orders what is in them, checkpoint.c reads. */

#include "checkpoint.h"
#include "source.h"

#define WICK_CHECKPOINT_OPEN_MAX 4 /* files open at a time: a layer's matrices may lie in two of them */

struct wick_checkpoint {
	char *folder;
	const struct wick_source_format *format;
	struct wick_source_file *files; /* (file_count) */
	unsigned file_count;
	struct wick_source_file *open[WICK_CHECKPOINT_OPEN_MAX]; /* a ring: the next to be opened takes the place of the
								    oldest */
	unsigned next_open;
	struct wick_source_list list;
	const struct wick_source_tensor **by_name; /* (name_count), sorted, each name once */
	unsigned name_count;

	/* For wick_checkpoint_explain(): */
	unsigned layout, layouts;     /* the one that was taken, and a bit for each that is there */
	char *wrapper;                /* what was left out of a name, or NULL */
	unsigned superseded_count;    /* tensors that another file has again, and the first of them */
	const struct wick_source_tensor *superseded, *superseding;
};

int wick_checkpoint_no_memory(const struct wick_checkpoint *checkpoint, struct wick_diag *diag);

/* Opens the file if it is not open, at the cost of the one that was opened longest ago. */
int wick_checkpoint_ready_file(
	struct wick_checkpoint *checkpoint, struct wick_source_file *file, struct wick_diag *diag);

/* A tensor's name without what training scripts wrap a model in. */
const char *wick_checkpoint_bare_name(const char *name);

/* Fills by_name. Of tensors of one name in several files the last file's is kept; twice in one file is -EINVAL. */
int wick_checkpoint_sort_names(struct wick_checkpoint *checkpoint, struct wick_diag *diag);
