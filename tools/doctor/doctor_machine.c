/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Kernel, memory and processor. */

#include "bits.h"
#include "cpu.h"
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

/* Those that the kernels ask for, as they ask: /proc/cpuinfo may be hidden. */
static const struct {
	const char *name;
	uint32_t flag;
} sets[] = {
	{ "AVX-512", WICK_CPU_AVX512 },
	{ "VNNI", WICK_CPU_AVX512_VNNI },
	{ "AVX-VNNI", WICK_CPU_AVX_VNNI },
	{ "AVX2", WICK_CPU_AVX2 },
	{ "SSE4.2", WICK_CPU_SSE42 },
	{ "NEON", WICK_CPU_NEON },
	{ "DOTPROD", WICK_CPU_DOTPROD },
	{ "CRC", WICK_CPU_CRC },
};

/* The processor's name; "" when nothing tells it. */
static void name_processor(char *name, size_t bytes)
{
	static const char key[] = "model name";
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	*name = 0;
	while (file && !*name && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, sizeof(key) - 1) && strchr(line, ':'))
			snprintf(name, bytes, "%s", strchr(line, ':') + 1 + strspn(strchr(line, ':') + 1, " "));
	name[strcspn(name, "\n")] = 0;
	if (file)
		fclose(file);
}

/* An OpenBLAS older than the processor takes it for one without AVX, which shows in training alone. */
static void look_at_blas(struct doctor *doctor, uint32_t flags)
{
	static const char *const old[] = { "Prescott", "Core2", "Nehalem", "Sandybridge", "Bulldozer" };
	const char *core, *better = flags & WICK_CPU_AVX512 ? "SkylakeX" : flags & WICK_CPU_AVX2 ? "Haswell" : NULL;
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
	doctor_note(doctor, "OpenBLAS", DOCTOR_NO, fix, "its kernels for %s: it does not know this processor, and training takes longer",
		core);
}

void doctor_look_at_cpu(struct doctor *doctor)
{
	uint32_t flags = wick_cpu_flags();
	bool fast = flags & (WICK_CPU_AVX2 | WICK_CPU_NEON);
	char list[128] = "", name[101];

	for (unsigned i = 0; i < WICK_COUNT_OF(sets); i++) {
		size_t used = strlen(list);

		if (flags & sets[i].flag)
			snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", sets[i].name);
	}
	name_processor(name, sizeof(name));
	doctor_note(doctor, "processor", fast ? DOCTOR_OK : DOCTOR_NO,
		fast ? NULL : "a processor with AVX2 or NEON computes several times as fast", "%s%s%s", name, *name ? ": " : "",
		list[0] ? list : "no instruction set that wick has use for");
	look_at_blas(doctor, flags);
}
