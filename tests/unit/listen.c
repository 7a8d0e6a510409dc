/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A name of several addresses: the first one that this machine has is listened on. The resolver is the test's. */

#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Nobody's: an address for documents. */
static struct sockaddr_in nobodys = { .sin_family = AF_INET }, loopback = { .sin_family = AF_INET };
static struct addrinfo second = { .ai_family = AF_INET, .ai_addr = (void *)&loopback, .ai_addrlen = sizeof(loopback) };
static struct addrinfo first = { .ai_family = AF_INET, .ai_addr = (void *)&nobodys, .ai_addrlen = sizeof(nobodys),
	.ai_next = &second };

int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found);
void __wrap_freeaddrinfo(struct addrinfo *found);

int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	(void)name;
	(void)hints;
	nobodys.sin_addr.s_addr = inet_addr("203.0.113.7");
	loopback.sin_addr.s_addr = inet_addr("127.0.0.1");
	nobodys.sin_port = loopback.sin_port = htons((uint16_t)strtoul(service, NULL, 10));
	*found = &first;
	return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *found)
{
	assert_ptr_equal(found, &first);
}

static void the_second_address(void **state)
{
	struct wick_listen listen, other;
	struct wick_diag diag = { "" };
	uint16_t port;

	(void)state;
	assert_int_equal(wick_listen_open(&listen, "name", 0, &diag), 0);
	assert_true(listen.loopback);
	assert_memory_equal(listen.address, "127.0.0.1:", 10);
	port = (uint16_t)strtoul(listen.address + 10, NULL, 10);
	assert_int_equal(wick_listen_open(&other, "name", port, &diag), -EADDRINUSE);
	close(listen.socket);
}

/* A port that is taken is no reason to go on: a second server would seem to be the first. */
static void the_first_that_it_has(void **state)
{
	struct wick_listen listen, other;
	struct wick_diag diag = { "" };
	uint16_t port;

	(void)state;
	first.ai_addr = (void *)&loopback;
	second.ai_addr = (void *)&nobodys;
	assert_int_equal(wick_listen_open(&listen, "name", 0, &diag), 0);
	port = (uint16_t)strtoul(listen.address + 10, NULL, 10);
	assert_int_equal(wick_listen_open(&other, "name", port, &diag), -EADDRINUSE);
	assert_non_null(strstr(diag.text, "in use"));
	close(listen.socket);
}

/* None is there: the last reason is said. */
static void none_of_them(void **state)
{
	struct wick_listen listen;
	struct wick_diag diag = { "" };

	(void)state;
	first.ai_addr = second.ai_addr = (void *)&nobodys;
	assert_int_equal(wick_listen_open(&listen, "name", 0, &diag), -EADDRNOTAVAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_address),
		cmocka_unit_test(the_first_that_it_has),
		cmocka_unit_test(none_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
