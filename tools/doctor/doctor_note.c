/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Noting a finding (see doctor.h). */

#include "doctor.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void doctor_note(struct doctor *doctor, const char *name, enum doctor_state state, const char *fix, const char *found, ...)
{
	struct doctor_finding *finding = &doctor->findings[doctor->count];
	va_list args;

	if (doctor->count == sizeof(doctor->findings) / sizeof(*finding))
		return;
	doctor->count++;
	finding->name = name;
	finding->state = state;
	snprintf(finding->fix, sizeof(finding->fix), "%s", fix ? fix : "");
	va_start(args, found);
	vsnprintf(finding->found, sizeof(finding->found), found, args);
	va_end(args);
	text_clean(finding->found);
	text_clean(finding->fix);
}

void doctor_read(char *text, int bytes, const char *name)
{
	FILE *file = fopen(name, "re");

	if (!file || !fgets(text, bytes, file))
		text[0] = 0;
	text[strcspn(text, "\n")] = 0;
	if (file)
		fclose(file);
}
