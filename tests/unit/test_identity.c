#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

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

#define T(name)                          \
	cmocka_unit_test_setup_teardown( \
	    name, domain_fixture_setup, domain_fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_identity_follows_its_token),
		T(an_identity_ends_with_its_token),
		T(an_operator_stays_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
