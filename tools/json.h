/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON as the commands print it. */

#include <jansson.h>
#include <stdio.h>

/* Indented, in the order of insertion, with a newline at the end. */
void json_print(const json_t *value, FILE *out);

/* The same for people: a line for each value, members of members after a dot. */
void json_print_lines(json_t *object, FILE *out);

/* A string of any bytes: what is not UTF-8 becomes U+FFFD. */
json_t *json_text(const char *bytes, size_t count);
