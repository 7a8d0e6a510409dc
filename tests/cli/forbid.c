/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* forbid ERRNO CALL COMMAND...: runs it where the system call of that name fails with that number, as under a container's
 * seccomp filter. Threads are started by clone3. Exits 77 where no filter can be had. */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	const char *name;
	unsigned number;
} calls[] = {
	{ "clone3", __NR_clone3 },
	{ "io_uring_enter", __NR_io_uring_enter },
	{ "io_uring_setup", __NR_io_uring_setup },
};

/* -1: there is none of this name. */
static int number_of(const char *name)
{
	for (unsigned i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(name, calls[i].name))
			return (int)calls[i].number;
	return -1;
}

int main(int argc, char **argv)
{
	unsigned error = argc > 3 ? (unsigned)atoi(argv[1]) & SECCOMP_RET_DATA : 0;
	int call = error ? number_of(argv[2]) : -1;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(*filter), .filter = filter };

	if (call < 0)
		return 2;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		puts("no seccomp filter to be had");
		return 77;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 1;
}
