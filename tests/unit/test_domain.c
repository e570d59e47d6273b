#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/domain/member.h"
#include "server/kv/key.h"
#include "tests/support/domain_fixture.h"

#define CREATE "customer.create"
#define UPDATE "customer.update"
#define GET "customer.get"

static void
make(struct domain_fixture *f, const char *email)
{
	char args[256];

	snprintf(args, sizeof(args), "{'set': {'email': '%s'}}", email);
	must_do(f, CREATE, args);
}

static void
a_customer_is_read_as_it_was_written(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, CREATE,
	    "{'set': {'email': 'ada@example.com', 'first_name': 'Ada', 'last_name': "
	    "'Love Lace', 'metadata': {'a': [1, null, {'b': true}]}}}");
	assert_string_equal(
	    field_of(f, GET, "{'id': 1}", "email"), "\"ada@example.com\"");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "slug"), "\"ada-love-lace\"");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "status"), "\"prospect\"");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "has_password"), "false");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "metadata"),
	    "{\"a\": [1, null, {\"b\": true}]}");
	must_verify(f);
}

static void
revisions_go_up_by_one_per_change(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "ada@example.com");
	assert_string_equal(
	    field_of(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}", "revision"), "2");
	assert_string_equal(
	    field_of(f, UPDATE, "{'id': 1, 'set': {'phone': '2'}}", "revision"), "3");
	refused(f, UPDATE, "{'id': 1, 'if_revision': 2, 'set': {'phone': '3'}}",
	    STATUS_REVISION_MISMATCH);
	assert_int_equal(f->call->revision, 3);
	assert_string_equal(field_of(f, GET, "{'id': 1}", "phone"), "\"2\"");
}

static void
an_update_that_changes_nothing_keeps_the_revision(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "ada@example.com");
	must_do(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}");
	assert_string_equal(
	    field_of(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}", "changed"),
	    "false");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "revision"), "2");
}

/* So the writer has it come from memory with others: see kv_fetch(). */
static void
a_change_names_its_record_ahead_by_its_id(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "ada@example.com");
	assert_int_equal(f->fetched, 0);
	must_do(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}");
	assert_int_equal(f->fetched, 1);
	refused(f, UPDATE, "{'id': 2, 'set': {'phone': '1'}}", STATUS_NOT_FOUND);
	assert_int_equal(f->fetched, 0);
	must_do(f, "customer.delete", "{'id': 1}");
	assert_int_equal(f->fetched, 1);
}

static void
absent_keeps_and_nil_clears(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, CREATE,
	    "{'set': {'email': 'a@example.com', 'phone': '1', 'company': 'C'}}");
	must_do(f, UPDATE, "{'id': 1, 'set': {'phone': null}}");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "phone"), "absent");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "company"), "\"C\"");
	invalid(
	    f, UPDATE, "{'id': 1, 'set': {'email': null}}", "set.email", RULE_REQUIRED);
}

static void
an_email_belongs_to_one_customer_whatever_its_case(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "ada@example.com");
	invalid(f, CREATE, "{'set': {'email': 'ADA@Example.COM'}}", "set.email",
	    RULE_TAKEN);
	make(f, "eve@example.com");
	invalid(f, UPDATE, "{'id': 2, 'set': {'email': 'Ada@example.com'}}",
	    "set.email", RULE_TAKEN);
	/* One's own email in another case is no clash, and a freed one can be had. */
	must_do(f, UPDATE, "{'id': 1, 'set': {'email': 'ADA@example.com'}}");
	must_do(f, UPDATE, "{'id': 1, 'set': {'email': 'other@example.com'}}");
	must_do(f, UPDATE, "{'id': 2, 'set': {'email': 'ada@example.com'}}");
	assert_string_equal(
	    field_of(f, "customer.find", "{'email': 'ADA@example.com'}", "id"), "2");
	must_verify(f);
}

static void
the_slug_follows_the_name_and_is_unique(void **state)
{
	struct domain_fixture *f = *state;

	for (int i = 0; i < 105; i++) {
		char args[128];

		snprintf(args, sizeof(args),
		    "{'set': {'email': 'j%d@example.com', 'first_name': 'John'}}", i);
		must_do(f, CREATE, args);
	}
	assert_string_equal(field_of(f, GET, "{'id': 1}", "slug"), "\"john\"");
	assert_string_equal(field_of(f, GET, "{'id': 2}", "slug"), "\"john-2\"");
	assert_string_equal(field_of(f, GET, "{'id': 100}", "slug"), "\"john-100\"");
	assert_string_equal(field_of(f, GET, "{'id': 105}", "slug"), "\"john-105\"");
	must_do(f, UPDATE, "{'id': 2, 'set': {'last_name': 'Doe'}}");
	assert_string_equal(field_of(f, GET, "{'id': 2}", "slug"), "\"john-doe\"");
	must_do(f, UPDATE, "{'id': 2, 'set': {'first_name': null, 'last_name': '!'}}");
	assert_string_equal(field_of(f, GET, "{'id': 2}", "slug"), "absent");
	must_verify(f);
}

