/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Policies over random tokens: whatever the policy, what is active gets its row and nothing active, kept or in flight goes;
 * and each evicts what its rule says, by a plain record of every use. */

#include "bits.h"
#include "policy.h"

#include "cache_check.h"
#include "mem.h"
#include "select.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEURONS 200
#define CAPACITY 60
#define STRIDE 8
#define TOKENS 600
#define ACTIVE_MAX 40

struct world {
	struct wick_mem mem;
	struct wick_cache cache;
	struct wick_policy *policy;
	uint32_t window;
	bool used[TOKENS + 1][NEURONS]; /* used[0] is empty */
	uint32_t token;                 /* from 1 */
	uint32_t ids[NEURONS], count;   /* active now */
	bool is_active[NEURONS];
};

static uint64_t random_state;

/* xorshift64* */
static uint32_t pick(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1d >> 33) % below;
}

static void begin(struct world *world, const char *name, uint32_t window)
{
	const struct wick_policy_ops *ops = wick_policy_find(name);
	uint64_t bytes = wick_cache_bytes(NEURONS, CAPACITY, STRIDE) + wick_policy_bytes(NEURONS, CAPACITY);

	memset(world, 0, sizeof(*world));
	world->window = window;
	random_state = 0x9e3779b97f4a7c15;
	assert_non_null(ops);
	assert_int_equal(wick_mem_reserve(&world->mem, bytes, NULL), 0);
	wick_cache_init(&world->cache, NEURONS, CAPACITY, STRIDE, &world->mem);
	world->policy = wick_policy_init(ops, NEURONS, CAPACITY, window, &world->mem);
	assert_int_equal(world->mem.used, bytes);
}

static void end(struct world *world)
{
	wick_mem_release(&world->mem);
}

/* Low ids fire more often, and half of the last token's fire again. */
static void next_token(struct world *world)
{
	uint32_t most = 1 + pick(ACTIVE_MAX);

	world->token++;
	world->count = 0;
	for (uint32_t i = 0; i < NEURONS; i++) {
		bool again = world->is_active[i] && pick(2);

		world->is_active[i] = world->count < most && (again || pick(NEURONS) < 30 * 20 / (i + 20));
		world->used[world->token][i] = world->is_active[i];
		if (world->is_active[i])
			world->ids[world->count++] = i;
	}
}

static uint32_t last_use(const struct world *world, uint32_t neuron)
{
	uint32_t token = world->token - 1;

	while (token && !world->used[token][neuron])
		token--;
	return token;
}

static double rate(const struct world *world, uint32_t neuron)
{
	double sum = 0;

	for (uint32_t token = 1; token < world->token; token++)
		sum += world->used[token][neuron] * exp2(((double)token - world->token) / 512);
	return sum;
}

/* Of LAYERS layers in turn, one at each step. */
enum { LAYERS = 4, OF_LAYER = NEURONS / LAYERS };

static uint32_t layers_until(const struct world *world, uint32_t expert)
{
	uint32_t layer = (world->token - 1) % LAYERS, turn = (expert / OF_LAYER + LAYERS - layer) % LAYERS;

	return turn ? turn : LAYERS;
}

/* Uses, each worth half as much so many tokens of all layers later, in those of an expert that is always used. */
static double share(const struct world *world, uint32_t expert, double half_life)
{
	double sum = 0;

	for (uint32_t token = 1; token < world->token; token++)
		sum += world->used[token][expert] * exp2(((double)token - world->token) / LAYERS / half_life);
	return sum * (1 - exp2(-1 / half_life));
}

static double soonness(const struct world *world, uint32_t expert)
{
	double p = 0.4 * share(world, expert, 2) +
		0.6 * share(world, expert, 64) / (1 - exp2(-(1 + (double)world->token / LAYERS) / 64));

	p = fmin(fmax(p, 1e-4), 0.999);
	return 1 / (layers_until(world, expert) + LAYERS * (1 - p) / p);
}

