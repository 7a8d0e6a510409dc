/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Traces: what is written is read, in any order of tokens; a file by another writer is understood; one with any byte
 * changed, or cut anywhere, is refused. */

#include "trace.h"

#include "check.h"
#include "trace_format.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LAYERS 3
#define N_FF 77
#define TOKENS 5

static char folder[256], path[300];
static bool fires[TOKENS][LAYERS][N_FF];
static uint8_t level[TOKENS][LAYERS][N_FF]; /* of the lookahead */
static uint64_t random_state = 12345;

/* xorshift64* */
static uint32_t pick(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1d >> 33) % below;
}

static void make_up(void)
{
	for (unsigned t = 0; t < TOKENS; t++)
		for (unsigned l = 0; l < LAYERS; l++)
			for (unsigned i = 0; i < N_FF; i++) {
				fires[t][l][i] = pick(5) == 0;
				level[t][l][i] = pick(3) ? 0 : pick(256);
			}
}

static int write_layer(struct wick_trace_writer *writer, unsigned t, unsigned l)
{
	uint32_t ids[N_FF], likely[N_FF], count = 0, likely_count = 0;
	float probability[N_FF];

	for (unsigned i = 0; i < N_FF; i++)
		if (fires[t][l][i])
			ids[count++] = i;
	for (unsigned i = N_FF; i-- > 0;)
		if (level[t][l][i]) {
			likely[likely_count] = i;
			probability[likely_count++] = level[t][l][i] / 255.f;
		}
	return wick_trace_add(writer, l, ids, count, likely, probability, likely_count, NULL);
}

static void write_trace(bool lookahead)
{
	struct wick_trace_shape shape = {
		.layers = LAYERS, .n_ff = N_FF, .model_crc = 0x1234abcd, .synthetic = !lookahead, .lookahead = lookahead
	};
	struct wick_trace_writer *writer;

	if (shape.synthetic)
		shape.synthesis = (struct wick_trace_synthesis){ 2.5, 0.5, 77 };
	assert_int_equal(wick_trace_create(&writer, path, &shape, NULL), 0);
	for (unsigned t = 0; t < TOKENS; t++)
		for (unsigned l = 0; l < LAYERS; l++)
			assert_int_equal(write_layer(writer, t, l), 0);
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
}

static void compare_likely(const struct wick_trace *trace, unsigned t, unsigned l, uint32_t most)
{
	uint32_t ids[N_FF], count = wick_trace_likely(trace, l, ids, (float[N_FF]){ 0 }, N_FF), expected = 0;
	float probability[N_FF];
	bool seen[N_FF] = { false };

	for (unsigned i = 0; i < N_FF; i++)
		expected += level[t][l][i] != 0;
	assert_int_equal(count, expected);
	count = wick_trace_likely(trace, l, ids, probability, most);
	assert_int_equal(count, expected < most ? expected : most);
	for (uint32_t k = 0; k < count; k++) {
		assert_true(probability[k] == level[t][l][ids[k]] * (1.f / 255));
		seen[ids[k]] = true;
		if (k > 0)
			assert_true(probability[k] < probability[k - 1] ||
				(probability[k] == probability[k - 1] && ids[k] > ids[k - 1]));
	}
	for (unsigned i = 0; count && i < N_FF; i++) /* nobody was left out who is likelier than the last */
		assert_true(seen[i] || level[t][l][i] <= level[t][l][ids[count - 1]]);
}

static void compare(const struct wick_trace *trace, unsigned t, bool lookahead)
{
	for (unsigned l = 0; l < LAYERS; l++) {
		uint32_t ids[N_FF], count = wick_trace_active(trace, l, ids), k = 0;

		for (unsigned i = 0; i < N_FF; i++)
			if (fires[t][l][i]) {
				assert_true(k < count);
				assert_int_equal(ids[k++], i);
			}
		assert_int_equal(k, count);
		if (lookahead) {
			compare_likely(trace, t, l, N_FF);
			compare_likely(trace, t, l, 7);
			compare_likely(trace, t, l, 0);
		} else {
			assert_int_equal(wick_trace_likely(trace, l, ids, (float[N_FF]){ 0 }, N_FF), 0);
		}
	}
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	for (unsigned lookahead = 0; lookahead <= 1; lookahead++) {
		const struct wick_trace_shape *shape;
		struct wick_trace *trace;

		write_trace(lookahead);
		assert_int_equal(wick_trace_open(&trace, path, NULL), 0);
		shape = wick_trace_shape(trace);
		assert_int_equal(shape->layers, LAYERS);
		assert_int_equal(shape->n_ff, N_FF);
		assert_int_equal(shape->tokens, TOKENS);
		assert_int_equal(shape->model_crc, 0x1234abcd);
		assert_int_equal(shape->synthetic, !lookahead);
		assert_true(shape->synthesis.zipf == (lookahead ? 0 : 2.5));
		assert_int_equal(shape->synthesis.seed, lookahead ? 0 : 77);
		assert_int_equal(shape->lookahead, lookahead);
		for (unsigned t = 0; t < 3 * TOKENS; t++) { /* over the end */
			assert_int_equal(wick_trace_seek(trace, t, NULL), 0);
			compare(trace, t % TOKENS, lookahead);
		}
		for (unsigned i = 0; i < 100; i++) {
			uint64_t t = (uint64_t)TOKENS * pick(1000000) * 1000000 + pick(TOKENS);

			assert_int_equal(wick_trace_seek(trace, t, NULL), 0);
			compare(trace, t % TOKENS, lookahead);
		}
		wick_trace_close(trace);
	}
}

