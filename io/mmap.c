/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading through a mapping of the file: the baseline that others are measured against.
 *
 * It is mmap at its best: the exact pages of every read are asked for ahead (MADV_WILLNEED) as soon as it is started,
 * so that as many reads as the depth allows are under way, then they are copied in turn, in the caller's own time.
 * Nothing else is read ahead, and the pages are dropped after the copy, so that the budget holds.
 *
 * To touch a page that cannot be read, or that the file has lost since, would kill the process with SIGBUS, and no look
 * before the touch is late enough. So the kernel copies out of our own mapping (process_vm_readv): it touches the same
 * pages, and fails.
 */

#include "bits.h"
#include "check.h"
#include "file.h"
#include "method.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX 16
#define AHEAD_BYTES (128u * 1024) /* the kernel asks for no more than its readahead at a time */

struct mapping {
	uint64_t serial;
	uint8_t *base;
	uint64_t bytes;
};

struct mapper {
	struct wick_io *io;
	struct wick_io_request *first; /* started, in order */
	struct wick_io_request *last;
	struct mapping mappings[FILES_MAX];
	unsigned next; /* to be given to another file */
	uint64_t page_bytes;
};

static void unmap(struct mapping *mapping)
{
	if (mapping->base)
		munmap(mapping->base, mapping->bytes);
	*mapping = (struct mapping){ 0 };
}

/* The file's mapping, made when it is first read. NULL with errno when it cannot be mapped. */
static const struct mapping *map(struct mapper *mapper, const struct wick_file *file)
{
	struct mapping *mapping;
	void *base;

	for (unsigned i = 0; i < FILES_MAX; i++)
		if (mapper->mappings[i].base && file->serial && mapper->mappings[i].serial == file->serial)
			return &mapper->mappings[i];
	base = mmap(NULL, file->size, PROT_READ, MAP_SHARED, file->fd, 0);
	if (base == MAP_FAILED)
		return NULL;
	madvise(base, file->size, MADV_RANDOM);
	mapping = &mapper->mappings[mapper->next++ % FILES_MAX];
	unmap(mapping);
	*mapping = (struct mapping){ .serial = file->serial, .base = base, .bytes = file->size };
	return mapping;
}

/* The pages of the file that hold an attempt. */
struct pages {
	uint8_t *from;
	size_t bytes;
	uint8_t *wanted; /* where the attempt begins, inside of them */
	uint64_t wanted_bytes; /* less than left_bytes at the end of the file */
};

/* 0, or a negative errno; wanted_bytes is 0 behind the end of the file. */
static int find_pages(struct mapper *mapper, const struct wick_io_request *request, struct pages *pages)
{
	const uint64_t offset = request->left_offset, size = request->file->size;
	const struct mapping *mapping;
	uint64_t first;

	*pages = (struct pages){ 0 };
	if (offset >= size)
		return 0;
	mapping = map(mapper, request->file);
	if (!mapping)
		return -errno;
	first = wick_align_down(offset, mapper->page_bytes);
	pages->wanted_bytes = WICK_MIN(request->left_bytes, size - offset);
	pages->from = mapping->base + first;
	pages->bytes = offset + pages->wanted_bytes - first;
	pages->wanted = mapping->base + offset;
	return 0;
}

static void read_ahead(const struct pages *pages)
{
	for (size_t at = 0; at < pages->bytes; at += AHEAD_BYTES)
		madvise(pages->from + at, WICK_MIN(AHEAD_BYTES, pages->bytes - at), MADV_WILLNEED);
}

static bool in_memory(const struct mapper *mapper, const struct pages *pages)
{
	unsigned char in_core[64];
	const size_t step = sizeof(in_core) * mapper->page_bytes;

	for (size_t at = 0; at < pages->bytes; at += step) {
		size_t bytes = WICK_MIN(step, pages->bytes - at);

		if (mincore(pages->from + at, bytes, in_core) < 0)
			return true; /* the kernel does not tell: find out by reading */
		for (size_t i = 0; i < wick_div_up(bytes, mapper->page_bytes); i++)
			if (!(in_core[i] & 1))
				return false;
	}
	return true;
}

/* The result of an attempt that found a page missing: 0 bytes where the file ends by now, else an error of the
 * medium. */
static int64_t missing(const struct wick_io_request *request)
{
	struct stat now;

	if (fstat(request->file->fd, &now) < 0)
		return -errno;
	return S_ISREG(now.st_mode) && (uint64_t)now.st_size <= request->left_offset ? 0 : -EIO;
}

/* Reads an attempt: bytes, or a negative errno. */
static int64_t copy(struct mapper *mapper, const struct wick_io_request *request)
{
	struct pages pages;
	struct iovec from;
	int64_t rc = find_pages(mapper, request, &pages);

	if (rc < 0 || !pages.wanted_bytes)
		return rc;
	from = (struct iovec){ pages.wanted, pages.wanted_bytes };
	rc = process_vm_readv(getpid(), request->left, request->left_count, &from, 1, 0);
	if (rc < 0)
		rc = errno == EFAULT ? missing(request) : -errno;
	madvise(pages.from, pages.bytes, MADV_DONTNEED); /* mapped pages cannot be dropped */
	wick_file_forget(request->file, request->left_offset, request->left_bytes);
	return rc;
}

static void mmap_start(void *method, struct wick_io_request *request)
{
	struct mapper *mapper = method;
	struct pages pages;

	request->next = NULL;
	if (mapper->first)
		mapper->last->next = request;
	else
		mapper->first = request;
	mapper->last = request;
	if (find_pages(mapper, request, &pages) == 0)
		read_ahead(&pages);
}

static void mmap_drive(void *method, unsigned patience_ms)
{
	struct mapper *mapper = method;
	struct wick_io_request *request = mapper->first;
	struct pages pages;

	if (!patience_ms && find_pages(mapper, request, &pages) == 0 && !in_memory(mapper, &pages))
		return;
	mapper->first = request->next;
	wick_io_ended(mapper->io, request, copy(mapper, request));
}

static void mmap_destroy(void *method)
{
	struct mapper *mapper = method;

	for (unsigned i = 0; i < FILES_MAX; i++)
		unmap(&mapper->mappings[i]);
	free(mapper);
}

/* 0, or why the kernel does not copy for us: before Linux 3.2, or where a seccomp filter forbids it. */
static int try_copying(void)
{
	char from = 1, to = 0;
	const struct iovec source = { &from, 1 }, target = { &to, 1 };

	return process_vm_readv(getpid(), &target, 1, &source, 1, 0) == 1 && to == 1 ? 0 : -errno;
}

static int mmap_create(void **method, struct wick_io *io, const struct wick_io_options *options, struct wick_diag *diag)
{
	const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	struct mapper *mapper;
	int rc = try_copying();

	(void)options;
	if (rc < 0)
		return wick_diag_say(diag, rc,
			"reading by mmap takes process_vm_readv (%s): without it, a read error kills the process", strerror(-rc));
	mapper = calloc(1, sizeof(*mapper));
	if (!mapper)
		return wick_diag_say(diag, -ENOMEM, "no memory for mmap");
	mapper->io = io;
	mapper->page_bytes = page_bytes;
	*method = mapper;
	return 0;
}

const struct wick_io_method_ops wick_io_mmap = {
	.name = "mmap",
	.create = mmap_create,
	.destroy = mmap_destroy,
	.start = mmap_start,
	.drive = mmap_drive,
};