static double usefulness(const struct world *world, const char *name, uint32_t neuron)
{
	bool ahead = neuron / OF_LAYER > (world->token - 1) % LAYERS;

	if (!strcmp(name, "nextuse"))
		return soonness(world, neuron);
	if (!strcmp(name, "stale") && ahead)
		return 1e6 - layers_until(world, neuron);
	return strcmp(name, "decay") == 0 ? rate(world, neuron) : last_use(world, neuron);
}

/* Nobody went who was more useful than somebody who stayed and might have gone. */
static void the_least_useful_went(const struct world *world, const char *name, const struct wick_cache *before,
	const uint32_t *neuron_before)
{
	double gone_best = -1, stayed_least = INFINITY;

	for (uint32_t row = 0; row < before->used; row++) {
		double useful = usefulness(world, name, neuron_before[row]);

		if (world->is_active[neuron_before[row]])
			assert_int_not_equal(world->cache.slot_of_key[neuron_before[row]], WICK_NO_SLOT);
		else if (world->cache.slot_of_key[neuron_before[row]] == WICK_NO_SLOT)
			gone_best = fmax(gone_best, useful);
		else
			stayed_least = fmin(stayed_least, useful);
	}
	assert_true(gone_best <= stayed_least * (1 + 1e-5));
}

/* Admits and compares with what was there before; the reads arrive at once. */
static void admit(struct world *world, const char *name)
{
	struct wick_cache *cache = &world->cache, before = *cache;
	uint32_t neuron_before[CAPACITY], wanted_count, absent = 0;
	struct wick_wanted wanted[NEURONS];

	memcpy(neuron_before, cache->key_of_slot, sizeof(neuron_before));
	for (uint32_t i = 0; i < world->count; i++)
		absent += cache->slot_of_key[world->ids[i]] == WICK_NO_SLOT;
	wanted_count = wick_policy_admit(world->policy, cache, 0, world->ids, world->count, wanted);
	cache_check(cache);
	assert_int_equal(wanted_count, absent);
	for (uint32_t i = 0; i < wanted_count; i++) {
		assert_true(i == 0 || wanted[i].bundle > wanted[i - 1].bundle);
		assert_int_equal(cache->key_of_slot[wanted[i].row], wanted[i].bundle);
		assert_true(cache->in_flight[wanted[i].row]);
		cache->in_flight[wanted[i].row] = 0;
	}
	for (uint32_t row = 0; row < cache->used; row++)
		assert_false(cache->in_flight[row]);
	the_least_useful_went(world, name, &before, neuron_before);
}

static void touch(struct world *world)
{
	wick_policy_touch(world->policy, 0, world->ids, world->count);
	wick_policy_advance(world->policy, 1);
}

static void evicts_by_its_rule(const char *name)
{
	struct world world;

	begin(&world, name, 0);
	for (uint32_t i = 0; i < TOKENS; i++) {
		uint32_t used = world.cache.used;

		next_token(&world);
		admit(&world, name);
		assert_true(world.cache.used >= used); /* never smaller */
		touch(&world);
	}
	assert_int_equal(world.cache.used, CAPACITY);
	end(&world);
}

/* Experts of one layer after the other. */
static void next_layer(struct world *world)
{
	uint32_t most = 1 + pick(ACTIVE_MAX / 4), first = world->token % LAYERS * OF_LAYER;

	world->token++;
	world->count = 0;
	memset(world->is_active, 0, sizeof(world->is_active));
	for (uint32_t i = 0; i < OF_LAYER; i++) {
		bool again = world->token > LAYERS && world->used[world->token - LAYERS][first + i] && pick(2);

		world->is_active[first + i] = world->count < most && (again || pick(OF_LAYER) < 30 * 5 / (i + 5));
		world->used[world->token][first + i] = world->is_active[first + i];
		if (world->is_active[first + i])
			world->ids[world->count++] = first + i;
	}
}

static void evicts_experts_by_its_rule(const char *name)
{
	struct world world;

	begin(&world, name, 0);
	wick_policy_set_layers(world.policy, LAYERS);
	for (uint32_t i = 0; i < TOKENS; i++) {
		next_layer(&world);
		if (!world.count) {
			wick_policy_advance(world.policy, 1);
			continue;
		}
		admit(&world, name);
		touch(&world);
	}
	assert_int_equal(world.cache.used, CAPACITY);
	end(&world);
}

