/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* From a sweep to the profile of its drive. */

#include "flash.h"
#include "profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void flash_profile_key(const struct flash_bench *bench, struct wick_profile_key *key)
{
	*key = (struct wick_profile_key){ .direct = bench->file.direct };
	snprintf(key->device, sizeof(key->device), "%s", bench->device.key);
	snprintf(key->method, sizeof(key->method), "%s", bench->method);
}

int flash_profile_save(const struct flash_sweep *sweep, char *path, struct wick_diag *diag)
{
	struct wick_profile profile = { .measured_s = time(NULL) };
	struct wick_profile_cell *cells = calloc(sweep->count, sizeof(*cells));
	unsigned count = 0;
	int rc;

	if (!cells)
		return wick_diag_say(diag, -ENOMEM, "no memory for a profile");
	for (unsigned i = 0; i < sweep->count; i++) {
		const struct flash_cell *cell = &sweep->cells[i];

		if (cell->figure[FLASH_BURST_US])
			cells[count++] = (struct wick_profile_cell){ .bytes = cell->chunk_bytes, .depth = cell->depth,
				.interval_us = 1e6 / cell->figure[FLASH_READS_PER_S], .burst_us = cell->figure[FLASH_BURST_US],
				.reads = cell->reads };
	}
	flash_profile_key(sweep->bench, &profile.key);
	snprintf(profile.model, sizeof(profile.model), "%s", sweep->bench->device.model);
	rc = wick_profile_fit(&profile, cells, count, diag);
	if (!rc)
		rc = wick_profile_save(&profile, path, diag);
	free(cells);
	return rc;
}
