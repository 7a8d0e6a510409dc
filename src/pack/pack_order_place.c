/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Putting an ordered model and its trained predictors into their places, where an older pair may be. They are two files,
 * and there is no rename of two; so that whenever this ends, killed or not, there is a pair that runs:
 *
 *     model.gguf  model.pred.gguf  model.pred.1234abcd.gguf
 *     old         old                                          the new predictors are written
 *     old         old              new                         rename: the model
 *     new         old              new                         rename: the predictors; until then they are found by their
 *     new         new                                          name, which has the new model's identity
 */

#include "pack_job.h"

#include "gguf.h"
#include "predictor_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct placing {
	struct wick_pack_job *job;
	char *sidecar, *meanwhile;
	char *target; /* the sidecar's name, a link at it followed */
};

static bool same_file(const char *a, const char *b)
{
	struct stat of_a, of_b;

	return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

int wick_pack_check_neighbour(const struct wick_pack_job *job, const struct wick_predictor_set *predictors,
	const char *source, const char *out)
{
	char *sidecar;
	bool taken;

	if (!predictors->gguf || same_file(source, out))
		return 0;
	sidecar = wick_predictor_set_path(out);
	if (!sidecar)
		return wick_diag_say(job->diag, -ENOMEM, "%s: no memory for a name", out);
	taken = same_file(sidecar, wick_gguf_path(predictors->gguf));
	free(sidecar);
	return taken ? wick_diag_say(job->diag, -EEXIST, "%s: its predictors would take the place of those of %s", out, source)
		     : 0;
}

/* Whatever can be in the way is found before anything is replaced. */
static int find_names(struct placing *placing, const char *out)
{
	struct wick_pack_job *job = placing->job;
	struct stat status;

	placing->sidecar = wick_predictor_set_path(out);
	placing->meanwhile = wick_predictor_set_path_meanwhile(out, job->checksums[wick_pack_checksum_count(job) - 1]);
	if (!placing->sidecar || !placing->meanwhile)
		return wick_diag_say(job->diag, -ENOMEM, "%s: no memory for a name", out);
	if (stat(placing->sidecar, &status) == 0 && !S_ISREG(status.st_mode))
		return wick_diag_say(job->diag, -EINVAL, "%s: is there already and is not a regular file", placing->sidecar);
	placing->target = realpath(placing->sidecar, NULL);
	if (!placing->target && errno == ENOENT)
		placing->target = strdup(placing->sidecar);
	return placing->target ? 0 : wick_diag_say(job->diag, -errno, "%s: %s", placing->sidecar, strerror(errno));
}

/* The model is in its place. Not synced: a power cut that undoes it leaves the other name, which will do. */
static int settle(const struct placing *placing)
{
	if (rename(placing->meanwhile, placing->target) == 0)
		return 0;
	return wick_diag_say(placing->job->diag, -errno, "%s: the model is in place, its predictors as %s: %s",
		placing->sidecar, placing->meanwhile, strerror(errno));
}

/* Without the model its predictors do not stay, but for those that were there: they are what an earlier run left. */
static int place(struct placing *placing, const struct wick_predictor_set *predictors, const uint32_t *orders)
{
	struct wick_pack_job *job = placing->job;
	bool were_there = access(placing->meanwhile, F_OK) == 0;
	int rc = wick_pack_sidecar_in_order(job, predictors, placing->meanwhile, orders), settled;

	if (rc == 0)
		rc = wick_pack_commit(job);
	if (rc && !job->out.in_place) {
		if (!were_there)
			unlink(placing->meanwhile);
		return rc;
	}
	settled = settle(placing);
	return rc ? rc : settled;
}

int wick_pack_in_place(struct wick_pack_job *job, const struct wick_predictor_set *predictors, const char *out,
	const uint32_t *orders)
{
	struct placing placing = { .job = job };
	int rc;

	if (!predictors->gguf)
		return wick_pack_commit(job);
	rc = find_names(&placing, out);
	if (rc == 0)
		rc = place(&placing, predictors, orders);
	free(placing.sidecar);
	free(placing.meanwhile);
	free(placing.target);
	return rc;
}
