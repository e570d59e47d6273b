#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/domain/feed.h"
#include "tests/support/feed_words.h"

/* ---- change.read ---- */

static void
every_change_is_in_the_feed_in_order(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	touch(f, 1, 1);
	must_do(f, "group.create", "{'set': {'name': 'VIP'}}");
	must_do(f, "customer.delete", "{'id': 1}");
	assert_string_equal(numbers(f, READ, "{}"), "1 2 3 4 next 4 last 4 ");
	assert_string_equal(item(f, READ, "{}", 0, "op"), "\"create\"");
	assert_string_equal(item(f, READ, "{}", 1, "op"), "\"update\"");
	assert_string_equal(item(f, READ, "{}", 1, "fields"), "[\"phone\"]");
	assert_string_equal(item(f, READ, "{}", 1, "revision"), "2");
	assert_string_equal(item(f, READ, "{}", 1, "token"), "1");
	assert_string_equal(item(f, READ, "{}", 2, "kind"), "\"group\"");
	assert_string_equal(item(f, READ, "{}", 3, "op"), "\"delete\"");
	assert_string_equal(item(f, READ, "{}", 3, "id"), "1");
	must_verify(f);
}

static void
what_is_refused_repeated_or_the_same_is_no_change(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	must_do(f, UPDATE, "{'id': 1, 'set': {'email': 'a@example.com'}}");
	f->meta.dry_run = true;
	must_do(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}");
	refused(f, "customer.update_many",
	    "{'atomic': true, 'updates': [{'id': 1, 'set': {'phone': '1'}},"
	    " {'id': 9, 'set': {'phone': '1'}}]}",
	    STATUS_INVALID);
	for (int i = 0; i < 2; i++) {
		f->meta.idempotency_key = SLICE("k");
		must_do(f, UPDATE, "{'id': 1, 'set': {'phone': '2'}}");
	}
	assert_string_equal(numbers(f, READ, "{}"), "1 2 next 2 last 2 ");
}

static void
a_page_ends_at_its_limit_and_the_next_goes_on(void **state)
{
	struct domain_fixture *f = *state;

	assert_string_equal(numbers(f, READ, "{}"), "next 0 last 0 ");
	make(f, "a@example.com");
	touch(f, 1, 4);
	assert_string_equal(numbers(f, READ, "{'limit': 2}"), "1 2 next 2 last 5 ");
	assert_string_equal(
	    numbers(f, READ, "{'after': 2, 'limit': 2}"), "3 4 next 4 last 5 ");
	assert_string_equal(
	    numbers(f, READ, "{'after': 4, 'limit': 2}"), "5 next 5 last 5 ");
	assert_string_equal(numbers(f, READ, "{'after': 5}"), "next 5 last 5 ");
}

static void
a_page_ends_before_it_grows_too_large(void **state)
{
	struct domain_fixture *f = *state;
	char                  *args = malloc(100 * 1024);
	uint64_t               after = 0;
	int                    pages = 0, at;

	make(f, "a@example.com");
	for (int i = 0; i < 200; i++) {
		at = sprintf(args, "{'id': 1, 'set': {'metadata': {'n': %d, 't': '", i);
		memset(args + at, 'x', 8000);
		strcpy(args + at + 8000, "'}}}");
		must_do(f, UPDATE, args);
	}
	free(args);
	for (; after < 201; pages++) {
		char    next[64];
		json_t *answer;

		snprintf(
		    next, sizeof(next), "{'limit': 1000, 'after': %d}", (int)after);
		answer = must(f, READ, next);
		assert_in_range(f->result.len, 1, RESULT_BYTES_MAX);
		after = (uint64_t)json_integer_value(json_object_get(answer, "next"));
		json_decref(answer);
	}
	assert_int_equal(pages, 2);
}

static void
a_feed_can_be_of_one_kind_or_one_record(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	make(f, "b@example.com");
	must_do(f, "group.create", "{'set': {'name': 'VIP'}}");
	touch(f, 1, 1);
	touch(f, 2, 2);
	must_do(f, "group.update", "{'id': 1, 'set': {'name': 'V'}}");
	assert_string_equal(
	    numbers(f, READ, "{'kind': 'group'}"), "3 7 next 7 last 7 ");
	assert_string_equal(numbers(f, READ, "{'kind': 'tag'}"), "next 7 last 7 ");
	assert_string_equal(numbers(f, READ, "{'kind': 'customer', 'limit': 3}"),
	    "1 2 4 next 4 last 7 ");
	assert_string_equal(
	    numbers(f, READ, "{'kind': 'customer', 'id': 2}"), "2 5 6 next 7 last 7 ");
	assert_string_equal(
	    numbers(f, READ, "{'kind': 'customer', 'id': 2, 'limit': 2}"),
	    "2 5 next 5 last 7 ");
	assert_string_equal(
	    numbers(f, READ, "{'kind': 'customer', 'id': 2, 'after': 5}"),
	    "6 next 7 last 7 ");
	invalid(f, READ, "{'id': 1}", "kind", RULE_REQUIRED);
	invalid(f, READ, "{'kind': 'shoe'}", "kind", RULE_NOT_IN_LIST);
}

