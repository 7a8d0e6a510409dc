/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The bad drive (see drive.h).
 *
 *     test ---- orders, in shared memory ----> server
 *      |                                         | pread
 *     read(2), io_uring ---> kernel ---> /dev/fuse   the folder below
 */

#define FUSE_USE_VERSION 31

#include "drive.h"

#include "bits.h"
#include "clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERVE "--serve-drive" /* FROM AT ORDERS-FD READY-FD */
#define FILES_MAX 64

struct server {
	int folder;
	struct drive_orders *orders;
	unsigned file_count;
	struct server_file {
		uint64_t inode; /* the same below and above */
		int fd;
	} files[FILES_MAX];
};

static struct server *server_of(fuse_req_t request)
{
	return fuse_req_userdata(request);
}

static const struct server_file *find_file(const struct server *server, uint64_t inode)
{
	for (unsigned i = 0; i < server->file_count; i++)
		if (server->files[i].inode == inode)
			return &server->files[i];
	return NULL;
}

static bool was_struck(const struct server *server, uint64_t inode)
{
	return atomic_load(&server->orders->struck) && server->orders->file == inode;
}

/* A file that was cut has another size. */
static void as_seen(const struct server *server, struct stat *info)
{
	if (server->orders->fault == DRIVE_CUT && was_struck(server, info->st_ino))
		info->st_size = WICK_MIN(info->st_size, (off_t)server->orders->offset);
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	const struct server *server = server_of(request);
	struct fuse_entry_param entry = { 0 };

	if (parent != FUSE_ROOT_ID || fstatat(server->folder, name, &entry.attr, AT_SYMLINK_NOFOLLOW) < 0 ||
		!find_file(server, entry.attr.st_ino)) {
		fuse_reply_err(request, ENOENT);
		return;
	}
	as_seen(server, &entry.attr);
	entry.ino = entry.attr.st_ino;
	fuse_reply_entry(request, &entry);
}

static void on_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
	const struct server *server = server_of(request);
	const struct server_file *file = find_file(server, inode);
	struct stat status;

	(void)info;
	if (fstat(file ? file->fd : server->folder, &status) < 0) {
		fuse_reply_err(request, errno);
		return;
	}
	as_seen(server, &status);
	fuse_reply_attr(request, &status, 0);
}

static void on_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
	const struct server *server = server_of(request);

	if (!find_file(server, inode) || (info->flags & O_ACCMODE) != O_RDONLY) {
		fuse_reply_err(request, EACCES);
		return;
	}
	info->direct_io = server->orders->uncached;
	fuse_reply_open(request, info);
}

/* Which read this is; UINT64_MAX: none that is counted. */
static uint64_t count_read(struct drive_orders *orders, uint64_t inode)
{
	return orders->only && orders->only != inode ? UINT64_MAX : atomic_fetch_add(&orders->reads, 1);
}

/* Whether this read, the k-th, is to suffer from the orders' fault; strikes if its turn has come. */
static bool suffers(struct server *server, uint64_t inode, uint64_t offset, uint64_t bytes, uint64_t k)
{
	struct drive_orders *orders = server->orders;

	if (orders->fault != DRIVE_WELL && k == orders->read) {
		orders->file = inode;
		orders->offset = offset + wick_align_down(bytes / 2, DRIVE_BLOCK);
		atomic_store(&orders->struck, true);
	}
	switch (orders->fault) {
	case DRIVE_WELL:
		return false;
	case DRIVE_ERROR:
		return k >= orders->read && k - orders->read < orders->times;
	case DRIVE_BEAT:
		return true;
	case DRIVE_DEAD:
	case DRIVE_SILENT:
		return atomic_load(&orders->struck);
	case DRIVE_BAD:
	case DRIVE_ROTTEN:
		return was_struck(server, inode) && orders->offset < offset + bytes &&
		       offset < orders->offset + DRIVE_BLOCK;
	case DRIVE_CUT:
		return was_struck(server, inode) && offset + bytes > orders->offset;
	default:
		return k == orders->read;
	}
}

