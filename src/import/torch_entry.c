/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Entries of a torch checkpoint's zip, read so that their checksums are compared (see torch_entry.h).
 *
 * Each entry has a checksum, which libzip compares after the last byte, if it gave all bytes before it in order. So an
 * entry is read in order, bytes that are not asked for included, until that has happened once; from then on it is known
 * to be sound, and any offset is read directly. An entry that is left before its end is read to the end first:
 *
 *     asked for:   [ab]   [c ]  [d ]            then [x ] of another entry
 *     read:        [ab....c ....d ...end]            [x ...
 *
 * That is at most once the entry in addition to what was asked for. */

#include "torch_entry.h"

#include "bits.h"

#include <errno.h>

#define UNPACK_AGAIN 4            /* times the size of the compressed entries */
#define UNPACK_FREE (16ull << 20) /* bytes, beyond that */

typedef unsigned long long ull;

/* A sentence from libzip's error code. */
int wick_torch_say_zip(const struct wick_source_file *file, int code, const char *what, struct wick_diag *diag)
{
	zip_error_t error;
	int ret;

	zip_error_init_with_code(&error, code);
	ret = wick_diag_say(diag, code == ZIP_ER_MEMORY ? -ENOMEM : -EINVAL, "%s: %s: %s", file->path, what,
		zip_error_strerror(&error));
	zip_error_fini(&error);
	return ret;
}

void wick_torch_close_entry(struct wick_torch_archive *archive)
{
	if (archive->entry)
		zip_fclose(archive->entry);
	archive->entry = NULL;
}

/* A compressed entry is unpacked from its start each time it is opened. torch.save compresses nothing, so that only
 * other tools' files come here: those that are read more or less in order are worth reading, those that would be
 * unpacked for every tensor anew are not. */
static int count_unpacked(struct wick_source_file *file, const char *what, struct wick_diag *diag)
{
	struct wick_torch_archive *archive = file->state;
	bool again = archive->states[archive->entry_index] & WICK_TORCH_MET;
	uint64_t *sum = again ? &archive->unpacked_again : &archive->unpacked_once;

	*sum = wick_add(*sum, archive->entry_bytes);
	if (archive->unpacked_again <= wick_add(wick_mul(UNPACK_AGAIN, archive->unpacked_once), UNPACK_FREE))
		return 0;
	return wick_diag_say(diag, -EINVAL,
		"%s: %s: its storage is compressed and would be unpacked again and again; "
		"save it as PyTorch does, stored",
		file->path, what);
}

/* Makes `index` the open entry, at its start. what names it in the sentence. */
int wick_torch_open_entry(struct wick_source_file *file, uint64_t index, const char *what, struct wick_diag *diag)
{
	struct wick_torch_archive *archive = file->state;
	zip_stat_t stat;
	int ret = 0;

	wick_torch_close_entry(archive);
	archive->entry = zip_fopen_index(archive->zip, index, 0);
	if (!archive->entry || zip_stat_index(archive->zip, index, 0, &stat))
		return wick_torch_say_zip(file, zip_error_code_zip(zip_get_error(archive->zip)), what, diag);
	archive->entry_index = index;
	archive->position = 0;
	archive->entry_bytes = stat.size;
	archive->entry_seeks = stat.comp_method == ZIP_CM_STORE;
	if (!archive->entry_seeks)
		ret = count_unpacked(file, what, diag);
	archive->states[index] |= WICK_TORCH_MET;
	return ret;
}

/* After the last byte libzip compares the checksum, if all of them were read in order. */
static int finish_entry(struct wick_source_file *file, const char *what, struct wick_diag *diag)
{
	struct wick_torch_archive *archive = file->state;
	char more;

	if (zip_fread(archive->entry, &more, 1) != 0)
		return wick_torch_say_zip(file, zip_error_code_zip(zip_file_get_error(archive->entry)), what, diag);
	archive->states[archive->entry_index] |= WICK_TORCH_SOUND;
	return 0;
}

/* The next bytes of the open entry. */
int wick_torch_read_on(struct wick_source_file *file, char *into, uint64_t bytes, const char *what, struct wick_diag *diag)
{
	struct wick_torch_archive *archive = file->state;

	while (bytes > 0) {
		zip_int64_t got = zip_fread(archive->entry, into, WICK_MIN(bytes, 1u << 30));

		if (got < 0)
			return wick_torch_say_zip(file, zip_error_code_zip(zip_file_get_error(archive->entry)), what, diag);
		if (got == 0)
			return wick_diag_say(diag, -EIO, "%s: %s: ends after %llu of %llu bytes", file->path, what,
				(ull)archive->position, (ull)archive->entry_bytes);
		archive->position += got;
		into += got;
		bytes -= got;
		wick_source_passed(file, got);
	}
	return archive->position == archive->entry_bytes ? finish_entry(file, what, diag) : 0;
}

/* Reads what is between here and `offset`, and drops it. */
static int read_past(struct wick_source_file *file, uint64_t offset, const char *what, struct wick_diag *diag)
{
	struct wick_torch_archive *archive = file->state;
	int ret = 0;

	while (!ret && archive->position < offset) {
		ret = file->go_on ? file->go_on(file->user) : 0;
		if (!ret)
			ret = wick_torch_read_on(file, archive->skipped, WICK_MIN(WICK_TORCH_SKIP_BYTES, offset - archive->position), what,
				diag);
	}
	return ret;
}

/* Before the open entry is left, it is known to be sound. */
int wick_torch_leave_entry(struct wick_source_file *file, const char *what, struct wick_diag *diag)
{
	struct wick_torch_archive *archive = file->state;

	if (!archive->entry || archive->states[archive->entry_index] & WICK_TORCH_SOUND)
		return 0;
	return read_past(file, archive->entry_bytes, what, diag);
}

/* Makes `offset` the next byte to be read. A compressed entry can only be read forwards, and one that is not known to
 * be sound is: all of it is read before the first step back. */
int wick_torch_go_to(struct wick_source_file *file, uint64_t offset, const char *what, struct wick_diag *diag)
{
	struct wick_torch_archive *archive = file->state;
	int ret = offset < archive->position ? wick_torch_leave_entry(file, what, diag) : 0;

	if (ret || offset == archive->position)
		return ret;
	if (archive->entry_seeks && archive->states[archive->entry_index] & WICK_TORCH_SOUND) {
		if (zip_fseek(archive->entry, offset, SEEK_SET))
			return wick_torch_say_zip(file, zip_error_code_zip(zip_file_get_error(archive->entry)), what, diag);
		archive->position = offset;
		return 0;
	}
	if (offset < archive->position)
		ret = wick_torch_open_entry(file, archive->entry_index, what, diag);
	return ret ? ret : read_past(file, offset, what, diag);
}
