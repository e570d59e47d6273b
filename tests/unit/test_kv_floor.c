#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <lmdb.h>

#include "server/kv/key.h"
#include "tests/support/kv_fixture.h"
#include "tests/support/kv_image.h"

#define STORES 3u
#define NUMBERS 400u /* of a store */
#define LIVES 3u
#define ROUNDS 200u          /* of a life */
#define JOURNAL_BYTES 32768u /* so that there is often a checkpoint */

/* What should be there: a number that the value begins with; 0: nothing. */
struct model {
	uint64_t value[STORES][NUMBERS];
};

static void
key_of(struct key *key, unsigned store, unsigned number)
{
	key_init(key, store);
	key_u64(key, number);
}

static void
put(struct kv_txn *txn, unsigned store, unsigned number, uint64_t value)
{
	struct key key;
	char       bytes[256] = "";

	key_of(&key, store, number);
	memcpy(bytes, &value, sizeof(value));
	kv_put(txn, KV_CHANGE, key_slice(&key), slice_of(bytes, sizeof(bytes)));
}

static void
del(struct kv_txn *txn, unsigned store, unsigned number)
{
	struct key key;

	key_of(&key, store, number);
	kv_del(txn, KV_CHANGE, key_slice(&key));
}

static void
drop_below(struct kv_txn *txn, unsigned store, unsigned number)
{
	struct key key;

	key_of(&key, store, number);
	kv_drop_below(txn, KV_CHANGE, key_slice(&key));
}

/* ---- comparing ---- */

static void
must_be_value(struct slice value, uint64_t expected)
{
	uint64_t number;

	assert_true(value.len >= sizeof(number));
	memcpy(&number, value.data, sizeof(number));
	assert_int_equal(number, expected);
}

static void
must_get(struct kv_txn *txn, const struct model *model)
{
	for (unsigned store = 0; store < STORES; store++)
		for (unsigned number = 0; number < NUMBERS; number++) {
			struct slice value;
			struct key   key;
			uint64_t     expected = model->value[store][number];
			bool         found;

			key_of(&key, store, number);
			found = kv_get(txn, KV_CHANGE, key_slice(&key), &value);
			assert_int_equal(found, expected != 0);
			if (found)
				must_be_value(value, expected);
		}
}

/* A walk with PREFIX, from PLACE of STORE on or down from there, shows what MODEL has.
 */
static void
must_walk(struct kv_txn *txn, const struct model *model, struct slice prefix,
    unsigned store, unsigned place, bool down)
{
	struct kv_scan scan;
	struct slice   key, value;
	struct key     from;
	unsigned       first = prefix.len > 0 ? store : 0;
	unsigned       last = prefix.len > 0 ? store : STORES - 1;
	unsigned       steps = (last - first + 1) * NUMBERS;

	key_of(&from, store, place);
	(down ? kv_scan_back : kv_scan_begin)(
	    &scan, txn, KV_CHANGE, prefix, key_slice(&from));
	for (unsigned step = 0; step < steps; step++) {
		unsigned at = first * NUMBERS + (down ? steps - 1 - step : step);
		unsigned border = store * NUMBERS + place;
		uint64_t expected = model->value[at / NUMBERS][at % NUMBERS], number;
		uint32_t owner;

		if (expected == 0 || (down ? at >= border : at < border))
			continue;
		assert_true(kv_scan_next(&scan, &key, &value));
		assert_true(key_take_u32(&key, &owner));
		assert_true(key_take_u64(&key, &number));
		assert_int_equal(owner, at / NUMBERS);
		assert_int_equal(number, at % NUMBERS);
		must_be_value(value, expected);
	}
	assert_false(kv_scan_next(&scan, &key, &value));
	assert_int_equal(txn->status, STATUS_OK);
	kv_scan_end(&scan);
}

static void
must_be(struct kv_txn *txn, const struct model *model, unsigned random)
{
	struct key prefix;
	unsigned   store = random % STORES, place = random / STORES % NUMBERS;

	key_init(&prefix, store);
	must_get(txn, model);
	for (int down = 0; down < 2; down++) {
		must_walk(txn, model, SLICE(""), store, place, down != 0);
		must_walk(txn, model, key_slice(&prefix), store, place, down != 0);
	}
}