static void
tax_exemption_needs_a_valid_tax_id(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	invalid(f, UPDATE, "{'id': 1, 'set': {'tax_exempt': true}}", "set.tax_exempt",
	    RULE_NEEDS_TAX_ID);
	must_do(f, UPDATE,
	    "{'id': 1, 'set': {'tax_exempt': true, 'tax_id': 'X', 'tax_id_valid': "
	    "true}}");
	invalid(f, UPDATE, "{'id': 1, 'set': {'tax_id_valid': false}}",
	    "set.tax_exempt", RULE_NEEDS_TAX_ID);
	must_do(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}");
}

static void
a_language_is_one_of_the_stores(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	must_do(f, UPDATE, "{'id': 1, 'set': {'language': 'fr'}}");
	invalid(f, UPDATE, "{'id': 1, 'set': {'language': 'de'}}", "set.language",
	    RULE_NOT_ENABLED);
}

static void
tags_exist_and_are_ten_at_most_and_removal_comes_last(void **state)
{
	struct domain_fixture *f = *state;

	for (int i = 0; i < 12; i++) {
		char args[64];

		snprintf(args, sizeof(args), "{'set': {'name': 'T%d'}}", i);
		must_do(f, "tag.create", args);
	}
	make(f, "a@example.com");
	invalid(f, UPDATE, "{'id': 1, 'add_tags': ['t1', 'none']}", "add_tags.1",
	    RULE_MISSING);
	must_do(f, UPDATE,
	    "{'id': 1, 'add_tags': ['t1', 'none', 'T2'], 'remove_tags': ['t1'],"
	    " 'ignore_unknown_tags': true}");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "tags"), "[\"t2\"]");
	invalid(f, UPDATE,
	    "{'id': 1, 'add_tags': "
	    "['t0','t1','t3','t4','t5','t6','t7','t8','t9','t10']}",
	    "set.tags", RULE_TOO_MANY);
	must_do(f, UPDATE, "{'id': 1, 'set': {'tags': ['t3', 't4']}}");
	must_do(f, "tag.update", "{'id': 4, 'set': {'name': 'three'}}");
	assert_string_equal(
	    field_of(f, GET, "{'id': 1}", "tags"), "[\"three\", \"t4\"]");
	must_do(f, "tag.delete", "{'id': 4}");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "tags"), "[\"t4\"]");
	must_do(f, "tag.delete", "{'id': 5}");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "tags"), "absent");
	must_verify(f);
}

static void
a_deleted_group_lets_its_customers_go(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, "group.create", "{'set': {'name': 'VIP'}}");
	invalid(f, CREATE, "{'set': {'email': 'a@example.com', 'group': 7}}",
	    "set.group", RULE_MISSING);
	must_do(f, CREATE, "{'set': {'email': 'a@example.com', 'group': 1}}");
	must_do(f, "group.delete", "{'id': 1}");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "group"), "absent");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "revision"), "2");
	must_verify(f);
}

static void
a_group_with_too_many_customers_is_locked(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, "group.create", "{'set': {'name': 'all'}}");
	for (unsigned i = 0; i <= MEMBERS_MAX; i++) {
		char args[128];

		snprintf(args, sizeof(args),
		    "{'set': {'email': 'm%u@example.com', 'group': 1}}", i);
		must_do(f, CREATE, args);
	}
	refused(f, "group.delete", "{'id': 1}", STATUS_LOCKED);
	must_do(f, UPDATE, "{'id': 1, 'set': {'group': null}}");
	must_do(f, "group.delete", "{'id': 1}");
	must_verify(f);
}

