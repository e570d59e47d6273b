#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include <cmocka.h>

#include "server/base/address.h"

static void
a_host_and_a_port_are_told_apart(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t    port;
	} rows[] = {
		{ "127.0.0.1:7410", "127.0.0.1", 7410 },
		{ "localhost:0", "localhost", 0 },
		{ "[::1]:65535", "::1", 65535 },
		{ "a:007", "a", 7 },
	};
	struct slice host;
	uint16_t     port;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(address_split(rows[i].text, &host, &port));
		assert_true(slice_equal(host, slice_text(rows[i].host)));
		assert_int_equal(port, rows[i].port);
	}
}

static void
anything_else_is_no_address(void **state)
{
	static const char *const texts[] = { "", ":", ":1", "a", "a:", "a:x", "a:1x",
		"a:-1", "a:+1", "a: 1", "a:65536", "a:4294967297", "::1:80", "[::1]",
		"[]:1", "[::1:1" };
	struct slice             host;
	uint16_t                 port;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (address_split(texts[i], &host, &port))
			fail_msg("\"%s\" was taken for an address", texts[i]);
}

static void
only_loopback_is_local(void **state)
{
	static const char *const near[] = { "127.0.0.1", "127.1.2.3", "::1",
		"localhost" };
	static const char *const far[] = { "0.0.0.0", "::", "192.0.2.1", "128.0.0.1",
		"localhost.example.com", "::ffff:192.0.2.1", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++)
		assert_true(address_is_local(near[i]));
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		assert_false(address_is_local(far[i]));
}

static void
an_address_has_a_name_of_its_family(void **state)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in      four;
		struct sockaddr_in6     six;
		struct sockaddr_un      local;
	} address = { .four = { .sin_family = AF_INET, .sin_port = htons(7410) } };
	char name[ADDRESS_NAME_BYTES];

	(void)state;
	address.four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address_name(&address.any, name);
	assert_string_equal(name, "127.0.0.1:7410");
	address.six = (struct sockaddr_in6){ .sin6_family = AF_INET6,
		.sin6_port = htons(1),
		.sin6_addr = in6addr_loopback };
	address_name(&address.any, name);
	assert_string_equal(name, "[::1]:1");
	address.local = (struct sockaddr_un){ .sun_family = AF_UNIX };
	address_name(&address.any, name);
	assert_string_equal(name, "unix");
	/* A path that fills its place has no terminator. */
	memset(address.local.sun_path, 'p', sizeof(address.local.sun_path));
	address_name(&address.any, name);
	assert_int_equal(strlen(name), sizeof(address.local.sun_path));
	address.any.ss_family = AF_UNSPEC;
	address_name(&address.any, name);
	assert_string_equal(name, "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_and_a_port_are_told_apart),
		cmocka_unit_test(anything_else_is_no_address),
		cmocka_unit_test(only_loopback_is_local),
		cmocka_unit_test(an_address_has_a_name_of_its_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
