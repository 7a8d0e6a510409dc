/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The pre-tokenisers by name (see pre.h). The expressions are those of the models' own tokenizer.json; ByteLevel and
 * Digits, which have none there, are written out. */

#include "pre.h"

#include "bits.h"

#include <string.h>

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define END_OF_LINES "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define BYTE_LEVEL "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define WORDS(digits) \
	CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" END_OF_LINES
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(suffix, digits) \
	"[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" suffix "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" suffix \
	"|" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" END_OF_LINES
#define HAN "[一-龥ࠀ-一가-퟿]+"

typedef const char *const expressions[WICK_PRE_EXPRESSIONS_MAX];

static expressions byte_level = { BYTE_LEVEL };
static expressions digit_byte_level = { "\\p{N}", BYTE_LEVEL };
static expressions threes = { WORDS("\\p{N}{1,3}") };
static expressions ones = { WORDS("\\p{N}") };
static expressions with_marks = { CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
	"| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" END_OF_LINES };
static expressions cased_threes = { CASED(CONTRACTIONS "?", "\\p{N}{1,3}") };
static expressions cased_ones = { CASED("", "\\p{N}") };
static expressions falcon = { "[\\p{P}\\$\\+<=>\\^~\\|`]+", BYTE_LEVEL, "[0-9][0-9][0-9]" };
static expressions unnamed = { "[\\p{P}\\$\\+<=>\\^~\\|]+", BYTE_LEVEL, "\\p{N}+", "[0-9][0-9][0-9]" };
static expressions deepseek_coder = { "[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", HAN, "\\p{N}" };
static expressions deepseek_v3 = { "\\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
	"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
	"| ?[\\p{P}\\p{S}]+[\\r\\n]*|" END_OF_LINES };
/* The class is literal: letters with two cases, as Unicode had them then. */
static expressions deepseek_llm = { "[\\r\\n]",
	"\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕ"
	"ℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+",
	"\\s?[!-/:-~！-／：-～‘-‟　-。]+", "\\s+$", HAN, "\\p{N}+" };

static const struct wick_pre pres[] = {
	{ "llama-bpe", threes, .whole_words = true, .add_bos = true },
	{ "llama3", threes, .whole_words = true, .add_bos = true },
	{ "llama-v3", threes, .whole_words = true, .add_bos = true },
	{ "falcon3", threes, .whole_words = true, .add_bos = true },
	{ "falcon-h1", threes, .whole_words = true, .add_bos = true },
	{ "pixtral", threes, .whole_words = true, .add_bos = true },
	{ "midm-2.0", threes, .whole_words = true, .add_bos = true },
	{ "lfm2", threes, .whole_words = true, .add_bos = true },
	{ "dbrx", threes },
	{ "smaug-bpe", threes },
	{ "chatglm-bpe", threes },
	{ "glm4", threes, .whole_words = true },
	{ "qwen2", ones, .nfc = true },
	{ "deepseek-r1-qwen", ones, .nfc = true },
	{ "megrez", ones, .nfc = true },
	{ "stablelm2", ones, .nfc = true },
	{ "hunyuan", ones },
	{ "grok-2", ones },
	{ "qwen35", with_marks, .nfc = true },
	{ "gpt-4o", cased_threes },
	{ "llama4", cased_threes },
	{ "kanana2", cased_threes },
	{ "minimax-m2", cased_threes },
	{ "tekken", cased_ones, .whole_words = true, .add_bos = true },
	{ "deepseek-llm", deepseek_llm },
	{ "deepseek-coder", deepseek_coder },
	{ "deepseek-v3", deepseek_v3 },
	{ "hunyuan-dense", deepseek_v3 },
	{ "joyai-llm", deepseek_v3 },
	{ "gpt-2", byte_level },
	{ "phi-2", byte_level },
	{ "jina-es", byte_level },
	{ "jina-de", byte_level },
	{ "jina-v2-es", byte_level },
	{ "jina-v2-de", byte_level },
	{ "gigachat", byte_level },
	{ "mellum", byte_level },
	{ "a.x-4.0", byte_level },
	{ "exaone4", byte_level },
	{ "jais", byte_level },
	{ "mpt", byte_level, .nfc = true },
	{ "olmo", byte_level, .nfc = true },
	{ "smollm", digit_byte_level },
	{ "starcoder", digit_byte_level },
	{ "refact", digit_byte_level },
	{ "command-r", digit_byte_level, .nfc = true },
	{ "codeshell", digit_byte_level },
	{ "falcon", falcon },
	{ "default", unnamed },
};

const struct wick_pre *wick_pre_find(const char *name, size_t length)
{
	for (size_t i = 0; i < WICK_COUNT_OF(pres); i++)
		if (strlen(pres[i].name) == length && !memcmp(pres[i].name, name, length))
			return &pres[i];
	return NULL;
}

bool wick_pre_matches_all(const char *expression)
{
	const char *const all[] = { BYTE_LEVEL, threes[0], ones[0], with_marks[0], cased_threes[0], cased_ones[0] };

	for (size_t i = 0; i < WICK_COUNT_OF(all); i++)
		if (!strcmp(all[i], expression))
			return true;
	return false;
}

static bool are_equal(const char *const *some, const char *const *others)
{
	size_t i = 0;

	while (some[i] && others[i] && !strcmp(some[i], others[i]))
		i++;
	return !some[i] && !others[i];
}

const struct wick_pre *wick_pre_like(const char *const *some, bool nfc, bool whole_words)
{
	for (size_t i = 0; i < WICK_COUNT_OF(pres); i++)
		if (pres[i].nfc == nfc && pres[i].whole_words == whole_words &&
			are_equal(pres[i].expressions, some))
			return &pres[i];
	return NULL;
}
