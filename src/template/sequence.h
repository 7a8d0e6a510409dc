/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Lists and dicts that are put together, and what can be walked. */

#include "render.h"

/* Begins empty. */
struct wick_tpl_list {
	struct wick_tpl_value *items; /* (count) of room */
	uint32_t count, room;
};

void wick_tpl_push(struct wick_tpl_render *render, struct wick_tpl_list *list, struct wick_tpl_value item);
struct wick_tpl_value wick_tpl_list_value(const struct wick_tpl_list *list, enum wick_tpl_kind kind);
/* A stream of the items. */
struct wick_tpl_value wick_tpl_stream(struct wick_tpl_render *render, const struct wick_tpl_list *list);
/* A tuple of two. */
struct wick_tpl_value wick_tpl_two(
	struct wick_tpl_render *render, struct wick_tpl_value first, struct wick_tpl_value second);

/* Adds a pair whose key is not there yet. */
void wick_tpl_add_pair(struct wick_tpl_render *render, struct wick_tpl_space *space, struct wick_tpl_pair pair);
/* Adds a pair, or replaces the value of its key. */
void wick_tpl_put_pair(struct wick_tpl_render *render, struct wick_tpl_space *space, struct wick_tpl_pair pair);
struct wick_tpl_value wick_tpl_dict_value(const struct wick_tpl_space *space);
/* False, with an error, for what Python cannot look up: a list or a dict, and a tuple with one in it. */
bool wick_tpl_can_be_key(struct wick_tpl_render *render, struct wick_tpl_value value);
/* False, and *value as it was: no such key. */
bool wick_tpl_find(struct wick_tpl_render *render, const struct wick_tpl_pair *pairs, uint32_t count,
	struct wick_tpl_value key, struct wick_tpl_value *value);

/* The items of anything that can be walked, as a list: a string's characters, a dict's keys. A stream is empty
 * afterwards. An error, and an empty list, for what cannot be walked. */
struct wick_tpl_value wick_tpl_walk(struct wick_tpl_render *render, struct wick_tpl_value value);
bool wick_tpl_can_walk(struct wick_tpl_value value);

/* A dict's keys, values or pairs as tuples. */
enum wick_tpl_view {
	WICK_TPL_KEYS, WICK_TPL_VALUES, WICK_TPL_ITEMS,
};
struct wick_tpl_list wick_tpl_view(struct wick_tpl_render *render, struct wick_tpl_value dict, enum wick_tpl_view view);
