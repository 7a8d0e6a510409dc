/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* JSON: no input crashes; what is accepted comes out of jansson as text that is accepted again and means the same. */

#include "fuzz.h"
#include "json.h"

#include <errno.h>
#include <stdlib.h>

static json_t *parse(const void *data, size_t size, enum wick_json_keys keys)
{
	char *text = malloc(size ? size : 1);
	struct wick_diag diag = { 0 };
	json_t *root;
	int ret;

	if (size)
		memcpy(text, data, size);
	ret = wick_json_parse(&root, text, size, &wick_json_config, keys, "input", &diag);
	free(text);
	fuzz_check(ret, &diag);
	wick_require((root != NULL) == (ret == 0));
	return root;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *root = parse(data, size, WICK_JSON_LAST_KEY_WINS), *again, *unique;
	char *text;

	unique = parse(data, size, WICK_JSON_UNIQUE_KEYS);
	wick_require(root || !unique);
	if (unique)
		wick_require(json_equal(root, unique));
	text = root ? json_dumps(root, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)) : NULL;
	if (text) {
		again = parse(text, strlen(text), WICK_JSON_UNIQUE_KEYS);
		wick_require(again && json_equal(root, again));
		json_decref(again);
	}
	free(text);
	json_decref(unique);
	json_decref(root);
	return 0;
}
