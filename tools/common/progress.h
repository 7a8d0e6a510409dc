/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A work that takes longer than a second shows how far it is, on a terminal, and Ctrl-C ends it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From here on the first Ctrl-C (or SIGTERM) is only noted, and a second one ends the program as usual. */
void interrupt_catch(void);
bool interrupted(void);

/* The same for a program that goes on after Ctrl-C: it is noted each time, a read that waits for input is interrupted, and
 * interrupt_forget() says that it was followed. Other signals stay. */
void interrupt_catch_each(void);
void interrupt_forget(void);

struct progress {
	const char *verb; /* "packing" */
	uint64_t begun_ns, shown_ns;
	uint64_t from_ns, from_bytes; /* what the rate counts from; 0: nothing was shown yet */
	uint64_t last_bytes;
	bool is_shown; /* a line, on the terminal now */
};

void progress_begin(struct progress *progress, const char *verb);

/* Bytes a second since the first of these calls, with so many done by now; 0 in that one. So what comes before the first
 * byte (measuring a drive, reserving memory) is in no rate, and a part that begins anew has its own. */
double progress_rate(struct progress *progress, uint64_t bytes_done, uint64_t now_ns);

/* A wick_progress_fn; user is the struct progress. Non-zero once interrupted. */
int progress_show(void *progress, uint64_t bytes_done, uint64_t bytes_total);

/* The line in the caller's words, on a terminal and after a while, as above. */
void progress_say(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Wipes the line. */
void progress_end(struct progress *progress);

/* The unit in which that many bytes are said, a power of 1000. */
struct bytes_unit {
	const char *name;
	double bytes;
};
struct bytes_unit bytes_unit(double bytes);

/* "13.2 GB"; returns text. */
struct bytes_text {
	char text[24];
};
const char *say_bytes(struct bytes_text *into, double bytes);
#define BYTES(count) say_bytes(&(struct bytes_text){ "" }, (double)(count))
