#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/kv/cache.h"

#define BYTES_MAX KV_CACHE_BYTES_MIN
#define KEYS 400 /* more than fit when their values are long */
#define STEPS 200000

struct fixture {
	struct marks *marks;
	struct cache *cache;
	uint64_t      sequence; /* of the view */
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_non_null(f->marks = marks_new());
	f->marks->seed = 1; /* the same lines get full in each run */
	assert_non_null(f->cache = cache_new(BYTES_MAX, f->marks));
	f->sequence = 7;
	cache_begin(f->cache, f->sequence);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	cache_free(f->cache);
	free(f->marks);
	free(f);
	return 0;
}

/* ---- words ---- */

static void
keep(struct fixture *f, const char *key, struct slice value)
{
	cache_put(f->cache, marks_hash(f->marks, KV_CUSTOMER, slice_text(key)),
	    KV_CUSTOMER, slice_text(key), value);
}

static bool
find(struct fixture *f, const char *key, struct slice *value)
{
	return cache_get(f->cache, marks_hash(f->marks, KV_CUSTOMER, slice_text(key)),
	    KV_CUSTOMER, slice_text(key), value);
}

static void
must_find(struct fixture *f, const char *key, struct slice expected)
{
	struct slice value;

	if (!find(f, key, &value))
		fail_msg("\"%s\" is not there", key);
	assert_true(slice_equal(value, expected));
}

static void
must_miss(struct fixture *f, const char *key)
{
	struct slice value;

	assert_false(find(f, key, &value));
}

/* A batch is about to change KEY. */
static void
change(struct fixture *f, const char *key)
{
	marks_set(f->marks, marks_hash(f->marks, KV_CUSTOMER, slice_text(key)),
	    f->sequence + 1);
}

/* The next view: of the next batch, or of the same one. */
static void
go_on(struct fixture *f, bool was_committed)
{
	f->sequence += was_committed;
	cache_begin(f->cache, f->sequence);
}

static const char *
key_of(unsigned number)
{
	static char key[32];

	snprintf(key, sizeof(key), "key %u", number);
	return key;
}

/* LEN bytes that are NUMBER's. */
static struct slice
value_of(unsigned number, size_t len)
{
	static char bytes[BYTES_MAX];

	memset(bytes, (int)('a' + number % 26), len);
	return slice_of(bytes, len);
}

/* So many values that none of before can have room any more, each in its own view. */
static void
flood(struct fixture *f)
{
	for (unsigned i = 0; i < 100; i++) {
		go_on(f, false);
		keep(f, key_of(1000 + i), value_of(i, 1000));
	}
}

/* ---- what is so ---- */

static void
what_was_kept_is_found_again(void **state)
{
	struct fixture *f = *state;

	must_miss(f, "ada");
	keep(f, "ada", SLICE("Ada"));
	keep(f, "eve", SLICE(""));
	must_find(f, "ada", SLICE("Ada"));
	must_find(f, "eve", SLICE(""));
	go_on(f, false);
	must_find(f, "ada", SLICE("Ada"));
	assert_int_equal(cache_count(f->cache).hits, 3);
	assert_int_equal(cache_count(f->cache).misses, 1);
}

static void
to_fetch_changes_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t        ada = marks_hash(f->marks, KV_CUSTOMER, SLICE("ada"));

	for (int i = 0; i < 3; i++)
		cache_fetch(f->cache, ada);
	must_miss(f, "ada");
	keep(f, "ada", SLICE("Ada"));
	for (int i = 0; i < 3; i++)
		cache_fetch(f->cache, ada);
	must_find(f, "ada", SLICE("Ada"));
	assert_int_equal(cache_count(f->cache).hits, 1);
	cache_empty(f->cache);
	cache_fetch(f->cache, ada);
	must_miss(f, "ada");
}

static void
it_is_not_found_in_a_view_after_its_key_was_changed(void **state)
{
	struct fixture *f = *state;

	keep(f, "ada", SLICE("Ada"));
	keep(f, "eve", SLICE("Eve"));
	change(f, "ada");
	must_find(f, "ada", SLICE("Ada")); /* for it cannot be seen yet */
	go_on(f, true);
	must_miss(f, "ada");
	must_find(f, "eve", SLICE("Eve"));
	keep(f, "ada", SLICE("Ada Lovelace"));
	must_find(f, "ada", SLICE("Ada Lovelace"));
	go_on(f, true);
	must_find(f, "ada", SLICE("Ada Lovelace"));
}

static void
a_view_that_skips_batches_does_not_find_it_either(void **state)
{
	struct fixture *f = *state;

	keep(f, "ada", SLICE("Ada"));
	change(f, "ada");
	f->sequence += 100;
	go_on(f, true);
	must_miss(f, "ada");
}

static void
keys_of_one_hash_are_told_apart(void **state)
{
	struct fixture *f = *state;
	uint64_t        hash = 0x1234567890abcdef;
	struct slice    value;

	cache_put(f->cache, hash, KV_CUSTOMER, SLICE("ada"), SLICE("Ada"));
	cache_put(f->cache, hash, KV_CUSTOMER, SLICE("ad"), SLICE("aAda"));
	cache_put(f->cache, hash, KV_TAG, SLICE("ada"), SLICE("tag"));
	assert_true(cache_get(f->cache, hash, KV_CUSTOMER, SLICE("ada"), &value));
	assert_true(slice_equal(value, SLICE("Ada")));
	assert_true(cache_get(f->cache, hash, KV_CUSTOMER, SLICE("ad"), &value));
	assert_true(slice_equal(value, SLICE("aAda")));
	assert_true(cache_get(f->cache, hash, KV_TAG, SLICE("ada"), &value));
	assert_true(slice_equal(value, SLICE("tag")));
	assert_false(cache_get(f->cache, hash, KV_TAG, SLICE("ad"), &value));
}