/* What a new view shows. */
static void
must_show(struct kv_fixture *f, const struct model *model)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;

	assert_non_null(snapshot);
	kv_read(snapshot, &txn);
	must_be(&txn, model, 0);
	kv_snapshot_free(snapshot);
}

/* ---- alone ---- */

static struct kv_batch *
begin(struct kv_fixture *f, struct kv_txn *txn)
{
	struct kv_batch *batch;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, txn);
	return batch;
}

/* Ten of each store. */
static void
fill(struct kv_fixture *f, struct model *model)
{
	struct kv_txn    txn;
	struct kv_batch *batch = begin(f, &txn);

	*model = (struct model){ 0 };
	for (unsigned store = 0; store < STORES; store++)
		for (unsigned number = 1; number <= 10; number++)
			put(&txn, store, number,
			    model->value[store][number] = store * 100 + number);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

static void
what_is_below_the_floor_is_gone_from_its_store(void **state)
{
	struct kv_fixture *f = *state;
	struct model       model;
	struct kv_txn      txn;
	struct kv_batch   *batch;

	fill(f, &model);
	must_close(f); /* and so into LMDB */
	must_open(f);
	batch = begin(f, &txn);
	drop_below(&txn, 1, 8);
	memset(model.value[1], 0, 8 * sizeof(model.value[1][0]));
	drop_below(&txn, 1, 5); /* a floor does not go down */
	must_be(&txn, &model, 7);
	put(&txn, 1, 3, 77); /* nor does anything come back below it */
	must_be(&txn, &model, 1 + STORES * 5);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	must_show(f, &model);
	must_close(f);
	must_open(f);
	must_show(f, &model);
}

static void
a_floor_that_is_taken_back_was_none(void **state)
{
	struct kv_fixture *f = *state;
	struct model       model;
	struct kv_txn      txn, child;
	struct kv_batch   *batch;

	fill(f, &model);
	batch = begin(f, &txn);
	drop_below(&txn, 2, 11);
	kv_batch_abort(batch);
	must_show(f, &model);
	batch = begin(f, &txn);
	kv_nest(&txn, &child);
	drop_below(&child, 2, 11);
	kv_nest_drop(&txn, &child);
	must_be(&txn, &model, 5);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	must_show(f, &model);
}

/* How many keys LMDB has in the table, while F is closed. */
static size_t
count_stored(struct kv_fixture *f)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi  dbi;
	MDB_stat stat;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 1), 0);
	assert_int_equal(mdb_env_open(env, f->directory, MDB_RDONLY, 0), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, kv_table_name(KV_CHANGE), 0, &dbi), 0);
	assert_int_equal(mdb_stat(txn, dbi, &stat), 0);
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return stat.ms_entries;
}

static void
what_was_dropped_leaves_the_file(void **state)
{
	struct kv_fixture *f = *state;
	struct model       model;
	struct kv_txn      txn;
	struct kv_batch   *batch;

	fill(f, &model);
	must_close(f);
	assert_int_equal(count_stored(f), 30);
	must_open(f);
	batch = begin(f, &txn);
	for (unsigned number = 11; number <= 20; number++)
		put(&txn, 0, number, model.value[0][number] = number);
	drop_below(&txn, 0, 16); /* of these, five never get there */
	drop_below(&txn, 2, 11);
	memset(model.value[0], 0, 16 * sizeof(model.value[0][0]));
	memset(model.value[2], 0, sizeof(model.value[2]));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	must_close(f);
	assert_int_equal(count_stored(f), 15);
	must_open(f);
	must_show(f, &model);
}

/* ---- anything, compared with a model ---- */

struct world {
	struct kv_fixture  *f;
	struct model        now, then; /* THEN: what OLD should show, if it is held */
	struct kv_snapshot *old;
	struct kv_txn       old_txn;
	unsigned            next[STORES]; /* a number not used yet */
	uint64_t            values;
};

