/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Where threads and memory go on machines of one, two and four nodes, made up: bind() only writes down what it is told. */

#include "topo.h"

#include "bits.h"
#include "pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PAGE 4096ull
#define PAGES 65536 /* 256 MiB of addresses that nobody touches */
#define BASE ((uint8_t *)(1ull << 40))

static uint8_t page_nodes[PAGES + 1]; /* a bit for each node of the last call about it */
static int bind_result;

static int note_bind(void *base, uint64_t bytes, const struct wick_topo_node *nodes, uint32_t count)
{
	uint64_t first = ((uint8_t *)base - BASE) / PAGE;

	assert_int_equal((uintptr_t)base % PAGE, 0);
	assert_true(first + wick_div_up(bytes, PAGE) <= PAGES);
	for (uint64_t i = 0; i < wick_div_up(bytes, PAGE); i++) {
		page_nodes[first + i] = 0;
		for (uint32_t j = 0; j < count; j++)
			page_nodes[first + i] |= (uint8_t)(1 << nodes[j].id);
	}
	return bind_result;
}

/* Nodes of 4 CPUs each, numbered 0, 1, 2, ... and CPUs likewise. */
static struct wick_topo machine(uint32_t nodes)
{
	struct wick_topo topo = { .node_count = nodes, .machine_nodes = nodes, .cpu_count = 4 * nodes, .bind = note_bind };

	for (uint32_t i = 0; i < nodes; i++) {
		topo.node[i].id = i;
		topo.node[i].cpu_count = 4;
		for (uint32_t j = 0; j < 4; j++)
			CPU_SET(4 * i + j, &topo.node[i].cpus);
	}
	memset(page_nodes, 0, sizeof(page_nodes));
	bind_result = 0;
	return topo;
}

static void rows_are_shared_evenly(void **state)
{
	static const struct {
		uint32_t nodes;
		uint64_t rows, row_bytes;
	} cases[] = { { 2, 4096, 8192 }, { 4, 16384, 16384 }, { 2, 100, 640 }, { 4, 3, 100 }, { 4, 50272, 4096 } };

	(void)state;
	for (size_t c = 0; c < WICK_COUNT_OF(cases); c++) {
		struct wick_topo topo = machine(cases[c].nodes);
		uint64_t pages = wick_div_up(cases[c].rows * cases[c].row_bytes, PAGE), on[4] = { 0 };
		uint32_t last = 0;

		assert_int_equal(wick_topo_choose(&topo, NULL, NULL), 0);
		wick_topo_place_rows(&topo, BASE, cases[c].rows, cases[c].row_bytes);
		for (uint64_t i = 0; i < pages; i++) {
			uint32_t node = (uint32_t)__builtin_ctz(page_nodes[i] | 1u << 31);

			assert_int_equal(page_nodes[i], 1 << node); /* one node each, none left out, in order */
			assert_true(node >= last && node < cases[c].nodes);
			on[node]++;
			last = node;
		}
		assert_int_equal(page_nodes[pages], 0);
		for (uint32_t i = 0; i < cases[c].nodes; i++) /* to a huge page, or a small one */
			assert_in_range(on[i] + (pages / cases[c].nodes < 4096 ? 1 : 512), pages / cases[c].nodes,
				pages / cases[c].nodes + 2 * 512 + 1);
	}
}

static void policies(void **state)
{
	struct wick_topo topo = machine(4);
	struct wick_diag diag = { 0 };
	char text[96];

	(void)state;
	assert_int_equal(wick_topo_choose(&topo, "interleave", NULL), 0);
	wick_topo_place(&topo, BASE, 10 * PAGE);
	wick_topo_place_rows(&topo, BASE, 10, PAGE);
	assert_int_equal(page_nodes[0], 15);
	assert_int_equal(page_nodes[9], 15);
	wick_topo_say(&topo, text, sizeof(text));
	assert_string_equal(text, "4 NUMA nodes, pages on each in turn");

	topo = machine(4);
	assert_int_equal(wick_topo_choose(&topo, "2", NULL), 0);
	wick_topo_place(&topo, BASE, 10 * PAGE);
	wick_topo_place_rows(&topo, BASE, 10, PAGE);
	assert_int_equal(page_nodes[0], 1 << 2);
	assert_int_equal(wick_topo_node_of_thread(&topo, 3, 4), 0);
	wick_topo_say(&topo, text, sizeof(text));
	assert_string_equal(text, "NUMA node 2 of 4 only");

	topo = machine(2);
	assert_int_equal(wick_topo_choose(&topo, "2", &diag), -EINVAL);
	assert_string_equal(diag.text, "NUMA node 2: this process has CPUs on no such node");
	diag.text[0] = 0;
	assert_int_equal(wick_topo_choose(&topo, "near", &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "\"near\""));
}

