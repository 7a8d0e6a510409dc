/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The stack and the values of the pickle machine (see pickle_machine.h). */

#include "pickle_machine.h"

#include "bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int wick_pickle_refuse(struct wick_pickle *pickle, const char *what)
{
	return wick_diag_say(pickle->diag, -EINVAL, "%s: pickle opcode %s at byte %zu: %s", pickle->name,
		pickle->opcode->name, pickle->opcode_at, what);
}

static int no_memory(struct wick_pickle *pickle)
{
	return wick_diag_say(pickle->diag, -ENOMEM, "%s: out of memory", pickle->name);
}

int wick_pickle_append(struct wick_pickle *pickle, struct wick_pickle_values *values, struct wick_pickle_value *value)
{
	if (values->count == values->capacity) {
		size_t capacity = values->capacity ? values->capacity * 2 : 256;
		struct wick_pickle_value **at = realloc(values->at, capacity * sizeof(*at));

		if (!at)
			return no_memory(pickle);
		values->at = at;
		values->capacity = capacity;
	}
	values->at[values->count++] = value;
	return 0;
}

int wick_pickle_push(struct wick_pickle *pickle, struct wick_pickle_value *value)
{
	return wick_pickle_append(pickle, &pickle->stack, value);
}

int wick_pickle_push_new(struct wick_pickle *pickle, enum wick_pickle_kind kind, struct wick_pickle_value **value)
{
	size_t place = pickle->value_count % WICK_PICKLE_BLOCK_VALUES;

	if (pickle->value_count == WICK_PICKLE_VALUES_MAX)
		return wick_pickle_refuse(pickle, "too many values");
	if (place == 0) {
		struct wick_pickle_block *block = calloc(1, sizeof(*block));

		if (!block)
			return no_memory(pickle);
		block->next = pickle->blocks;
		pickle->blocks = block;
	}
	pickle->value_count++;
	*value = &pickle->blocks->values[place];
	(*value)->kind = kind;
	return wick_pickle_push(pickle, *value);
}

int wick_pickle_add_items(struct wick_pickle *pickle, struct wick_pickle_value *into,
	struct wick_pickle_value *const *values, size_t count)
{
	uint64_t needed = (uint64_t)into->count + count;

	if (needed > into->capacity) {
		uint64_t capacity = WICK_MAX(needed, 2 * (uint64_t)into->capacity);
		struct wick_pickle_value **items = realloc(into->items, capacity * sizeof(*items));

		if (!items)
			return no_memory(pickle);
		into->items = items;
		into->capacity = capacity;
	}
	if (count)
		memcpy(into->items + into->count, values, count * sizeof(*values));
	into->count = needed;
	return 0;
}

struct wick_pickle_value *wick_pickle_top(const struct wick_pickle *pickle)
{
	return pickle->stack.count ? pickle->stack.at[pickle->stack.count - 1] : NULL;
}

int wick_pickle_pop(struct wick_pickle *pickle, struct wick_pickle_value **value)
{
	*value = wick_pickle_top(pickle);
	if (!*value)
		return wick_pickle_refuse(pickle, "the stack is empty");
	pickle->stack.count--;
	return 0;
}

int wick_pickle_pop_to_mark(struct wick_pickle *pickle, struct wick_pickle_value ***values, size_t *count)
{
	size_t i = pickle->stack.count;

	while (i > 0 && pickle->stack.at[i - 1])
		i--;
	if (i == 0)
		return wick_pickle_refuse(pickle, "there is no mark on the stack");
	*values = pickle->stack.at + i;
	*count = pickle->stack.count - i;
	pickle->stack.count = i - 1;
	return 0;
}
