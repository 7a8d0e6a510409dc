/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys, hosts and origins. */

#include "access.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* In a time that depends on the length of what is compared with the key, and not on where they differ. */
static bool equals_key(const char *key, const char *text)
{
	size_t key_bytes = strlen(key), bytes = strlen(text);
	volatile uint8_t differ = key_bytes != bytes;

	for (size_t i = 0; i < bytes; i++)
		differ = (uint8_t)(differ | (uint8_t)(text[i] ^ key[key_bytes ? i % key_bytes : 0]));
	return !differ;
}

static bool has_key(const char *key, const char *authorization)
{
	static const char scheme[] = "Bearer ";

	return authorization && !strncasecmp(authorization, scheme, sizeof(scheme) - 1) &&
		equals_key(key, authorization + sizeof(scheme) - 1);
}

/* Bytes of the name in front of a port: "localhost:8080", "[::1]:8080". */
static size_t name_bytes(const char *host)
{
	const char *end = *host == '[' ? strchr(host, ']') : NULL;

	return end ? (size_t)(end + 1 - host) : strcspn(host, ":");
}

static bool is_name(const char *host, size_t bytes, const char *name)
{
	return name && strlen(name) == bytes && !strncasecmp(host, name, bytes);
}

/* Nothing but a port may follow, and 127.evil.example is no number. */
static bool is_loopback(const char *host, size_t bytes)
{
	const char *rest = host + bytes;

	if (*rest == ':')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (*rest)
		return false;
	return is_name(host, bytes, "localhost") || is_name(host, bytes, "[::1]") ||
		(!strncmp(host, "127.", 4) && strspn(host, "0123456789.") == bytes);
}

static bool knows_host(const struct wick_access *access, const char *host)
{
	size_t bytes = host ? name_bytes(host) : 0;

	return host && (is_loopback(host, bytes) || is_name(host, bytes, access->host));
}

/* http://HOST, the Host header being what the page was asked from. */
static bool is_own(const char *origin, const char *host)
{
	static const char scheme[] = "http://";

	return host && !strncasecmp(origin, scheme, sizeof(scheme) - 1) && !strcasecmp(origin + sizeof(scheme) - 1, host);
}

bool wick_access_shares(const struct wick_access *access, const char *origin)
{
	return origin && access->origin && (!strcmp(access->origin, "*") || !strcasecmp(access->origin, origin));
}

int wick_access_check(
	const struct wick_access *access, const struct wick_access_headers *headers, struct wick_refusal *refusal)
{
	if (access->key && !has_key(access->key, headers->authorization)) {
		wick_refuse(refusal, 401, NULL, headers->authorization ? "the key is wrong" : "a key is needed: Authorization: Bearer KEY");
		refusal->code = "invalid_api_key";
		return -1;
	}
	if (!access->key && !knows_host(access, headers->host))
		return wick_refuse(refusal, 403, NULL, "the Host header names no address of this machine's own");
	if (headers->origin && !is_own(headers->origin, headers->host) && !wick_access_shares(access, headers->origin))
		return wick_refuse(refusal, 403, NULL, "pages of the origin '%.100s' may not ask here", headers->origin);
	return 0;
}
