/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Name to address to socket. */

#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
}

static void say_address(struct wick_listen *listen)
{
	struct sockaddr_storage real = { 0 };
	socklen_t length = sizeof(real);
	char host[64] = "?", port[8] = "?";

	getsockname(listen->socket, (struct sockaddr *)&real, &length);
	getnameinfo((struct sockaddr *)&real, length, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(listen->address, sizeof(listen->address), real.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* A port whose last connections are not forgotten yet can be had again; one that somebody listens on cannot. */
static int bind_to(const struct addrinfo *info)
{
	int socket_fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1, rc = 0;

	if (socket_fd < 0)
		return -errno;
	setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(socket_fd, info->ai_addr, info->ai_addrlen) || listen(socket_fd, SOMAXCONN))
		rc = -errno;
	if (!rc)
		return socket_fd;
	close(socket_fd);
	return rc;
}

/* A name may have several addresses, some of a protocol that this machine does not have: the first that it has. */
static void bind_first(struct wick_listen *listen, const struct addrinfo *found)
{
	for (const struct addrinfo *info = found; info; info = info->ai_next) {
		listen->socket = bind_to(info);
		listen->loopback = is_loopback(info->ai_addr);
		if (listen->socket != -EAFNOSUPPORT && listen->socket != -EADDRNOTAVAIL)
			return;
	}
}

int wick_listen_open(struct wick_listen *listen, const char *host, uint16_t port, struct wick_diag *diag)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *found;
	char service[8];
	int rc;

	snprintf(service, sizeof(service), "%u", port);
	rc = getaddrinfo(host, service, &hints, &found);
	if (rc)
		return wick_diag_say(diag, -EADDRNOTAVAIL, "--host %s: %s", host, gai_strerror(rc));
	bind_first(listen, found);
	freeaddrinfo(found);
	if (listen->socket < 0)
		return wick_diag_say(diag, listen->socket, "%s, port %u: %s", host, port, strerror(-listen->socket));
	say_address(listen);
	return 0;
}
