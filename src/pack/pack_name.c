/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The name of a packed model. */

#include "pack_job.h"

#include "gguf_write.h"
#include "synthetic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Cuts the last part of a path off and returns it. */
static char *last_part(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return path;
	*slash = 0;
	return slash + 1;
}

/* The hub's cache keeps a model in models--ORGANISATION--NAME/snapshots/HASH; some have no organisation. Neither may
 * have two dashes in its name. */
static const char *hub_name(char *repository)
{
	static const char start[] = "models--";
	char *name = repository + strlen(start), *dashes;

	if (strncmp(repository, start, strlen(start)))
		return NULL;
	dashes = strstr(name, "--");
	return dashes ? dashes + 2 : name;
}

/* The folder's own name is the model's, but for a snapshot of the hub's cache, which is named by a hash. */
static const char *name_of(char *path)
{
	char *name = last_part(path);
	const char *hub = strcmp(last_part(path), "snapshots") ? NULL : hub_name(last_part(path));

	return hub && *hub ? hub : name;
}

/* "synthetic:opt-6.7b" is a name as it is. */
int wick_pack_put_name(struct wick_gguf_writer *writer, const char *source, struct wick_diag *diag)
{
	bool synthetic = wick_synthetic_is(source);
	char *path = synthetic ? strdup(source) : realpath(source, NULL);
	const char *name;

	if (!path)
		return wick_diag_say(diag, -errno, "%s: %s", source, strerror(errno));
	name = synthetic ? path : name_of(path);
	if (name[0])
		wick_gguf_put_string(writer, "general.name", name);
	free(path);
	return 0;
}
