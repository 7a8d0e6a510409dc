/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic. An integer beyond 64 bits is refused: Python has them, and no template that is known needs one. */

#include "bits.h"
#include "marked_text.h"
#include "methods.h"
#include "operators.h"
#include "sequence.h"

#include <math.h>

static struct wick_tpl_value too_large(struct wick_tpl_render *render)
{
	return wick_tpl_fail(render, "an integer beyond 64 bits is outside of what wick runs");
}

static struct wick_tpl_value number(struct wick_tpl_value a, struct wick_tpl_value b, struct wick_tpl_value result)
{
	result.callers = a.callers || b.callers;
	return result;
}

static double real_of(struct wick_tpl_value value)
{
	return value.kind == WICK_TPL_FLOAT ? value.real : (double)wick_tpl_integer(value);
}

static struct wick_tpl_value real(double value)
{
	return (struct wick_tpl_value){ .kind = WICK_TPL_FLOAT, .real = value };
}

static struct wick_tpl_value power(struct wick_tpl_render *render, int64_t base, int64_t exponent)
{
	int64_t result = 1;

	if (exponent < 0 && !base)
		return wick_tpl_fail(render, "0 to a negative power");
	if (exponent < 0)
		return real(pow((double)base, (double)exponent));
	if (exponent > 63 && base != 0 && base != 1 && base != -1)
		return too_large(render);
	if (exponent > 63)
		exponent = 62 + exponent % 2;
	while (exponent--)
		if (__builtin_mul_overflow(result, base, &result))
			return too_large(render);
	return wick_tpl_int(result);
}

/* Rounded down, as in Python. */
static int64_t floor_divide(int64_t a, int64_t b)
{
	return a / b - ((a % b != 0) && ((a < 0) != (b < 0)));
}

static struct wick_tpl_value integers(struct wick_tpl_render *render, enum wick_tpl_op op, int64_t a, int64_t b)
{
	int64_t result = 0;
	bool overflow = false;

	if ((op == WICK_OP_DIV || op == WICK_OP_FLOORDIV || op == WICK_OP_MOD) && !b)
		return wick_tpl_fail(render, "division by zero");
	if (op == WICK_OP_FLOORDIV || op == WICK_OP_MOD)
		overflow = a == INT64_MIN && b == -1;
	if (overflow)
		return op == WICK_OP_MOD ? wick_tpl_int(0) : too_large(render);
	switch (op) {
	case WICK_OP_ADD:
		overflow = __builtin_add_overflow(a, b, &result);
		break;
	case WICK_OP_SUB:
		overflow = __builtin_sub_overflow(a, b, &result);
		break;
	case WICK_OP_MUL:
		overflow = __builtin_mul_overflow(a, b, &result);
		break;
	case WICK_OP_DIV:
		return real((double)a / (double)b);
	case WICK_OP_FLOORDIV:
		result = floor_divide(a, b);
		break;
	case WICK_OP_MOD:
		result = a % b;
		result += result && (result < 0) != (b < 0) ? b : 0;
		break;
	default:
		return power(render, a, b);
	}
	return overflow ? too_large(render) : wick_tpl_int(result);
}

/* fmod with the sign of the divisor. */
static double remainder_of(double a, double b)
{
	double rest = fmod(a, b);

	if (!rest)
		return copysign(0, b);
	return (rest < 0) != (b < 0) ? rest + b : rest;
}

static struct wick_tpl_value reals(struct wick_tpl_render *render, enum wick_tpl_op op, double a, double b)
{
	if ((op == WICK_OP_DIV || op == WICK_OP_FLOORDIV || op == WICK_OP_MOD) && !b)
		return wick_tpl_fail(render, "division by zero");
	switch (op) {
	case WICK_OP_ADD:
		return real(a + b);
	case WICK_OP_SUB:
		return real(a - b);
	case WICK_OP_MUL:
		return real(a * b);
	case WICK_OP_DIV:
		return real(a / b);
	case WICK_OP_MOD:
		return real(remainder_of(a, b));
	default:
		return wick_tpl_refuse(render, "with real numbers, the operator",
			op == WICK_OP_POW ? WICK_TPL_TEXT("**") : WICK_TPL_TEXT("//"));
	}
}

static struct wick_tpl_value numbers(
	struct wick_tpl_render *render, enum wick_tpl_op op, struct wick_tpl_value a, struct wick_tpl_value b)
{
	if (a.kind == WICK_TPL_FLOAT || b.kind == WICK_TPL_FLOAT)
		return number(a, b, reals(render, op, real_of(a), real_of(b)));
	return number(a, b, integers(render, op, wick_tpl_integer(a), wick_tpl_integer(b)));
}