static void what_is_refused_is_said(void **state)
{
	struct wick_topo topo = machine(2);
	char text[96];

	(void)state;
	bind_result = -EPERM;
	wick_topo_place(&topo, BASE, PAGE);
	wick_topo_say(&topo, text, sizeof(text));
	assert_string_equal(text, "2 NUMA nodes, memory where it is first touched: Operation not permitted");
}

static void one_node_has_nothing_to_place(void **state)
{
	struct wick_topo topo = machine(1);
	char text[96];

	(void)state;
	wick_topo_place(&topo, BASE, PAGE);
	wick_topo_place_rows(&topo, BASE, 1, PAGE);
	assert_int_equal(page_nodes[0], 0);
	wick_topo_say(&topo, text, sizeof(text));
	assert_string_equal(text, "1 NUMA node");
}

static void threads_go_where_the_cpus_are(void **state)
{
	struct wick_topo topo = machine(2);

	(void)state;
	topo.node[0].cpu_count = 2; /* the others are not ours */
	topo.cpu_count = 6;
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(wick_topo_node_of_thread(&topo, i, 6), i >= 2);
	assert_int_equal(wick_topo_node_of_thread(&topo, 0, 2), 0);
	assert_int_equal(wick_topo_node_of_thread(&topo, 1, 2), 1);
	assert_int_equal(wick_topo_node_of_thread(&topo, 23, 24), 1); /* more threads than CPUs */
}

static void count_task(void *arg, uint32_t task, uint32_t thread)
{
	_Atomic uint32_t *runs = arg;

	(void)thread;
	atomic_fetch_add(&runs[task], 1);
}

/* The pool of a machine that is not this one: its CPUs may not exist here, and every task still runs once. */
static void pools_of_several_nodes_do_all_tasks(void **state)
{
	static _Atomic uint32_t runs[200];

	(void)state;
	for (uint32_t nodes = 1; nodes <= 4; nodes++)
		for (uint32_t threads = 1; threads <= 6; threads++) {
			struct wick_topo topo = machine(nodes);
			struct wick_pool *pool;

			assert_int_equal(wick_pool_create_on(&pool, threads, &topo, NULL), 0);
			for (uint32_t tasks = 0; tasks < 200; tasks++) {
				memset(runs, 0, sizeof(runs));
				wick_pool_run(pool, count_task, runs, tasks);
				for (uint32_t i = 0; i < 200; i++)
					assert_int_equal(runs[i], i < tasks);
			}
			wick_pool_destroy(pool);
		}
}

static void this_machine(void **state)
{
	static struct wick_topo topo;
	cpu_set_t allowed;
	uint32_t cpus = 0;

	(void)state;
	wick_topo_read(&topo);
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	assert_int_equal(topo.cpu_count, CPU_COUNT(&allowed));
	assert_true(topo.node_count >= 1);
	for (uint32_t i = 0; i < topo.node_count; i++) {
		assert_int_equal(topo.node[i].cpu_count, CPU_COUNT(&topo.node[i].cpus));
		cpus += topo.node[i].cpu_count;
	}
	assert_int_equal(cpus, topo.cpu_count);
	assert_true(wick_topo_node_here(&topo) < topo.node_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_shared_evenly),
		cmocka_unit_test(policies),
		cmocka_unit_test(what_is_refused_is_said),
		cmocka_unit_test(one_node_has_nothing_to_place),
		cmocka_unit_test(threads_go_where_the_cpus_are),
		cmocka_unit_test(pools_of_several_nodes_do_all_tasks),
		cmocka_unit_test(this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