/* By tests/fuzz/make_trace_corpus.py, which follows docs/container.md: two tokens, two layers of 70 neurons. */
static void another_writers_file_is_understood(void **state)
{
	struct wick_trace *trace;
	uint32_t ids[70];
	float probability[70];
	char sound[1024];

	(void)state;
	if (!getenv("WICK_SOURCE"))
		skip();
	snprintf(sound, sizeof(sound), "%s/tests/fuzz/corpus/trace/lookahead", getenv("WICK_SOURCE"));
	assert_int_equal(wick_trace_open(&trace, sound, NULL), 0);
	assert_int_equal(wick_trace_shape(trace)->tokens, 2);
	assert_int_equal(wick_trace_shape(trace)->model_crc, 0xfeedbeef);
	assert_true(wick_trace_shape(trace)->synthetic);
	assert_true(wick_trace_shape(trace)->synthesis.zipf == 1.25);
	assert_true(wick_trace_shape(trace)->synthesis.active == 0.125);
	assert_true(wick_trace_shape(trace)->synthesis.seed == (uint64_t)1 << 63);
	assert_int_equal(wick_trace_seek(trace, 1, NULL), 0);
	assert_int_equal(wick_trace_active(trace, 0, ids), 0);
	assert_int_equal(wick_trace_active(trace, 1, ids), 4);
	assert_memory_equal(ids, ((uint32_t[]){ 0, 9, 64, 69 }), 4 * sizeof(*ids));
	assert_int_equal(wick_trace_likely(trace, 0, ids, probability, 70), 0);
	assert_int_equal(wick_trace_likely(trace, 1, ids, probability, 70), 3);
	assert_memory_equal(ids, ((uint32_t[]){ 69, 3, 8 }), 3 * sizeof(*ids));
	assert_true(probability[0] == 1 && probability[2] == 1.f / 255);
	wick_trace_close(trace);
}

/* All others beside it are wrong in one way each, with checksums that match. */
static void another_writers_mistakes_are_refused(void **state)
{
	struct dirent *entry;
	char corpus[1024];
	unsigned count = 0;
	DIR *dir;

	(void)state;
	if (!getenv("WICK_SOURCE"))
		skip();
	snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/trace", getenv("WICK_SOURCE"));
	dir = opendir(corpus);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		struct wick_trace *trace;
		char wrong[1400];
		int rc;

		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "plain") || !strcmp(entry->d_name, "lookahead"))
			continue;
		snprintf(wrong, sizeof(wrong), "%s/%s", corpus, entry->d_name);
		rc = wick_trace_open(&trace, wrong, NULL);
		for (unsigned t = 0; !rc && t < wick_trace_shape(trace)->tokens; t++)
			rc = wick_trace_seek(trace, t, NULL);
		wick_trace_close(trace);
		if (!rc)
			print_error("%s was accepted\n", wrong);
		assert_int_not_equal(rc, 0);
		count++;
	}
	closedir(dir);
	assert_true(count > 15);
}

static uint8_t *load(size_t *bytes)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	uint8_t *data;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &status), 0);
	*bytes = status.st_size;
	data = malloc(*bytes);
	assert_int_equal(fread(data, 1, *bytes, file), *bytes);
	fclose(file);
	return data;
}

static void store(const uint8_t *data, size_t bytes)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

