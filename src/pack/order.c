/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Greedy paths over bits (see order.h).
 *
 * There is no table of pairs: of 16384 neurons it would take half a gigabyte. Each neuron is a row of bits, one a token,
 * and P(i and j) is what two rows have in common. Candidates are tried in descending order of how often they fire at
 * all, which bounds how often they fire together with another: most of them are never looked at. */

#include "order.h"

#include "bits.h"
#include "trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_MOST 4096u /* of a trace that are looked at, evenly spread */
#define TICK 64           /* neurons found from one tick to the next */

static uint32_t words_of(uint32_t tokens)
{
	return (uint32_t)wick_div_up(tokens, 64);
}

/* The bits of each byte, counted in place. (The compiler's own way calls a function for each word.) */
static uint64_t count_by_byte(uint64_t word)
{
	word -= word >> 1 & 0x5555555555555555u;
	word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
	return (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
}

#define WORDS_MOST 31 /* whose counts a byte holds */

/* Tokens for which both fired. */
WICK_WRAPS static uint32_t count_both(const uint64_t *a, const uint64_t *b, uint32_t words)
{
	uint32_t count = 0;

	for (uint32_t w = 0; w < words; w += WORDS_MOST) {
		uint32_t end = WICK_MIN(w + WORDS_MOST, words);
		uint64_t sums = 0;

		for (uint32_t i = w; i < end; i++)
			sums += count_by_byte(a[i] & b[i]);
		sums = (sums & 0x00ff00ff00ff00ffu) + (sums >> 8 & 0x00ff00ff00ff00ffu);
		count += (uint32_t)(sums * 0x0001000100010001u >> 48);
	}
	return count;
}

/* Those that fire more in front, of equal ones the lower. */
static int by_firing(const void *a, const void *b)
{
	const struct wick_order_left *x = a, *y = b;

	return x->fired != y->fired ? (x->fired < y->fired) - (x->fired > y->fired)
				    : (x->neuron > y->neuron) - (x->neuron < y->neuron);
}

/* The one of left[0 .. n), in the order of by_firing, that fired most often together with a neuron. */
static uint32_t nearest(const uint64_t *fired, uint32_t words, uint32_t neuron, const struct wick_order_left *left, uint32_t n)
{
	const uint64_t *row = fired + (uint64_t)neuron * words;
	uint32_t best = 0, most = 0;

	for (uint32_t k = 0; k < n && left[k].fired > most; k++) {
		uint32_t both = count_both(row, fired + (uint64_t)left[k].neuron * words, words);

		if (both > most) {
			most = both;
			best = k;
		}
	}
	return best;
}

int wick_order_find(uint32_t *order, struct wick_order_left *left, const uint64_t *fired, uint32_t n, uint32_t tokens,
	wick_order_tick_fn tick, void *user)
{
	uint32_t words = words_of(tokens), hot = 0;
	int rc = 0;

	for (uint32_t i = 0; i < n; i++) {
		const uint64_t *row = fired + (uint64_t)i * words;

		left[i] = (struct wick_order_left){ i, count_both(row, row, words) };
	}
	qsort(left, n, sizeof(*left), by_firing);
	for (; hot < n && 2ull * left[hot].fired > tokens; hot++)
		order[hot] = left[hot].neuron;
	left += hot;
	for (uint32_t at = hot; !rc && at < n; at++) {
		uint32_t k = at == hot ? 0 : nearest(fired, words, order[at - 1], left, n - at);

		order[at] = left[k].neuron;
		memmove(left + k, left + k + 1, (n - at - 1 - k) * sizeof(*left));
		rc = tick && at % TICK == 0 ? tick(user) : 0;
	}
	return rc;
}

struct wick_order {
	struct wick_trace *trace;
	uint32_t n_ff, tokens; /* looked at */
	uint32_t *active;      /* (n_ff) */
	uint64_t *fired;       /* (n_ff, words) */
	struct wick_order_left *left; /* (n_ff) */
};

uint64_t wick_order_bytes(uint32_t n_ff)
{
	return n_ff * (sizeof(uint32_t) + words_of(TOKENS_MOST) * sizeof(uint64_t) + sizeof(struct wick_order_left));
}

static int open_trace(struct wick_order *order, const char *path, uint32_t layers, uint32_t model_crc, struct wick_diag *diag)
{
	int rc = wick_trace_open(&order->trace, path, diag);

	if (rc == 0)
		rc = wick_trace_fits(order->trace, layers, order->n_ff, 0, model_crc, diag);
	if (rc)
		return rc;
	order->tokens = WICK_MIN(wick_trace_shape(order->trace)->tokens, TOKENS_MOST);
	order->active = calloc(order->n_ff, sizeof(*order->active));
	order->fired = calloc(order->n_ff, words_of(order->tokens) * sizeof(*order->fired));
	order->left = calloc(order->n_ff, sizeof(*order->left));
	if (!order->active || !order->fired || !order->left)
		return wick_diag_say(diag, -ENOMEM, "no memory to order %u neurons", order->n_ff);
	return 0;
}

int wick_order_open(struct wick_order **order, const char *trace, uint32_t layers, uint32_t n_ff, uint32_t model_crc,
	struct wick_diag *diag)
{
	int rc;

	*order = calloc(1, sizeof(**order));
	if (!*order)
		return wick_diag_say(diag, -ENOMEM, "no memory to order %u neurons", n_ff);
	(*order)->n_ff = n_ff;
	rc = open_trace(*order, trace, layers, model_crc, diag);
	if (rc) {
		wick_order_close(*order);
		*order = NULL;
	}
	return rc;
}

void wick_order_close(struct wick_order *order)
{
	if (!order)
		return;
	wick_trace_close(order->trace);
	free(order->active);
	free(order->fired);
	free(order->left);
	free(order);
}

int wick_order_layer(struct wick_order *order, uint32_t layer, uint32_t *neurons, wick_order_tick_fn tick, void *user,
	struct wick_diag *diag)
{
	uint32_t words = words_of(order->tokens);
	uint64_t tokens = wick_trace_shape(order->trace)->tokens;

	memset(order->fired, 0, (uint64_t)order->n_ff * words * sizeof(*order->fired));
	for (uint32_t t = 0; t < order->tokens; t++) {
		int rc = wick_trace_seek(order->trace, t * tokens / order->tokens, diag);
		uint32_t count = rc ? 0 : wick_trace_active(order->trace, layer, order->active);

		if (rc)
			return rc;
		for (uint32_t k = 0; k < count; k++)
			order->fired[(uint64_t)order->active[k] * words + t / 64] |= 1ull << t % 64;
	}
	return wick_order_find(neurons, order->left, order->fired, order->n_ff, order->tokens, tick, user);
}
