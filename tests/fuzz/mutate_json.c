/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Mutates JSON as values: one anywhere in the text is changed into an extreme one, left out, put in twice, named otherwise,
 * nested or exchanged with another. Of several texts with an ASCII record separator between them, which JSON never has in
 * it, one is mutated; what is no JSON is mutated byte by byte. */

#include "bits.h"
#include "mutate.h"
#include "random.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATOR 0x1e
#define PLACES_MAX 4096
#define CHANGES_MAX 3

struct place {
	json_t *in; /* an array or an object; NULL: the whole text */
	const char *key;
	size_t index;
	json_t *value;
};

struct document {
	json_t *root;
	struct place places[PLACES_MAX];
	size_t count;
	struct fuzz_random random;
};

static void find_places(struct document *document, struct place place)
{
	const char *key;
	json_t *value;
	size_t i;

	if (document->count == PLACES_MAX)
		return;
	document->places[document->count++] = place;
	json_array_foreach(place.value, i, value)
		find_places(document, (struct place){ place.value, NULL, i, value });
	json_object_foreach(place.value, key, value)
		find_places(document, (struct place){ place.value, key, 0, value });
}

static struct place *any(struct document *document)
{
	return &document->places[fuzz_below(&document->random, document->count)];
}

/* Takes the value over. */
static void put(struct document *document, const struct place *place, json_t *value)
{
	if (!place->in) {
		json_decref(document->root);
		document->root = value;
	} else if (place->key) {
		json_object_set_new(place->in, place->key, value);
	} else {
		json_array_set_new(place->in, place->index, value);
	}
}

/* Those that a reader may have a bound for, and others. */
static json_t *extreme_string(struct document *document)
{
	static const char *const texts[] = { "", "a", "/", "..", "../a", "0", "-1", "1e999", "null", "\x1b[31m", "\x7f", "</s>",
		"\xc4\xa0", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf", "%s%n", "\\", "\"" };
	char longer[600];

	if (fuzz_below(&document->random, 8))
		return json_string(texts[fuzz_below(&document->random, WICK_COUNT_OF(texts))]);
	memset(longer, 'x', sizeof(longer));
	return json_stringn(longer, fuzz_below(&document->random, sizeof(longer)));
}

static json_t *extreme(struct document *document)
{
	static const double reals[] = { 0.0, -0.0, 0.5, -1.5, 1e-308, 5e-324, 1.7976931348623157e308, -1e300, 0x1p31, 0x1p53,
		0x1p63, 0x1p64 };

	switch (fuzz_below(&document->random, 8)) {
	case 0:
		return json_real(reals[fuzz_below(&document->random, WICK_COUNT_OF(reals))]);
	case 1:
		return json_boolean(fuzz_below(&document->random, 2));
	case 2:
		return json_null();
	case 3:
		return json_array();
	case 4:
		return json_object();
	case 5:
		return extreme_string(document);
	default:
		return json_integer((json_int_t)fuzz_number(&document->random));
	}
}

/* Near what it was, of its own kind. */
static void change_a_little(struct document *document)
{
	struct place *place = any(document);
	json_int_t by = (json_int_t)fuzz_below(&document->random, 5) - 2, was = json_integer_value(place->value), sum;

	if (json_is_integer(place->value) && !__builtin_add_overflow(was, by, &sum))
		put(document, place, json_integer(sum));
	else if (json_is_real(place->value))
		put(document, place, json_real(-2 * json_real_value(place->value)));
	else if (json_is_string(place->value))
		put(document, place, extreme_string(document));
	else
		put(document, place, extreme(document));
}

static void change(struct document *document)
{
	put(document, any(document), extreme(document));
}

static void leave_out(struct document *document)
{
	struct place *place = any(document);

	if (place->key)
		json_object_del(place->in, place->key);
	else if (place->in)
		json_array_remove(place->in, place->index);
}

