/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Methods of strings. Those without a function are Python's and outside of the subset. */

#include "methods.h"

#include "bits.h"
#include "characters.h"
#include "functions.h"
#include "marked_text.h"
#include "operators.h"

#include <string.h>

#define METHOD(name)                                                                                                   \
	static struct wick_tpl_value name(                                                                             \
		struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_value *args)

METHOD(strip)
{
	return wick_tpl_strip(render, self, args[0], WICK_TPL_BOTH);
}

METHOD(lstrip)
{
	return wick_tpl_strip(render, self, args[0], WICK_TPL_LEFT);
}

METHOD(rstrip)
{
	return wick_tpl_strip(render, self, args[0], WICK_TPL_RIGHT);
}

static bool begins_with(struct wick_tpl_value string, struct wick_tpl_value part)
{
	return string.length >= part.length && !memcmp(string.bytes, part.bytes, part.length);
}

static bool ends_with(struct wick_tpl_value string, struct wick_tpl_value part)
{
	return string.length >= part.length &&
	       !memcmp(string.bytes + (string.length - part.length), part.bytes, part.length);
}

/* Of one string or any of a tuple. */
static struct wick_tpl_value any_of(struct wick_tpl_render *render, struct wick_tpl_value self,
	struct wick_tpl_value parts, bool (*is)(struct wick_tpl_value string, struct wick_tpl_value part))
{
	bool found = false;

	if (parts.kind != WICK_TPL_TUPLE)
		return wick_tpl_bool(is(self, wick_tpl_string_arg(render, parts, self)));
	for (uint32_t i = 0; i < parts.length && !found && wick_tpl_step(render, 1); i++)
		found = is(self, wick_tpl_string_arg(render, parts.items[i], self));
	return wick_tpl_bool(found);
}

METHOD(startswith)
{
	return any_of(render, self, args[0], begins_with);
}

METHOD(endswith)
{
	return any_of(render, self, args[0], ends_with);
}

METHOD(removeprefix)
{
	struct wick_tpl_value part = wick_tpl_string_arg(render, args[0], self);

	return begins_with(self, part) ? wick_tpl_cut(self, part.length, self.length) : self;
}

METHOD(removesuffix)
{
	struct wick_tpl_value part = wick_tpl_string_arg(render, args[0], self);

	return ends_with(self, part) ? wick_tpl_cut(self, 0, self.length - part.length) : self;
}

/* Words between white space. */
static struct wick_tpl_list split_words(struct wick_tpl_render *render, struct wick_tpl_value string, int64_t most)
{
	struct wick_tpl_list list = { 0 };
	uint32_t at = wick_tpl_skip_space(string.bytes, 0, string.length), end, bytes;

	while (at < string.length && wick_tpl_step(render, 1)) {
		end = at;
		while (end < string.length && !wick_tpl_is_space(wick_tpl_character(string.bytes, end, &bytes)))
			end += bytes;
		if (!most--)
			end = string.length;
		wick_tpl_push(render, &list, wick_tpl_cut(string, at, end));
		at = wick_tpl_skip_space(string.bytes, end, string.length);
	}
	return list;
}

static struct wick_tpl_list split_by(
	struct wick_tpl_render *render, struct wick_tpl_value string, struct wick_tpl_value between, int64_t most)
{
	struct wick_tpl_list list = { 0 };
	uint32_t from = 0;

	while (most-- && !render->ret) {
		const char *found = memmem(string.bytes + from, string.length - from, between.bytes, between.length);

		if (!found)
			break;
		wick_tpl_push(render, &list, wick_tpl_cut(string, from, (uint32_t)(found - string.bytes)));
		from = (uint32_t)(found - string.bytes) + between.length;
	}
	wick_tpl_push(render, &list, wick_tpl_cut(string, from, string.length));
	return list;
}

METHOD(split)
{
	int64_t most = wick_tpl_int_arg(render, args[1], -1);
	bool by_space = wick_tpl_is_absent(args[0]) || args[0].kind == WICK_TPL_NONE;
	struct wick_tpl_value between = by_space ? self : wick_tpl_string_arg(render, args[0], self);
	struct wick_tpl_list list;

	if (!by_space && !between.length)
		return wick_tpl_fail(render, "split by an empty string");
	list = by_space ? split_words(render, self, most) : split_by(render, self, between, most);
	return wick_tpl_list_value(&list, WICK_TPL_LIST);
}

METHOD(rsplit)
{
	int64_t most = wick_tpl_int_arg(render, args[1], -1);
	struct wick_tpl_list parts = { 0 };
	struct wick_tpl_value between = wick_tpl_string_arg(render, args[0], self);
	uint32_t end = self.length;

	if (wick_tpl_is_absent(args[0]) || !between.length)
		return wick_tpl_refuse(render, "the method", WICK_TPL_TEXT("rsplit without a string"));
	for (uint32_t at = end; most && at-- > 0 && !render->ret;) {
		if (end - at < between.length || memcmp(self.bytes + at, between.bytes, between.length))
			continue;
		wick_tpl_push(render, &parts, wick_tpl_cut(self, at + between.length, end));
		end = at;
		most--;
	}
	wick_tpl_push(render, &parts, wick_tpl_cut(self, 0, end));
	for (uint32_t i = 0; i < parts.count / 2 && !render->ret; i++) {
		struct wick_tpl_value part = parts.items[i];

		parts.items[i] = parts.items[parts.count - 1 - i];
		parts.items[parts.count - 1 - i] = part;
	}
	return wick_tpl_list_value(&parts, WICK_TPL_LIST);
}

