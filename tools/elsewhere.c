/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Commands that another program has: the libraries which they alone need, for HTTP and for editing lines, would take
 * 5 MB of the budget of every other command, used or not. */

#include "commands.h"

#define TALK "wick-talk"

const struct command cmd_chat = { .name = "chat", .purpose = CHAT_PURPOSE, .program = TALK };
const struct command cmd_serve = { .name = "serve", .purpose = SERVE_PURPOSE, .program = TALK };
