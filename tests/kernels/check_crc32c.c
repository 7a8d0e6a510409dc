/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* CRC-32C: the vectors of RFC 3720, appendix B.4, then every length against the definition. */

#include "check.h"

#include <string.h>

enum slots { DATA };

/* The read command of the RFC's last vector. */
static const uint8_t read_command[48] = { 0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
	0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0 };

static void expect(struct check *check, const char *what, uint32_t want, uint32_t got)
{
	check_now(check, "crc32c");
	check_bytes(check, what, &want, &got, sizeof(want));
}

static void check_vectors(struct check *check)
{
	uint32_t (*crc32c)(uint32_t, const void *, size_t) = check->kernels->crc32c;
	uint8_t bytes[32];

	memset(bytes, 0, sizeof(bytes));
	expect(check, "32 bytes of zero", 0x8a9136aa, crc32c(0, bytes, 32));
	memset(bytes, 0xff, sizeof(bytes));
	expect(check, "32 bytes of one bits", 0x62a8ab43, crc32c(0, bytes, 32));
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	expect(check, "32 bytes ascending", 0x46dd794e, crc32c(0, bytes, 32));
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(31 - i);
	expect(check, "32 bytes descending", 0x113fdb5c, crc32c(0, bytes, 32));
	expect(check, "a read command", 0xd9963a56, crc32c(0, read_command, sizeof(read_command)));
	expect(check, "nothing", 0x12345678, crc32c(0x12345678, NULL, 0));
}

static void check_length(struct check *check, size_t bytes)
{
	uint8_t *data = check_buffer(check, DATA, bytes);
	size_t first = check_random(check, (uint32_t)bytes + 1);
	uint32_t start = check_random(check, UINT32_MAX), want, got, continued;

	for (size_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)check_random(check, 256);
	want = check->truth->crc32c(start, data, bytes);
	got = check->kernels->crc32c(start, data, bytes);
	continued = check->kernels->crc32c(check->kernels->crc32c(start, data, first), data + first, bytes - first);
	check_now(check, "crc32c of %zu bytes", bytes);
	check_bytes(check, "in one go", &want, &got, sizeof(want));
	check_bytes(check, "continued", &want, &continued, sizeof(want));
}

void check_crc32c(struct check *check)
{
	if (check->kernels->crc32c == check->below->crc32c)
		return;
	check_vectors(check);
	for (size_t bytes = 0; bytes < 600; bytes++)
		if (check_due(check))
			check_length(check, bytes);
	for (unsigned i = 0; i < 60; i++)
		check_length(check, check_random(check, 40000));
}
