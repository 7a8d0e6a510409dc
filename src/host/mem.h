/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The one reservation. Everything a run needs is carved from it at open, in the order in which it was planned, so that
 * memory in use is what the plan says and the token loop allocates nothing. Huge pages are asked for, and never reach
 * past the end: what does not fill one is backed by small pages. */

#include "diag.h"

#include <stdint.h>

struct wick_mem {
	uint8_t *base;  /* aligned to a huge page */
	uint64_t bytes; /* reserved */
	uint64_t used;
	char pages[96]; /* what backs it, after wick_mem_look(): "huge pages for 98% of it", "pages of 4 KiB: why" */
};

#define WICK_MEM_ALIGN 4096

/* Of this kernel: 4, 16 or 64 KiB. */
uint64_t wick_page_bytes(void);

int wick_mem_reserve(struct wick_mem *mem, uint64_t bytes, struct wick_diag *diag);
void wick_mem_release(struct wick_mem *mem); /* a zeroed one is fine */

/* The next `bytes`, zeroed, aligned to WICK_MEM_ALIGN; the plan reserved enough, so running out is a mistake of
 * ours. */
void *wick_mem_take(struct wick_mem *mem, uint64_t bytes);
/* The bytes that wick_mem_take(bytes) will use up. */
uint64_t wick_mem_cost(uint64_t bytes);

/* Asks the kernel what backs the memory that has been touched so far, and sets mem->pages. */
void wick_mem_look(struct wick_mem *mem);
