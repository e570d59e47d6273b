/*
 * token, identity: memory that ends, indexes that are damaged.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/domain/domain_private.h"
#include "server/domain/kind.h"
#include "server/domain/token.h"
#include "tests/support/domain_fixture.h"

/* The public key of 32 bytes of 0xab, as a token has it. */
#define KEY_DIGITS "abababababababababababababababababababababababababababababababab"

static void
overwrite(struct domain_fixture *f, enum kv_table table, const struct key *key,
    struct slice value)
{
	struct kv_batch *batch;
	struct kv_txn    txn;

	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, table, key_slice(key), value);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

static enum status
identify_key(struct domain_fixture *f, enum status of_view, struct identity *who)
{
	unsigned char hash[IDENTITY_KEY_BYTES];
	struct kv_txn txn;
	enum status   status;

	memset(hash, 0xab, sizeof(hash));
	kv_read(f->snapshot, &txn);
	txn.status = of_view;
	status = domain_identify_key(&txn, hash, f->now_ms, who);
	kv_snapshot_release(f->snapshot);
	return status;
}

static void
a_damaged_index_of_keys_is_damage_not_a_wrong_token(void **state)
{
	static const char      nowhere[8] = { 0, 0, 0, 0, 0, 0, 0, 99 };
	struct domain_fixture *f = *state;
	struct identity        who;
	struct key             key;

	domain_identify_operator(&f->who);
	must_do(f, "token.create",
	    "{'set': {'name': 'n', 'store': 1, 'scopes': ['changes.read'],"
	    " 'public_key_sha256': '" KEY_DIGITS "'}}");
	assert_int_equal(identify_key(f, STATUS_OK, &who), STATUS_OK);
	assert_int_equal(who.token, 2);
	assert_int_equal(
	    identify_key(f, STATUS_STORAGE_FAILED, &who), STATUS_STORAGE_FAILED);
	assert_int_equal(who.scopes, 0);
	key_init(&key, 0);
	key_text(&key, SLICE("public_key_sha256"));
	key_text(&key, SLICE(KEY_DIGITS));
	overwrite(f, KV_TOKEN_UNIQUE, &key, SLICE("short"));
	assert_int_equal(identify_key(f, STATUS_OK, &who), STATUS_DAMAGED);
	assert_int_equal(who.scopes, 0);
	overwrite(f, KV_TOKEN_UNIQUE, &key, slice_of(nowhere, sizeof(nowhere)));
	assert_int_equal(identify_key(f, STATUS_OK, &who), STATUS_DAMAGED);
	assert_int_equal(who.scopes, 0);
}

static void
a_token_that_is_not_there_does_not_keep_those_that_are_over(void **state)
{
	struct domain_fixture *f = *state;
	struct key             key;

	domain_identify_operator(&f->who);
	must_do(f, "token.create",
	    "{'set': {'name': 'n', 'store': 1, 'scopes': ['changes.read'],"
	    " 'expires_at': 2000000000000}}");
	key_init(&key, 0);
	key_text(&key, SLICE("expires_at"));
	key_u64(&key, 1); /* over long ago, and first in the index */
	key_u64(&key, 99);
	overwrite(f, KV_TOKEN_INDEX, &key, SLICE(""));
	f->now_ms = 2000000000000;
	keep_house(f);
	refused(f, "token.get", "{'id': 2}", STATUS_NOT_FOUND);
	assert_string_equal(field_of(f, "token.list", "{}", "total"), "1");
}

static void
a_secret_for_which_there_is_no_memory_is_not_made(void **state)
{
	struct domain_fixture *f = *state;
	struct call           *call;

	domain_identify_operator(&f->who);
	must_do(f, "token.list", "{}");
	call = f->call;
	call->scratch->bytes_max = 8;
	assert_int_equal(token_complete(call), STATUS_NO_MEMORY);
	must_do(f, "token.list", "{}");
	call->scratch->bytes_max = 1024;
	f->arena.bytes_max = f->arena.bytes_used;
	assert_int_equal(token_complete(call), STATUS_NO_MEMORY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DOMAIN_TEST(a_damaged_index_of_keys_is_damage_not_a_wrong_token),
		DOMAIN_TEST(
		    a_token_that_is_not_there_does_not_keep_those_that_are_over),
		DOMAIN_TEST(a_secret_for_which_there_is_no_memory_is_not_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
