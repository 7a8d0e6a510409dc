/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where threads and memory are put on a machine of several nodes.
 *
 * Every node computes a share of each matrix's rows with threads of its own, and has that share in its own memory:
 *
 *     rows     0 ........ 1/2 ........ 1        a job's tasks are cut in the same places; a thread that has
 *     memory   node 0     node 1                done its node's share helps the others
 *     threads  on node 0  on node 1
 *
 * The calling thread is never migrated: it begins with the share of the node that it runs on. With one node nothing is
 * moved or bound. */

#include "diag.h"

#include <sched.h>
#include <stdint.h>

#define WICK_TOPO_NODES 64

enum wick_topo_policy {
	WICK_TOPO_LOCAL,      /* as above */
	WICK_TOPO_INTERLEAVE, /* pages in turn on every node, threads where the kernel puts them */
	WICK_TOPO_NODE,       /* memory and helpers on one node */
};

struct wick_topo_node {
	uint32_t id; /* the kernel's number */
	uint32_t cpu_count;
	cpu_set_t cpus; /* those that this process may use; never none */
};

struct wick_topo {
	struct wick_topo_node node[WICK_TOPO_NODES];
	uint32_t node_count; /* that are used; 1 after WICK_TOPO_NODE */
	uint32_t machine_nodes;
	uint32_t cpu_count;
	enum wick_topo_policy policy;
	/* Puts pages on these nodes, in turn if they are several. 0 or a negative errno. Replaced by tests. */
	int (*bind)(void *base, uint64_t bytes, const struct wick_topo_node *nodes, uint32_t count);
	int bind_err; /* of the first call that failed */
};

/* The machine as this process may use it. */
void wick_topo_read(struct wick_topo *topo);

/* "local", "interleave", a node's number, or NULL: local. -EINVAL, said. */
int wick_topo_choose(struct wick_topo *topo, const char *policy, struct wick_diag *diag);

/* Index of the node that helper `thread` of `threads` works for: nodes get helpers in proportion to their CPUs. */
uint32_t wick_topo_node_of_thread(const struct wick_topo *topo, uint32_t thread, uint32_t threads);
/* Index of the node that the calling thread is on now. */
uint32_t wick_topo_node_here(const struct wick_topo *topo);

/* Puts memory that has not been touched yet in its places: all of it first, then each matrix. base is page-aligned. */
void wick_topo_place(struct wick_topo *topo, void *base, uint64_t bytes);
void wick_topo_place_rows(struct wick_topo *topo, void *base, uint64_t rows, uint64_t row_bytes);

/* One line about it. */
void wick_topo_say(const struct wick_topo *topo, char *text, size_t bytes);
