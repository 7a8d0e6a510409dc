/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The findings of wick doctor: a line for each thing it looked at. */

#include "diag.h"

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_NO,   /* wick runs without it, for more time or CPU */
	DOCTOR_FAIL, /* wick does not run without it */
};

struct doctor_finding {
	const char *name; /* "io_uring" */
	enum doctor_state state;
	char found[256];
	char fix[256]; /* "" when there is nothing to mend */
};

struct doctor {
	const char *path;
	struct doctor_finding findings[16];
	unsigned count;
};

/* Notes a finding; the fix may be NULL. */
__attribute__((format(printf, 5, 6))) void doctor_note(
	struct doctor *doctor, const char *name, enum doctor_state state, const char *fix, const char *found, ...);

/* The first line of a file in /proc or /sys, without its newline; "" when it cannot be read. */
void doctor_read(char *text, int bytes, const char *path);

void doctor_look_at_kernel(struct doctor *doctor);
void doctor_look_at_io(struct doctor *doctor); /* io_uring, direct reads, the drive, its profile, locked memory */
void doctor_look_at_memory(struct doctor *doctor); /* free, huge pages, NUMA */
void doctor_look_at_cpu(struct doctor *doctor);
