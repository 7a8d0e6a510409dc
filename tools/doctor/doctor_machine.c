/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Kernel, memory and processor. */

#include "bits.h"
#include "doctor.h"
#include "kernels.h"
#include "progress.h"

#include <numa.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <wick/wick.h>

void doctor_look_at_kernel(struct doctor *doctor)
{
	struct utsname name;
	unsigned major = 0, minor = 0;
	bool recent;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2) {
		doctor_note(doctor, "kernel", DOCTOR_NO, NULL, "it does not say its version");
		return;
	}
	recent = major > 6 || (major == 6 && minor >= 1);
	doctor_note(doctor, "kernel", recent ? DOCTOR_OK : DOCTOR_NO, recent ? NULL : "Linux 6.1 or newer reads with less CPU",
		"Linux %s on %s", name.release, name.machine);
}

static void look_at_limit(struct doctor *doctor)
{
	uint64_t free_bytes = wick_free_bytes(), limit_bytes = wick_cgroup_limit_bytes();

	if (limit_bytes == UINT64_MAX)
		doctor_note(doctor, "memory", DOCTOR_OK, NULL, "%s free, no limit by a cgroup", BYTES(free_bytes));
	else
		doctor_note(doctor, "memory", DOCTOR_OK, NULL, "%s free, within a cgroup's limit of %s", BYTES(free_bytes),
			BYTES(limit_bytes));
}

/* "always [madvise] never" */
static void look_at_huge_pages(struct doctor *doctor)
{
	static const char folder[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	char text[64];

	doctor_read(text, sizeof(text), folder);
	if (!text[0])
		doctor_note(doctor, "huge pages", DOCTOR_NO, "a kernel with CONFIG_TRANSPARENT_HUGEPAGE", "this kernel has none");
	else if (strstr(text, "[never]"))
		doctor_note(doctor, "huge pages", DOCTOR_NO, "as root: echo madvise >/sys/kernel/mm/transparent_hugepage/enabled",
			"switched off");
	else
		doctor_note(doctor, "huge pages", DOCTOR_OK, NULL, "%s", strstr(text, "[always]") ? "for everybody" : "on demand");
}

static void look_at_nodes(struct doctor *doctor)
{
	int nodes = numa_available() < 0 ? 1 : numa_num_configured_nodes();

	if (nodes > 1)
		doctor_note(doctor, "NUMA", DOCTOR_OK, NULL, "%d nodes", nodes);
	else
		doctor_note(doctor, "NUMA", DOCTOR_OK, NULL, "one node: nothing to place");
}

void doctor_look_at_memory(struct doctor *doctor)
{
	look_at_limit(doctor);
	look_at_huge_pages(doctor);
	look_at_nodes(doctor);
}

/* An instruction set is there when all of its words are among the flags of /proc/cpuinfo. */
static const struct {
	const char *name;
	const char *flags[5];
} sets[] = {
	{ "AVX-512", { "avx512f", "avx512bw", "avx512dq", "avx512vl" } },
	{ "VNNI", { "avx512_vnni" } },
	{ "BF16", { "avx512_bf16" } },
	{ "AVX2", { "avx2", "fma", "f16c" } },
	{ "SSE4.2", { "sse4_2" } },
	{ "NEON", { "asimd" } },
	{ "DOTPROD", { "asimddp" } },
	{ "FP16", { "asimdhp" } },
	{ "CRC", { "crc32" } },
};

static bool has_word(const char *line, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = strstr(line, word); at; at = strstr(at + 1, word))
		if ((at == line || strchr(" \t:", at[-1])) && strchr(" \n", at[length]))
			return true;
	return false;
}

static bool has_set(const char *line, unsigned set)
{
	for (unsigned i = 0; sets[set].flags[i]; i++)
		if (!has_word(line, sets[set].flags[i]))
			return false;
	return true;
}

/* The value of the first line that begins with a name; "" when there is none. The caller frees it. */
static char *cpuinfo(const char *name)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char *line = NULL, *value = NULL;
	size_t room = 0;

	while (file && !value && getline(&line, &room, file) > 0)
		if (!strncmp(line, name, strlen(name)) && strchr(line, ':'))
			value = strdup(strchr(line, ':') + 1 + strspn(strchr(line, ':') + 1, " "));
	if (file)
		fclose(file);
	free(line);
	return value ? value : strdup("");
}

/* An OpenBLAS older than the processor takes it for one without AVX, which shows in prompts alone. */
static void look_at_blas(struct doctor *doctor, const char *flags)
{
	static const char *const old[] = { "Prescott", "Core2", "Nehalem", "Sandybridge", "Bulldozer" };
	const char *core, *better = has_set(flags, 0) ? "SkylakeX" : has_set(flags, 3) ? "Haswell" : NULL;
	struct wick_diag diag = { "" };
	bool mistaken = false;
	char fix[64];

	if (wick_gemm_init(1, &diag)) {
		doctor_note(doctor, "OpenBLAS", DOCTOR_NO, "install it (Debian: libopenblas0)", "%s", diag.text);
		return;
	}
	core = wick_gemm_core();

	for (unsigned i = 0; better && i < WICK_COUNT_OF(old); i++)
		mistaken |= !strcmp(core, old[i]);
	if (!mistaken) {
		doctor_note(doctor, "OpenBLAS", DOCTOR_OK, NULL, "its kernels for %s", core);
		return;
	}
	snprintf(fix, sizeof(fix), "export OPENBLAS_CORETYPE=%s, or a newer OpenBLAS", better);
	doctor_note(doctor, "OpenBLAS", DOCTOR_NO, fix, "its kernels for %s: it does not know this processor, and prompts take longer",
		core);
}

void doctor_look_at_cpu(struct doctor *doctor)
{
	char *model = cpuinfo("model name"), *flags = cpuinfo("flags"), *features = cpuinfo("Features");
	bool wide = flags && has_set(flags, 3), arm = features && has_set(features, 5);
	char list[128] = "";

	for (unsigned i = 0; flags && features && i < WICK_COUNT_OF(sets); i++) {
		size_t used = strlen(list);

		if (has_set(flags, i) || has_set(features, i))
			snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", sets[i].name);
	}
	if (model)
		model[strcspn(model, "\n")] = 0;
	doctor_note(doctor, "processor", wide || arm ? DOCTOR_OK : DOCTOR_NO,
		wide || arm ? NULL : "a processor with AVX2 or NEON computes several times as fast", "%.100s%s%s",
		model ? model : "", model && *model ? ": " : "", list[0] ? list : "no instruction set that wick has use for");
	if (flags)
		look_at_blas(doctor, flags);
	free(model);
	free(flags);
	free(features);
}
