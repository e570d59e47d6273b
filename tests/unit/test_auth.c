#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/net/auth.h"
#include "tests/support/domain_fixture.h"

#define TOKEN "cst_example_1"

static const unsigned char key[AUTH_KEY_BYTES] = "0123456789abcde";

static struct auth_source
source_of(struct domain_fixture *f)
{
	return (struct auth_source){ f->domain, f->snapshot, key };
}

/* The fixture's store gets a token TOKEN with MORE in its set. */
static void
make_token(struct domain_fixture *f, const char *more)
{
	char args[256];

	snprintf(args, sizeof(args),
	    "{'set': {'name': 't', 'store': 1, 'scopes': ['customers.read']%s},"
	    " 'token': '" TOKEN "', 'uid': 'TokenToken'}",
	    more);
	domain_identify_operator(&f->who);
	must_do(f, "token.create", args);
}

static enum status
resolve(struct domain_fixture *f, struct auth *auth, const char *token,
    struct identity *who)
{
	struct auth_source source = source_of(f);

	return auth_resolve(auth, &source, slice_text(token), f->now_ms, who);
}

static enum status
say_hello(struct domain_fixture *f, struct auth *auth, const char *token)
{
	struct auth_source source = source_of(f);

	return auth_hello(auth, &source, slice_text(token), f->now_ms);
}

static void
without_a_token_a_peer_is_nobody(void **state)
{
	struct domain_fixture *f = *state;
	struct auth            auth;
	struct identity        who;

	auth_init(&auth, false);
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_int_equal(who.scopes, 0);
	assert_false(auth_is_known(&auth));
	auth_fini(&auth);
}

static void
hello_gives_the_connection_its_identity(void **state)
{
	struct domain_fixture *f = *state;
	struct auth            auth;
	struct identity        who;

	make_token(f, "");
	auth_init(&auth, false);
	assert_int_equal(say_hello(f, &auth, TOKEN), STATUS_OK);
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_int_equal(who.store, 1);
	assert_int_equal(who.scopes, SCOPE_BIT(SCOPE_CUSTOMERS_READ));
	auth_fini(&auth);
}

static void
a_bad_hello_leaves_nobody_not_even_the_operator(void **state)
{
	struct domain_fixture *f = *state;
	struct auth            auth;
	struct identity        who;

	auth_init(&auth, true);
	assert_int_equal(say_hello(f, &auth, "no such token"), STATUS_UNAUTHENTICATED);
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_int_equal(who.scopes, 0);
	auth_fini(&auth);
}

static void
a_hello_without_token_makes_the_operator_again(void **state)
{
	struct domain_fixture *f = *state;
	struct auth            auth;
	struct identity        who;

	make_token(f, "");
	auth_init(&auth, true);
	assert_int_equal(say_hello(f, &auth, TOKEN), STATUS_OK);
	assert_int_equal(say_hello(f, &auth, ""), STATUS_OK);
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_true((who.scopes & SCOPE_BIT(SCOPE_OPERATE)) != 0);
	auth_fini(&auth);
}

static void
a_token_in_meta_counts_for_its_request_only(void **state)
{
	struct domain_fixture *f = *state;
	struct auth            auth;
	struct identity        who;

	make_token(f, "");
	auth_init(&auth, false);
	for (int i = 0; i < 3; i++) { /* the second time from memory */
		assert_int_equal(resolve(f, &auth, TOKEN, &who), STATUS_OK);
		assert_int_equal(who.store, 1);
		assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
		assert_int_equal(who.scopes, 0);
	}
	assert_int_equal(
	    resolve(f, &auth, "cst_example_2", &who), STATUS_UNAUTHENTICATED);
	assert_int_equal(who.scopes, 0);
	assert_int_equal(resolve(f, &auth, TOKEN, &who), STATUS_OK);
	auth_fini(&auth);
}

static void
a_token_that_is_deleted_is_of_no_use_from_then_on(void **state)
{
	struct domain_fixture *f = *state;
	struct auth            auth;
	struct identity        who;

	make_token(f, "");
	auth_init(&auth, false);
	assert_int_equal(say_hello(f, &auth, TOKEN), STATUS_OK);
	assert_int_equal(resolve(f, &auth, TOKEN, &who), STATUS_OK);
	must_do(f, "token.delete", "{'uid': 'TokenToken'}");
	assert_int_equal(resolve(f, &auth, TOKEN, &who), STATUS_UNAUTHENTICATED);
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_int_equal(who.scopes, 0);
	auth_fini(&auth);
}