static void
a_repeated_request_gets_the_first_answer(void **state)
{
	struct domain_fixture *f = *state;
	const char *create = "{'set': {'email': 'a@example.com'}, 'want': 'record'}";
	json_t     *first, *again;

	f->meta.idempotency_key = SLICE("k");
	first = must(f, CREATE, create);
	must_do(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}");
	f->meta.idempotency_key = SLICE("k");
	again = must(f, CREATE, create);
	assert_true(json_equal(first, again));
	json_decref(first);
	json_decref(again);
	f->meta.idempotency_key = SLICE("k");
	refused(f, CREATE, "{'set': {'email': 'b@example.com'}}",
	    STATUS_IDEMPOTENCY_MISMATCH);
	/* A refusal is not kept. */
	f->meta.idempotency_key = SLICE("r");
	refused(f, UPDATE, "{'id': 9, 'set': {'phone': '1'}}", STATUS_NOT_FOUND);
	must_verify(f);
	f->now_ms += IDEMPOTENCY_KEEP_MS + 1;
	keep_house(f);
	f->meta.idempotency_key = SLICE("k");
	make(f, "b@example.com");
	must_verify(f);
}

static void
an_idempotency_key_is_clean_text(void **state)
{
	struct domain_fixture *f = *state;

	f->meta.idempotency_key = slice_of("a\0b", 3);
	invalid(f, CREATE, "{'set': {'email': 'a@example.com'}}",
	    "meta.idempotency_key", RULE_BAD_TEXT);
	f->meta.idempotency_key = SLICE("\xff");
	invalid(f, CREATE, "{'set': {'email': 'a@example.com'}}",
	    "meta.idempotency_key", RULE_BAD_TEXT);
}

static void
a_dry_run_answers_and_keeps_nothing(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	f->meta.dry_run = true;
	assert_string_equal(
	    field_of(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}", "revision"), "2");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "phone"), "absent");
	f->meta.dry_run = true;
	invalid(
	    f, CREATE, "{'set': {'email': 'a@example.com'}}", "set.email", RULE_TAKEN);
}

static void
an_atomic_update_of_many_is_all_or_nothing(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	make(f, "b@example.com");
	refused(f, "customer.update_many",
	    "{'atomic': true, 'updates': [{'id': 1, 'set': {'phone': '1'}},"
	    " {'id': 9, 'set': {'phone': '1'}}, {'id': 2, 'set': {'email': "
	    "'a@example.com'}}]}",
	    STATUS_INVALID);
	assert_int_equal(f->call->violations.count, 2);
	assert_string_equal(f->call->violations.list[0].path, "updates.1.id");
	assert_string_equal(f->call->violations.list[1].path, "updates.2.set.email");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "phone"), "absent");
	/* Two emails change places only where the order permits it. */
	must_do(f, "customer.update_many",
	    "{'atomic': true, 'updates': [{'id': 1, 'set': {'email': 'c@example.com'}},"
	    " {'id': 2, 'set': {'email': 'a@example.com'}}]}");
	invalid(f, "customer.update_many",
	    "{'updates': [{'id': 1, 'set': {'phone': '1'}}, {'id': 1, 'set': {'phone': "
	    "'2'}}]}",
	    "updates.1.id", RULE_DUPLICATE);
	must_do(f, CREATE, "{'uid': 'AAAAAAAAAA', 'set': {'email': 'd@example.com'}}");
	invalid(f, "customer.update_many",
	    "{'updates': [{'id': 3, 'set': {'phone': '1'}},"
	    " {'uid': 'AAAAAAAAAA', 'set': {'phone': '2'}}]}",
	    "updates.1.id", RULE_DUPLICATE);
	must_verify(f);
}

static void
an_update_of_many_refuses_each_for_itself(void **state)
{
	struct domain_fixture *f = *state;
	json_t                *answer, *results;

	make(f, "a@example.com");
	make(f, "b@example.com");
	answer = must(f, "customer.update_many",
	    "{'updates': [{'id': 1, 'set': {'phone': '1'}},"
	    " {'id': 9, 'set': {'phone': '1'}}, {'id': 2, 'set': {'phone': '2'}}]}");
	results = json_object_get(answer, "results");
	assert_int_equal(json_integer_value(json_object_get(answer, "updated")), 2);
	assert_string_equal(
	    json_string_value(json_object_get(
		json_object_get(json_array_get(results, 1), "error"), "code")),
	    "NOT_FOUND");
	json_decref(answer);
	assert_string_equal(field_of(f, GET, "{'id': 2}", "phone"), "\"2\"");
}

static void
a_password_is_verified_and_never_answered(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, CREATE, "{'set': {'email': 'a@example.com', 'password': 'secret'}}");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "has_password"), "true");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "password"), "absent");
	assert_string_equal(
	    field_of(f, "customer.verify_password",
		"{'email': 'A@example.com', 'password': 'secret'}", "id"),
	    "1");
	assert_string_equal(field_of(f, "customer.verify_password",
				"{'id': 1, 'password': 'wrong'}", "matches"),
	    "false");
	assert_string_equal(field_of(f, "customer.verify_password",
				"{'id': 7, 'password': 'secret'}", "matches"),
	    "false");
	must_verify(f);
	must_do(f, UPDATE, "{'id': 1, 'set': {'password': null}}");
	assert_string_equal(field_of(f, "customer.verify_password",
				"{'id': 1, 'password': 'secret'}", "matches"),
	    "false");
	must_verify(f);
}

