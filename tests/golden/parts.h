/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A safetensors file taken apart, changed, and put together again. Whatever fails fails the running test. */

#include <jansson.h>
#include <linux/limits.h>
#include <stdint.h>

struct parts {
	char path[PATH_MAX];
	json_t *header;
	uint8_t *data;
	uint64_t data_bytes;
};

void parts_take(struct parts *parts, const char *folder, const char *file);
void parts_put(struct parts *parts); /* writes the file, and frees what was taken */

json_t *parts_entry(const struct parts *parts, const char *tensor); /* of the header; borrowed */
uint8_t *parts_bytes(const struct parts *parts, const char *tensor, uint64_t *bytes); /* in data */
void parts_rename(struct parts *parts, const char *from, const char *to);
/* Adds a tensor with bytes of its own behind all others. shape: "[2,3]". */
void parts_add(struct parts *parts, const char *tensor, const char *dtype, const char *shape, const void *bytes, uint64_t count);
/* Adds a tensor like another one, each float of it times `factor`. */
void parts_add_scaled(struct parts *parts, const char *tensor, const char *like, float factor);
