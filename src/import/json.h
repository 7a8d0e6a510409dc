/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON from files that strangers made. jansson does the parsing; this is the one place that calls it, and it decides
 * the cases that the library leaves open or gets wrong:
 *   - nothing may follow the value, a byte order mark included, and a raw NUL byte is refused wherever it stands;
 *   - text that is not UTF-8 is refused, as are lone surrogates and nesting deeper than 2048;
 *   - an integer beyond int64 becomes a real (tokenizer_config.json says model_max_length 10^30), a real beyond double
 *     is refused;
 *   - "\u0000" stays a NUL in a string, so string values need json_string_length(); in a key, which is a C string, it
 *     becomes U+2400, the symbol for it. */

#include "diag.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum wick_json_keys {
	WICK_JSON_LAST_KEY_WINS, /* as Python reads it */
	WICK_JSON_UNIQUE_KEYS,   /* a key given twice is an error */
};

#define WICK_JSON_BYTES_MAX (64u << 20) /* a bound for files that we know to be small; tokenizers reach 35 MB */

/* text is changed in place. name says whose text it is, in sentences. The caller calls json_decref(*root).
 * -EINVAL, name, line and column given, for anything that is not JSON. */
int wick_json_parse(json_t **root, char *text, size_t bytes, enum wick_json_keys keys, const char *name,
	struct wick_diag *diag);

/* The whole of a regular file of at most bytes_max bytes. */
int wick_json_load(json_t **root, const char *path, uint64_t bytes_max, enum wick_json_keys keys,
	struct wick_diag *diag);