static void
private_fields_want_their_scope(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, CREATE, "{'set': {'email': 'a@example.com', 'notes': 'difficult'}}");
	f->who.scopes &= ~SCOPE_BIT(SCOPE_CUSTOMERS_PRIVATE);
	assert_string_equal(field_of(f, GET, "{'id': 1}", "notes"), "absent");
	refused(f, UPDATE, "{'id': 1, 'set': {'notes': 'x'}}", STATUS_FORBIDDEN);
}

static void
a_bound_token_sees_its_own_customer_only(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	make(f, "b@example.com");
	f->who.customer = 2;
	must_do(f, GET, "{'id': 2}");
	refused(f, GET, "{'id': 1}", STATUS_FORBIDDEN);
	refused(f, GET, "{'id': 9}", STATUS_NOT_FOUND);
	refused(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}", STATUS_FORBIDDEN);
	refused(f, "customer.list", "{}", STATUS_FORBIDDEN);
}

static void
a_store_does_not_exist_for_another(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	f->who.store = 2;
	refused(f, GET, "{'id': 1}", STATUS_NOT_FOUND);
	refused(f, "customer.find", "{'email': 'a@example.com'}", STATUS_NOT_FOUND);
	refused(f, "store.get", "{'id': 1}", STATUS_NOT_FOUND);
	make(f, "a@example.com"); /* unique in each store */
}

/* Does TEXT stand anywhere in the values of TABLE? */
static bool
table_holds(struct domain_fixture *f, enum kv_table table, const char *text)
{
	struct kv_scan scan;
	struct kv_txn  txn;
	struct slice   key, value;
	bool           found = false;

	kv_read(f->snapshot, &txn);
	kv_scan_begin(&scan, &txn, table, SLICE(""), SLICE(""));
	while (kv_scan_next(&scan, &key, &value))
		found |= memmem(value.data, value.len, text, strlen(text)) != NULL ||
			 memmem(key.data, key.len, text, strlen(text)) != NULL;
	kv_scan_end(&scan);
	kv_snapshot_release(f->snapshot);
	return found;
}

static void
what_is_forgotten_is_nowhere_any_more(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, "group.create", "{'set': {'name': 'VIP'}}");
	f->meta.idempotency_key = SLICE("k");
	must_do(f, CREATE,
	    "{'set': {'email': 'canary@example.com', 'first_name': 'Canary', "
	    "'password':"
	    " 'secret', 'group': 1}, 'want': 'record'}");
	for (int i = 0; i < 600; i++) {
		char args[128];

		snprintf(
		    args, sizeof(args), "{'id': 1, 'set': {'company': 'canary%d'}}", i);
		must_do(f, UPDATE, args);
	}
	must_do(f, "customer.anonymize", "{'id': 1, 'anonymize': 'request'}");
	refused(f, "customer.anonymize", "{'id': 1, 'anonymize': 'request'}",
	    STATUS_LOCKED);
	f->now_ms += 999;
	keep_house(f);
	must_do(f, "customer.anonymize", "{'id': 1, 'anonymize': 'cancel'}");
	must_do(f, "customer.anonymize", "{'id': 1, 'anonymize': 'request'}");
	must_verify(f);
	f->now_ms += 1000;
	keep_house(f);
	for (unsigned i = 0; i < KV_TABLE_COUNT; i++) {
		assert_false(table_holds(f, i, "canary"));
		assert_false(table_holds(f, i, "Canary"));
	}
	assert_string_equal(field_of(f, GET, "{'id': 1}", "group"), "1");
	assert_string_equal(field_of(f, GET, "{'id': 1}", "has_password"), "false");
	refused(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}", STATUS_LOCKED);
	must_verify(f);
	must_do(f, "customer.delete", "{'id': 1}");
	must_verify(f);
}

static void
nobody_can_take_the_email_of_a_forgotten_customer(void **state)
{
	struct domain_fixture *f = *state;

	invalid(f, CREATE, "{'set': {'email': 'x@Anonymized.invalid'}}", "set.email",
	    RULE_BAD_FORMAT);
}

static void
old_changes_leave_the_feed(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	f->now_ms += 1000LL * 3600 * 1000 + 1;
	make(f, "b@example.com");
	keep_house(f);
	assert_false(table_holds(f, KV_CHANGE, "a@example.com"));
	assert_true(table_holds(f, KV_CHANGE, "b@example.com"));
	must_verify(f);
}

