/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Lists and dicts. */

#include "sequence.h"

#include "bits.h"
#include "characters.h"
#include "operators.h"

#include <string.h>

#define FIRST_ROOM 8u

/* Room for one element more of an array; the array itself, or NULL. */
static void *grow(struct wick_tpl_render *render, void *array, uint32_t count, uint32_t *room, size_t element_bytes)
{
	uint32_t more = *room ? 2 * *room : FIRST_ROOM;
	void *grown;

	if (!wick_tpl_step(render, 1))
		return NULL;
	if (count < *room)
		return array;
	grown = wick_tpl_take(render, wick_mul(more, element_bytes));
	if (!grown)
		return NULL;
	if (count)
		memcpy(grown, array, count * element_bytes);
	*room = more;
	return grown;
}

void wick_tpl_push(struct wick_tpl_render *render, struct wick_tpl_list *list, struct wick_tpl_value item)
{
	struct wick_tpl_value *items = grow(render, list->items, list->count, &list->room, sizeof(*items));

	if (!items)
		return;
	list->items = items;
	items[list->count++] = item;
}

struct wick_tpl_value wick_tpl_list_value(const struct wick_tpl_list *list, enum wick_tpl_kind kind)
{
	return (struct wick_tpl_value){ .kind = (uint8_t)kind, .length = list->count, .items = list->items };
}

struct wick_tpl_value wick_tpl_stream(struct wick_tpl_render *render, const struct wick_tpl_list *list)
{
	struct wick_tpl_stream *stream = wick_tpl_take(render, sizeof(*stream));

	if (!stream)
		return (struct wick_tpl_value){ 0 };
	*stream = (struct wick_tpl_stream){ .items = list->items, .count = list->count };
	return (struct wick_tpl_value){ .kind = WICK_TPL_STREAM, .stream = stream };
}

struct wick_tpl_value wick_tpl_two(
	struct wick_tpl_render *render, struct wick_tpl_value first, struct wick_tpl_value second)
{
	struct wick_tpl_list pair = { 0 };

	wick_tpl_push(render, &pair, first);
	wick_tpl_push(render, &pair, second);
	return wick_tpl_list_value(&pair, WICK_TPL_TUPLE);
}

void wick_tpl_add_pair(struct wick_tpl_render *render, struct wick_tpl_space *space, struct wick_tpl_pair pair)
{
	struct wick_tpl_pair *pairs = grow(render, space->pairs, space->count, &space->room, sizeof(*pairs));

	if (!pairs)
		return;
	space->pairs = pairs;
	pairs[space->count++] = pair;
}

/* Where the key is, or count. */
static uint32_t place_of(
	struct wick_tpl_render *render, const struct wick_tpl_pair *pairs, uint32_t count, struct wick_tpl_value key)
{
	uint32_t i = 0;

	wick_tpl_step(render, 1 + count / 8);
	while (i < count && !wick_tpl_equal(render, pairs[i].key, key))
		i++;
	return i;
}

void wick_tpl_put_pair(struct wick_tpl_render *render, struct wick_tpl_space *space, struct wick_tpl_pair pair)
{
	uint32_t place = place_of(render, space->pairs, space->count, pair.key);

	if (place < space->count)
		space->pairs[place].value = pair.value;
	else
		wick_tpl_add_pair(render, space, pair);
}

struct wick_tpl_value wick_tpl_dict_value(const struct wick_tpl_space *space)
{
	return (struct wick_tpl_value){ .kind = WICK_TPL_DICT, .length = space->count, .pairs = space->pairs };
}

bool wick_tpl_can_be_key(struct wick_tpl_render *render, struct wick_tpl_value value)
{
	bool can = value.kind != WICK_TPL_LIST && value.kind != WICK_TPL_DICT && value.kind != WICK_TPL_VIEW;

	if (!can)
		wick_tpl_fail_kind(render, "nothing can be looked up by", value);
	if (wick_tpl_enter(render) && value.kind == WICK_TPL_TUPLE)
		for (uint32_t i = 0; can && i < value.length; i++)
			can = wick_tpl_can_be_key(render, value.items[i]);
	wick_tpl_leave(render);
	return can;
}

bool wick_tpl_find(struct wick_tpl_render *render, const struct wick_tpl_pair *pairs, uint32_t count,
	struct wick_tpl_value key, struct wick_tpl_value *value)
{
	uint32_t place = place_of(render, pairs, count, key);

	if (place == count)
		return false;
	*value = pairs[place].value;
	return true;
}

static struct wick_tpl_value characters_of(struct wick_tpl_render *render, struct wick_tpl_value string)
{
	struct wick_tpl_list list = { 0 };

	for (uint32_t at = 0, bytes; at < string.length && !render->ret; at += bytes) {
		wick_tpl_character(string.bytes, at, &bytes);
		wick_tpl_push(render, &list, wick_tpl_cut(string, at, at + bytes));
	}
	return wick_tpl_list_value(&list, WICK_TPL_LIST);
}

struct wick_tpl_list wick_tpl_view(struct wick_tpl_render *render, struct wick_tpl_value dict, enum wick_tpl_view view)
{
	struct wick_tpl_list list = { 0 };

	for (uint32_t i = 0; i < dict.length && !render->ret; i++)
		wick_tpl_push(render, &list,
			view == WICK_TPL_KEYS     ? dict.pairs[i].key
			: view == WICK_TPL_VALUES ? dict.pairs[i].value
						  : wick_tpl_two(render, dict.pairs[i].key, dict.pairs[i].value));
	return list;
}

static struct wick_tpl_value drain(struct wick_tpl_stream *stream)
{
	struct wick_tpl_value items = { .kind = WICK_TPL_LIST, .length = stream->count, .items = stream->items };

	stream->count = 0;
	return items;
}

bool wick_tpl_can_walk(struct wick_tpl_value value)
{
	return wick_tpl_is_items(value) || value.kind == WICK_TPL_STRING || value.kind == WICK_TPL_DICT ||
	       value.kind == WICK_TPL_STREAM || value.kind == WICK_TPL_UNDEFINED;
}

struct wick_tpl_value wick_tpl_walk(struct wick_tpl_render *render, struct wick_tpl_value value)
{
	struct wick_tpl_list keys = { 0 };

	if (wick_tpl_is_items(value)) {
		value.kind = WICK_TPL_LIST;
		return value;
	}
	if (value.kind == WICK_TPL_STRING)
		return characters_of(render, value);
	if (value.kind == WICK_TPL_STREAM)
		return drain(value.stream);
	if (value.kind == WICK_TPL_DICT)
		keys = wick_tpl_view(render, value, WICK_TPL_KEYS);
	else if (value.kind != WICK_TPL_UNDEFINED)
		wick_tpl_fail_kind(render, "cannot walk over", value);
	return wick_tpl_list_value(&keys, WICK_TPL_LIST);
}