static void stale_evicts_what_the_token_has_passed(void **state)
{
	(void)state;
	evicts_experts_by_its_rule("stale");
}

static void nextuse_evicts_what_is_used_last(void **state)
{
	(void)state;
	evicts_experts_by_its_rule("nextuse");
}

static void lru_evicts_the_oldest(void **state)
{
	(void)state;
	evicts_by_its_rule("lru");
}

static void decay_evicts_the_rarest(void **state)
{
	(void)state;
	evicts_by_its_rule("decay");
}

static void window_without_length_is_as_long_as_there_is_room(void **state)
{
	(void)state;
	evicts_by_its_rule("window");
}

/* As long as all fits: resident is who was active in the last `window` tokens, this one included, and nobody else. */
static void window_keeps_the_last_tokens(void **state)
{
	struct world world;
	uint32_t fitting = 0;

	(void)state;
	begin(&world, "window", 14);
	for (uint32_t i = 0; i < TOKENS; i++) {
		uint32_t expected = 0;

		next_token(&world);
		admit(&world, "window");
		for (uint32_t neuron = 0; neuron < NEURONS; neuron++) {
			bool recent = false;

			for (uint32_t back = 0; back < 14 && back < world.token; back++)
				recent |= world.used[world.token - back][neuron];
			expected += recent;
			if (!recent)
				assert_int_equal(world.cache.slot_of_key[neuron], WICK_NO_SLOT);
		}
		if (expected <= CAPACITY)
			assert_int_equal(world.cache.used, expected);
		fitting += expected <= CAPACITY;
		touch(&world);
	}
	assert_in_range(fitting, TOKENS / 10, TOKENS - TOKENS / 10); /* both cases were met */
	end(&world);
}

/* Longer than any text, up to the largest that a number can say: nobody is let go while all fit. */
static void a_window_longer_than_the_text_keeps_all(void **state)
{
	for (uint32_t window = UINT32_MAX - 3; window; window++) {
		bool seen[NEURONS] = { false };
		uint32_t expected = 0;
		struct world world;

		begin(&world, "window", window);
		for (uint32_t i = 0; i < TOKENS; i++) {
			next_token(&world);
			admit(&world, "window");
			for (uint32_t k = 0; k < world.count; k++) {
				expected += !seen[world.ids[k]];
				seen[world.ids[k]] = true;
			}
			assert_int_equal(world.cache.used, WICK_MIN(expected, CAPACITY));
			touch(&world);
		}
		end(&world);
	}
	(void)state;
}

/* Deletion leaves every row with its own bytes. */
static void window_moves_bytes_with_their_neurons(void **state)
{
	struct world world;

	(void)state;
	begin(&world, "window", 2);
	for (uint32_t i = 0; i < TOKENS; i++) {
		struct wick_wanted wanted[NEURONS];
		uint32_t count;

		next_token(&world);
		count = wick_policy_admit(world.policy, &world.cache, 0, world.ids, world.count, wanted);
		while (count-- > 0) {
			memcpy(wick_cache_at(&world.cache, wanted[count].row), &wanted[count].bundle, sizeof(uint32_t));
			world.cache.in_flight[wanted[count].row] = 0;
		}
		for (uint32_t row = 0; row < world.cache.used; row++)
			assert_memory_equal(wick_cache_at(&world.cache, row), &world.cache.key_of_slot[row], sizeof(uint32_t));
		touch(&world);
	}
	end(&world);
}

