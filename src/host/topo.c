/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Nodes, their CPUs and their memory (see topo.h). */

#include "topo.h"

#include "bits.h"
#include "mem.h"

#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HUGE_BYTES (2u << 20)

static int bind_pages(void *base, uint64_t bytes, const struct wick_topo_node *nodes, uint32_t count)
{
	unsigned long mask[16] = { 0 }; /* of 1024 nodes, as the kernel has them at most */
	const unsigned bits = 8 * sizeof(*mask);

	for (uint32_t i = 0; i < count; i++)
		mask[nodes[i].id / bits] |= 1ul << nodes[i].id % bits;
	return mbind(base, bytes, count > 1 ? MPOL_INTERLEAVE : MPOL_PREFERRED, mask, sizeof(mask) * 8, 0) ? -errno : 0;
}

/* Enters a CPU with its node. */
static void add_cpu(struct wick_topo *topo, uint32_t cpu, uint32_t node_id)
{
	uint32_t i = 0;

	while (i < topo->node_count && topo->node[i].id != node_id)
		i++;
	if (i == WICK_TOPO_NODES)
		return;
	if (i == topo->node_count)
		topo->node[topo->node_count++] = (struct wick_topo_node){ .id = node_id };
	CPU_SET(cpu, &topo->node[i].cpus);
	topo->node[i].cpu_count++;
	topo->cpu_count++;
}

void wick_topo_read(struct wick_topo *topo)
{
	bool several = numa_available() >= 0;
	cpu_set_t allowed;

	*topo = (struct wick_topo){ .bind = bind_pages };
	if (sched_getaffinity(0, sizeof(allowed), &allowed)) {
		CPU_ZERO(&allowed);
		CPU_SET(0, &allowed);
	}
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int node = CPU_ISSET(cpu, &allowed) && several ? numa_node_of_cpu((int)cpu) : 0;

		if (CPU_ISSET(cpu, &allowed))
			add_cpu(topo, cpu, node < 0 ? 0 : (uint32_t)node);
	}
	topo->machine_nodes = topo->node_count;
}

/* Only the node with this number stays. */
static int choose_node(struct wick_topo *topo, const char *policy, struct wick_diag *diag)
{
	char *end;
	unsigned long id = strtoul(policy, &end, 10);

	if (*policy < '0' || *policy > '9' || *end)
		return wick_diag_say(diag, -EINVAL, "NUMA policy \"%s\": local, interleave or a node's number are possible", policy);
	for (uint32_t i = 0; i < topo->node_count; i++)
		if (topo->node[i].id == id) {
			topo->node[0] = topo->node[i];
			topo->node_count = 1;
			topo->cpu_count = topo->node[0].cpu_count;
			topo->policy = WICK_TOPO_NODE;
			return 0;
		}
	return wick_diag_say(diag, -EINVAL, "NUMA node %lu: this process has CPUs on no such node", id);
}

int wick_topo_choose(struct wick_topo *topo, const char *policy, struct wick_diag *diag)
{
	topo->policy = WICK_TOPO_LOCAL;
	if (!policy || !strcmp(policy, "local"))
		return 0;
	if (strcmp(policy, "interleave"))
		return choose_node(topo, policy, diag);
	topo->policy = WICK_TOPO_INTERLEAVE;
	return 0;
}

uint32_t wick_topo_node_of_thread(const struct wick_topo *topo, uint32_t thread, uint32_t threads)
{
	uint64_t cpu = (uint64_t)thread * topo->cpu_count / WICK_MAX(threads, 1); /* the CPUs of node 0, then node 1, ... */
	uint32_t node = 0;

	while (node + 1 < topo->node_count && cpu >= topo->node[node].cpu_count)
		cpu -= topo->node[node++].cpu_count;
	return node;
}

uint32_t wick_topo_node_here(const struct wick_topo *topo)
{
	int cpu = sched_getcpu();

	for (uint32_t i = 0; cpu >= 0 && i < topo->node_count; i++)
		if (CPU_ISSET(cpu, &topo->node[i].cpus))
			return i;
	return 0;
}

static void put(struct wick_topo *topo, uint8_t *base, uint64_t bytes, uint32_t node, uint32_t count)
{
	int err = bytes ? topo->bind(base, bytes, &topo->node[node], count) : 0;

	if (err && !topo->bind_err)
		topo->bind_err = err;
}

void wick_topo_place(struct wick_topo *topo, void *base, uint64_t bytes)
{
	if (topo->machine_nodes > 1)
		put(topo, base, bytes, 0, topo->node_count);
}

/* Where the share of node i begins: on a huge page if shares are large, so that the cut costs none. */
static uint64_t share_begins(const struct wick_topo *topo, const uint8_t *base, uint64_t bytes, uint32_t i)
{
	uint64_t align = bytes / topo->node_count >= 8ull * HUGE_BYTES ? HUGE_BYTES : wick_page_bytes();
	uint64_t address = wick_align_down((uintptr_t)base + bytes / topo->node_count * i, align);

	return i == topo->node_count ? bytes : WICK_MAX(address, (uintptr_t)base) - (uintptr_t)base;
}

void wick_topo_place_rows(struct wick_topo *topo, void *base, uint64_t rows, uint64_t row_bytes)
{
	uintptr_t at = wick_align_down((uintptr_t)base, wick_page_bytes());
	uint64_t bytes = wick_align_up((uintptr_t)base + rows * row_bytes, wick_page_bytes()) - at;

	if (topo->policy != WICK_TOPO_LOCAL || topo->node_count < 2)
		return;
	for (uint32_t i = 0; i < topo->node_count; i++) {
		uint64_t begin = share_begins(topo, (uint8_t *)at, bytes, i);
		uint64_t end = share_begins(topo, (uint8_t *)at, bytes, i + 1);

		put(topo, (uint8_t *)at + begin, end - begin, i, 1);
	}
}

void wick_topo_say(const struct wick_topo *topo, char *text, size_t bytes)
{
	static const char *const words[] = {
		[WICK_TOPO_LOCAL] = "each with its own rows and threads",
		[WICK_TOPO_INTERLEAVE] = "pages on each in turn",
	};

	if (topo->machine_nodes < 2)
		snprintf(text, bytes, "1 NUMA node");
	else if (topo->bind_err)
		snprintf(text, bytes, "%u NUMA nodes, memory where it is first touched: %s", topo->machine_nodes,
			strerror(-topo->bind_err));
	else if (topo->policy == WICK_TOPO_NODE)
		snprintf(text, bytes, "NUMA node %u of %u only", topo->node[0].id, topo->machine_nodes);
	else
		snprintf(text, bytes, "%u NUMA nodes, %s", topo->node_count, words[topo->policy]);
}
