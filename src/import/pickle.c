/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Runs the pickle machine: decodes each opcode with its argument. */

#include "pickle_machine.h"

#include "bits.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The next `count` bytes of the pickle. */
static int take(struct wick_pickle *pickle, uint64_t count, struct wick_pickle_text *text)
{
	if (count > pickle->length - pickle->position)
		return wick_pickle_refuse(pickle, "it ends in the middle");
	text->bytes = pickle->bytes + pickle->position;
	text->length = count;
	pickle->position += count;
	return 0;
}

static int take_line(struct wick_pickle *pickle, struct wick_pickle_text *line)
{
	const char *start = pickle->bytes + pickle->position;
	const char *end = memchr(start, '\n', pickle->length - pickle->position);

	if (!end)
		return wick_pickle_refuse(pickle, "it ends in the middle");
	*line = (struct wick_pickle_text){ start, end - start };
	pickle->position += end - start + 1;
	return 0;
}

/* A little-endian number of up to eight bytes. */
static int take_number(struct wick_pickle *pickle, size_t width, uint64_t *number)
{
	struct wick_pickle_text text = { 0 };
	int ret = take(pickle, width, &text);

	*number = 0;
	if (ret)
		return ret;
	memcpy(number, text.bytes, width);
	*number = le64toh(*number);
	return 0;
}

static int take_arg(struct wick_pickle *pickle, enum wick_pickle_form form, struct wick_pickle_arg *arg)
{
	static const struct {
		size_t width;
		bool is_length;
	} forms[] = {
		[WICK_PICKLE_U1] = { 1, false },
		[WICK_PICKLE_U2] = { 2, false },
		[WICK_PICKLE_I4] = { 4, false },
		[WICK_PICKLE_U4] = { 4, false },
		[WICK_PICKLE_SKIP8] = { 8, false },
		[WICK_PICKLE_BYTES1] = { 1, true },
		[WICK_PICKLE_BYTES4] = { 4, true },
		[WICK_PICKLE_BYTES8] = { 8, true },
	};
	uint64_t number;
	int ret;

	if (form == WICK_PICKLE_NOTHING)
		return 0;
	if (form == WICK_PICKLE_LINES) {
		ret = take_line(pickle, &arg->text);
		return ret ? ret : take_line(pickle, &arg->text2);
	}
	ret = take_number(pickle, forms[form].width, &number);
	if (ret)
		return ret;
	arg->number = form == WICK_PICKLE_I4 ? (int32_t)number : (int64_t)number;
	return forms[form].is_length ? take(pickle, number, &arg->text) : 0;
}

static int run_opcode(struct wick_pickle *pickle)
{
	uint8_t code = (uint8_t)pickle->bytes[pickle->position];
	struct wick_pickle_arg arg = { .detail = wick_pickle_opcodes[code].detail };
	int ret;

	pickle->opcode = &wick_pickle_opcodes[code];
	pickle->opcode_at = pickle->position++;
	if (!pickle->opcode->name)
		return wick_diag_say(pickle->diag, -EINVAL,
			"%s: pickle opcode 0x%02x at byte %zu is not one of torch.save's", pickle->name, code,
			pickle->opcode_at);
	ret = take_arg(pickle, pickle->opcode->form, &arg);
	return ret ? ret : pickle->opcode->step(pickle, &arg);
}

static int run(struct wick_pickle *pickle)
{
	while (!pickle->root) {
		int ret;

		if (pickle->position == pickle->length)
			return wick_diag_say(pickle->diag, -EINVAL, "%s: its pickle ends at byte %zu without a STOP",
				pickle->name, pickle->length);
		ret = run_opcode(pickle);
		if (ret)
			return ret;
	}
	return 0;
}

int wick_pickle_parse(struct wick_pickle **pickle, const void *bytes, size_t length,
	const struct wick_pickle_class *classes, size_t class_count, const char *name, struct wick_diag *diag)
{
	struct wick_pickle *made;
	int ret;

	*pickle = NULL;
	if (length > WICK_PICKLE_BYTES_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: a pickle of %zu bytes, more than the %u that one may have",
			name, length, WICK_PICKLE_BYTES_MAX);
	made = calloc(1, sizeof(*made));
	if (!made)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", name);
	*made = (struct wick_pickle){
		.bytes = bytes,
		.length = length,
		.classes = classes,
		.class_count = class_count,
		.name = name,
		.diag = diag,
	};
	ret = run(made);
	if (ret) {
		wick_pickle_free(made);
		return ret;
	}
	*pickle = made;
	return 0;
}

void wick_pickle_free(struct wick_pickle *pickle)
{
	if (!pickle)
		return;
	while (pickle->blocks) {
		struct wick_pickle_block *next = pickle->blocks->next;

		for (size_t i = 0; i < WICK_PICKLE_BLOCK_VALUES; i++)
			if (pickle->blocks->values[i].capacity)
				free(pickle->blocks->values[i].items);
		free(pickle->blocks);
		pickle->blocks = next;
	}
	free(pickle->stack.at);
	free(pickle->memo.at);
	free(pickle);
}

const struct wick_pickle_value *wick_pickle_root(const struct wick_pickle *pickle)
{
	return pickle->root;
}
