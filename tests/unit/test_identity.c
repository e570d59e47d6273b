#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/domain/domain_private.h"
#include "server/domain/kind.h"
#include "tests/support/domain_fixture.h"

/* Make a token for store 1 and return its identity; it is token 2. */
static struct identity
make_token(struct domain_fixture *f, int64_t expires_at)
{
	struct identity who;
	struct kv_txn   txn;
	char            args[256];

	snprintf(args, sizeof(args),
	    "{'token': 'a secret of its own', 'set': {'name': 'n', 'store': 1,"
	    " 'scopes': ['changes.read', 'customers.read'], 'expires_at': %lld}}",
	    (long long)expires_at);
	domain_identify_operator(&f->who);
	must_do(f, "token.create", args);
	kv_read(f->snapshot, &txn);
	assert_int_equal(domain_identify(f->domain, &txn, SLICE("a secret of its own"),
			     f->now_ms, &who),
	    STATUS_OK);
	kv_snapshot_release(f->snapshot);
	return who;
}

static enum status
renew(struct domain_fixture *f, struct identity *who)
{
	struct kv_txn txn;
	enum status   status;

	kv_read(f->snapshot, &txn);
	status = domain_renew(f->domain, &txn, f->now_ms, who);
	kv_snapshot_release(f->snapshot);
	return status;
}

static void
an_identity_follows_its_token(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who = make_token(f, f->now_ms + 1000);

	assert_int_equal(who.token, 2);
	assert_int_equal(renew(f, &who), STATUS_OK);
	must_do(f, "token.update", "{'id': 2, 'set': {'scopes': ['changes.read']}}");
	assert_int_equal(renew(f, &who), STATUS_OK);
	assert_int_equal(who.store, 1);
	assert_int_equal(who.scopes, SCOPE_BIT(SCOPE_CHANGES_READ));
	assert_int_equal(who.epoch, domain_token_epoch(f->domain));
}

static void
an_identity_ends_with_its_token(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who = make_token(f, f->now_ms + 1000), again = who;

	f->now_ms += 999;
	assert_int_equal(renew(f, &who), STATUS_OK);
	f->now_ms += 1;
	assert_int_equal(renew(f, &who), STATUS_UNAUTHENTICATED);
	f->now_ms -= 1;
	must_do(f, "token.delete", "{'id': 2}");
	assert_int_equal(renew(f, &again), STATUS_UNAUTHENTICATED);
}

static unsigned
count_tokens(struct domain_fixture *f)
{
	domain_identify_operator(&f->who);
	return (unsigned)strtoul(field_of(f, "token.list", "{}", "total"), NULL, 10);
}

static void
a_token_goes_when_it_is_over(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who = make_token(f, f->now_ms + 1000), found;
	struct kv_txn          txn;

	f->now_ms += 999;
	keep_house(f);
	assert_int_equal(count_tokens(f), 2);
	f->now_ms += 1;
	keep_house(f);
	assert_int_equal(count_tokens(f), 1);
	refused(f, "token.get", "{'id': 2}", STATUS_NOT_FOUND);
	assert_int_equal(renew(f, &who), STATUS_UNAUTHENTICATED);
	kv_read(f->snapshot, &txn);
	assert_int_equal(domain_identify(f->domain, &txn, SLICE("a secret of its own"),
			     f->now_ms, &found),
	    STATUS_UNAUTHENTICATED);
	kv_snapshot_release(f->snapshot);
	must_verify(f);
}

static void
a_token_whose_end_was_moved_goes_at_the_new_one(void **state)
{
	struct domain_fixture *f = *state;
	char                   args[128];

	make_token(f, f->now_ms + 1000);
	snprintf(args, sizeof(args), "{'id': 2, 'set': {'expires_at': %lld}}",
	    (long long)f->now_ms + 5000);
	must_do(f, "token.update", args);
	f->now_ms += 4999;
	keep_house(f);
	assert_int_equal(count_tokens(f), 2);
	f->now_ms += 1;
	keep_house(f);
	assert_int_equal(count_tokens(f), 1);
}

static void
a_token_without_an_end_stays(void **state)
{
	struct domain_fixture *f = *state;

	make_token(f, 0);
	must_do(f, "token.create",
	    "{'set': {'name': 'n', 'store': 1, 'scopes': ['changes.read']}}");
	f->now_ms = INTEGER_MAX;
	keep_house(f);
	assert_int_equal(count_tokens(f), 3);
}

