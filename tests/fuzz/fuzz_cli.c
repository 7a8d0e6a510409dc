/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The words of a command line, a line each, the first of which is a command: refused with a sentence that a terminal can be
 * given, or every value is one that its option may have. No command is run. */

#include "bits.h"
#include "commands.h"
#include "fuzz.h"
#include "text.h"
#include "trace_commands.h"

#include <errno.h>

#define WORDS_MAX 64

static const struct command *const commands[] = {
	&cmd_run, &cmd_chat, &cmd_serve, &cmd_pack, &cmd_train, &cmd_plan, &cmd_info, &cmd_verify, &cmd_eval, &cmd_bench, &cmd_flashbench, &cmd_doctor,
	&cmd_trace_record, &cmd_trace_stats, &cmd_trace_synth,
};

static const struct command *find_command(const char *word)
{
	for (unsigned i = 0; i < WICK_COUNT_OF(commands); i++) {
		const char *space = strrchr(commands[i]->name, ' ');

		if (strcmp(space ? space + 1 : commands[i]->name, word) == 0)
			return commands[i];
	}
	return NULL;
}

/* As at the start of a process. */
static void forget(const struct opt *opt)
{
	static const struct {
		size_t bytes;
	} kinds[OPT_KINDS] = {
		[OPT_FLAG] = { sizeof(bool) },
		[OPT_COUNT] = { sizeof(uint32_t) },
		[OPT_SEED] = { sizeof(uint64_t) },
		[OPT_MASK] = { sizeof(uint32_t) },
		[OPT_SIZE] = { sizeof(uint64_t) },
		[OPT_BUDGET] = { sizeof(struct wick_memory) },
		[OPT_NUMBER] = { sizeof(float) },
		[OPT_TEXT] = { sizeof(char *) },
		[OPT_INPUT] = { sizeof(char *) },
		[OPT_OUTPUT] = { sizeof(char *) },
		[OPT_TEXTS] = { sizeof(struct opt_texts) },
		[OPT_CHOICE] = { sizeof(char *) },
	};

	for (; opt && opt->kind != OPT_END; opt++)
		if (kinds[opt->kind].bytes)
			memset(opt->into.flag, 0, kinds[opt->kind].bytes);
}

static bool in_bounds(const struct opt *opt, double value)
{
	return value >= opt->min && (!opt->max || value <= opt->max);
}

/* As the table says, or not given. */
static bool is_fine(const struct opt *opt)
{
	switch (opt->kind) {
	case OPT_COUNT:
		return in_bounds(opt, *opt->into.count) || *opt->into.count == 0;
	case OPT_SEED:
		return *opt->into.seed <= INT64_MAX || *opt->into.seed == UINT64_MAX;
	case OPT_SIZE:
		return in_bounds(opt, (double)*opt->into.size) || *opt->into.size == 0;
	case OPT_BUDGET:
		return opt->into.budget->percent >= 0 && !(opt->into.budget->percent && opt->into.budget->bytes);
	case OPT_NUMBER:
		return (*opt->into.number >= (float)opt->min && (!opt->max || *opt->into.number <= (float)opt->max)) ||
			*opt->into.number == 0;
	case OPT_TEXTS:
		return opt->into.texts->count <= OPT_TEXTS_MAX;
	default:
		return true;
	}
}

static void check_values(const struct opt *opt)
{
	for (; opt && opt->kind != OPT_END; opt++) {
		wick_require(is_fine(opt));
		for (const char *const *choice = opt->kind == OPT_CHOICE ? opt->choices : NULL; choice; choice++) {
			wick_require(!*opt->into.text || *choice); /* it is found before the list ends */
			if (!*opt->into.text || strcmp(*choice, *opt->into.text) == 0)
				break;
		}
	}
}

/* What main() makes of a sentence can be printed. */
static void check_sentence(int rc, struct wick_diag *diag)
{
	fuzz_check(rc, diag);
	wick_require(rc == -EINVAL);
	text_clean(diag->text);
	for (const char *c = diag->text; *c; c++)
		wick_require((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void try(const struct command *command, char **words)
{
	struct wick_diag diag = { "" };
	int rc;

	forget(command->options);
	forget(command->also);
	forget(command->shared);
	if (command->operand_into)
		*command->operand_into = NULL;
	if (command->init)
		command->init();
	rc = opt_parse(command, words, &diag);
	if (rc == OPT_HELP)
		return;
	if (rc == 0) {
		check_values(command->options);
		check_values(command->also);
		check_values(command->shared);
		wick_require(!command->operand || command->operand_optional || *command->operand_into);
	}
	if (rc == 0 && command->check)
		rc = command->check(&diag);
	if (rc)
		check_sentence(rc, &diag);
}

/* Copies of the words, each of exactly its length, so that a sanitizer sees its end. */
static char *next_word(const uint8_t **data, size_t *size)
{
	const uint8_t *end = memchr(*data, '\n', *size);
	size_t length = end ? (size_t)(end - *data) : *size;
	char *word = malloc(length + 1);

	wick_require(word);
	memcpy(word, *data, length);
	word[length] = 0;
	*data += length + (end != NULL);
	*size -= length + (end != NULL);
	return word;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *words[WORDS_MAX + 1] = { NULL };
	const struct command *command;
	unsigned count = 0;

	while (size && count < WORDS_MAX)
		words[count++] = next_word(&data, &size);
	command = count ? find_command(words[0]) : NULL;
	if (command)
		try(command, words + 1);
	for (unsigned i = 0; i < count; i++)
		free(words[i]);
	return 0;
}