static void
a_token_that_is_changed_counts_as_it_is_now(void **state)
{
	struct domain_fixture *f = *state;
	struct auth            auth;
	struct identity        who;

	make_token(f, "");
	auth_init(&auth, false);
	assert_int_equal(say_hello(f, &auth, TOKEN), STATUS_OK);
	must_do(f, "token.update",
	    "{'uid': 'TokenToken', 'set': {'scopes': ['tags.read']}}");
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_int_equal(who.scopes, SCOPE_BIT(SCOPE_TAGS_READ));
	auth_fini(&auth);
}

static void
a_token_ends_at_its_time_on_open_connections_too(void **state)
{
	struct domain_fixture *f = *state;
	struct auth            auth;
	struct identity        who;
	char                   more[64];

	snprintf(
	    more, sizeof(more), ", 'expires_at': %lld", (long long)f->now_ms + 500);
	make_token(f, more);
	auth_init(&auth, false);
	assert_int_equal(say_hello(f, &auth, TOKEN), STATUS_OK);
	assert_int_equal(resolve(f, &auth, TOKEN, &who), STATUS_OK);
	f->now_ms += 500;
	assert_int_equal(resolve(f, &auth, TOKEN, &who), STATUS_UNAUTHENTICATED);
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_int_equal(who.scopes, 0);
	auth_fini(&auth);
}

static const unsigned char shown[IDENTITY_KEY_BYTES] = { 0xab, 0xcd };

#define SHOWN "abcd000000000000000000000000000000000000000000000000000000000000"

static void
who_shows_a_key_is_who_the_token_with_it_says(void **state)
{
	struct domain_fixture *f = *state;
	struct auth            auth;
	struct identity        who;

	auth_init(&auth, false);
	auth_show_key(&auth, shown);
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_int_equal(who.scopes, 0);
	make_token(f, ", 'public_key_sha256': '" SHOWN "'");
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_int_equal(who.scopes, SCOPE_BIT(SCOPE_CUSTOMERS_READ));
	assert_true(auth_is_known(&auth));
	must_do(f, "token.update",
	    "{'uid': 'TokenToken', 'set': {'public_key_sha256': null}}");
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_int_equal(who.scopes, 0);
	assert_int_equal(auth.wrong_count, 0);
	auth_fini(&auth);
}

static void
a_token_goes_over_the_key_that_was_shown(void **state)
{
	struct domain_fixture *f = *state;
	struct auth            auth;
	struct identity        who;

	make_token(f, ", 'public_key_sha256': '" SHOWN "'");
	auth_init(&auth, false);
	auth_show_key(&auth, shown);
	assert_int_equal(say_hello(f, &auth, "cst_nobodys"), STATUS_UNAUTHENTICATED);
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_int_equal(who.scopes, 0);
	assert_int_equal(say_hello(f, &auth, ""), STATUS_OK);
	assert_int_equal(resolve(f, &auth, "", &who), STATUS_OK);
	assert_int_equal(who.store, 1);
	auth_fini(&auth);
}

static void
the_peer_of_a_unix_socket_is_known_by_its_user(void **state)
{
	int fds[2], tcp = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_true(auth_peer_operates(fds[0], geteuid()));
	assert_false(auth_peer_operates(tcp, 12345));
	assert_false(auth_peer_operates(-1, geteuid()));
	close(fds[0]);
	close(fds[1]);
	close(tcp);
}

#define SOMEBODY 65534

static void
another_user_operates_only_if_named(void **state)
{
	int fds[2];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(seteuid(SOMEBODY), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_true(auth_peer_operates(fds[0], 0));
	assert_int_equal(seteuid(0), 0);
	assert_false(auth_peer_operates(fds[0], 0));
	assert_true(auth_peer_operates(fds[0], SOMEBODY));
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DOMAIN_TEST(without_a_token_a_peer_is_nobody),
		DOMAIN_TEST(hello_gives_the_connection_its_identity),
		DOMAIN_TEST(a_bad_hello_leaves_nobody_not_even_the_operator),
		DOMAIN_TEST(a_hello_without_token_makes_the_operator_again),
		DOMAIN_TEST(a_token_in_meta_counts_for_its_request_only),
		DOMAIN_TEST(a_token_that_is_deleted_is_of_no_use_from_then_on),
		DOMAIN_TEST(a_token_that_is_changed_counts_as_it_is_now),
		DOMAIN_TEST(a_token_ends_at_its_time_on_open_connections_too),
		DOMAIN_TEST(who_shows_a_key_is_who_the_token_with_it_says),
		DOMAIN_TEST(a_token_goes_over_the_key_that_was_shown),
		DOMAIN_TEST(the_peer_of_a_unix_socket_is_known_by_its_user),
		DOMAIN_TEST(another_user_operates_only_if_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