/* A change of TXN that MODEL knows of. */
static void
change(struct world *w, struct kv_txn *txn, struct model *model)
{
	unsigned store = (unsigned)rand() % STORES;
	unsigned number = (unsigned)rand() % (w->next[store] + 1);

	switch (rand() % 8) {
	case 0: /* most */
		number = w->next[store] / 2 + number / 2;
		drop_below(txn, store, number);
		memset(model->value[store], 0, number * sizeof(model->value[0][0]));
		break;
	case 1:
		del(txn, store, number);
		model->value[store][number] = 0;
		break;
	case 2: /* one that is there */
		if (model->value[store][number] != 0)
			put(txn, store, number,
			    model->value[store][number] = ++w->values);
		break;
	default:
		if (w->next[store] + 1 < NUMBERS)
			number = ++w->next[store];
		else if (model->value[store][number] == 0)
			break;
		put(txn, store, number, model->value[store][number] = ++w->values);
		break;
	}
	assert_int_equal(txn->status, STATUS_OK);
}

static void
some_batch(struct world *w)
{
	struct model     model = w->now;
	struct kv_txn    txn, child;
	struct kv_batch *batch = begin(w->f, &txn);
	bool             nested = rand() % 4 == 0;

	for (int count = rand() % 12; count > 0; count--)
		change(w, &txn, &model);
	if (nested) {
		struct model kept = model;

		kv_nest(&txn, &child);
		for (int count = rand() % 12; count > 0; count--)
			change(w, &child, &model);
		if (rand() % 2 == 0) {
			kv_nest_keep(&txn, &child);
		} else {
			kv_nest_drop(&txn, &child);
			model = kept;
		}
	}
	if (rand() % 8 == 0)
		must_be(&txn, &model, (unsigned)rand());
	if (rand() % 5 == 0) {
		kv_batch_abort(batch);
		return;
	}
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	w->now = model;
}

static void
let_go(struct world *w)
{
	if (w->old != NULL)
		kv_snapshot_free(w->old);
	w->old = NULL;
}

/* Look at what an old view shows, and take another. */
static void
look_again(struct world *w)
{
	if (w->old != NULL)
		must_be(&w->old_txn, &w->then, (unsigned)rand());
	let_go(w);
	w->old = kv_snapshot_new(w->f->kv);
	assert_non_null(w->old);
	kv_read(w->old, &w->old_txn);
	w->then = w->now;
	must_be(&w->old_txn, &w->then, (unsigned)rand());
}

static void
start_again(struct world *w, bool after_crash)
{
	struct kv_image image;

	let_go(w);
	if (after_crash) {
		image = kv_image_crash(w->f);
		kv_image_free(&image);
	} else {
		must_close(w->f);
	}
	must_open(w->f);
	must_show(w->f, &w->now);
}

static void
live(struct world *w)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		int what = rand() % 100;

		if (what < 3)
			start_again(w, what > 0);
		else if (what < 15)
			look_again(w);
		else
			some_batch(w);
	}
	look_again(w);
	let_go(w);
}

static void
whatever_happens_there_is_what_a_model_has(void **state)
{
	struct kv_fixture *f = *state;

	f->journal_bytes_max = JOURNAL_BYTES;
	srand(20261122);
	for (unsigned life = 0; life < LIVES; life++) {
		struct world w = { .f = f };

		must_close(f);
		unlink(path_in(f, "data.mdb"));
		must_open(f);
		live(&w);
		for (unsigned store = 0; store < STORES; store++)
			assert_in_range(w.next[store], 100, NUMBERS - 2);
	}
}

int
main(void)
{
#define TEST(name)                       \
	cmocka_unit_test_setup_teardown( \
	    name, kv_fixture_setup_in_memory, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_below_the_floor_is_gone_from_its_store),
		TEST(a_floor_that_is_taken_back_was_none),
		TEST(what_was_dropped_leaves_the_file),
		TEST(whatever_happens_there_is_what_a_model_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
