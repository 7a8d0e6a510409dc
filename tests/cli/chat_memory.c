/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* An answer for whose prompt there is no memory: an error, and nothing is freed that was not there. */

#include "answer.h"
#include "chat.h"
#include "messages.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

char *__wrap_json_dumps(const json_t *json, size_t flags);
char *__real_json_dumps(const json_t *json, size_t flags);

static bool fails;

char *__wrap_json_dumps(const json_t *json, size_t flags)
{
	return fails ? NULL : __real_json_dumps(json, flags);
}

/* What lies on the stack below is no pointer. */
static __attribute__((noinline)) void soil_stack(void)
{
	volatile char soil[8192];

	for (size_t i = 0; i < sizeof(soil); i++)
		soil[i] = 0x5a;
}

static void no_memory_for_the_prompt(void **state)
{
	const struct chat_options chat_options = { .template = "zephyr", .tokens = 4 };
	const char *source = getenv("WICK_SOURCE");
	struct wick_options options;
	struct wick_diag diag;
	struct wick *wick;
	struct chat chat;
	char folder[4096], model[] = "chat_memory.gguf";

	(void)state;
	snprintf(folder, sizeof(folder), "%s/tools/demo-model/opt-8m", source ? source : ".");
	if (wick_pack(folder, model, NULL, &diag))
		fail_msg("%s", diag.text);
	wick_options_init(&options);
	options.ctx = 64;
	if (wick_open(&wick, model, &options, &diag) || chat_open(&chat, wick, &chat_options, &diag))
		fail_msg("%s", diag.text);
	fails = true;
	soil_stack();
	assert_int_equal(chat_say(&chat, "hello", &diag), -ENOMEM);
	fails = false;
	assert_int_equal(json_array_size(chat.messages), 0);
	chat_close(&chat);
	wick_close(wick);
	remove(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(no_memory_for_the_prompt) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
