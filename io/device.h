/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The drive behind a path, as sysfs describes it. */

#include "diag.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_device {
	char key[192];      /* names this drive and no other, fit for a file name: "259-0-Samsung_SSD_980-S64D" */
	char name[64];      /* the kernel's: "nvme0n1", "vda"; "" when sysfs does not show the drive */
	char model[96];     /* "" when it does not say; so below */
	char serial[96];
	char scheduler[32]; /* the one in use */
	int block_bytes;    /* direct reads begin and end at multiples; -1: unknown; so below */
	int readahead_kib;
	int rotational;     /* 1: a disk that turns */
};

/* The drive that holds a file or folder, or that a block device is. A file system without a drive of its own (overlay,
 * network, memory) has a key made of its type and id, and no name. Fails only when the path cannot be looked at. */
int wick_device_of(struct wick_device *device, const char *path, struct wick_diag *diag);

/* The same by device number, in the sysfs mounted at `sysfs`. False when it is not shown there. */
bool wick_device_at(struct wick_device *device, const char *sysfs, unsigned major, unsigned minor);
