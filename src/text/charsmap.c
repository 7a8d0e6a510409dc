/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* SentencePiece's map of characters (see charsmap.h). It is kept as a double array, a tree of bytes in one list of
 * numbers: the children of a unit are at its place XOR its offset XOR the byte, and each says which byte it is for.
 *
 *     bits 0-7    the byte; bit 31 is set where the unit is a value instead, bits 0-30 of it
 *     bit 8       a value is among the children, for the byte 0
 *     bits 9-31   the offset, times 256 if bit 9 is set
 *
 * The format is that of Darts-clone, which SentencePiece uses. */

#include "charsmap.h"

#include "bits.h"
#include "utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES_MAX 256 /* of what is replaced, so that no map takes long; those of Unicode are a few characters */
#define HAS_VALUE (1u << 8)
#define IS_VALUE (1u << 31)

static uint32_t number_at(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

int wick_charsmap_init(struct wick_charsmap *map, const uint8_t *blob, size_t bytes, const char *whose,
	struct wick_diag *diag)
{
	uint32_t units = bytes > 4 ? number_at(blob) / 4 : 0;
	size_t texts = 4 + (size_t)units * 4;

	*map = (struct wick_charsmap){ 0 };
	if (!units || number_at(blob) % 4 || texts >= bytes || bytes > INT32_MAX || blob[bytes - 1])
		return wick_diag_say(diag, -EINVAL, "%s: its map of characters is cut, or none", whose);
	map->units = malloc((size_t)units * sizeof(*map->units));
	map->texts = malloc(bytes - texts);
	if (!map->units || !map->texts) {
		wick_charsmap_free(map);
		return -ENOMEM;
	}
	map->unit_count = units;
	map->text_bytes = (uint32_t)(bytes - texts);
	for (uint32_t i = 0; i < units; i++)
		map->units[i] = number_at(blob + 4 + (size_t)i * 4);
	memcpy(map->texts, blob + texts, bytes - texts);
	return 0;
}

void wick_charsmap_free(struct wick_charsmap *map)
{
	free(map->units);
	free(map->texts);
	*map = (struct wick_charsmap){ 0 };
}

uint64_t wick_charsmap_bytes(const struct wick_charsmap *map)
{
	return (uint64_t)map->unit_count * sizeof(*map->units) + map->text_bytes;
}

/* The place where the children of a unit begin. */
static uint32_t offset_of(uint32_t unit)
{
	return unit >> 10 << ((unit & 1u << 9) ? 8 : 0);
}

/* Goes down by one byte. False where nothing is there. */
static bool descend(const struct wick_charsmap *map, uint32_t *place, uint8_t byte, uint32_t *unit)
{
	uint32_t at = *place ^ byte;

	if (at >= map->unit_count || (map->units[at] & (IS_VALUE | 0xff)) != byte)
		return false;
	*unit = map->units[at];
	*place = at ^ offset_of(*unit);
	return true;
}

/* The text of the value among the children, NULL: there is none. */
static const char *value_at(const struct wick_charsmap *map, uint32_t place, uint32_t unit)
{
	uint32_t value = (unit & HAS_VALUE) && place < map->unit_count ? map->units[place] & ~IS_VALUE : UINT32_MAX;

	return value < map->text_bytes ? map->texts + value : NULL;
}

const char *wick_charsmap_find(const struct wick_charsmap *map, const char *text, size_t bytes, size_t *taken,
	size_t *length)
{
	uint32_t place = map->units ? offset_of(map->units[0]) : 0, unit;
	const char *longest = NULL;
	int first = wick_utf8_length(text, bytes);

	*taken = first > 0 ? (size_t)first : 1;
	bytes = map->units ? WICK_MIN(bytes, KEY_BYTES_MAX) : 0;
	for (size_t i = 0; i < bytes && descend(map, &place, (uint8_t)text[i], &unit); i++) {
		const char *value = value_at(map, place, unit);
		size_t value_bytes = value ? strnlen(value, WICK_CHARSMAP_GROWTH * (i + 1) + 1) : 0;

		if (!value || value_bytes > WICK_CHARSMAP_GROWTH * (i + 1))
			continue;
		longest = value;
		*taken = i + 1;
		*length = value_bytes;
	}
	return longest;
}
