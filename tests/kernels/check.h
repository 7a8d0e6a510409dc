/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the checks of checkkern share: guarded buffers, inputs biased to extremes, comparisons that report. */

#include "bits.h"
#include "kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECK_SLOTS 11
#define CHECK_SLOT_BYTES ((size_t)1 << 20)

struct check {
	const char *set;                     /* the instruction set under test */
	const struct wick_kernels *kernels;  /* its table */
	const struct wick_kernels *truth;    /* what it is compared with: plain C; for plain C itself, truth.c */
	const struct wick_kernels *below;    /* the set before it: an entry that it shares was checked there */
	bool plain;                          /* the set is plain C: sums are in double */
	uint64_t random;                     /* state of the generator */
	unsigned long every, shapes;         /* one shape of so many is run, for slow emulators; those met so far */
	uint8_t *slots[CHECK_SLOTS];         /* CHECK_SLOT_BYTES each, followed by a page that cannot be touched */
	size_t slot_bytes[CHECK_SLOTS];      /* bytes handed out */
	char what[256];                      /* kernel and parameters, for the report */
	unsigned long compared, failed;
};

/* What the numbers of an input are like. */
enum check_kind {
	CHECK_PLAIN,   /* around one */
	CHECK_EXTREME, /* zeros, subnormals and everything up to 2^51; scales up to the largest */
	CHECK_LEVELS,  /* in 32 floats whole numbers up to 127, one or all 127, times a power of 2, in 256 of them 2^7 apart; others plain */
	CHECK_KINDS,
};

void check_open(struct check *check, uint64_t seed, unsigned long every);
void check_close(struct check *check);

/* `bytes` at the very end of a slot: whatever reads or writes past them is stopped, whatever writes before them is seen
 * by check_guards(). One buffer a slot; the last call counts. */
void *check_buffer(struct check *check, unsigned slot, size_t bytes);

/* The buffer that a slot holds already. */
void *check_held(const struct check *check, unsigned slot);

uint32_t check_random(struct check *check, uint32_t below);
void check_floats(struct check *check, float *x, size_t count, enum check_kind kind);
/* `count` numbers of a type (a multiple of its block), every bit pattern of finite value possible. */
void check_numbers(struct check *check, enum wick_type type, void *x, size_t count, enum check_kind kind);

/* Where a type's block has halves: so many places of them in it, the minimum's last where it has one. */
struct check_halves {
	unsigned count, place[2];
	bool minimum;
};

struct check_halves check_halves(enum wick_type type);

/* Names what runs now: it heads every report until the next call. */
__attribute__((format(printf, 2, 3))) void check_now(struct check *check, const char *format, ...);

/* Whether this shape is one of those to run. */
bool check_due(struct check *check);

void check_guards(struct check *check);
/* Every bit the same, but that one NaN is as good as another. */
void check_same(struct check *check, const char *contract, const float *want, const float *got, size_t count);
void check_bytes(struct check *check, const char *contract, const void *want, const void *got, size_t bytes);
/* |want[i] - got[i]| <= bound[i]; where want is infinite or no number, got is the same. */
void check_near(struct check *check, const float *want, const float *got, const double *bound, size_t count);

/* Half a unit in the last place of 1: the largest relative error of one rounding to float. */
#define CHECK_U 0x1p-24

/* The largest error that the contract of kernels.h allows a dot product of `cols` terms whose magnitudes add up to
 * `terms`: no term passes more than 4 roundings a tile and 12 more, and one each goes to the rounding of the
 * reference and to products of errors. Results below the smallest float are lost, one a rounding. */
double check_dot_bound(const struct check *check, size_t cols, double terms);

/* One function a family; the table is in checkkern.c. */
void check_convert(struct check *check);
void check_matvec(struct check *check);
void check_matmul(struct check *check);
void check_ffn(struct check *check);
void check_accumulate(struct check *check);
void check_norm(struct check *check);
void check_act(struct check *check);
void check_rope(struct check *check);
void check_crc32c(struct check *check);

/* A table of the kernels written a second time, each from its definition, in numbers twice as long as the plain C's. */
void check_truth(struct wick_kernels *kernels);

/* Prints GB/s of each kernel of a table beside the read bandwidth of the same run. */
void check_bench(const struct wick_kernels *kernels, const char *filter);
