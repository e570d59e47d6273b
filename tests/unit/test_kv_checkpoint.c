#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "server/base/clock.h"
#include "server/kv/kv_private.h"
#include "tests/support/kv_fixture.h"

#define JOURNAL_BYTES_MAX ((size_t)4 << 20)
#define PATIENCE_MS 8000   /* less than what is little waits */
#define SHORT_REST_MS 1500 /* three times as long as a rest must be */

/* One batch of about BYTES. */
static void
put_much(struct kv_fixture *f, size_t bytes)
{
	static char      value[JOURNAL_BYTES_MAX / 2];
	struct kv_batch *batch;
	struct kv_txn    txn;

	assert_true(bytes <= sizeof(value));
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, SLICE("ada"), slice_of(value, bytes));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

/* What housekeeping does: look whether anything is to be done, and find nothing. */
static void
rest(struct kv_fixture *f)
{
	const struct timespec nap = { .tv_nsec = 20 * 1000 * 1000 };
	struct kv_batch      *batch;

	nanosleep(&nap, NULL);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_batch_abort(batch);
}

/* A burst of about BYTES into small journals; when it began. */
static int64_t
burst(struct kv_fixture *f, size_t bytes)
{
	int64_t begun_ms = clock_mono_ms();

	must_close(f);
	f->journal_bytes_max = JOURNAL_BYTES_MAX;
	must_open(f);
	put_much(f, bytes);
	assert_true(kv_bytes_waiting(f->kv) > bytes);
	return begun_ms;
}

static void
what_a_burst_leaves_is_carried_over_as_soon_as_it_ends(void **state)
{
	struct kv_fixture *f = *state;
	int64_t            begun_ms = burst(f, JOURNAL_BYTES_MAX / 4);

	while (kv_bytes_waiting(f->kv) > 0) {
		assert_true(clock_mono_ms() - begun_ms < PATIENCE_MS);
		rest(f);
	}
}

static void
what_is_little_waits_for_more(void **state)
{
	struct kv_fixture *f = *state;
	int64_t            begun_ms = burst(f, JOURNAL_BYTES_MAX / 16);

	while (clock_mono_ms() - begun_ms < SHORT_REST_MS)
		rest(f);
	assert_true(kv_bytes_waiting(f->kv) > 0);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_a_burst_leaves_is_carried_over_as_soon_as_it_ends),
		TEST(what_is_little_waits_for_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
