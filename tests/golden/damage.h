/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Ways in which a checkpoint can be bad. */

struct damage {
	void (*damage)(const char *folder); /* of the copy */
	const char *name, *fixture;
	const char *words[2]; /* that the sentence about it holds, so that a user knows where to look */
};

#define DAMAGES 37
extern const struct damage damages[DAMAGES];