static void
more_keys_of_one_hash_than_it_looks_for_push_the_oldest_out(void **state)
{
	struct fixture *f = *state;
	struct slice    value;

	for (unsigned i = 0; i < 9; i++)
		cache_put(
		    f->cache, 0, KV_CUSTOMER, slice_text(key_of(i)), value_of(i, 10));
	assert_false(
	    cache_get(f->cache, 0, KV_CUSTOMER, slice_text(key_of(0)), &value));
	for (unsigned i = 1; i < 9; i++)
		assert_true(
		    cache_get(f->cache, 0, KV_CUSTOMER, slice_text(key_of(i)), &value));
}

/* ---- memory ---- */

static void
the_oldest_make_room_for_the_newest(void **state)
{
	struct fixture *f = *state;
	unsigned        found = 0;
	struct slice    value;

	for (unsigned i = 0; i < KEYS; i++) {
		go_on(f, false);
		keep(f, key_of(i), value_of(i, 1000));
		must_find(f, key_of(i), value_of(i, 1000));
		assert_in_range(cache_count(f->cache).bytes, 1000, BYTES_MAX);
	}
	must_miss(f, key_of(0));
	for (unsigned i = 0; i < KEYS; i++)
		found += find(f, key_of(i), &value);
	assert_in_range(found, BYTES_MAX / 2000, BYTES_MAX / 1000);
}

static void
what_was_lent_stays_until_the_next_view(void **state)
{
	struct fixture *f = *state;
	struct slice    lent;

	keep(f, "ada", SLICE("Ada"));
	assert_true(find(f, "ada", &lent));
	for (unsigned i = 0; i < KEYS; i++)
		keep(f, key_of(i), value_of(i, 1000));
	assert_true(slice_equal(lent, SLICE("Ada")));
	must_find(f, "ada", SLICE("Ada"));
	go_on(f, false);
	flood(f);
	must_miss(f, "ada");
}

static void
what_is_asked_for_stays_while_others_come_and_go(void **state)
{
	struct fixture *f = *state;

	keep(f, "ada", SLICE("Ada"));
	for (unsigned i = 0; i < KEYS; i++) {
		go_on(f, false);
		keep(f, key_of(i), value_of(i, 700));
		must_find(f, "ada", SLICE("Ada"));
	}
	flood(f);
	must_miss(f, "ada");
}

static void
a_value_beyond_an_eighth_of_it_is_not_kept(void **state)
{
	struct fixture *f = *state;

	keep(f, "ada", value_of(0, BYTES_MAX / 8));
	must_miss(f, "ada");
	assert_int_equal(cache_count(f->cache).bytes, 0);
	keep(f, "ada", value_of(0, BYTES_MAX / 16));
	must_find(f, "ada", value_of(0, BYTES_MAX / 16));
}

static void
once_emptied_it_knows_nothing(void **state)
{
	struct fixture *f = *state;

	keep(f, "ada", SLICE("Ada"));
	flood(f);
	cache_empty(f->cache);
	assert_int_equal(cache_count(f->cache).bytes, 0);
	must_miss(f, "ada");
	must_miss(f, key_of(1099));
	keep(f, "ada", SLICE("Ada"));
	must_find(f, "ada", SLICE("Ada"));
}

/* ---- all at once ---- */

/* Values of which each is known by its first bytes: who it belongs to, and since when.
 */
struct content {
	unsigned number, version;
};

static void
whatever_happens_it_has_the_truth_or_nothing(void **state)
{
	struct fixture *f = *state;
	unsigned        version[KEYS] = { 0 }, coming[KEYS] = { 0 }, hits = 0;
	char            bytes[1200];
	struct content  content;
	struct slice    value;

	srand(1);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned number = (unsigned)(rand() % KEYS) * (unsigned)(rand() % 2);

		switch (rand() % 8) {
		case 0:
			change(f, key_of(number));
			coming[number]++;
			break;
		case 1:
			go_on(f, true);
			memcpy(version, coming, sizeof(version));
			break;
		case 2: go_on(f, false); break;
		default:
			if (find(f, key_of(number), &value)) {
				memcpy(&content, value.data, sizeof(content));
				assert_int_equal(content.number, number);
				assert_int_equal(content.version, version[number]);
				hits++;
				break;
			}
			content = (struct content){ number, version[number] };
			memcpy(bytes, &content, sizeof(content));
			keep(f, key_of(number),
			    slice_of(bytes, sizeof(content) + (size_t)rand() % 1100));
		}
	}
	assert_true(hits > STEPS / 10);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_kept_is_found_again),
		TEST(to_fetch_changes_nothing),
		TEST(it_is_not_found_in_a_view_after_its_key_was_changed),
		TEST(a_view_that_skips_batches_does_not_find_it_either),
		TEST(keys_of_one_hash_are_told_apart),
		TEST(more_keys_of_one_hash_than_it_looks_for_push_the_oldest_out),
		TEST(the_oldest_make_room_for_the_newest),
		TEST(what_was_lent_stays_until_the_next_view),
		TEST(what_is_asked_for_stays_while_others_come_and_go),
		TEST(a_value_beyond_an_eighth_of_it_is_not_kept),
		TEST(once_emptied_it_knows_nothing),
		TEST(whatever_happens_it_has_the_truth_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