/* Once more: behind the others of an array, or under another key. */
static void put_twice(struct document *document)
{
	struct place *place = any(document), *other = any(document);
	json_t *copy = json_deep_copy(place->value);

	if (json_is_array(place->in))
		json_array_insert_new(place->in, fuzz_below(&document->random, json_array_size(place->in) + 1), copy);
	else if (place->key)
		json_object_set_new(place->in, other->key ? other->key : "", copy);
	else
		json_decref(copy);
}

/* By the key of another value, a word in the text, or one that nobody expects. */
static void rename_one(struct document *document)
{
	struct place *place = any(document), *other = any(document);
	json_t *strange = extreme_string(document);
	const char *name = other->key ? other->key : json_string_value(other->value);

	if (place->key && (!name || place == other))
		name = json_string_value(strange);
	if (place->key) {
		json_t *copy = json_deep_copy(place->value);
		char *kept = strdup(name); /* the key goes with its value, which may be the only one of that name */

		if (!kept)
			exit(1);
		json_object_del(place->in, place->key);
		json_object_set_new(place->in, kept, copy);
		free(kept);
	}
	json_decref(strange);
}

/* In arrays or objects of its own; or all of the text in its place. */
static void nest(struct document *document)
{
	struct place *place = any(document);
	size_t depth = 1 + fuzz_below(&document->random, fuzz_below(&document->random, 8) ? 3 : 100);
	json_t *value = json_deep_copy(fuzz_below(&document->random, 8) ? place->value : document->root);

	for (size_t i = 0; i < depth; i++)
		value = fuzz_below(&document->random, 2) ? json_pack("[o]", value) : json_pack("{s:o}", "a", value);
	put(document, place, value);
}

static void exchange(struct document *document)
{
	struct place *one = any(document), *two = any(document);
	json_t *first, *second;

	if (!one->in || !two->in || json_is_array(one->value) || json_is_object(one->value) || json_is_array(two->value) ||
		json_is_object(two->value))
		return; /* one may be inside the other */
	first = json_incref(one->value);
	second = json_incref(two->value);
	put(document, one, second);
	put(document, two, first);
}

/* A few changes, then text again; NULL: it is no JSON. */
static char *mutate_text(struct fuzz_random *random, const char *text, size_t size)
{
	static void (*const ways[])(struct document *) = { change, change, change_a_little, change_a_little, leave_out, put_twice,
		rename_one, nest, exchange };
	static struct document document;
	size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(17), changes = 1 + fuzz_below(random, CHANGES_MAX);

	document.random.state = fuzz_draw(random);
	document.root = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	for (size_t i = 0; document.root && i < changes; i++) {
		document.count = 0;
		find_places(&document, (struct place){ .value = document.root });
		ways[fuzz_below(&document.random, WICK_COUNT_OF(ways))](&document);
	}
	flags |= fuzz_below(random, 2) ? JSON_ENSURE_ASCII : JSON_COMPACT;
	text = document.root ? json_dumps(document.root, flags) : NULL;
	json_decref(document.root);
	return (char *)text;
}

/* Where one of the texts begins and ends. */
static void choose(struct fuzz_random *random, const uint8_t *data, size_t size, size_t *begin, size_t *end)
{
	size_t count = 1, chosen;

	for (size_t i = 0; i < size; i++)
		count += data[i] == SEPARATOR;
	chosen = fuzz_below(random, count);
	for (*begin = 0; chosen; chosen--)
		*begin = (size_t)((const uint8_t *)memchr(data + *begin, SEPARATOR, size - *begin) - data) + 1;
	for (*end = *begin; *end < size && data[*end] != SEPARATOR;)
		++*end;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	struct fuzz_random random = { seed };
	size_t begin, end, bytes;
	char *text;

	choose(&random, data, size, &begin, &end);
	text = fuzz_below(&random, FUZZ_PLAIN) ? mutate_text(&random, (const char *)data + begin, end - begin) : NULL;
	bytes = text ? strlen(text) : 0;
	if (!text || size - (end - begin) + bytes > size_max) {
		free(text);
		return LLVMFuzzerMutate(data, size, size_max);
	}
	memmove(data + begin + bytes, data + end, size - end);
	memcpy(data + begin, text, bytes);
	free(text);
	return size - (end - begin) + bytes;
}
