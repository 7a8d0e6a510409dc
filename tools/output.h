/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files that commands write, over which nothing of worth may be lost. */

#include "opt.h"

/* Looks at every option of kind OUTPUT before the command begins, and creates nothing: what is read must not be written
 * over, nor any GGUF file but by a packed model, nor one output by another; and it must be possible to write it. */
int output_check(const struct command *command, struct wick_diag *diag);
