/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Runs a target over every file of the folders given, so that a corpus is an ordinary test. */

#include "fuzz.h"

#include <dirent.h>
#include <stdlib.h>

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	long size;

	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0) {
		perror(path);
		exit(1);
	}
	rewind(file);
	data = malloc(size ? size : 1); /* of exactly that size, so that a sanitizer sees its end */
	if (!data || fread(data, 1, size, file) != (size_t)size)
		exit(1);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	fclose(file);
	return 1;
}

static int run_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[4096];
	int count = 0;

	if (!dir) {
		perror(folder);
		exit(1);
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		count += run_file(path);
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	int count = 0;

	for (int i = 1; i < argc; i++)
		count += run_folder(argv[i]);
	printf("%d inputs\n", count);
	return count ? 0 : 1;
}
