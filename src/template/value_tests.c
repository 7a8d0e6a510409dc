/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Tests: "x is string". */

#include "functions.h"
#include "operators.h"

#define TEST(name) \
	static struct wick_tpl_value name( \
		struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_value *args)
/* A test that looks at its input alone. */
#define IS(name, condition) \
	TEST(name) \
	{ \
		(void)render; \
		(void)args; \
		return wick_tpl_bool(condition); \
	}

IS(defined, self.kind != WICK_TPL_UNDEFINED)
IS(undefined, self.kind == WICK_TPL_UNDEFINED)
IS(none, self.kind == WICK_TPL_NONE)
IS(boolean, self.kind == WICK_TPL_BOOL)
IS(is_true, self.kind == WICK_TPL_BOOL && self.truth)
IS(is_false, self.kind == WICK_TPL_BOOL && !self.truth)
IS(integer, self.kind == WICK_TPL_INT)
IS(is_float, self.kind == WICK_TPL_FLOAT)
IS(number, wick_tpl_is_number(self))
IS(string, self.kind == WICK_TPL_STRING)
IS(mapping, self.kind == WICK_TPL_DICT)
IS(iterable, wick_tpl_can_walk(self) || self.kind == WICK_TPL_LOOP)
/* What has a length and can be indexed. */
IS(sequence, self.kind != WICK_TPL_VIEW && self.kind != WICK_TPL_STREAM && wick_tpl_can_walk(self))

static struct wick_tpl_value remainder_of(
	struct wick_tpl_render *render, struct wick_tpl_value self, struct wick_tpl_value by)
{
	if (!wick_tpl_is_number(self) || !wick_tpl_is_number(by))
		return wick_tpl_fail_kind(render, "there is no remainder of", wick_tpl_is_number(self) ? by : self);
	return wick_tpl_binary(render, WICK_OP_MOD, self, by);
}

TEST(odd)
{
	(void)args;
	return wick_tpl_bool(wick_tpl_equal(render, remainder_of(render, self, wick_tpl_int(2)), wick_tpl_int(1)));
}

TEST(even)
{
	(void)args;
	return wick_tpl_bool(wick_tpl_equal(render, remainder_of(render, self, wick_tpl_int(2)), wick_tpl_int(0)));
}

TEST(divisible)
{
	return wick_tpl_bool(wick_tpl_equal(render, remainder_of(render, self, args[0]), wick_tpl_int(0)));
}

#define COMPARES(name, op) \
	TEST(name) \
	{ \
		return wick_tpl_bool(wick_tpl_compare(render, op, self, args[0])); \
	}

COMPARES(equal, WICK_OP_EQ)
COMPARES(unequal, WICK_OP_NE)
COMPARES(less, WICK_OP_LT)
COMPARES(less_or_equal, WICK_OP_LE)
COMPARES(greater, WICK_OP_GT)
COMPARES(greater_or_equal, WICK_OP_GE)
COMPARES(is_in, WICK_OP_IN)

#define ONE 1, { " " }

const struct wick_tpl_function wick_tpl_tests[] = {
	{ "defined", defined }, { "undefined", undefined }, { "none", none }, { "boolean", boolean },
	{ "true", is_true }, { "false", is_false }, { "integer", integer }, { "float", is_float },
	{ "number", number }, { "string", string }, { "mapping", mapping }, { "iterable", iterable },
	{ "sequence", sequence }, { "odd", odd }, { "even", even }, { "divisibleby", divisible, 1, { "num" } },
	{ "==", equal, ONE }, { "eq", equal, ONE }, { "equalto", equal, ONE }, { "!=", unequal, ONE },
	{ "ne", unequal, ONE }, { "<", less, ONE }, { "lt", less, ONE }, { "lessthan", less, ONE },
	{ "<=", less_or_equal, ONE }, { "le", less_or_equal, ONE }, { ">", greater, ONE }, { "gt", greater, ONE },
	{ "greaterthan", greater, ONE }, { ">=", greater_or_equal, ONE }, { "ge", greater_or_equal, ONE },
	{ "in", is_in, 1, { "seq" } },
	{ "callable" }, { "escaped" }, { "filter" }, { "lower" }, { "sameas" }, { "test" }, { "upper" },
	{ 0 },
};