static void
a_list_goes_on_where_it_stopped(void **state)
{
	struct domain_fixture *f = *state;
	json_t                *answer;

	must_do(f, "group.create", "{'set': {'name': 'VIP'}}");
	for (int i = 0; i < 25; i++) {
		char args[128];

		snprintf(args, sizeof(args), "{'set': {'email': 'l%d@example.com'%s}}",
		    i, i % 2 ? ", 'group': 1" : "");
		must_do(f, CREATE, args);
	}
	answer = must(f, "customer.list", "{'limit': 10}");
	assert_int_equal(json_array_size(json_object_get(answer, "items")), 10);
	assert_int_equal(json_integer_value(json_object_get(answer, "next")), 10);
	assert_int_equal(json_integer_value(json_object_get(answer, "total")), 25);
	json_decref(answer);
	answer = must(f, "customer.list", "{'limit': 10, 'after': 20}");
	assert_int_equal(json_array_size(json_object_get(answer, "items")), 5);
	assert_true(json_is_null(json_object_get(answer, "next")));
	json_decref(answer);
	answer = must(f, "customer.list", "{'group': 1, 'limit': 5, 'after': 4}");
	assert_int_equal(json_integer_value(json_object_get(answer, "next")), 14);
	json_decref(answer);
	/* The last full page has nothing behind it. */
	answer = must(f, "customer.list", "{'group': 1, 'limit': 12}");
	assert_true(json_is_null(json_object_get(answer, "next")));
	json_decref(answer);
}

static void
verify_sees_what_does_not_belong_together(void **state)
{
	struct domain_fixture *f = *state;
	struct kv_batch       *batch;
	struct kv_txn          txn;
	struct key             key;

	must_do(f, CREATE, "{'set': {'email': 'a@example.com', 'password': 'x'}}");
	must_verify(f);
	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	key_init(&key, 1);
	key_u64(&key, 1);
	kv_del(&txn, KV_SECRET, key_slice(&key));
	key_init(&key, 1);
	key_text(&key, SLICE("email"));
	key_text(&key, SLICE("a@example.com"));
	kv_del(&txn, KV_CUSTOMER_UNIQUE, key_slice(&key));
	key_init(&key, 1);
	key_text(&key, SLICE("group"));
	key_u64(&key, 5);
	key_u64(&key, 1);
	kv_put(&txn, KV_CUSTOMER_INDEX, key_slice(&key), SLICE(""));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	assert_int_equal(count_faults(f), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DOMAIN_TEST(a_customer_is_read_as_it_was_written),
		DOMAIN_TEST(revisions_go_up_by_one_per_change),
		DOMAIN_TEST(an_update_that_changes_nothing_keeps_the_revision),
		DOMAIN_TEST(a_change_names_its_record_ahead_by_its_id),
		DOMAIN_TEST(absent_keeps_and_nil_clears),
		DOMAIN_TEST(an_email_belongs_to_one_customer_whatever_its_case),
		DOMAIN_TEST(the_slug_follows_the_name_and_is_unique),
		DOMAIN_TEST(tax_exemption_needs_a_valid_tax_id),
		DOMAIN_TEST(a_language_is_one_of_the_stores),
		DOMAIN_TEST(tags_exist_and_are_ten_at_most_and_removal_comes_last),
		DOMAIN_TEST(a_deleted_group_lets_its_customers_go),
		DOMAIN_TEST(a_group_with_too_many_customers_is_locked),
		DOMAIN_TEST(a_repeated_request_gets_the_first_answer),
		DOMAIN_TEST(an_idempotency_key_is_clean_text),
		DOMAIN_TEST(a_dry_run_answers_and_keeps_nothing),
		DOMAIN_TEST(an_atomic_update_of_many_is_all_or_nothing),
		DOMAIN_TEST(an_update_of_many_refuses_each_for_itself),
		DOMAIN_TEST(a_password_is_verified_and_never_answered),
		DOMAIN_TEST(private_fields_want_their_scope),
		DOMAIN_TEST(a_bound_token_sees_its_own_customer_only),
		DOMAIN_TEST(a_store_does_not_exist_for_another),
		DOMAIN_TEST(what_is_forgotten_is_nowhere_any_more),
		DOMAIN_TEST(nobody_can_take_the_email_of_a_forgotten_customer),
		DOMAIN_TEST(old_changes_leave_the_feed),
		DOMAIN_TEST(a_list_goes_on_where_it_stopped),
		DOMAIN_TEST(verify_sees_what_does_not_belong_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
