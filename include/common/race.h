/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Marks memory that several reads land in at once and that is never looked at, for the thread sanitizer: anywhere else
 * this would be a race. */

#include <stddef.h>

#if defined(__SANITIZE_THREAD__)
void AnnotateBenignRaceSized(const char *file, int line, const volatile void *at, size_t bytes, const char *why);
#define WICK_READ_BY_NOBODY(at, bytes) AnnotateBenignRaceSized(__FILE__, __LINE__, at, bytes, "read by nobody")
#else
#define WICK_READ_BY_NOBODY(at, bytes) ((void)(at), (void)(bytes))
#endif