/* Rows in flight stay through the admission of others, for every policy, with shrinking too. */
static void in_flight_stays(void **state)
{
	static const char *const names[] = { "lru", "window", "decay", "stale", "nextuse" };

	(void)state;
	for (unsigned k = 0; k < WICK_COUNT_OF(names); k++) {
		struct wick_wanted wanted[NEURONS];
		struct world world;

		begin(&world, names[k], 2);
		for (uint32_t i = 0; i < TOKENS; i++) {
			uint32_t flying = 0, neuron[CAPACITY], row[CAPACITY];

			for (uint32_t r = 0; r < world.cache.used; r++) {
				world.cache.in_flight[r] = flying < CAPACITY - ACTIVE_MAX && pick(3) == 0;
				if (!world.cache.in_flight[r])
					continue;
				row[flying] = r;
				neuron[flying++] = world.cache.key_of_slot[r];
			}
			next_token(&world);
			wick_policy_admit(world.policy, &world.cache, 0, world.ids, world.count, wanted);
			cache_check(&world.cache);
			for (uint32_t f = 0; f < flying; f++)
				assert_int_equal(world.cache.key_of_slot[row[f]], neuron[f]);
			memset(world.cache.in_flight, 0, CAPACITY);
			touch(&world);
		}
		end(&world);
	}
}

/* Of a beginning of ids: what is known of the others comes later, so that nothing of theirs goes; of the rest the least
 * useful does. What finds no slot is the end of the beginning. */
static void admit_early(struct world *world, uint32_t end)
{
	struct wick_cache *cache = &world->cache;
	uint32_t known = 0, neuron_before[CAPACITY], used = cache->used, absent;
	struct wick_wanted wanted[NEURONS];
	double gone_best = -1, stayed_least = INFINITY;

	memcpy(neuron_before, cache->key_of_slot, sizeof(neuron_before));
	while (known < world->count && world->ids[known] < end)
		known++;
	absent = wick_policy_admit_early(world->policy, cache, 0, world->ids, known, end, wanted);
	cache_check(cache);
	for (uint32_t i = 0; i < absent; i++)
		assert_true(wanted[i].bundle < end && cache->key_of_slot[wanted[i].row] == wanted[i].bundle);
	for (uint32_t row = 0; row < used; row++) {
		uint32_t neuron = neuron_before[row];
		bool gone = cache->slot_of_key[neuron] == WICK_NO_SLOT;

		assert_false(gone && (neuron >= end || world->is_active[neuron]));
		if (gone)
			gone_best = fmax(gone_best, usefulness(world, "decay", neuron));
		else if (neuron < end && !world->is_active[neuron])
			stayed_least = fmin(stayed_least, usefulness(world, "decay", neuron));
	}
	assert_true(gone_best <= stayed_least * (1 + 1e-5));
	for (uint32_t i = 0; i < known; i++)
		if (cache->slot_of_key[world->ids[i]] == WICK_NO_SLOT)
			assert_true(stayed_least == INFINITY && (!absent || world->ids[i] > wanted[absent - 1].bundle));
}

static void a_beginning_takes_no_slot_of_what_is_not_known(void **state)
{
	struct wick_wanted wanted[NEURONS];
	struct world world;

	(void)state;
	begin(&world, "decay", 0);
	for (uint32_t i = 0; i < TOKENS; i++) {
		next_token(&world);
		admit_early(&world, pick(NEURONS));
		wick_policy_admit(world.policy, &world.cache, 0, world.ids, world.count, wanted);
		for (uint32_t k = 0; k < world.count; k++)
			assert_int_not_equal(world.cache.slot_of_key[world.ids[k]], WICK_NO_SLOT);
		memset(world.cache.in_flight, 0, CAPACITY);
		touch(&world);
	}
	end(&world);
}

static void fill(struct world *world, uint32_t first)
{
	struct wick_wanted wanted[CAPACITY];

	for (world->count = 0; world->count < CAPACITY; world->count++)
		world->ids[world->count] = first + world->count;
	wick_policy_admit(world->policy, &world->cache, 0, world->ids, world->count, wanted);
	memset(world->cache.in_flight, 0, CAPACITY);
}

