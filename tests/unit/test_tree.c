#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/kv/tree.h"

#define KEYS 600 /* keys that there can be */
#define BATCHES 2000
#define HELD 8 /* roots that are looked at later */

/* The tree as it should be: by number of the key, its entry or NULL. */
struct model {
	const struct entry *entries[KEYS];
};

struct fixture {
	struct tree   tree;
	struct chunks memory;
	struct model  model;
};

/* Two tables; keys with much in common, and some that are the beginning of others. */
static enum kv_table
table_of(unsigned number)
{
	return number % 2 == 0 ? KV_CUSTOMER : KV_TAG;
}

static struct slice
key_of(unsigned number)
{
	static char key[128];

	if (number % 7 == 0) {
		memset(key, '0', sizeof(key));
		return slice_of(key, number / 7 + 1);
	}
	if (number % 3 == 0)
		return slice_of(key, (size_t)sprintf(key, "%03u", number));
	return slice_of(
	    key, (size_t)sprintf(key, "a prefix that is longer %03u", number));
}

static const struct entry *
entry_of(struct fixture *f, unsigned number, bool is_deleted)
{
	struct slice key = key_of(number);
	void        *at = chunks_alloc(&f->memory, entry_size(key.len, 0));

	assert_non_null(at);
	entry_make(at, table_of(number), key, SLICE(""), is_deleted);
	return at;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tree_init(&f->tree);
	chunks_init(&f->memory);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	tree_fini(&f->tree);
	chunks_fini(&f->memory);
	free(f);
	return 0;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *const *x = a, *const *y = b;

	if ((*x)->table != (*y)->table)
		return (int)(*x)->table - (int)(*y)->table;
	return key_compare(entry_key(*x), entry_key(*y));
}

/* Where the way to KEY ends. */
static const struct entry *
walk(const struct tree_node *root, enum kv_table table, struct slice key)
{
	struct tree_way     way = { .table = table, .key = key };
	const struct entry *entry = NULL;

	if (tree_way_begin(&way, root))
		while (tree_way_step(&way, &entry))
			;
	return entry;
}

/* Under ROOT are the entries of MODEL, in order, both ways. */
static void
must_equal(const struct tree_node *root, const struct model *model)
{
	const struct entry *sorted[KEYS], *entry;
	struct tree_cursor  cursor;
	size_t              count = 0, i;

	for (i = 0; i < KEYS; i++) {
		assert_ptr_equal(
		    tree_get(root, table_of((unsigned)i), key_of((unsigned)i)),
		    model->entries[i]);
		assert_ptr_equal(walk(root, table_of((unsigned)i), key_of((unsigned)i)),
		    model->entries[i]);
		if (model->entries[i] != NULL)
			sorted[count++] = model->entries[i];
	}
	qsort(sorted, count, sizeof(sorted[0]), compare_entries);
	entry = tree_from(&cursor, root, 0, SLICE(""));
	for (i = 0; i < count; i++) {
		assert_ptr_equal(entry, sorted[i]);
		entry = tree_next(&cursor);
	}
	assert_null(entry);
	entry = tree_below(&cursor, root, KV_TABLE_COUNT, SLICE(""));
	for (i = count; i > 0; i--) {
		assert_ptr_equal(entry, sorted[i - 1]);
		entry = tree_back(&cursor);
	}
	assert_null(entry);
}

/* From each key that there can be, the next and the one before. */
static void
seeks_must_equal(const struct tree_node *root, const struct model *model)
{
	struct tree_cursor cursor;
	unsigned           i, j;

	for (i = 0; i < KEYS; i++) {
		const struct entry *from = NULL, *below = NULL;
		struct slice        key = key_of(i);
		char                room[128];

		memcpy(room, key.data, key.len);
		key.data = room;
		for (j = 0; j < KEYS; j++) {
			const struct entry *entry = model->entries[j];
			int                 order;

			if (entry == NULL)
				continue;
			order = entry->table != table_of(i)
				    ? (int)entry->table - (int)table_of(i)
				    : key_compare(entry_key(entry), key);
			if (order >= 0 &&
			    (from == NULL || compare_entries(&entry, &from) < 0))
				from = entry;
			if (order < 0 &&
			    (below == NULL || compare_entries(&entry, &below) > 0))
				below = entry;
		}
		assert_ptr_equal(tree_from(&cursor, root, table_of(i), key), from);
		assert_ptr_equal(tree_below(&cursor, root, table_of(i), key), below);
	}
}

