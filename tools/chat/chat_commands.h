/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a message that begins with a slash asks for. */

#include "chat.h"

/* 0, or a negative errno with a sentence; 1: the program is to end. */
int chat_command(struct chat *chat, const char *text, struct wick_diag *diag);

/* After an answer, on a terminal: "[12.3 tokens/s, flash 410 MB/s, hits 83%, memory 1.2 GB of 2.0 GB]" */
void chat_status(const struct chat *chat);