/* More than one step takes. */
static void
many_tokens_go_together(void **state)
{
	struct domain_fixture *f = *state;
	char                   args[256];

	domain_identify_operator(&f->who);
	for (int i = 0; i < 200; i++) {
		snprintf(args, sizeof(args),
		    "{'set': {'name': 'n', 'store': 1, 'scopes': ['changes.read'],"
		    " 'expires_at': %lld}}",
		    (long long)f->now_ms + 1 + i);
		must_do(f, "token.create", args);
	}
	f->now_ms += 200;
	keep_house(f);
	assert_int_equal(count_tokens(f), 1);
	must_verify(f);
}

static void
an_operator_stays_one(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who;

	make_token(f, f->now_ms + 1000);
	domain_identify_operator(&who);
	assert_int_equal(renew(f, &who), STATUS_OK);
	assert_true((who.scopes & SCOPE_BIT(SCOPE_OPERATE)) != 0);
}

static enum status
identify(struct domain_fixture *f, struct identity *who)
{
	struct kv_txn txn;
	enum status   status;

	kv_read(f->snapshot, &txn);
	status = domain_identify(
	    f->domain, &txn, SLICE("a secret of its own"), f->now_ms, who);
	kv_snapshot_release(f->snapshot);
	return status;
}

/* What is known of a store with an identity ends before the change is committed. */
static void
what_a_store_demands_holds_at_once(void **state)
{
	static const char      update[] = "{'id': 1, 'set': {'phone': '1'}}";
	struct domain_fixture *f = *state;
	struct identity        shop = f->who;

	assert_int_equal(renew(f, &shop), STATUS_OK);
	assert_true(shop.knows_store);
	assert_false(shop.revision_required);
	must_do(f, "customer.create", "{'set': {'email': 'ada@example.com'}}");
	domain_identify_operator(&f->who);
	must_do(f, "store.update", "{'id': 1, 'set': {'revision_required': true}}");
	f->who = shop;
	atomic_store(&f->domain->token_epoch, shop.epoch); /* as before the commit */
	refused(f, "customer.update", update, STATUS_REVISION_REQUIRED);
	domain_committed(f->domain);
	assert_int_equal(renew(f, &shop), STATUS_OK);
	assert_true(shop.revision_required);
	f->who = shop;
	refused(f, "customer.update", update, STATUS_REVISION_REQUIRED);
	domain_identify_operator(&f->who);
	must_do(f, "store.update", "{'id': 1, 'set': {'revision_required': false}}");
	f->who = shop;
	must_do(f, "customer.update", update);
}

/* Put VALUE in the place of what TABLE says of the one who is asked for. */
static void
overwrite(
    struct domain_fixture *f, enum kv_table table, struct slice key, struct slice value)
{
	struct kv_batch *batch;
	struct kv_txn    txn;

	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, table, key, value);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

static void
overwrite_hash(struct domain_fixture *f, struct slice value)
{
	unsigned char hash[TOKEN_HASH_BYTES];

	domain_hash(f->domain, SLICE("a secret of its own"), hash);
	overwrite(f, KV_TOKEN_HASH, slice_of(hash, sizeof(hash)), value);
}

/* The record of token 2 as it is stored; the caller frees it. */
static char *
stored_token(struct domain_fixture *f, struct key *key, struct slice *record)
{
	struct kv_txn txn;
	struct slice  value;
	char         *copy;

	kind_record_key(key, 0, 2);
	kv_read(f->snapshot, &txn);
	assert_true(kv_get(&txn, KV_TOKEN, key_slice(key), &value));
	copy = malloc(value.len);
	memcpy(copy, value.data, value.len);
	*record = slice_of(copy, value.len);
	kv_snapshot_release(f->snapshot);
	return copy;
}

static void
a_damaged_token_is_damage_not_a_wrong_token(void **state)
{
	static const char      nowhere[8] = { 0, 0, 0, 0, 0, 0, 0, 99 };
	struct domain_fixture *f = *state;
	struct identity        who = make_token(f, 0);
	struct key             key;

	overwrite_hash(f, SLICE("short"));
	assert_int_equal(identify(f, &who), STATUS_DAMAGED);
	overwrite_hash(f, slice_of(nowhere, sizeof(nowhere)));
	assert_int_equal(identify(f, &who), STATUS_DAMAGED);
	assert_int_equal(who.scopes, 0);
	kind_record_key(&key, 0, 2);
	overwrite(f, KV_TOKEN, key_slice(&key), SLICE("no record"));
	who = (struct identity){ .token = 2 };
	assert_int_equal(renew(f, &who), STATUS_DAMAGED);
}

