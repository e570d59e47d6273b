#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/domain/change.h"
#include "server/domain/feed.h"
#include "server/kv/key.h"
#include "tests/support/domain_fixture.h"

#define CREATE "customer.create"
#define UPDATE "customer.update"
#define READ "change.read"
#define HISTORY "customer.history"

/* ---- words ---- */

static void
make(struct domain_fixture *f, const char *email)
{
	char args[256];

	snprintf(args, sizeof(args), "{'set': {'email': '%s'}}", email);
	must_do(f, CREATE, args);
}

/* Change customer ID so many times. */
static void
touch(struct domain_fixture *f, int id, int times)
{
	static int number;

	while (times-- > 0) {
		char args[128];

		snprintf(args, sizeof(args), "{'id': %d, 'set': {'phone': '%d'}}", id,
		    ++number);
		must_do(f, UPDATE, args);
	}
}

/* What METHOD answers, as text: the sequences of its items, then next and last. */
static const char *
numbers(struct domain_fixture *f, const char *method, const char *args)
{
	static const char *const keys[] = { "next", "last" };
	static char              text[4096];
	json_t                  *answer = must(f, method, args), *item;
	size_t                   i, len = 0;

	text[0] = '\0';
	json_array_foreach (json_object_get(answer, "items"), i, item)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%lld ",
		    json_integer_value(json_object_get(item, "seq")));
	for (i = 0; i < 2; i++)
		if (json_is_integer(json_object_get(answer, keys[i])))
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%s %lld ", keys[i],
			    json_integer_value(json_object_get(answer, keys[i])));
	json_decref(answer);
	return text;
}

/* The item number INDEX of what METHOD answers, as JSON without spaces. */
static const char *
item(struct domain_fixture *f, const char *method, const char *args, size_t index,
    const char *field)
{
	static char text[4096];
	json_t     *answer = must(f, method, args);
	json_t     *value = json_object_get(
		json_array_get(json_object_get(answer, "items"), index), field);
	char *dump =
	    value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	snprintf(text, sizeof(text), "%s", dump == NULL ? "absent" : dump);
	free(dump);
	json_decref(answer);
	return text;
}

/* Does TEXT stand anywhere in what METHOD answers? */
static bool
says(struct domain_fixture *f, const char *method, const char *args, const char *text)
{
	must_do(f, method, args);
	return memmem(f->result.data, f->result.len, text, strlen(text)) != NULL;
}

static void
gone(struct domain_fixture *f, const char *args, uint64_t oldest, uint64_t last)
{
	refused(f, READ, args, STATUS_CHANGES_GONE);
	assert_int_equal(f->call->oldest, oldest);
	assert_int_equal(f->call->last, last);
}

/* Drop all but the newest KEEP of each store. */
static void
trim(struct domain_fixture *f, uint64_t keep, unsigned count_max)
{
	uint32_t store = 0;
	bool     done = false;

	while (!done) {
		struct kv_batch *batch;
		struct kv_txn    txn;

		assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
		kv_write(batch, &txn);
		done = change_trim(&txn, &store, 0, keep, count_max);
		assert_int_equal(txn.status, STATUS_OK);
		assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	}
}

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

/* ---- what leaves ---- */

static void
who_is_behind_the_oldest_change_is_told_so(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	touch(f, 1, 9);
	gone(f, "{'after': 11}", 1, 10); /* the database was taken back */
	trim(f, 4, 1000);
	must_verify(f);
	gone(f, "{'after': 0}", 7, 10);
	gone(f, "{'after': 5}", 7, 10);
	gone(f, "{'after': 5, 'kind': 'customer', 'id': 1}", 7, 10);
	assert_string_equal(
	    numbers(f, READ, "{'after': 6}"), "7 8 9 10 next 10 last 10 ");
	assert_string_equal(numbers(f, READ, "{}"), "7 8 9 10 next 10 last 10 ");
	trim(f, 0, 1000);
	must_verify(f);
	gone(f, "{'after': 9}", 11, 10);
	assert_string_equal(numbers(f, READ, "{'after': 10}"), "next 10 last 10 ");
	assert_string_equal(numbers(f, READ, "{}"), "next 10 last 10 ");
	touch(f, 1, 1);
	assert_string_equal(numbers(f, READ, "{'after': 10}"), "11 next 11 last 11 ");
	must_verify(f);
}

static void
a_noisy_store_does_not_shorten_anothers_feed(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	f->who.store = 2;
	make(f, "b@example.com");
	touch(f, 1, 20);
	f->who.store = 3;
	make(f, "c@example.com");
	touch(f, 1, 2);
	trim(f, 2, 3); /* three at a time */
	must_verify(f);
	assert_string_equal(numbers(f, READ, "{}"), "2 3 next 3 last 3 ");
	f->who.store = 2;
	assert_string_equal(numbers(f, READ, "{}"), "20 21 next 21 last 21 ");
	f->who.store = 1;
	assert_string_equal(numbers(f, READ, "{}"), "1 next 1 last 1 ");
}

