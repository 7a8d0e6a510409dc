/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick doctor [PATH] */

#include "commands.h"
#include "doctor.h"
#include "figures_json.h"

#include <errno.h>
#include <string.h>

static const char *path;
static bool as_json;

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Options:" },
	{ OPT_FLAG, .name = "json", .into.flag = &as_json, .help = "as JSON" },
	{ OPT_END },
};

static void print_lines(const struct doctor *doctor)
{
	static const char *const words[] = { [DOCTOR_OK] = "ok", [DOCTOR_NO] = "no", [DOCTOR_FAIL] = "FAIL" };

	for (unsigned i = 0; i < doctor->count; i++) {
		const struct doctor_finding *finding = &doctor->findings[i];

		printf("%-14s %-5s %s\n", finding->name, words[finding->state], finding->found);
		if (finding->fix[0])
			printf("%-14s %-5s fix: %s\n", "", "", finding->fix);
	}
}

static int print_as_json(const struct doctor *doctor, bool healthy)
{
	json_t *json = json_object(), *checks = json_array();
	int rc;

	json_object_set_new(json, "path", wick_json_name(doctor->path));
	json_object_set_new(json, "ok", json_boolean(healthy));
	for (unsigned i = 0; i < doctor->count; i++) {
		const struct doctor_finding *finding = &doctor->findings[i];
		json_t *check = json_object();

		json_object_set_new(check, "name", json_string(finding->name));
		json_object_set_new(check, "ok", json_boolean(finding->state == DOCTOR_OK));
		json_object_set_new(check, "essential", json_boolean(finding->state == DOCTOR_FAIL));
		json_object_set_new(check, "found", wick_json_name(finding->found));
		json_object_set_new(check, "fix", wick_json_name(finding->fix));
		json_array_append_new(checks, check);
	}
	json_object_set_new(json, "checks", checks);
	rc = json_print(json, stdout);
	json_decref(json);
	return rc;
}

static int run(struct wick_diag *diag)
{
	struct doctor doctor = { .path = path ? path : "." };
	const char *failed = NULL;
	int rc = 0;

	doctor_look_at_kernel(&doctor);
	doctor_look_at_io(&doctor);
	doctor_look_at_memory(&doctor);
	doctor_look_at_cpu(&doctor);
	for (unsigned i = doctor.count; i; i--)
		if (doctor.findings[i - 1].state == DOCTOR_FAIL)
			failed = doctor.findings[i - 1].name;
	if (as_json)
		rc = print_as_json(&doctor, !failed);
	else
		print_lines(&doctor);
	if (rc)
		return rc;
	return failed ? wick_diag_say(diag, -ENOSYS, "wick cannot run like this: see %s", failed) : 0;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.purpose = "check this machine, and say how to mend it",
	.synopsis = "[PATH] [--json]",
	.operand = "PATH",
	.operand_optional = true,
	.operand_into = &path,
	.about = "Says how this machine lets wick read the files at PATH (a file, or a folder\n"
		 "where a small one is made that vanishes at once; the current folder by\n"
		 "default), what memory and processor it has, and for each \"no\" what would change\n"
		 "it.",
	.options = options,
	.run = run,
};