static struct wick_tpl_value add_strings(
	struct wick_tpl_render *render, struct wick_tpl_value a, struct wick_tpl_value b)
{
	struct wick_tpl_text text = { render };
	struct wick_tpl_value sum;

	if (b.safe && !a.safe)
		wick_tpl_text_escape(&text, a);
	else
		wick_tpl_text_add(&text, a);
	if (a.safe && !b.safe)
		wick_tpl_text_escape(&text, b);
	else
		wick_tpl_text_add(&text, b);
	sum = wick_tpl_text_value(&text);
	sum.safe = a.safe || b.safe;
	return sum;
}

static struct wick_tpl_value add_items(struct wick_tpl_render *render, struct wick_tpl_value a, struct wick_tpl_value b)
{
	struct wick_tpl_list list = { 0 };

	for (uint32_t i = 0; i < a.length && !render->ret; i++)
		wick_tpl_push(render, &list, a.items[i]);
	for (uint32_t i = 0; i < b.length && !render->ret; i++)
		wick_tpl_push(render, &list, b.items[i]);
	return wick_tpl_list_value(&list, a.kind);
}

static bool is_product(struct wick_tpl_value whole, struct wick_tpl_value times)
{
	return (whole.kind == WICK_TPL_STRING || whole.kind == WICK_TPL_LIST || whole.kind == WICK_TPL_TUPLE) &&
	       (times.kind == WICK_TPL_INT || times.kind == WICK_TPL_BOOL);
}

static struct wick_tpl_value repeat_items(struct wick_tpl_render *render, struct wick_tpl_value whole, int64_t times)
{
	struct wick_tpl_list list = { 0 };

	for (int64_t i = 0; i < times * whole.length && !render->ret; i++)
		wick_tpl_push(render, &list, whole.items[i % whole.length]);
	return wick_tpl_list_value(&list, whole.kind);
}

/* A string or list times a number. */
static struct wick_tpl_value repeat(struct wick_tpl_render *render, struct wick_tpl_value whole, int64_t times)
{
	struct wick_tpl_text text = { render };
	struct wick_tpl_value product;

	times = WICK_MAX(times, 0);
	if (!whole.length || !wick_tpl_within(render, WICK_TEMPLATE_PRODUCT, wick_mul(whole.length, (uint64_t)times)))
		return whole;
	if (whole.kind != WICK_TPL_STRING)
		return repeat_items(render, whole, times);
	for (int64_t i = 0; i < times && wick_tpl_step(render, 1); i++)
		wick_tpl_text_add(&text, whole);
	product = wick_tpl_text_value(&text);
	product.safe = whole.safe;
	return product;
}

struct wick_tpl_value wick_tpl_binary(
	struct wick_tpl_render *render, enum wick_tpl_op op, struct wick_tpl_value a, struct wick_tpl_value b)
{
	bool are_lists = a.kind == b.kind && (a.kind == WICK_TPL_LIST || a.kind == WICK_TPL_TUPLE);

	if (wick_tpl_is_number(a) && wick_tpl_is_number(b))
		return numbers(render, op, a, b);
	if (op == WICK_OP_ADD && a.kind == WICK_TPL_STRING && b.kind == WICK_TPL_STRING)
		return add_strings(render, a, b);
	if (op == WICK_OP_ADD && are_lists)
		return add_items(render, a, b);
	if (op == WICK_OP_MUL && is_product(a, b))
		return repeat(render, a, wick_tpl_integer(b));
	if (op == WICK_OP_MUL && is_product(b, a))
		return repeat(render, b, wick_tpl_integer(a));
	if (op == WICK_OP_MOD && a.kind == WICK_TPL_STRING)
		return wick_tpl_percent(render, a, b);
	if (a.kind == WICK_TPL_UNDEFINED || b.kind == WICK_TPL_UNDEFINED)
		return wick_tpl_fail_kind(render, "", a.kind == WICK_TPL_UNDEFINED ? a : b);
	return wick_tpl_fail(render, "no operator for %s and %s", wick_tpl_kind_name(a), wick_tpl_kind_name(b));
}

struct wick_tpl_value wick_tpl_negate(struct wick_tpl_render *render, struct wick_tpl_value value)
{
	if (value.kind == WICK_TPL_FLOAT)
		return number(value, value, real(-value.real));
	if (wick_tpl_is_number(value))
		return number(value, value, integers(render, WICK_OP_SUB, 0, wick_tpl_integer(value)));
	return wick_tpl_fail_kind(render, "there is no negative of", value);
}