/* Opens and reads all. An error has a sentence that names the file. */
static int read_all(struct wick_diag *diag)
{
	struct wick_trace *trace;
	int rc;

	diag->text[0] = 0;
	rc = wick_trace_open(&trace, path, diag);
	for (unsigned t = 0; !rc && t < wick_trace_shape(trace)->tokens; t++)
		rc = wick_trace_seek(trace, t, diag);
	wick_trace_close(trace);
	if (rc)
		assert_memory_equal(diag->text, path, strlen(path));
	else
		assert_string_equal(diag->text, "");
	return rc;
}

static void every_byte_counts(void **state)
{
	struct wick_diag diag;
	size_t bytes;
	uint8_t *data;

	(void)state;
	write_trace(true);
	data = load(&bytes);
	for (size_t i = 0; i < bytes; i++) {
		data[i] ^= 1u << i % 8;
		store(data, bytes);
		assert_int_not_equal(read_all(&diag), 0);
		data[i] ^= 1u << i % 8;
	}
	for (size_t i = 0; i < bytes; i += i < 200 || i > bytes - 200 ? 1 : 13) {
		store(data, i);
		assert_int_not_equal(read_all(&diag), 0);
	}
	store(data, bytes);
	assert_int_equal(read_all(&diag), 0);
	free(data);
}

static const char *after_path(const struct wick_diag *diag)
{
	return diag->text + strlen(path);
}

static void what_is_wrong_is_said(void **state)
{
	struct wick_trace *trace;
	struct wick_diag diag;
	size_t bytes;
	uint8_t *data;

	(void)state;
	write_trace(false);
	data = load(&bytes);
	store(data, bytes - 1);
	assert_int_equal(read_all(&diag), -EINVAL);
	assert_string_equal(after_path(&diag), ": has no end: it was cut, or is still being written");
	store((const uint8_t *)"wick", 4);
	assert_int_equal(read_all(&diag), -EINVAL);
	assert_string_equal(after_path(&diag), ": is not a trace: it has 4 bytes");
	data[64 + 8] ^= 1;
	store(data, bytes);
	assert_int_equal(read_all(&diag), -EINVAL);
	assert_string_equal(after_path(&diag), ": token 0, at byte 64: is damaged: its checksum does not match");
	data[64 + 8] ^= 1;
	data[0] = 'W';
	store(data, bytes);
	assert_int_equal(read_all(&diag), -EINVAL);
	assert_string_equal(after_path(&diag), ": is not a trace");
	data[0] = 'w';
	store(data, bytes);
	free(data);
	assert_int_equal(wick_trace_open(&trace, path, NULL), 0);
	diag.text[0] = 0;
	assert_int_equal(wick_trace_fits(trace, LAYERS, N_FF, 0, 0x1234abcd, &diag), 0);
	assert_int_equal(wick_trace_fits(trace, LAYERS, N_FF + 1, 0, 0x1234abcd, &diag), -EINVAL);
	assert_string_equal(after_path(&diag), ": is of a model of 3 layers of 77 neurons, not of 3 of 78");
	diag.text[0] = 0;
	assert_int_equal(wick_trace_fits(trace, LAYERS, N_FF, 0, 1, &diag), -EINVAL);
	assert_string_equal(after_path(&diag),
		": was recorded from another model: the checksum of that is 1234abcd, of this 00000001");
	wick_trace_close(trace);
	assert_int_equal(wick_trace_open(&trace, folder, NULL), -EINVAL);
	assert_null(trace);
	wick_trace_close(NULL);
}

static void nothing_is_left_of_a_discarded_one(void **state)
{
	struct wick_trace_shape shape = { .layers = LAYERS, .n_ff = N_FF };
	struct wick_trace_writer *writer;
	struct wick_diag diag = { "" };

	(void)state;
	unlink(path);
	assert_int_equal(wick_trace_create(&writer, path, &shape, NULL), 0);
	assert_int_equal(write_layer(writer, 0, 0), 0);
	wick_trace_discard(writer);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(wick_trace_create(&writer, path, &shape, NULL), 0);
	assert_int_equal(wick_trace_commit(writer, &diag), -EINVAL); /* no token */
	assert_string_equal(after_path(&diag), ": no tokens: there is nothing to write");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(folder), 0); /* no other file either */
	assert_int_equal(mkdir(folder, 0700), 0);
	wick_trace_discard(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(another_writers_file_is_understood),
		cmocka_unit_test(another_writers_mistakes_are_refused),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(nothing_is_left_of_a_discarded_one),
	};
	const char *temporary = getenv("TMPDIR");
	int failed;

	snprintf(folder, sizeof(folder), "%.200s/wick-trace-XXXXXX", temporary ? temporary : "/tmp");
	wick_require(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/trace", folder);
	make_up();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(folder);
	return failed;
}