static void be_late(const struct drive_orders *orders)
{
	struct timespec time = { .tv_sec = orders->late_ms / 1000, .tv_nsec = orders->late_ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

static void be_silent(const volatile struct drive_orders *orders)
{
	const struct timespec time = { .tv_nsec = 1000000 };

	while (orders->fault == DRIVE_SILENT)
		nanosleep(&time, NULL);
}

/* Waits for the next beat, and counts itself there. */
static void wait_for_beat(struct drive_orders *orders)
{
	const uint64_t beat_ns = orders->late_ms * 1000000ull;
	const uint64_t beat = wick_now_ns() / beat_ns + 1, then_ns = beat * beat_ns;
	const struct timespec then = { .tv_sec = (time_t)(then_ns / 1000000000), .tv_nsec = (long)(then_ns % 1000000000) };
	uint64_t before = atomic_load(&orders->in_beat), count, most;

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
	do
		count = before >> 32 == (uint32_t)beat ? (uint32_t)before + 1 : 1;
	while (!atomic_compare_exchange_weak(&orders->in_beat, &before, beat << 32 | count));
	most = atomic_load(&orders->most);
	while (most < count && !atomic_compare_exchange_weak(&orders->most, &most, count))
		;
	atomic_fetch_add(&orders->served, 1);
}

static void on_read(fuse_req_t request, fuse_ino_t inode, size_t bytes, off_t offset, struct fuse_file_info *info)
{
	struct server *server = server_of(request);
	struct drive_orders *orders = server->orders;
	bool bad = suffers(server, inode, offset, bytes, count_read(server->orders, inode));
	uint64_t reach = orders->offset > (uint64_t)offset ? orders->offset - (uint64_t)offset : 0; /* to the bad block */
	enum drive_fault fault = bad ? orders->fault : DRIVE_WELL;
	char *data = malloc(bytes);
	ssize_t got;

	(void)info;
	if (!data || fault == DRIVE_ERROR || fault == DRIVE_BAD || fault == DRIVE_DEAD) {
		fuse_reply_err(request, data ? orders->error : ENOMEM);
		free(data);
		return;
	}
	if (fault == DRIVE_CRASH)
		_exit(1);
	if (fault == DRIVE_LATE)
		be_late(orders);
	if (fault == DRIVE_SILENT)
		be_silent(orders);
	if (fault == DRIVE_BEAT)
		wait_for_beat(orders);
	if (fault == DRIVE_SHORT || fault == DRIVE_CUT)
		bytes = WICK_MIN(bytes, fault == DRIVE_SHORT ? WICK_MAX(reach, 1u) : reach);
	got = pread(find_file(server, inode)->fd, data, bytes, offset);
	if ((fault == DRIVE_FLIP || fault == DRIVE_ROTTEN) && got > (ssize_t)reach)
		data[reach] ^= 4;
	if (got < 0)
		fuse_reply_err(request, errno);
	else
		fuse_reply_buf(request, data, (size_t)got);
	free(data);
}

static const struct fuse_lowlevel_ops operations = {
	.lookup = on_lookup,
	.getattr = on_getattr,
	.open = on_open,
	.read = on_read,
};

/* Opens all files of the folder, which stays as it is. */
static bool open_files(struct server *server, const char *from)
{
	DIR *folder = opendir(from);
	struct dirent *entry;
	struct stat info;

	if (!folder)
		return false;
	server->folder = dirfd(folder);
	while ((entry = readdir(folder)) && server->file_count < FILES_MAX) {
		int fd = openat(server->folder, entry->d_name, O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
			server->files[server->file_count++] = (struct server_file){ info.st_ino, fd };
		else if (fd >= 0)
			close(fd);
	}
	return true;
}

/* Serves until it is unmounted. Writes a byte when it is ready. */
static int serve(const char *from, const char *at, int orders_fd, int ready_fd)
{
	char name[] = "wick-bad-drive";
	struct fuse_args args = { .argc = 1, .argv = (char *[]){ name, NULL } };
	struct server server = { 0 };
	struct fuse_session *session;

	server.orders = mmap(NULL, sizeof(*server.orders), PROT_READ | PROT_WRITE, MAP_SHARED, orders_fd, 0);
	if (server.orders == MAP_FAILED || !open_files(&server, from))
		return 1;
	session = fuse_session_new(&args, &operations, sizeof(operations), &server);
	if (!session || fuse_session_mount(session, at) < 0 || write(ready_fd, "+", 1) != 1)
		return 1;
	close(ready_fd);
	fuse_session_loop_mt(session, 0);
	return 0;
}

int drive_main(int argc, char **argv)
{
	if (argc != 6 || strcmp(argv[1], SERVE))
		return -1;
	return serve(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
}

static void start_server(const char *from, const char *at, int orders_fd, int ready_fd)
{
	char orders[16], ready[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(orders, sizeof(orders), "%d", orders_fd);
	snprintf(ready, sizeof(ready), "%d", ready_fd);
	execl("/proc/self/exe", "drive", SERVE, from, at, orders, ready, NULL);
	_exit(1);
}

const char *drive_start(struct drive *drive, const char *from, const char *at)
{
	int orders = memfd_create("orders", 0), pipes[2];
	char ready;
	bool is_ready;

	if (access("/dev/fuse", R_OK | W_OK) < 0)
		return "no /dev/fuse to be had";
	if (orders < 0 || ftruncate(orders, sizeof(*drive->orders)) < 0 || pipe(pipes) < 0)
		return "no pipe or shared memory to be had";
	snprintf(drive->folder, sizeof(drive->folder), "%s", at);
	drive->orders = mmap(NULL, sizeof(*drive->orders), PROT_READ | PROT_WRITE, MAP_SHARED, orders, 0);
	drive->pid = fork();
	if (!drive->pid)
		start_server(from, at, orders, pipes[1]);
	close(orders);
	close(pipes[1]);
	is_ready = read(pipes[0], &ready, 1) == 1;
	close(pipes[0]);
	if (is_ready)
		return NULL;
	drive_stop(drive);
	return "a FUSE file system cannot be mounted";
}

/* Memory that the server looks at for every read: the fault goes in last. */
void drive_order(struct drive *drive, const struct drive_orders *orders)
{
	struct drive_orders *now = drive->orders;

	now->fault = DRIVE_WELL;
	now->read = orders->read;
	now->only = orders->only;
	now->error = orders->error;
	now->times = orders->times;
	now->late_ms = orders->late_ms;
	now->uncached = orders->uncached;
	atomic_store(&now->struck, false);
	atomic_store(&now->reads, 0);
	atomic_store(&now->served, 0);
	atomic_store(&now->most, 0);
	now->fault = orders->fault;
	atomic_thread_fence(memory_order_seq_cst);
}

void drive_stop(struct drive *drive)
{
	umount2(drive->folder, MNT_DETACH);
	kill(drive->pid, SIGKILL);
	waitpid(drive->pid, NULL, 0);
	munmap(drive->orders, sizeof(*drive->orders));
}