static void
every_store_gets_its_turn(void **state)
{
	struct domain_fixture *f = *state;
	uint32_t               store = 0;

	for (f->who.store = 1; f->who.store <= 600; f->who.store++) {
		make(f, "a@example.com");
		must_do(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}");
	}
	for (int rounds = 0; rounds < 3; rounds++) {
		struct kv_batch *batch;
		struct kv_txn    txn;

		assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
		kv_write(batch, &txn);
		assert_true(change_trim(&txn, &store, 0, 1, 1000));
		assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	}
	assert_int_equal(store, 0); /* once round */
	for (f->who.store = 1; f->who.store <= 600; f->who.store++)
		assert_string_equal(numbers(f, READ, "{}"), "2 next 2 last 2 ");
	must_verify(f);
}

/* Put VALUE in the place of change number SEQUENCE of STORE. */
static void
spoil(struct domain_fixture *f, uint32_t store, uint64_t sequence, const char *value)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	struct key       key;

	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	change_key(&key, store, sequence);
	if (value != NULL)
		kv_put(&txn, KV_CHANGE, key_slice(&key), slice_text(value));
	else
		kv_del(&txn, KV_CHANGE, key_slice(&key));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

static void
a_damaged_entry_is_reported_and_keeps_its_own_store_only(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	touch(f, 1, 5);
	spoil(f, 1, 1, "no entry");
	refused(f, READ, "{}", STATUS_DAMAGED);
	refused(f, HISTORY, "{'id': 1}", STATUS_DAMAGED);
	f->who.store = 2;
	make(f, "b@example.com");
	touch(f, 1, 5);
	trim(f, 1, 1000);
	assert_string_equal(numbers(f, READ, "{}"), "6 next 6 last 6 ");
	f->who.store = 1;
	assert_string_equal(numbers(f, READ, "{'after': 5}"), "6 next 6 last 6 ");
	assert_int_not_equal(count_faults(f), 0);
}

static void
verify_sees_a_gap_and_a_wrong_end(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	touch(f, 1, 4);
	must_verify(f);
	spoil(f, 1, 3, NULL);
	assert_int_equal(count_faults(f), 2); /* the gap, and the index that names it */
	spoil(f, 1, 5, NULL);
	assert_int_equal(count_faults(f), 4);
}

static void
what_is_forgotten_is_in_no_feed(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, CREATE,
	    "{'set': {'email': 'canary@example.com', 'first_name': 'Canary'}}");
	must_do(
	    f, UPDATE, "{'id': 1, 'set': {'company': 'canary', 'notes': 'canary'}}");
	assert_true(says(f, READ, "{}", "canary"));
	assert_true(says(f, HISTORY, "{'id': 1}", "canary"));
	must_do(f, "customer.anonymize", "{'id': 1, 'anonymize': 'request'}");
	f->now_ms += 2000;
	keep_house(f);
	assert_false(says(f, READ, "{}", "anary"));
	assert_false(says(f, HISTORY, "{'id': 1}", "anary"));
	/* What remains: that something changed, when, and by whom. */
	assert_string_equal(
	    item(f, READ, "{}", 1, "fields"), "[\"company\",\"notes\"]");
	assert_string_equal(item(f, READ, "{}", 1, "set"), "{}");
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "5 4 3 2 1 ");
	assert_string_equal(item(f, HISTORY, "{'id': 1}", 0, "token"), "null");
	must_verify(f);
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
	trim(f, 0, 1000);
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "");
}

#define T(name)                          \
	cmocka_unit_test_setup_teardown( \
	    name, domain_fixture_setup, domain_fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_change_is_in_the_feed_in_order),
		T(what_is_refused_repeated_or_the_same_is_no_change),
		T(a_page_ends_at_its_limit_and_the_next_goes_on),
		T(a_page_ends_before_it_grows_too_large),
		T(a_feed_can_be_of_one_kind_or_one_record),
		T(a_search_through_others_changes_is_bounded),
		T(stores_count_their_changes_each_for_itself),
		T(operators_read_the_log_of_stores_and_tokens),
		T(the_feed_wants_its_scope),
		T(private_values_want_their_scope_and_secrets_are_nowhere),
		T(who_is_behind_the_oldest_change_is_told_so),
		T(a_noisy_store_does_not_shorten_anothers_feed),
		T(every_store_gets_its_turn),
		T(a_damaged_entry_is_reported_and_keeps_its_own_store_only),
		T(verify_sees_a_gap_and_a_wrong_end),
		T(what_is_forgotten_is_in_no_feed),
		T(a_history_has_the_newest_first_and_who_it_was),
		T(a_history_outlives_customer_and_token),
		T(a_history_that_was_dropped_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