/* Neurons 100..159 fill the matrix: as many of a beginning get a slot as are known not to be wanted. */
static void a_beginning_waits_for_slots(void **state)
{
	const uint32_t ids[] = { 3, 4, 5, 101 };
	struct wick_wanted wanted[4];
	struct world world;

	(void)state;
	begin(&world, "decay", 0);
	fill(&world, 100);
	assert_int_equal(wick_policy_admit_early(world.policy, &world.cache, 0, ids, 3, 100, wanted), 0);
	assert_int_equal(wick_policy_admit_early(world.policy, &world.cache, 0, ids, 4, 103, wanted), 2);
	assert_int_equal(wanted[0].bundle, 3);
	assert_int_equal(wanted[1].bundle, 4);
	assert_int_equal(world.cache.slot_of_key[100], WICK_NO_SLOT);
	assert_int_equal(world.cache.slot_of_key[102], WICK_NO_SLOT);
	assert_int_equal(wick_policy_admit(world.policy, &world.cache, 0, ids, 4, wanted), 1);
	assert_int_equal(wanted[0].bundle, 5);
	end(&world);
}

/* Neurons 0..59 fill the matrix; those below 10 were used at every token, the rest once, long ago. */
static void begin_probable(struct world *world)
{
	begin(world, "decay", 0);
	fill(world, 0);
	touch(world);
	for (uint32_t i = 0; i < 300; i++) {
		wick_policy_touch(world->policy, 0, world->ids, 10);
		wick_policy_advance(world->policy, 1);
	}
}

static void probable_takes_places_of_the_unlikely_only(void **state)
{
	uint32_t ids[] = { 100, 101, 20, 102, 103 }, keep[] = { 30, 31 };
	float probability[] = { 0.9f, 0.8f, 0.7f, 0.6f, 1e-9f };
	struct wick_wanted wanted[5];
	struct world world;

	(void)state;
	begin_probable(&world);
	assert_int_equal(wick_policy_admit_probable(world.policy, &world.cache, 0, ids, probability, 5, 5, keep, 2, wanted), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(wanted[i].bundle, 100 + i);
		assert_int_equal(world.cache.slot_of_key[100 + i], wanted[i].row);
		assert_true(world.cache.in_flight[wanted[i].row]);
	}
	cache_check(&world.cache);
	for (uint32_t neuron = 0; neuron < 10; neuron++)
		assert_int_not_equal(world.cache.slot_of_key[neuron], WICK_NO_SLOT);
	assert_int_not_equal(world.cache.slot_of_key[20], WICK_NO_SLOT); /* likely itself */
	assert_int_not_equal(world.cache.slot_of_key[30], WICK_NO_SLOT);
	assert_int_not_equal(world.cache.slot_of_key[31], WICK_NO_SLOT);
	assert_int_equal(world.cache.slot_of_key[103], WICK_NO_SLOT); /* less likely than those who have been used once */
	end(&world);
}

static void probable_respects_its_limit_and_what_is_kept(void **state)
{
	uint32_t ids[] = { 100, 101, 102 }, keep[CAPACITY];
	float probability[] = { 0.9f, 0.8f, 0.7f };
	struct wick_wanted wanted[3];
	struct world world;

	(void)state;
	begin_probable(&world);
	for (uint32_t i = 0; i < CAPACITY; i++)
		keep[i] = i;
	assert_int_equal(
		wick_policy_admit_probable(world.policy, &world.cache, 0, ids, probability, 3, 3, keep, CAPACITY, wanted), 0);
	assert_int_equal(
		wick_policy_admit_probable(world.policy, &world.cache, 0, ids, probability, 3, 2, keep, CAPACITY - 5, wanted), 2);
	assert_int_equal(wick_policy_admit_probable(world.policy, &world.cache, 0, ids, probability, 3, 0, keep, 0, wanted), 0);
	cache_check(&world.cache);
	end(&world);
}

/* An hour of tokens in one step is forgotten uses, not a number that overflows. */
static void rates_survive_long_runs(void **state)
{
	struct wick_wanted wanted[CAPACITY];
	struct world world;
	uint32_t one = 150;

	(void)state;
	begin_probable(&world);
	wick_policy_advance(world.policy, 1000000);
	for (uint32_t i = 10; i < CAPACITY; i++) {
		wick_policy_touch(world.policy, 0, &i, 1);
		wick_policy_advance(world.policy, 1);
	}
	assert_int_equal(wick_policy_admit(world.policy, &world.cache, 0, &one, 1, wanted), 1);
	assert_true(wanted[0].row < 10); /* those of long ago go first now */
	end(&world);
}

