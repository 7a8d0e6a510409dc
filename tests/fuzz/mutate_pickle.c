/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Mutates pickles as programs: whole opcodes with their arguments are left out, put elsewhere once more, made up, or have
 * their number changed. */

#include "bits.h"
#include "mutate.h"
#include "pickle_machine.h"
#include "random.h"

#include <string.h>

#define STEPS_MAX 2048

struct program {
	uint8_t *data;
	size_t size, size_max;
	size_t steps[STEPS_MAX + 1]; /* where each begins, and where the last one ends */
	unsigned count;
	struct fuzz_random random;
};

static const uint8_t widths[] = { [WICK_PICKLE_NOTHING] = 0, [WICK_PICKLE_U1] = 1, [WICK_PICKLE_U2] = 2,
	[WICK_PICKLE_I4] = 4, [WICK_PICKLE_U4] = 4, [WICK_PICKLE_SKIP8] = 8, [WICK_PICKLE_BYTES1] = 1,
	[WICK_PICKLE_BYTES4] = 4, [WICK_PICKLE_BYTES8] = 8, [WICK_PICKLE_LINES] = 0 };

/* Bytes of an opcode with its argument; 0 when it does not end. */
static size_t step_bytes(const uint8_t *data, size_t size)
{
	enum wick_pickle_form form = wick_pickle_opcodes[data[0]].form;
	uint64_t length = 0;
	size_t bytes = 1 + (size_t)widths[form];

	if (form == WICK_PICKLE_LINES) {
		const uint8_t *line = memchr(data, '\n', size);
		const uint8_t *end = line ? memchr(line + 1, '\n', (size_t)(data + size - line - 1)) : NULL;

		return end ? (size_t)(end - data) + 1 : 0;
	}
	if (bytes > size)
		return 0;
	if (form >= WICK_PICKLE_BYTES1 && form <= WICK_PICKLE_BYTES8)
		memcpy(&length, data + 1, widths[form]);
	return length > size - bytes ? 0 : bytes + length;
}

static void scan(struct program *program)
{
	size_t at = 0;

	program->count = 0;
	while (at < program->size && program->count < STEPS_MAX) {
		size_t bytes = step_bytes(program->data + at, program->size - at);

		program->steps[program->count++] = at;
		at += bytes ? bytes : 1;
	}
	program->steps[program->count] = at;
}

static bool replace(struct program *program, size_t at, size_t fewer, const uint8_t *with, size_t more)
{
	if (program->size - fewer + more > program->size_max)
		return false;
	memmove(program->data + at + more, program->data + at + fewer, program->size - at - fewer);
	memcpy(program->data + at, with, more);
	program->size += more - fewer;
	return true;
}

/* One to three steps. */
static void choose(struct program *program, size_t *at, size_t *bytes)
{
	unsigned first = (unsigned)fuzz_below(&program->random, program->count);
	unsigned end = first + 1 + (unsigned)fuzz_below(&program->random, 3);

	*at = program->steps[first];
	*bytes = program->steps[WICK_MIN(program->count, end)] - *at;
}

static void leave_out(struct program *program)
{
	size_t at, bytes;

	choose(program, &at, &bytes);
	replace(program, at, bytes, program->data, 0);
}

static void put_again(struct program *program)
{
	uint8_t copy[512];
	size_t from, bytes, at = program->steps[fuzz_below(&program->random, program->count)];

	choose(program, &from, &bytes);
	if (bytes > sizeof(copy))
		return;
	memcpy(copy, program->data + from, bytes);
	replace(program, at, 0, copy, bytes);
}

/* An opcode of the list, with an argument of its form. */
static size_t make_step(struct program *program, uint8_t step[64])
{
	static const char global[] = "torch._utils\n_rebuild_tensor_v2\n";
	uint8_t code;
	size_t width;
	uint64_t number = fuzz_number(&program->random);

	do
		code = (uint8_t)fuzz_draw(&program->random);
	while (!wick_pickle_opcodes[code].name);
	step[0] = code;
	width = widths[wick_pickle_opcodes[code].form];
	if (wick_pickle_opcodes[code].form == WICK_PICKLE_LINES) {
		memcpy(step + 1, global, sizeof(global) - 1);
		return sizeof(global);
	}
	if (wick_pickle_opcodes[code].form < WICK_PICKLE_BYTES1 || wick_pickle_opcodes[code].form > WICK_PICKLE_BYTES8) {
		memcpy(step + 1, &number, width);
		return 1 + width;
	}
	number = fuzz_below(&program->random, 10);
	memcpy(step + 1, &number, width);
	memset(step + 1 + width, 0xff, number);
	return 1 + width + number;
}

static void put_in(struct program *program)
{
	uint8_t step[64];
	size_t bytes = make_step(program, step);

	replace(program, program->steps[fuzz_below(&program->random, program->count)], 0, step, bytes);
}

/* A number, or a length that then lies. */
static void change_number(struct program *program)
{
	size_t at = program->steps[fuzz_below(&program->random, program->count)];
	size_t width = widths[wick_pickle_opcodes[program->data[at]].form];
	uint64_t number = fuzz_number(&program->random);

	if (width && at + 1 + width <= program->size)
		memcpy(program->data + at + 1, &number, width);
}

size_t fuzz_mutate_pickle(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	static void (*const ways[])(struct program *) = { leave_out, put_again, put_in, change_number };
	static struct program program;
	unsigned changes;

	program.data = data;
	program.size = size;
	program.size_max = size_max;
	program.random.state = seed;
	changes = 1 + (unsigned)fuzz_below(&program.random, 4);
	if (size == 0 || fuzz_below(&program.random, FUZZ_PLAIN) == 0)
		return LLVMFuzzerMutate(data, size, size_max);
	for (unsigned i = 0; i < changes && program.size; i++) {
		scan(&program);
		ways[fuzz_below(&program.random, WICK_COUNT_OF(ways))](&program);
	}
	return program.size;
}