static void
a_search_through_others_changes_is_bounded(void **state)
{
	struct domain_fixture *f = *state;
	char                   expected[64];

	make(f, "a@example.com");
	touch(f, 1, FEED_LOOK_MAX);
	must_do(f, "group.create", "{'set': {'name': 'VIP'}}");
	snprintf(expected, sizeof(expected), "next %u last %u ", FEED_LOOK_MAX,
	    FEED_LOOK_MAX + 2);
	assert_string_equal(numbers(f, READ, "{'kind': 'group'}"), expected);
	snprintf(expected, sizeof(expected), "{'kind': 'group', 'after': %u}",
	    FEED_LOOK_MAX);
	assert_string_equal(item(f, READ, expected, 0, "op"), "\"create\"");
}

static void
stores_count_their_changes_each_for_itself(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	f->who.store = 2;
	assert_string_equal(numbers(f, READ, "{}"), "next 0 last 0 ");
	make(f, "b@example.com");
	assert_string_equal(numbers(f, READ, "{}"), "1 next 1 last 1 ");
	assert_false(says(f, READ, "{}", "a@example.com"));
	f->who.store = 1;
	assert_string_equal(numbers(f, READ, "{}"), "1 next 1 last 1 ");
	assert_false(says(f, READ, "{}", "b@example.com"));
	must_verify(f);
}

static void
operators_read_the_log_of_stores_and_tokens(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	domain_identify_operator(&f->who);
	assert_string_equal(numbers(f, READ, "{}"), "1 2 next 2 last 2 ");
	assert_string_equal(item(f, READ, "{}", 0, "kind"), "\"store\"");
	assert_string_equal(item(f, READ, "{}", 1, "kind"), "\"token\"");
	assert_string_equal(item(f, READ, "{}", 1, "token"), "null");
	assert_false(says(f, READ, "{}", "cst_"));
	refused(f, HISTORY, "{'id': 1}", STATUS_FORBIDDEN);
}

static void
an_operator_names_the_store_whose_changes_it_wants(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, CREATE, "{'set': {'email': 'a@example.com', 'notes': 'private'}}");
	domain_identify_operator(&f->who);
	must_do(f, "store.create", "{'set': {'name': 'Second', 'mode': 'test'}}");
	assert_string_equal(numbers(f, READ, "{'store': 1}"), "1 next 1 last 1 ");
	assert_true(says(f, READ, "{'store': 1}", "a@example.com"));
	assert_false(says(f, READ, "{'store': 1}", "private"));
	assert_string_equal(numbers(f, READ, "{'store': 2}"), "next 0 last 0 ");
	refused(f, READ, "{'store': 3}", STATUS_NOT_FOUND);
	invalid(f, READ, "{'store': 0}", "store", RULE_TOO_SMALL);
}

static void
for_a_token_there_is_no_store_but_its_own(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who = f->who;

	make(f, "a@example.com");
	domain_identify_operator(&f->who);
	must_do(f, "store.create", "{'set': {'name': 'Second', 'mode': 'test'}}");
	f->who = who;
	assert_string_equal(numbers(f, READ, "{'store': 1}"), "1 next 1 last 1 ");
	refused(f, READ, "{'store': 2}", STATUS_NOT_FOUND);
	refused(f, READ, "{'store': 3}", STATUS_NOT_FOUND);
}

static void
the_feed_wants_its_scope(void **state)
{
	struct domain_fixture *f = *state;

	f->who.customer = 1;
	refused(f, READ, "{}", STATUS_FORBIDDEN);
	refused(f, HISTORY, "{'id': 1}", STATUS_FORBIDDEN);
	f->who.customer = 0;
	f->who.scopes &= ~SCOPE_BIT(SCOPE_CHANGES_READ);
	refused(f, READ, "{}", STATUS_FORBIDDEN);
	refused(f, HISTORY, "{'id': 1}", STATUS_FORBIDDEN);
}