METHOD(splitlines)
{
	struct wick_tpl_list list = wick_tpl_lines(render, self, wick_tpl_truth_arg(args[0], false));

	return wick_tpl_list_value(&list, WICK_TPL_LIST);
}

METHOD(replace)
{
	struct wick_tpl_value old = wick_tpl_string_arg(render, args[0], self);
	struct wick_tpl_value new = wick_tpl_string_arg(render, args[1], self);

	if (self.safe)
		return wick_tpl_refuse(render, "of a string that is marked safe, the method", WICK_TPL_TEXT("replace"));
	return wick_tpl_replace(render, self, old, new, wick_tpl_int_arg(render, args[2], -1));
}

METHOD(lower)
{
	(void)args;
	return wick_tpl_recase(render, self, WICK_TPL_LOWER);
}

METHOD(upper)
{
	(void)args;
	return wick_tpl_recase(render, self, WICK_TPL_UPPER);
}

METHOD(title)
{
	(void)args;
	return wick_tpl_recase(render, self, WICK_TPL_TITLE);
}

METHOD(capitalize)
{
	(void)args;
	return wick_tpl_recase(render, self, WICK_TPL_CAPITALIZE);
}

/* The character at which a part begins, or -1. */
METHOD(find)
{
	struct wick_tpl_value part = wick_tpl_string_arg(render, args[0], self);
	const char *found = part.length ? memmem(self.bytes, self.length, part.bytes, part.length) : self.bytes;

	return wick_tpl_int(
		found ? (int64_t)wick_tpl_count(wick_tpl_cut(self, 0, (uint32_t)(found - self.bytes))) : -1);
}

METHOD(count)
{
	struct wick_tpl_value part = wick_tpl_string_arg(render, args[0], self);
	struct wick_tpl_list parts = { 0 };

	if (!part.length)
		return wick_tpl_int(wick_tpl_count(self) + 1ll);
	parts = split_by(render, self, part, -1);
	return wick_tpl_int(parts.count - 1ll);
}

METHOD(join)
{
	struct wick_tpl_value items = wick_tpl_walk(render, args[0]);

	for (uint32_t i = 0; i < items.length && wick_tpl_step(render, 1); i++)
		if (items.items[i].kind != WICK_TPL_STRING)
			return wick_tpl_fail_kind(render, "a string joins strings, not", items.items[i]);
	return wick_tpl_join(render, self, items);
}

METHOD(is_digit)
{
	bool is = self.length;

	(void)args;
	for (uint32_t i = 0; i < self.length; i++) {
		if (self.bytes[i] & 0x80)
			return wick_tpl_refuse(render, "beyond ASCII, the method", WICK_TPL_TEXT("isdigit"));
		is &= self.bytes[i] >= '0' && self.bytes[i] <= '9';
	}
	return wick_tpl_bool(is);
}

METHOD(is_space)
{
	(void)args;
	(void)render;
	return wick_tpl_bool(self.length && wick_tpl_skip_space(self.bytes, 0, self.length) == self.length);
}

const struct wick_tpl_function wick_tpl_string_methods[] = {
	{ "strip", strip, 0, { " " } }, { "lstrip", lstrip, 0, { " " } }, { "rstrip", rstrip, 0, { " " } },
	{ "startswith", startswith, 1, { " " } }, { "endswith", endswith, 1, { " " } },
	{ "removeprefix", removeprefix, 1, { " " } }, { "removesuffix", removesuffix, 1, { " " } },
	{ "split", split, 0, { "sep", "maxsplit" } }, { "rsplit", rsplit, 0, { "sep", "maxsplit" } },
	{ "splitlines", splitlines, 0, { "keepends" } }, { "replace", replace, 2, { " ", " ", " " } },
	{ "lower", lower }, { "upper", upper }, { "title", title }, { "capitalize", capitalize },
	{ "find", find, 1, { " " } }, { "count", count, 1, { " " } }, { "join", join, 1, { " " } },
	{ "isdigit", is_digit }, { "isspace", is_space }, { "format", .apply_any = wick_tpl_format },
	{ "casefold" }, { "center" }, { "encode" }, { "expandtabs" }, { "format_map" }, { "index" }, { "isalnum" },
	{ "isalpha" }, { "isascii" }, { "isdecimal" }, { "isidentifier" }, { "islower" }, { "isnumeric" },
	{ "isprintable" }, { "istitle" }, { "isupper" }, { "ljust" }, { "maketrans" }, { "partition" }, { "rfind" },
	{ "rindex" }, { "rjust" }, { "rpartition" }, { "swapcase" }, { "translate" }, { "zfill" },
	{ 0 },
};