/* Last uses stay in their order while the count of steps is wound back, which is between the first of these and the last. */
static void last_uses_survive_long_runs(void **state)
{
	struct wick_wanted wanted[CAPACITY];
	struct world world;

	(void)state;
	begin(&world, "lru", 0);
	fill(&world, 0);
	wick_policy_advance(world.policy, (1u << 24) - (1u << 22));
	for (uint32_t i = 0; i < CAPACITY; i++) {
		uint32_t id = i * 7 % CAPACITY;

		wick_policy_touch(world.policy, 0, &id, 1);
		wick_policy_advance(world.policy, 1u << 17);
	}
	for (uint32_t i = 0; i < CAPACITY; i++) {
		uint32_t id = CAPACITY + i;

		assert_int_equal(wick_policy_admit(world.policy, &world.cache, 0, &id, 1, wanted), 1);
		assert_int_equal(wanted[0].row, i * 7 % CAPACITY);
		memset(world.cache.in_flight, 0, CAPACITY);
		wick_policy_touch(world.policy, 0, &id, 1);
	}
	end(&world);
}

static void a_reset_forgets(void **state)
{
	struct wick_wanted wanted[CAPACITY];
	struct world world;
	uint32_t late[CAPACITY - 10], one = 150;

	(void)state;
	begin_probable(&world);
	wick_policy_reset(world.policy);
	for (uint32_t i = 0; i < CAPACITY - 10; i++)
		late[i] = 10 + i;
	wick_policy_touch(world.policy, 0, late, CAPACITY - 10);
	wick_policy_advance(world.policy, 1);
	assert_int_equal(wick_policy_admit(world.policy, &world.cache, 0, &one, 1, wanted), 1);
	assert_true(wanted[0].row < 10);
	end(&world);
}

/* The first experts of each layer have all slots. */
static void fill_with_first_of_layers(struct world *world)
{
	struct wick_wanted wanted[CAPACITY];

	for (world->count = 0; world->count < CAPACITY; world->count++)
		world->ids[world->count] = world->count / (CAPACITY / LAYERS) * OF_LAYER + world->count % (CAPACITY / LAYERS);
	wick_policy_admit(world->policy, &world->cache, 0, world->ids, world->count, wanted);
	memset(world->cache.in_flight, 0, CAPACITY);
}

/* What rows of a batch use, layer by layer, or each row's all layers after one another. */
static void use_rows(struct wick_policy *policy, bool by_layer, uint32_t rows, uint32_t used[][LAYERS][3])
{
	if (by_layer)
		wick_policy_advance(policy, (rows - 1) * LAYERS);
	for (uint32_t i = 0; i < rows * LAYERS; i++) {
		uint32_t row = i / LAYERS, layer = by_layer ? i / rows : i % LAYERS;

		if (!by_layer)
			wick_policy_touch(policy, 0, used[row][layer], 3);
		for (uint32_t k = 0; by_layer && k < 3; k++)
			wick_policy_touch_ago(policy, used[i % rows][layer][k], (rows - 1 - i % rows) * LAYERS);
		if (!by_layer || i % rows == rows - 1)
			wick_policy_advance(policy, 1);
	}
}

/* A batch, whose rows go through a layer together, teaches a policy what they would have taught it one by one: the same experts go
 * after it, one after the other. */
static void rows_of_a_batch_count_as_one_by_one(void **state)
{
	static const char *const names[] = { "lru", "decay", "stale", "nextuse" };
	enum { ROWS = 40 };

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(names); i++) {
		static struct world world[2];
		uint32_t used[ROWS][LAYERS][3];

		for (unsigned w = 0; w < 2; w++) {
			begin(&world[w], names[i], 0);
			wick_policy_set_layers(world[w].policy, LAYERS);
			for (uint32_t u = 0; u < ROWS * LAYERS; u++)
				for (uint32_t k = 0; k < 3; k++)
					used[u / LAYERS][u % LAYERS][k] = u % LAYERS * OF_LAYER + 5 * k + pick(5);
			fill_with_first_of_layers(&world[w]);
			for (uint32_t row = 0, rows; row < ROWS; row += rows) {
				rows = row % 7 == 0 ? 1 : WICK_MIN(1 + row % 9, ROWS - row);
				use_rows(world[w].policy, w, rows, used + row);
			}
		}
		for (uint32_t n = 0; n < CAPACITY; n++) {
			uint32_t key = n % LAYERS * OF_LAYER + 20 + n / LAYERS;
			struct wick_wanted wanted[2];

			for (unsigned w = 0; w < 2; w++)
				assert_int_equal(wick_policy_admit(world[w].policy, &world[w].cache, 0, &key, 1, &wanted[w]), 1);
			assert_int_equal(wanted[0].row, wanted[1].row);
		}
		end(&world[0]);
		end(&world[1]);
	}
}