static void
a_scope_of_a_newer_server_grants_nothing(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who = make_token(f, 0);
	struct key             key;
	struct slice           record;
	char                  *copy = stored_token(f, &key, &record);
	char                  *word = memmem(copy, record.len, "changes.read", 12);

	assert_non_null(word);
	memcpy(word, "changes.make", 12);
	overwrite(f, KV_TOKEN, key_slice(&key), record);
	assert_int_equal(identify(f, &who), STATUS_OK);
	assert_int_equal(who.scopes, SCOPE_BIT(SCOPE_CUSTOMERS_READ));
	free(copy);
}

static void
a_token_without_scopes_may_do_nothing(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who = make_token(f, 0);
	struct key             key;

	kind_record_key(&key, 0, 2);
	overwrite(f, KV_TOKEN, key_slice(&key), SLICE("\x82\xa2id\x02\xa5store\x01"));
	assert_int_equal(identify(f, &who), STATUS_OK);
	assert_int_equal(who.token, 2);
	assert_int_equal(who.store, 1);
	assert_int_equal(who.scopes, 0);
}

static void
a_damaged_store_keeps_no_token_out(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who = make_token(f, 0);
	struct key             key;

	assert_true(who.knows_store);
	kind_record_key(&key, 0, 1);
	overwrite(f, KV_STORE, key_slice(&key), SLICE("no record"));
	assert_int_equal(identify(f, &who), STATUS_OK);
	assert_int_equal(who.token, 2);
	assert_false(who.knows_store);
}

static void
who_cannot_see_how_often_tokens_changed_is_nobody(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who = make_token(f, 0);
	struct key             key;

	key_init(&key, 0);
	key_text(&key, SLICE("token epoch"));
	overwrite(f, KV_COUNTER, key_slice(&key), SLICE("short"));
	assert_int_equal(identify(f, &who), STATUS_DAMAGED);
}

static void
a_storage_that_fails_tells_nothing_of_a_token(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who = make_token(f, 0);
	struct kv_txn          txn;

	kv_read(f->snapshot, &txn);
	txn.status = STATUS_STORAGE_FAILED;
	assert_int_equal(domain_identify(f->domain, &txn, SLICE("a secret of its own"),
			     f->now_ms, &who),
	    STATUS_STORAGE_FAILED);
	who = (struct identity){ .token = 2 };
	assert_int_equal(
	    domain_renew(f->domain, &txn, f->now_ms, &who), STATUS_STORAGE_FAILED);
	kv_snapshot_release(f->snapshot);
}

static void
a_token_whose_secret_is_lost_can_still_be_deleted(void **state)
{
	struct domain_fixture *f = *state;
	struct identity        who = make_token(f, 0);
	struct kv_batch       *batch;
	struct kv_txn          txn;
	struct key             key;

	kind_record_key(&key, 0, who.token);
	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_del(&txn, KV_SECRET, key_slice(&key));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	must_do(f, "token.delete", "{'id': 2}");
	refused(f, "token.get", "{'id': 2}", STATUS_NOT_FOUND);
}

static void
a_token_without_room_for_its_secret_is_refused(void **state)
{
	struct domain_fixture *f = *state;

	domain_identify_operator(&f->who);
	f->scratch.bytes_max = 8;
	refused(f, "token.create", "{'set': {'name': 'n', 'store': 1, 'scopes': []}}",
	    STATUS_NO_MEMORY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DOMAIN_TEST(an_identity_follows_its_token),
		DOMAIN_TEST(an_identity_ends_with_its_token),
		DOMAIN_TEST(a_token_goes_when_it_is_over),
		DOMAIN_TEST(a_token_whose_end_was_moved_goes_at_the_new_one),
		DOMAIN_TEST(a_token_without_an_end_stays),
		DOMAIN_TEST(many_tokens_go_together),
		DOMAIN_TEST(an_operator_stays_one),
		DOMAIN_TEST(what_a_store_demands_holds_at_once),
		DOMAIN_TEST(a_damaged_token_is_damage_not_a_wrong_token),
		DOMAIN_TEST(a_scope_of_a_newer_server_grants_nothing),
		DOMAIN_TEST(a_token_without_scopes_may_do_nothing),
		DOMAIN_TEST(a_damaged_store_keeps_no_token_out),
		DOMAIN_TEST(who_cannot_see_how_often_tokens_changed_is_nobody),
		DOMAIN_TEST(a_token_whose_secret_is_lost_can_still_be_deleted),
		DOMAIN_TEST(a_token_without_room_for_its_secret_is_refused),
		DOMAIN_TEST(a_storage_that_fails_tells_nothing_of_a_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
