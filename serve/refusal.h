/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Why a request is not served, as OpenAI's API says it: a status, a sentence, and the field that is wrong. */

#include <stdarg.h>
#include <stdio.h>

struct wick_refusal {
	int status;         /* of HTTP; 0: none */
	char message[1024];
	char param[128];    /* "": no field */
	const char *code;   /* "model_not_found"; NULL: none. A constant */
	const char *allow;  /* the methods of a path, for 405. A constant */
	unsigned retry_s;   /* 0: it is of no use to try again */
};

/* Writes the first one that there is, and returns -1. */
__attribute__((format(printf, 4, 5))) static inline int wick_refuse(
	struct wick_refusal *refusal, int status, const char *param, const char *format, ...)
{
	va_list args;

	if (refusal->status)
		return -1;
	refusal->status = status;
	snprintf(refusal->param, sizeof(refusal->param), "%s", param ? param : "");
	va_start(args, format);
	vsnprintf(refusal->message, sizeof(refusal->message), format, args);
	va_end(args);
	return -1;
}