/* Put some entries, and some more in parts that are kept or dropped. */
static void
put_some(struct fixture *f, unsigned depth)
{
	unsigned i, count = (unsigned)rand() % 20;

	for (i = 0; i < count; i++) {
		unsigned number = (unsigned)rand() % KEYS;

		f->model.entries[number] = entry_of(f, number, rand() % 5 == 0);
		assert_true(tree_put(&f->tree, f->model.entries[number]));
		if (depth < 2 && rand() % 8 == 0) {
			struct model     before = f->model;
			struct tree_mark mark = tree_mark(&f->tree);

			put_some(f, depth + 1);
			if (rand() % 2 == 0) {
				tree_drop(&f->tree, mark);
				f->model = before;
			}
		}
	}
}

static void
put_all(struct fixture *f)
{
	for (unsigned i = 0; i < KEYS; i++) {
		f->model.entries[i] = entry_of(f, i, false);
		assert_true(tree_put(&f->tree, f->model.entries[i]));
	}
}

static void
an_empty_tree_has_nothing(void **state)
{
	struct tree_cursor cursor;

	(void)state;
	assert_null(tree_get(NULL, KV_TAG, SLICE("a")));
	assert_null(tree_from(&cursor, NULL, KV_TAG, SLICE("a")));
	assert_null(tree_below(&cursor, NULL, KV_TAG, SLICE("a")));
}

static void
a_tree_is_what_was_put_and_an_old_root_what_was_then(void **state)
{
	struct fixture         *f = *state;
	static struct model     held[HELD];
	const struct tree_node *roots[HELD] = { NULL };
	uint64_t                numbers[HELD] = { 0 }, batch;

	srand(1);
	for (batch = 1; batch <= BATCHES; batch++) {
		struct model     before = f->model;
		struct tree_mark mark;
		unsigned         slot = (unsigned)rand() % HELD, i;
		uint64_t         oldest = batch;

		tree_begin(&f->tree, batch);
		mark = tree_mark(&f->tree);
		put_some(f, 0);
		if (rand() % 4 == 0) { /* a batch that fails; its number comes again */
			tree_drop(&f->tree, mark);
			f->model = before;
			batch--;
			continue;
		}
		tree_keep(&f->tree);
		/* Let an old one go, and hold this one. */
		must_equal(roots[slot], &held[slot]);
		held[slot] = f->model;
		roots[slot] = f->tree.root;
		numbers[slot] = batch;
		for (i = 0; i < HELD; i++)
			if (numbers[i] < oldest)
				oldest = numbers[i];
		tree_reclaim(&f->tree, oldest);
	}
	must_equal(f->tree.root, &f->model);
	seeks_must_equal(f->tree.root, &f->model);
}

static void
what_is_let_go_is_used_again(void **state)
{
	struct fixture *f = *state;
	size_t          bytes = 0;
	uint64_t        batch;

	for (batch = 1; batch <= 3000; batch++) {
		tree_begin(&f->tree, batch);
		assert_true(
		    tree_put(&f->tree, entry_of(f, (unsigned)batch % KEYS, false)));
		tree_keep(&f->tree);
		tree_reclaim(&f->tree, batch);
		if (batch == 2000)
			bytes = f->tree.nodes.bytes;
	}
	assert_int_equal(f->tree.nodes.bytes, bytes);
	tree_reset(&f->tree);
	assert_null(f->tree.root);
	assert_int_equal(f->tree.nodes.bytes, 0);
}

