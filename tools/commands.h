/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every command there is, one file each: cmd_<name>.c; of a command of several words, one for each last word, too. The
 * list in wick.c puts them in order. */

#include "opt.h"

extern const struct command cmd_run, cmd_chat, cmd_serve, cmd_pack, cmd_train, cmd_plan, cmd_info, cmd_tokenize, cmd_verify, cmd_eval, cmd_bench,
	cmd_trace, cmd_flashbench, cmd_doctor;

/* The program wick-talk has all commands, wick all but those two, for which it becomes wick-talk (elsewhere.c). */
#define CHAT_PURPOSE "have a conversation with a model"
#define SERVE_PURPOSE "answer programs that speak OpenAI's API"
