/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which files an output may replace. */

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "--stats", "-o" */
static const char *name_of(const struct opt *opt, char name[32])
{
	snprintf(name, 32, opt->name ? "--%s" : "-%.1s", opt->name ? opt->name : &opt->letter);
	return name;
}

/* The identity of a file that is not there yet: its folder, and its name in it. */
static const char *name_in_folder(const char *path, struct stat *folder)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *within = slash ? strndup(path, (size_t)(name - path)) : strdup(".");
	bool known = within && stat(within, folder) == 0;

	free(within);
	return known ? name : NULL;
}

/* Whether two that are not there would be one. */
static bool would_be_same(const char *a, const char *b)
{
	struct stat x, y;
	const char *name_a = name_in_folder(a, &x), *name_b = name_in_folder(b, &y);

	if (!name_a || !name_b)
		return !strcmp(a, b);
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino && !strcmp(name_a, name_b);
}

/* Whether writing one would change the other. Of devices only drives hold anything. */
static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (stat(a, &x) < 0 || stat(b, &y) < 0)
		return would_be_same(a, b);
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino && (S_ISREG(x.st_mode) || S_ISBLK(x.st_mode));
}

/* The first bytes of the file there: 0 where there is none, or nothing in it. */
static uint32_t magic_of(const char *path)
{
	uint32_t magic = 0;
	struct stat info;
	int fd;

	if (stat(path, &info) < 0 || !S_ISREG(info.st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, &magic, sizeof(magic)) <= 0)
		magic = 0;
	if (fd >= 0)
		close(fd);
	return magic;
}

/* A model may take the place of a model, all else the place of all else. */
static int check_content(const struct opt *opt, const char *path, struct wick_diag *diag)
{
	uint32_t magic = magic_of(path);
	bool is_gguf = !memcmp(&magic, "GGUF", sizeof(magic));
	char name[32];

	if (opt->is_model && magic && !is_gguf)
		return wick_diag_say(diag, -EEXIST, "%s is there and is no GGUF file: %s would destroy it", path,
			name_of(opt, name));
	if (!opt->is_model && is_gguf)
		return wick_diag_say(diag, -EEXIST, "%s is a GGUF file, which %s would destroy", path, name_of(opt, name));
	return 0;
}

/* Whether there is a folder to write it in, or a file to write over. */
static int check_place(const char *path, struct wick_diag *diag)
{
	char *folder, *slash;
	struct stat info;
	int rc = 0;

	if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
		return wick_diag_say(diag, -EISDIR, "%s: %s", path, strerror(EISDIR));
	if (access(path, W_OK) == 0)
		return 0;
	if (errno != ENOENT)
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	if (lstat(path, &info) == 0)
		return wick_diag_say(diag, -ENOENT, "%s: is a link to a file that is not there", path);
	folder = strdup(path);
	if (!folder)
		return -ENOMEM;
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = 0;
	if (access(slash ? folder : ".", W_OK) < 0)
		rc = wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	free(folder);
	return rc;
}

/* Beside the others of one table. */
static int check_against(const struct opt *opt, const struct opt *others, struct wick_diag *diag)
{
	const char *path = *opt->into.text;
	char name[32], other_name[32];

	for (; others && others->kind != OPT_END; others++) {
		if (others == opt || (others->kind != OPT_INPUT && others->kind != OPT_OUTPUT) || !*others->into.text ||
			!is_same_file(path, *others->into.text))
			continue;
		return wick_diag_say(diag, -EEXIST, "%s: %s and %s are one file", path, name_of(opt, name),
			name_of(others, other_name));
	}
	return 0;
}

static int check_one(const struct command *command, const struct opt *opt, struct wick_diag *diag)
{
	const char *path = *opt->into.text, *operand = command->operand ? *command->operand_into : NULL;
	char name[32];
	int rc;

	if (operand && is_same_file(path, operand))
		return wick_diag_say(diag, -EEXIST, "%s is %s, which %s would destroy", path, command->operand,
			name_of(opt, name));
	rc = check_against(opt, command->options, diag);
	if (!rc)
		rc = check_against(opt, command->shared, diag);
	if (!rc)
		rc = check_content(opt, path, diag);
	return rc ? rc : check_place(path, diag);
}

int output_check(const struct command *command, struct wick_diag *diag)
{
	int rc = 0;

	for (const struct opt *opt = command->options; !rc && opt->kind != OPT_END; opt++)
		if (opt->kind == OPT_OUTPUT && *opt->into.text)
			rc = check_one(command, opt, diag);
	return rc;
}