static void names_are_those_of_the_table(void **state)
{
	char names[200], *rest = names, *name;

	(void)state;
	strcpy(names, wick_policy_names());
	while ((name = strsep(&rest, ","))) {
		name += *name == ' ';
		assert_non_null(wick_policy_find(name));
		assert_string_equal(wick_policy_name(wick_policy_find(name)), name);
	}
	assert_null(wick_policy_find("fifo"));
	assert_non_null(wick_policy_find(NULL));
}

static int compare_keys(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Against sorting, with keys that differ in any of their digits, and many ties. Values say where a key was. */
static void selects_what_sorting_would(void **state)
{
	static const uint32_t masks[] = { 0xffffffff, 0x7, 0x7ff, 0x400, 0xfff00000, 0x001ffc00, 0, 0x80000001 };
	uint32_t keys[500], sorted[500], used[500], values[500], chosen[500];

	(void)state;
	random_state = 1;
	for (unsigned round = 0; round < 4000; round++) {
		uint32_t count = 1 + pick(500), least = 1 + pick(count), last = 0;
		bool taken[500] = { false };

		for (uint32_t i = 0; i < count; i++) {
			keys[i] = (pick(1u << 31) << 1 | pick(2)) & masks[round % 8];
			values[i] = i;
		}
		memcpy(sorted, keys, count * sizeof(*keys));
		memcpy(used, keys, count * sizeof(*keys));
		qsort(sorted, count, sizeof(*sorted), compare_keys);
		wick_select_least(used, values, count, least, chosen);
		for (uint32_t i = 0; i < least; i++) {
			assert_true(chosen[i] < count && !taken[chosen[i]]);
			taken[chosen[i]] = true;
			assert_true(keys[chosen[i]] <= sorted[least - 1]);
		}
		for (uint32_t i = 0; i < count; i++)
			if (keys[i] < sorted[least - 1])
				assert_true(taken[i]);
			else if (keys[i] == sorted[least - 1] && taken[i])
				last = i;
		for (uint32_t i = 0; i < last; i++) /* of equal keys those in front */
			assert_true(taken[i] || keys[i] != sorted[least - 1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lru_evicts_the_oldest),
		cmocka_unit_test(stale_evicts_what_the_token_has_passed),
		cmocka_unit_test(nextuse_evicts_what_is_used_last),
		cmocka_unit_test(decay_evicts_the_rarest),
		cmocka_unit_test(window_without_length_is_as_long_as_there_is_room),
		cmocka_unit_test(window_keeps_the_last_tokens),
		cmocka_unit_test(a_window_longer_than_the_text_keeps_all),
		cmocka_unit_test(window_moves_bytes_with_their_neurons),
		cmocka_unit_test(in_flight_stays),
		cmocka_unit_test(a_beginning_waits_for_slots),
		cmocka_unit_test(a_beginning_takes_no_slot_of_what_is_not_known),
		cmocka_unit_test(probable_takes_places_of_the_unlikely_only),
		cmocka_unit_test(probable_respects_its_limit_and_what_is_kept),
		cmocka_unit_test(rates_survive_long_runs),
		cmocka_unit_test(last_uses_survive_long_runs),
		cmocka_unit_test(a_reset_forgets),
		cmocka_unit_test(rows_of_a_batch_count_as_one_by_one),
		cmocka_unit_test(names_are_those_of_the_table),
		cmocka_unit_test(selects_what_sorting_would),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