/* As while a backup is made, with many batches meanwhile. */
static void
what_a_view_keeps_for_long_is_used_again_after_it(void **state)
{
	struct fixture         *f = *state;
	const struct tree_node *root;
	struct model            then;
	size_t                  bytes, batch;

	tree_begin(&f->tree, 1);
	put_all(f);
	tree_keep(&f->tree);
	root = f->tree.root;
	then = f->model;
	for (batch = 2; batch <= 50; batch++) {
		tree_begin(&f->tree, batch);
		put_all(f);
		tree_keep(&f->tree);
		tree_reclaim(&f->tree, 1);
	}
	assert_true(f->tree.retired_end - f->tree.retired_begin > 4096);
	must_equal(root, &then);
	bytes = f->tree.nodes.bytes;
	for (; batch <= 100; batch++) {
		tree_reclaim(&f->tree, batch - 1);
		tree_begin(&f->tree, batch);
		put_all(f);
		tree_keep(&f->tree);
	}
	assert_int_equal(f->tree.nodes.bytes, bytes);
	must_equal(f->tree.root, &f->model);
}

static void
a_dropped_edit_takes_no_memory(void **state)
{
	struct fixture *f = *state;
	size_t          bytes = 0;
	int             i;

	tree_begin(&f->tree, 1);
	for (i = 0; i < KEYS; i++)
		assert_true(tree_put(&f->tree, entry_of(f, (unsigned)i, false)));
	tree_keep(&f->tree);
	for (i = 0; i < 3 * KEYS; i++) {
		struct tree_mark mark;

		tree_begin(&f->tree, 2);
		mark = tree_mark(&f->tree);
		assert_true(tree_put(&f->tree, entry_of(f, (unsigned)i % KEYS, true)));
		tree_drop(&f->tree, mark);
		if (i == KEYS) /* each has been dropped once */
			bytes = f->tree.nodes.bytes;
	}
	assert_int_equal(f->tree.nodes.bytes, bytes);
}

/* ---- a reader beside the one who writes ---- */

#define TURNS 20000

static pthread_mutex_t         mutex = PTHREAD_MUTEX_INITIALIZER;
static const struct tree_node *shown;
static uint64_t                shown_batch, held_batch;
static bool                    is_over;

/* Each batch puts all keys 0 to 9 with its number: a reader must see them alike. */
static void *
read_on(void *context)
{
	const struct tree_node *root;
	bool                    over = false;

	(void)context;
	while (!over) {
		uint64_t seen = 0;

		pthread_mutex_lock(&mutex);
		root = shown;
		held_batch = shown_batch;
		over = is_over;
		pthread_mutex_unlock(&mutex);
		for (unsigned i = 0; root != NULL && i < 10; i++) {
			char                key[2] = { 'k', (char)('0' + i) };
			const struct entry *entry =
			    tree_get(root, KV_TAG, slice_of(key, 2));
			uint64_t number;

			assert_non_null(entry);
			memcpy(&number, entry_value(entry).data, sizeof(number));
			assert_true(seen == 0 || number == seen);
			seen = number;
		}
		pthread_mutex_lock(&mutex);
		held_batch = UINT64_MAX;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void
a_reader_sees_whole_batches(void **state)
{
	struct fixture *f = *state;
	pthread_t       reader;
	uint64_t        batch, oldest;

	shown = NULL;
	is_over = false;
	shown_batch = 0;
	held_batch = UINT64_MAX;
	assert_int_equal(pthread_create(&reader, NULL, read_on, NULL), 0);
	for (batch = 1; batch <= TURNS; batch++) {
		tree_begin(&f->tree, batch);
		for (unsigned i = 0; i < 10; i++) {
			char  key[2] = { 'k', (char)('0' + i) };
			void *at = chunks_alloc(&f->memory, entry_size(2, 8));

			entry_make(at, KV_TAG, slice_of(key, 2),
			    slice_of(&batch, sizeof(batch)), false);
			assert_true(tree_put(&f->tree, at));
		}
		tree_keep(&f->tree);
		pthread_mutex_lock(&mutex);
		shown = f->tree.root;
		shown_batch = batch;
		is_over = batch == TURNS;
		oldest = held_batch < batch ? held_batch : batch;
		pthread_mutex_unlock(&mutex);
		tree_reclaim(&f->tree, oldest);
	}
	pthread_join(reader, NULL);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_tree_has_nothing),
		TEST(a_tree_is_what_was_put_and_an_old_root_what_was_then),
		TEST(what_is_let_go_is_used_again),
		TEST(what_a_view_keeps_for_long_is_used_again_after_it),
		TEST(a_dropped_edit_takes_no_memory),
		TEST(a_reader_sees_whole_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
