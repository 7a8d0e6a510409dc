/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The opcodes that torch.save writes, each a step that moves values between the stack, the memo and containers:
 *
 *   MARK 'a' 1 'b' 2 SETITEMS     [{}] -> [{}, mark, 'a', 1, 'b', 2] -> [{'a': 1, 'b': 2}]
 *   GLOBAL m.c, (1, 2), REDUCE    [class] -> [class, tuple] -> [what calling m.c with 1, 2 would be]
 */

#include "pickle_machine.h"

#include "bits.h"

#include <errno.h>
#include <string.h>

#define ARGUMENTS_MAX 16 /* of a call; torch's have eight at most */

static int step_nothing(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	(void)pickle, (void)arg;
	return 0;
}

static int step_protocol(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	return arg->number >= 2 && arg->number <= 5 ? 0 : wick_pickle_refuse(pickle, "not protocol 2, 3, 4 or 5");
}

static int step_stop(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *value;
	int ret = wick_pickle_pop(pickle, &value);

	(void)arg;
	if (!ret)
		pickle->root = value;
	return ret;
}

static int step_mark(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	(void)arg;
	return wick_pickle_push(pickle, NULL);
}

/* An empty value of the kind in detail. */
static int step_plain(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *value;

	return wick_pickle_push_new(pickle, arg->detail, &value);
}

static int step_bool(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *value;
	int ret = wick_pickle_push_new(pickle, WICK_PICKLE_BOOL, &value);

	if (!ret)
		value->integer = arg->detail;
	return ret;
}

static int step_int(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *value;
	int ret = wick_pickle_push_new(pickle, WICK_PICKLE_INT, &value);

	if (!ret)
		value->integer = arg->number;
	return ret;
}

/* Two's complement, least significant byte first. */
static int step_long(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	const uint8_t *bytes = (const uint8_t *)arg->text.bytes;
	size_t length = arg->text.length;
	bool negative = length && bytes[length - 1] & 0x80;
	uint64_t number = 0;
	struct wick_pickle_value *value;
	int ret = wick_pickle_push_new(pickle, length <= 8 ? WICK_PICKLE_INT : WICK_PICKLE_OTHER, &value);

	if (ret || length > 8)
		return ret;
	for (size_t i = 0; i < length; i++)
		number |= (uint64_t)bytes[i] << 8 * i;
	if (negative)
		number |= ~(UINT64_MAX >> (64 - 8 * length));
	value->integer = (int64_t)number;
	return 0;
}

static int step_string(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *value;
	int ret = wick_pickle_push_new(pickle, WICK_PICKLE_STRING, &value);

	if (ret)
		return ret;
	value->text = arg->text.bytes;
	value->count = arg->text.length;
	return 0;
}

/* A tuple of the one, two or three topmost values. */
static int step_tuple(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *items[3], *tuple;
	int ret = 0;

	for (int i = arg->detail; !ret && i-- > 0;)
		ret = wick_pickle_pop(pickle, &items[i]);
	if (!ret)
		ret = wick_pickle_push_new(pickle, WICK_PICKLE_TUPLE, &tuple);
	return ret ? ret : wick_pickle_add_items(pickle, tuple, items, arg->detail);
}

/* The new tuple is pushed only after its items were copied from the stack. */
static int step_tuple_to_mark(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value **items, *tuple;
	size_t count;
	int ret = wick_pickle_push_new(pickle, WICK_PICKLE_TUPLE, &tuple);

	(void)arg;
	if (ret)
		return ret;
	pickle->stack.count--;
	ret = wick_pickle_pop_to_mark(pickle, &items, &count);
	if (!ret)
		ret = wick_pickle_add_items(pickle, tuple, items, count);
	return ret ? ret : wick_pickle_push(pickle, tuple);
}

/* Into the topmost value, which must be of this kind. Sets are OTHER and keep nothing. */
static int give(
	struct wick_pickle *pickle, enum wick_pickle_kind kind, struct wick_pickle_value *const *items, size_t count)
{
	struct wick_pickle_value *into = wick_pickle_top(pickle);

	if (!into || into->kind != kind)
		return wick_pickle_refuse(pickle, "what is on the stack cannot hold this");
	if (kind == WICK_PICKLE_DICT && count % 2)
		return wick_pickle_refuse(pickle, "a key without a value");
	return kind == WICK_PICKLE_OTHER ? 0 : wick_pickle_add_items(pickle, into, items, count);
}

static int step_append(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *item;
	int ret = wick_pickle_pop(pickle, &item);

	return ret ? ret : give(pickle, arg->detail, &item, 1);
}

static int step_set_item(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *pair[2];
	int ret = wick_pickle_pop(pickle, &pair[1]);

	if (!ret)
		ret = wick_pickle_pop(pickle, &pair[0]);
	return ret ? ret : give(pickle, arg->detail, pair, 2);
}

