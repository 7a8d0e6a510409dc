/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Saved conversations: none crashes, one that is refused has a sentence, and in one that is taken each message has a role and a
 * content. */

#include "chat_file.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wick_diag diag = { "" };
	json_t *model = json_pack("{s:s, s:i}", "arch", "opt", "layers", 2), *messages, *message;
	size_t i;
	int rc;

	wick_require(model);
	messages = chat_file_messages((const char *)data, size, model, "input", &rc, &diag);
	fuzz_check(rc, &diag);
	wick_require((messages != NULL) == (rc == 0));
	json_array_foreach(messages, i, message) {
		wick_require(json_is_string(json_object_get(message, "role")));
		wick_require(json_is_string(json_object_get(message, "content")));
	}
	json_decref(messages);
	json_decref(model);
	return 0;
}
