/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* GPT-2's byte alphabet: how vocabularies spell bytes in printable characters. A byte that prints in Latin-1 is written
 * as itself; the 68 others (controls, the space, DEL, the no-break space, the soft hyphen) are U+0100, U+0101, ... in
 * order:
 *
 *     byte       00..20       21..7e    7f..a0       a1..ac    ad       ae..ff
 *     character  U+100..120   itself    U+121..142   itself    U+143    itself
 *
 * so a space is U+0120 and " the" is spelled with it in front. */

#include <stddef.h>
#include <stdint.h>

/* Writes the bytes a spelling stands for (never more than the spelling has; `into` may be NULL to count, and may be the
 * spelling itself) and returns their number, or -EINVAL when a character is not of the alphabet. */
int64_t wick_bytelevel_decode(const char *spelling, size_t length, char *into);

/* The character that spells one byte. */
uint32_t wick_bytelevel_spell(uint8_t byte);