static int step_items_to_mark(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value **items;
	size_t count;
	int ret = wick_pickle_pop_to_mark(pickle, &items, &count);

	return ret ? ret : give(pickle, arg->detail, items, count);
}

static int put(struct wick_pickle *pickle, size_t place)
{
	struct wick_pickle_value *value = wick_pickle_top(pickle);
	int ret = 0;

	if (!value)
		return wick_pickle_refuse(pickle, "the stack is empty");
	if (place >= WICK_PICKLE_VALUES_MAX)
		return wick_pickle_refuse(pickle, "too many values");
	while (!ret && pickle->memo.count <= place)
		ret = wick_pickle_append(pickle, &pickle->memo, NULL);
	if (!ret)
		pickle->memo.at[place] = value;
	return ret;
}

static int step_put(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	return put(pickle, arg->number);
}

static int step_memoize(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	(void)arg;
	return put(pickle, pickle->memo.count);
}

static int step_get(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	size_t place = arg->number;

	if (place >= pickle->memo.count || !pickle->memo.at[place])
		return wick_pickle_refuse(pickle, "the memo has nothing there");
	return wick_pickle_push(pickle, pickle->memo.at[place]);
}

static bool same(const char *word, const struct wick_pickle_text *text)
{
	return strlen(word) == text->length && !memcmp(word, text->bytes, text->length);
}

/* The closed list: a class outside of it is refused by its name. */
static int name_class(
	struct wick_pickle *pickle, const struct wick_pickle_text *module, const struct wick_pickle_text *name)
{
	struct wick_pickle_value *value;

	for (size_t i = 0; i < pickle->class_count; i++) {
		const struct wick_pickle_class *facts = &pickle->classes[i];
		int ret;

		if (!same(facts->module, module) || !same(facts->name, name))
			continue;
		ret = wick_pickle_push_new(pickle, WICK_PICKLE_CLASS, &value);
		if (!ret)
			value->facts = facts;
		return ret;
	}
	return wick_diag_say(pickle->diag, -EINVAL,
		"%s: its pickle names %.*s.%.*s, which has no place among weights; nothing was executed", pickle->name,
		(int)WICK_MIN(module->length, 100), module->bytes, (int)WICK_MIN(name->length, 100), name->bytes);
}

static int step_global(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	return name_class(pickle, &arg->text, &arg->text2);
}

static int step_stack_global(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *module, *name;
	int ret = wick_pickle_pop(pickle, &name);

	(void)arg;
	if (!ret)
		ret = wick_pickle_pop(pickle, &module);
	if (ret)
		return ret;
	if (module->kind != WICK_PICKLE_STRING || name->kind != WICK_PICKLE_STRING)
		return wick_pickle_refuse(pickle, "the name of a class is not a string");
	return name_class(pickle, &(struct wick_pickle_text){ module->text, module->count },
		&(struct wick_pickle_text){ name->text, name->count });
}

/* The arguments stay those of the tuple, which nothing adds to: a tuple that many calls share takes its room once. */
static int push_call(struct wick_pickle *pickle, const struct wick_pickle_class *facts,
	const struct wick_pickle_value *arguments)
{
	struct wick_pickle_value *call;
	int ret;

	if (facts->mapping && arguments->count)
		return wick_pickle_refuse(pickle, "a mapping made with arguments");
	if (arguments->count > ARGUMENTS_MAX)
		return wick_pickle_refuse(pickle, "a call with more than 16 arguments");
	ret = wick_pickle_push_new(pickle, facts->mapping ? WICK_PICKLE_DICT : WICK_PICKLE_CALL, &call);
	if (ret || facts->mapping)
		return ret;
	call->facts = facts;
	call->items = arguments->items;
	call->count = arguments->count;
	return 0;
}

static int step_reduce(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *arguments, *class;
	int ret = wick_pickle_pop(pickle, &arguments);

	(void)arg;
	if (!ret)
		ret = wick_pickle_pop(pickle, &class);
	if (ret)
		return ret;
	if (class->kind != WICK_PICKLE_CLASS || arguments->kind != WICK_PICKLE_TUPLE)
		return wick_pickle_refuse(pickle, "not a class and a tuple of arguments");
	return push_call(pickle, class->facts, arguments);
}

/* Attributes of a mapping (a state dict has _metadata) are no items of it. */
static int step_build(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *attributes;
	int ret = wick_pickle_pop(pickle, &attributes);

	(void)arg;
	return ret ? ret : give(pickle, WICK_PICKLE_DICT, NULL, 0);
}

static int step_persistent(struct wick_pickle *pickle, const struct wick_pickle_arg *arg)
{
	struct wick_pickle_value *id, *value;
	int ret = wick_pickle_pop(pickle, &id);

	(void)arg;
	if (!ret)
		ret = wick_pickle_push_new(pickle, WICK_PICKLE_PERSISTENT, &value);
	return ret ? ret : wick_pickle_add_items(pickle, value, &id, 1);
}

