/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which way of reading: the one that was named, or the best there is. */

#include "bits.h"
#include "method.h"

#include <errno.h>
#include <string.h>

/* The best that this machine allows: uring, or the pool and the reason. */
static int create_best(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag)
{
	struct wick_diag refused = { 0 }, both = { 0 };
	int rc = wick_io_create_with(io, &wick_io_uring, NULL, options, &refused);

	if (rc == 0)
		return 0;
	rc = wick_io_create_with(io, &wick_io_pread, NULL, options, diag);
	if (rc)
		return rc;
	wick_diag_say(&both, 0, "%s%s%s", refused.text, *wick_io_why(*io) ? "; " : "", wick_io_why(*io));
	wick_io_explain(*io, both.text);
	return 0;
}

int wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag)
{
	static const struct wick_io_method_ops *const methods[] = { &wick_io_uring, &wick_io_pread, &wick_io_mmap };
	const bool polled = options->sqpoll || options->iopoll;
	const char *name = options->method || !polled ? options->method : wick_io_uring.name;

	*io = NULL;
	if (!name)
		return create_best(io, options, diag);
	if (polled && strcmp(name, wick_io_uring.name))
		return wick_diag_say(diag, -EINVAL, "I/O method %s: polling is an option of uring only", name);
	for (size_t i = 0; i < WICK_COUNT_OF(methods); i++)
		if (!strcmp(name, methods[i]->name))
			return wick_io_create_with(io, methods[i], NULL, options, diag);
	return wick_diag_say(diag, -EINVAL, "I/O method \"%s\": must be uring, pread or mmap", name);
}
