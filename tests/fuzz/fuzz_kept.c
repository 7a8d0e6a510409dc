/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Sessions that were kept, of the fixture plain-f32: none crashes, one that is refused has a sentence and leaves the session without
 * tokens, and one that is taken gives whole blocks. What ties a file to one model is put in, since it differs with every
 * copy of that; then, in turn, the checksum of the tokens. */

#include "fuzz.h"

#include "kernels.h"

#include <wick/wick.h>

#define HEAD_BYTES 32
#define COUNT_AT 12
#define TIED_AT 16 /* of the head, 16 bytes: what made it, bytes of a block */
#define TOKENS WICK_KV_POSITIONS_STEP

static struct wick *wick;
static struct wick_session *session;
static uint8_t tied[16];
static const char *const names[] = { "kept" };
static struct fuzz_folder folder;
static char path[512];

static void learn_tie(void)
{
	uint32_t ids[TOKENS] = { 0 };
	struct wick_diag diag = { 0 };
	FILE *in;

	wick_require(!wick_session_eval(session, ids, TOKENS, NULL, NULL, &diag));
	wick_require(!wick_session_keep(session, ids, path, &diag));
	wick_session_reset(session);
	in = fopen(path, "rbe");
	wick_require(in && !fseek(in, TIED_AT, SEEK_SET) && fread(tied, 1, sizeof(tied), in) == sizeof(tied));
	fclose(in);
	unlink(path);
}

static void open_engine(void)
{
	const char *source = getenv("WICK_SOURCE");
	char checkpoint[512], model[512];
	struct wick_options options;
	struct wick_diag diag = { 0 };

	fuzz_folder_make(&folder, names, 1);
	snprintf(checkpoint, sizeof(checkpoint), "%s/tests/golden/fixtures/plain-f32", source ? source : ".");
	snprintf(model, sizeof(model), "%s/model.gguf", folder.path);
	snprintf(path, sizeof(path), "%s/kept", folder.path);
	wick_require(!wick_pack(checkpoint, model, NULL, &diag));
	wick_options_init(&options);
	options.threads = 1;
	wick_require(!wick_open(&wick, model, &options, &diag));
	unlink(model);
	wick_require(!wick_session_create(&session, wick, &diag));
	learn_tie();
}

/* The first byte of the input says what is put right, the rest is the file. */
static uint8_t *make_file(const uint8_t *data, size_t size)
{
	uint8_t *file = malloc(size), what = *data++;
	struct wick_kernels kernels;
	uint32_t count, crc;
	uint64_t bytes;

	wick_require(file);
	memcpy(file, data, --size);
	if (size < HEAD_BYTES)
		return file;
	if (what & 1)
		memcpy(file + TIED_AT, tied, sizeof(tied));
	memcpy(&count, file + COUNT_AT, sizeof(count));
	bytes = HEAD_BYTES + (uint64_t)count * sizeof(count);
	if (!(what & 2) || bytes + sizeof(crc) > size)
		return file;
	wick_kernels_init(&kernels, ~0u);
	crc = kernels.crc32c(0, file, bytes);
	memcpy(file + bytes, &crc, sizeof(crc));
	return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wick_diag diag = { 0 };
	uint32_t ids[TOKENS] = { 0 }, all;
	uint8_t *file;
	int64_t count;
	int err;

	if (!size)
		return 0;
	if (!wick)
		open_engine();
	all = wick_free_positions(wick);
	file = make_file(data, size);
	fuzz_folder_put(0, file, size - 1);
	free(file);
	count = wick_kept_ids(wick, path, ids, TOKENS, &diag);
	fuzz_check(count < 0 ? (int)count : 0, &diag);
	err = wick_session_resume(session, path, ids, TOKENS, &diag);
	fuzz_check(err, &diag);
	wick_require(!err <= (count >= 0));
	wick_require(wick_session_position(session) % TOKENS == 0 && (!err || !wick_session_position(session)));
	wick_session_reset(session);
	wick_require(wick_free_positions(wick) == all);
	return 0;
}