const struct wick_pickle_opcode wick_pickle_opcodes[256] = {
	[0x80] = { "PROTO", step_protocol, WICK_PICKLE_U1, 0 },
	[0x95] = { "FRAME", step_nothing, WICK_PICKLE_SKIP8, 0 },
	['.'] = { "STOP", step_stop, WICK_PICKLE_NOTHING, 0 },
	['('] = { "MARK", step_mark, WICK_PICKLE_NOTHING, 0 },
	['N'] = { "NONE", step_plain, WICK_PICKLE_NOTHING, WICK_PICKLE_NONE },
	[0x88] = { "NEWTRUE", step_bool, WICK_PICKLE_NOTHING, 1 },
	[0x89] = { "NEWFALSE", step_bool, WICK_PICKLE_NOTHING, 0 },
	['K'] = { "BININT1", step_int, WICK_PICKLE_U1, 0 },
	['M'] = { "BININT2", step_int, WICK_PICKLE_U2, 0 },
	['J'] = { "BININT", step_int, WICK_PICKLE_I4, 0 },
	[0x8a] = { "LONG1", step_long, WICK_PICKLE_BYTES1, 0 },
	[0x8b] = { "LONG4", step_long, WICK_PICKLE_BYTES4, 0 },
	['G'] = { "BINFLOAT", step_plain, WICK_PICKLE_SKIP8, WICK_PICKLE_OTHER },
	[0x8c] = { "SHORT_BINUNICODE", step_string, WICK_PICKLE_BYTES1, 0 },
	['X'] = { "BINUNICODE", step_string, WICK_PICKLE_BYTES4, 0 },
	[0x8d] = { "BINUNICODE8", step_string, WICK_PICKLE_BYTES8, 0 },
	['C'] = { "SHORT_BINBYTES", step_plain, WICK_PICKLE_BYTES1, WICK_PICKLE_OTHER },
	['B'] = { "BINBYTES", step_plain, WICK_PICKLE_BYTES4, WICK_PICKLE_OTHER },
	[0x8e] = { "BINBYTES8", step_plain, WICK_PICKLE_BYTES8, WICK_PICKLE_OTHER },
	[0x96] = { "BYTEARRAY8", step_plain, WICK_PICKLE_BYTES8, WICK_PICKLE_OTHER },
	[')'] = { "EMPTY_TUPLE", step_tuple, WICK_PICKLE_NOTHING, 0 },
	[0x85] = { "TUPLE1", step_tuple, WICK_PICKLE_NOTHING, 1 },
	[0x86] = { "TUPLE2", step_tuple, WICK_PICKLE_NOTHING, 2 },
	[0x87] = { "TUPLE3", step_tuple, WICK_PICKLE_NOTHING, 3 },
	['t'] = { "TUPLE", step_tuple_to_mark, WICK_PICKLE_NOTHING, 0 },
	[']'] = { "EMPTY_LIST", step_plain, WICK_PICKLE_NOTHING, WICK_PICKLE_LIST },
	['a'] = { "APPEND", step_append, WICK_PICKLE_NOTHING, WICK_PICKLE_LIST },
	['e'] = { "APPENDS", step_items_to_mark, WICK_PICKLE_NOTHING, WICK_PICKLE_LIST },
	['}'] = { "EMPTY_DICT", step_plain, WICK_PICKLE_NOTHING, WICK_PICKLE_DICT },
	['s'] = { "SETITEM", step_set_item, WICK_PICKLE_NOTHING, WICK_PICKLE_DICT },
	['u'] = { "SETITEMS", step_items_to_mark, WICK_PICKLE_NOTHING, WICK_PICKLE_DICT },
	[0x8f] = { "EMPTY_SET", step_plain, WICK_PICKLE_NOTHING, WICK_PICKLE_OTHER },
	[0x90] = { "ADDITEMS", step_items_to_mark, WICK_PICKLE_NOTHING, WICK_PICKLE_OTHER },
	['q'] = { "BINPUT", step_put, WICK_PICKLE_U1, 0 },
	['r'] = { "LONG_BINPUT", step_put, WICK_PICKLE_U4, 0 },
	[0x94] = { "MEMOIZE", step_memoize, WICK_PICKLE_NOTHING, 0 },
	['h'] = { "BINGET", step_get, WICK_PICKLE_U1, 0 },
	['j'] = { "LONG_BINGET", step_get, WICK_PICKLE_U4, 0 },
	['c'] = { "GLOBAL", step_global, WICK_PICKLE_LINES, 0 },
	[0x93] = { "STACK_GLOBAL", step_stack_global, WICK_PICKLE_NOTHING, 0 },
	['R'] = { "REDUCE", step_reduce, WICK_PICKLE_NOTHING, 0 },
	['b'] = { "BUILD", step_build, WICK_PICKLE_NOTHING, 0 },
	['Q'] = { "BINPERSID", step_persistent, WICK_PICKLE_NOTHING, 0 },
};
