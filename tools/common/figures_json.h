/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON as the commands print it. */

#include "json_text.h"

#include <jansson.h>
#include <stdio.h>

/* Indented, in the order of insertion, with a newline at the end. -ENOMEM where the value is NULL, since building it
 * failed: results that are missing are a failure. */
int json_print(const json_t *value, FILE *out);

/* The same for people: a line for each value, members of members after a dot. */
int json_print_lines(json_t *object, FILE *out);
