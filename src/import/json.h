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

/* How large a file may be, and how much memory its values may take, which can be 80 times as much. Real files stay well
 * below: a tokenizer of 35 MB takes a third of the memory, an index or a header of 100,000 tensors less. */
struct wick_json_bounds {
	uint64_t file_bytes, memory_bytes;
};

extern const struct wick_json_bounds wick_json_config;    /* config.json and the like: made by hand, almost */
extern const struct wick_json_bounds wick_json_tokenizer; /* tokenizer.json, vocab.json */
extern const struct wick_json_bounds wick_json_index;     /* of shards */
extern const struct wick_json_bounds wick_json_header;    /* of safetensors */

/* text is changed in place. name says whose text it is, in sentences. The caller calls json_decref(*root).
 * -EINVAL, name, line and column given, for anything that is not JSON; -EFBIG for what would take too much memory. */
int wick_json_parse(json_t **root, char *text, size_t bytes, const struct wick_json_bounds *bounds,
	enum wick_json_keys keys, const char *name, struct wick_diag *diag);

/* The whole of a regular file. */
int wick_json_load(json_t **root, const char *path, const struct wick_json_bounds *bounds, enum wick_json_keys keys,
	struct wick_diag *diag);
