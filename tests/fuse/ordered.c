/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* ordered FROM AT: the bad drive for tests that are no C program. Mounts the folder FROM at AT, says "ready", and takes orders from
 * standard input, a line each, which it answers with a line, until that ends:
 *
 *     well        nothing is wrong any more
 *     error N     one read fails with EIO, the N-th from now on
 *     bad N       so does every one of the place where that is, as long as nothing else is said
 *     dead N      so does every one from that one on
 */

#include "drive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *word;
	enum drive_fault fault;
} words[] = { { "well", DRIVE_WELL }, { "error", DRIVE_ERROR }, { "bad", DRIVE_BAD }, { "dead", DRIVE_DEAD } };

static bool obey(struct drive *drive, const char *word, uint64_t read)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct drive_orders orders = { .fault = words[i].fault, .read = read, .error = EIO, .times = 1, .uncached = true };

		if (strcmp(words[i].word, word))
			continue;
		drive_order(drive, &orders);
		return true;
	}
	return false;
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const struct drive_orders well = { .uncached = true };
	int rc = drive_main(argc, argv);
	unsigned long long read;
	struct drive drive;
	char word[8];
	const char *why;

	if (rc >= 0)
		return rc;
	why = argc == 3 ? drive_start(&drive, argv[1], argv[2]) : "two folders are needed";
	if (why) {
		say(why);
		return 77;
	}
	drive_order(&drive, &well);
	for (say("ready"); read = 0, scanf("%7s%*[ ]%llu", word, &read) > 0;)
		say(obey(&drive, word, read) ? "done" : "what?");
	drive_stop(&drive);
	return 0;
}