static void
private_values_want_their_scope_and_secrets_are_nowhere(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, CREATE,
	    "{'set': {'email': 'a@example.com', 'notes': 'difficult',"
	    " 'password': 'secret'}}");
	assert_true(says(f, READ, "{}", "difficult"));
	assert_true(says(f, HISTORY, "{'id': 1}", "difficult"));
	assert_false(says(f, READ, "{}", "secret"));
	assert_false(says(f, READ, "{}", "argon2"));
	f->who.scopes &= ~SCOPE_BIT(SCOPE_CUSTOMERS_PRIVATE);
	assert_false(says(f, READ, "{}", "difficult"));
	assert_false(says(f, HISTORY, "{'id': 1}", "difficult"));
	assert_true(says(f, READ, "{}", "a@example.com"));
	/* That they changed is no secret. */
	assert_non_null(strstr(item(f, READ, "{}", 0, "fields"), "notes"));
	assert_non_null(strstr(item(f, READ, "{}", 0, "fields"), "password"));
}

/* ---- customer.history ---- */

static void
a_history_has_the_newest_first_and_who_it_was(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	make(f, "b@example.com");
	touch(f, 1, 2);
	touch(f, 2, 1);
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "4 3 1 ");
	assert_string_equal(
	    numbers(f, HISTORY, "{'id': 1, 'limit': 2}"), "4 3 next 3 ");
	assert_string_equal(
	    numbers(f, HISTORY, "{'id': 1, 'limit': 2, 'before': 3}"), "1 ");
	assert_string_equal(numbers(f, HISTORY, "{'id': 1, 'before': 1}"), "");
	assert_string_equal(item(f, HISTORY, "{'id': 1}", 0, "token"), "1");
	assert_string_equal(item(f, HISTORY, "{'id': 1}", 0, "token_name"), "\"all\"");
	must_do(f, UPDATE, "{'id': 1, 'set': {'company': null, 'phone': null}}");
	assert_string_equal(
	    item(f, HISTORY, "{'id': 1}", 0, "set"), "{\"phone\":null}");
}

static void
a_history_outlives_customer_and_token(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who = f->who;
	char                   by_uid[64];

	make(f, "a@example.com");
	snprintf(by_uid, sizeof(by_uid), "{'uid': %s}",
	    field_of(f, "customer.get", "{'id': 1}", "uid"));
	assert_string_equal(numbers(f, HISTORY, by_uid), "1 ");
	must_do(f, "customer.delete", "{'id': 1}");
	domain_identify_operator(&f->who);
	must_do(f, "token.delete", "{'id': 1}");
	f->who = who;
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "2 1 ");
	assert_string_equal(item(f, HISTORY, "{'id': 1}", 0, "op"), "\"delete\"");
	assert_string_equal(item(f, HISTORY, "{'id': 1}", 0, "token_name"), "null");
	refused(f, HISTORY, by_uid, STATUS_NOT_FOUND);
	refused(f, HISTORY, "{'id': 2}", STATUS_NOT_FOUND);
	f->who.store = 2;
	refused(f, HISTORY, "{'id': 1}", STATUS_NOT_FOUND);
	invalid(f, HISTORY, "{}", "id", RULE_REQUIRED);
}

static void
a_history_that_was_dropped_is_empty(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	keep_only(f, 0);
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DOMAIN_TEST(every_change_is_in_the_feed_in_order),
		DOMAIN_TEST(what_is_refused_repeated_or_the_same_is_no_change),
		DOMAIN_TEST(a_page_ends_at_its_limit_and_the_next_goes_on),
		DOMAIN_TEST(a_page_ends_before_it_grows_too_large),
		DOMAIN_TEST(a_feed_can_be_of_one_kind_or_one_record),
		DOMAIN_TEST(a_search_through_others_changes_is_bounded),
		DOMAIN_TEST(stores_count_their_changes_each_for_itself),
		DOMAIN_TEST(operators_read_the_log_of_stores_and_tokens),
		DOMAIN_TEST(an_operator_names_the_store_whose_changes_it_wants),
		DOMAIN_TEST(for_a_token_there_is_no_store_but_its_own),
		DOMAIN_TEST(the_feed_wants_its_scope),
		DOMAIN_TEST(private_values_want_their_scope_and_secrets_are_nowhere),
		DOMAIN_TEST(a_history_has_the_newest_first_and_who_it_was),
		DOMAIN_TEST(a_history_outlives_customer_and_token),
		DOMAIN_TEST(a_history_that_was_dropped_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
