/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The profile of a drive: refused with a sentence, or every read has a price that is positive and finite, and does not fall
 * where the read grows. */

#include "fuzz.h"

#include "bits.h"
#include "profile.h"

#include <math.h>
#include <sys/stat.h>

static const struct wick_profile_key key = { .device = "drive", .method = "uring", .direct = true };

static bool is_price(double us)
{
	return us > 0 && isfinite(us);
}

static void check_depth(const struct wick_profile *profile, uint32_t depth)
{
	double before = 0;

	for (uint64_t bytes = 1; bytes <= WICK_PROFILE_BYTES_MAX; bytes *= 4) {
		struct wick_profile_extents extents = { .bytes = bytes, .count = 100 };
		double us = wick_profile_read_us(profile, bytes, depth);

		wick_require(is_price(us) && us >= before * (1 - 1e-9));
		wick_require(is_price(wick_profile_predict_us(profile, &extents, 1, depth)));
		wick_require(wick_profile_depth(profile, bytes, 0.05) <= WICK_PROFILE_DEPTH_MAX);
		before = us;
	}
}

static void check(const struct wick_profile *profile)
{
	wick_require(profile->size_count && profile->size_count <= WICK_PROFILE_SIZES);
	wick_require(profile->depth_count && profile->depth_count <= WICK_PROFILE_DEPTHS);
	for (uint32_t depth = 1; depth <= WICK_PROFILE_DEPTH_MAX; depth *= 8) {
		struct wick_extent_price price = wick_profile_price(profile, depth);

		wick_require(is_price(wick_extent_read_us(&price, 512)) && is_price(wick_extent_read_us(&price, 1 << 20)));
		check_depth(profile, depth);
	}
}

/* Profiles are looked for in a folder of the cache: the same one again. */
static void make_folder(struct fuzz_folder *folder)
{
	static const char *const names[] = { "drive.uring.direct.json", "wick" };
	int self;

	fuzz_folder_make(folder, names, WICK_COUNT_OF(names));
	self = open(folder->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	wick_require(self >= 0 && dup2(self, FUZZ_FIRST_FD + 1) >= 0 && !close(self));
	fuzz_folder_link(1, true);
	wick_require(!setenv("XDG_CACHE_HOME", folder->path, 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_folder folder;
	struct wick_profile profile;
	struct wick_diag diag = { 0 };
	int rc;

	if (!folder.count)
		make_folder(&folder);
	fuzz_folder_put(0, data, size);
	rc = wick_profile_load(&profile, &key, &diag);
	fuzz_check(rc, &diag);
	if (rc == 0)
		check(&profile);
	return 0;
}
