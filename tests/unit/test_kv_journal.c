#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define XXH_STATIC_LINKING_ONLY /* for what a state consists of */
#include <xxhash.h>

#include "server/kv/journal_private.h"
#include "tests/support/kv_fixture.h"
#include "tests/support/kv_image.h"

#define PAGE JOURNAL_PAGE_BYTES
#define JOURNAL "journal.0" /* the first that is written */

/* ---- a crash ---- */

/* Three batches in a journal, then a crash. */
static struct kv_image
crash_with_three(struct kv_fixture *f)
{
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER, "bob", "builder");
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	return kv_image_crash(f);
}

/* The first COUNT of the three are there. */
static void
must_have(struct kv_fixture *f, size_t count)
{
	static const char *const keys[] = { "ada", "bob", "eve" };

	for (size_t i = 0; i < 3; i++)
		if ((look_up(f, KV_CUSTOMER, keys[i]) != NULL) != (i < count))
			fail_msg("key %s of %zu", keys[i], count);
}

static void
what_was_committed_is_there_after_a_crash(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image = crash_with_three(f);

	kv_image_free(&image);
	must_open(f);
	must_have(f, 3);
	assert_int_equal(kv_sequence(f->kv), 3);
	must_del(f, KV_CUSTOMER, "bob");
	must_put(f, KV_CUSTOMER, "ada", "byron");
	image = kv_image_crash(f);
	kv_image_free(&image);
	must_open(f);
	assert_null(look_up(f, KV_CUSTOMER, "bob"));
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "byron");
	assert_int_equal(kv_sequence(f->kv), 5);
}

/* Leave what looks like states with SEED on the stack below the caller. */
static __attribute__((noinline)) void
litter(uint64_t seed)
{
	const size_t                   place = offsetof(XXH3_state_t, seed) / 8 % 8;
	_Alignas(64) volatile uint64_t stack[4096];

	for (size_t i = 0; i < sizeof(stack) / sizeof(stack[0]); i++)
		stack[i] = i % 8 == place ? seed : 0;
}

/*
 * xxHash keeps what it has derived from a seed for as long as its state has the seed,
 * and a state on the stack may have it by chance.
 */
static void
what_lies_on_the_stack_does_not_count(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image;
	struct file_head   head;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	image = kv_image_take(f);
	memcpy(&head, image.bytes[1], sizeof(head));
	kv_image_free(&image);
	litter(head.id);
	must_put(f, KV_CUSTOMER, "bob", "builder");
	litter(head.id);
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	image = kv_image_crash(f);
	kv_image_free(&image);
	must_open(f);
	must_have(f, 3);
}

static void
a_clean_stop_leaves_no_journal(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	assert_int_equal(access(path_in(f, "journal.0"), F_OK), 0);
	must_close(f);
	assert_int_equal(access(path_in(f, "journal.0"), F_OK), -1);
	assert_int_equal(access(path_in(f, "journal.1"), F_OK), -1);
	must_open(f);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	assert_int_equal(kv_sequence(f->kv), 1);
}

/* ---- a journal that is not as it was ---- */

static void
a_journal_cut_off_anywhere_has_the_batches_before(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image = crash_with_three(f), cut = image;
	size_t             len;
	bool               has_head;

	for (len = 0; len <= 5 * PAGE; len += len % PAGE < 64 ? 1 : 61) {
		/* What is behind is not missing but was never written. */
		cut.bytes[1] = calloc(1, image.lens[1]);
		memcpy(cut.bytes[1], image.bytes[1], len);
		kv_image_put(f, &cut);
		/* Its last byte is of a checksum, and may be a zero, too. */
		has_head =
		    memcmp(cut.bytes[1], image.bytes[1], sizeof(struct file_head)) == 0;
		free(cut.bytes[1]);
		if (!has_head) {
			must_refuse(f, STATUS_DAMAGED, "journal.0 is damaged");
			continue;
		}
		must_open(f);
		/* The three frames' last bytes are zeros. */
		must_have(f, look_up(f, KV_CUSTOMER, "eve") != NULL   ? 3
			     : look_up(f, KV_CUSTOMER, "bob") != NULL ? 2
			     : look_up(f, KV_CUSTOMER, "ada") != NULL ? 1
								      : 0);
		for (size_t i = 0; i < 3; i++)
			if (len >= (i + 2) * PAGE)
				assert_true(kv_sequence(f->kv) > i);
			else if (len < (i + 1) * PAGE + sizeof(struct frame_head))
				assert_true(kv_sequence(f->kv) <= i);
		must_put(f, KV_CUSTOMER, "dan", "later");
		must_close(f);
		must_open(f);
		assert_string_equal(look_up(f, KV_CUSTOMER, "dan"), "later");
		must_close(f);
	}
	kv_image_free(&image);
}

/* The bytes of a frame of one entry that matter. */
static size_t
frame_len(size_t key_len, size_t value_len)
{
	return sizeof(struct frame_head) + entry_size(key_len, value_len);
}

static void
a_flipped_bit_is_found_but_in_the_last_batch_taken_for_its_end(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image = crash_with_three(f);
	size_t             at, frame;

	for (frame = 0; frame < 3; frame++) {
		for (at = 0; at < frame_len(3, 8); at++) {
			char *byte = &image.bytes[1][(frame + 1) * PAGE + at];

			*byte ^= (char)(1 << at % 8);
			kv_image_put(f, &image);
			*byte ^= (char)(1 << at % 8);
			if (frame < 2) {
				must_refuse(f, STATUS_DAMAGED, "journal.0 is damaged");
				continue;
			}
			must_open(f);
			must_have(f, 2);
			must_close(f);
		}
	}
	for (at = 0; at < sizeof(struct file_head); at++) {
		image.bytes[1][at] ^= 1;
		kv_image_put(f, &image);
		image.bytes[1][at] ^= 1;
		must_refuse(f, STATUS_DAMAGED, "journal.0 is damaged");
	}
	kv_image_free(&image);
}

static void
a_page_lost_from_the_middle_is_found(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image = crash_with_three(f);

	memset(image.bytes[1] + PAGE, 0, PAGE);
	kv_image_put(f, &image);
	must_refuse(f, STATUS_DAMAGED, "journal.0 is damaged");
	memcpy(image.bytes[1] + PAGE, image.bytes[1] + 2 * PAGE, PAGE);
	kv_image_put(f, &image);
	must_refuse(f, STATUS_DAMAGED, "journal.0 is damaged");
	kv_image_free(&image);
}

static void
a_journal_that_is_missing_is_missed(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image = crash_with_three(f);

	kv_image_free(&image);
	image = kv_image_take(f);
	assert_int_equal(unlink(path_in(f, "journal.1")), 0);
	must_refuse(f, STATUS_DAMAGED, "journal.1 is missing");
	kv_image_put(f, &image);
	assert_int_equal(unlink(path_in(f, "journal.0")), 0);
	must_refuse(f, STATUS_DAMAGED, "journal.0 is missing");
	kv_image_put(f, &image);
	assert_int_equal(truncate(path_in(f, "journal.0"), 5 * PAGE), 0);
	must_refuse(f, STATUS_DAMAGED, "journal.0 is damaged");
	kv_image_free(&image);
}

static void
journals_of_another_database_are_refused(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    old = crash_with_three(f), image;

	must_open(f);
	must_close(f); /* empties the journals */
	must_open(f);
	must_put(f, KV_CUSTOMER, "ada", "byron");
	image = kv_image_crash(f);
	for (size_t i = 1; i < KV_IMAGE_FILES; i++) {
		free(image.bytes[i]);
		image.bytes[i] = old.bytes[i];
		image.lens[i] = old.lens[i];
	}
	kv_image_put(f, &image);
	must_refuse(f, STATUS_DAMAGED, "do not belong");
	free(old.bytes[0]);
	kv_image_free(&image);
}

static void
a_journal_of_a_newer_format_is_refused(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image = crash_with_three(f);
	struct file_head  *head = (void *)image.bytes[1];

	head->format++;
	head->checksum = XXH3_64bits(head, offsetof(struct file_head, checksum));
	kv_image_put(f, &image);
	must_refuse(f, STATUS_STORAGE_FAILED, "install a newer one");
	kv_image_free(&image);
}

static void
a_read_only_look_sees_what_is_in_the_journal_only(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_options  options = { .path = f->directory,
		 .bytes_max = 1 << 24,
		 .snapshots_max = 1,
		 .read_only = true };
	struct kv_image    image = crash_with_three(f), after;
	char               why[512];

	assert_int_equal(kv_open(&f->kv, &options, why, sizeof(why)), STATUS_OK);
	must_have(f, 3);
	must_close(f);
	after = kv_image_take(f);
	for (size_t i = 0; i < KV_IMAGE_FILES; i++) {
		assert_int_equal(after.lens[i], image.lens[i]);
		assert_memory_equal(after.bytes[i], image.bytes[i], image.lens[i]);
	}
	kv_image_free(&after);
	kv_image_free(&image);
}

/* ---- many batches, many journals ---- */

#define KEYS 120
#define STEPS 500

/* What should be there: of each key its value, 0 if it is absent. */
struct model {
	int values[KEYS];
};

static struct slice
key_of(int number)
{
	static char key[16];

	return slice_of(key, (size_t)sprintf(key, "%c%03d", 'a' + number % 3, number));
}

static void
change_one(struct kv_txn *txn, struct model *model)
{
	static char value[3000];
	int         number = rand() % KEYS;
	size_t      len = rand() % 10 == 0 ? sizeof(value) : sizeof(int);

	model->values[number] = rand() % 3 == 0 ? 0 : rand();
	memcpy(value, &model->values[number], sizeof(int));
	if (model->values[number] == 0)
		kv_del(txn, KV_TAG, key_of(number));
	else
		kv_put(txn, KV_TAG, key_of(number), slice_of(value, len));
	assert_int_equal(txn->status, STATUS_OK);
}

/* The next key of the walk that should be there, or KEYS. */
static int
next_of(const struct model *model, char first, int number, bool backwards)
{
	int last = number;

	for (;;) {
		/* In order: all that begin with a, then with b, then with c. */
		number = backwards ? last - 1 : last + 1;
		if (number < 0 || number >= KEYS)
			return KEYS;
		last = number;
		if (model->values[number] != 0 && 'a' + number % 3 == first)
			return number;
	}
}

static void
walk_must_equal(
    struct kv_txn *txn, const struct model *model, char first, bool backwards)
{
	struct kv_scan scan;
	struct slice   key, value;
	int            number = backwards ? KEYS : -1;

	if (backwards)
		kv_scan_back(&scan, txn, KV_TAG, slice_of(&first, 1), SLICE(""));
	else
		kv_scan_begin(&scan, txn, KV_TAG, slice_of(&first, 1), SLICE(""));
	while (kv_scan_next(&scan, &key, &value)) {
		number = next_of(model, first, number, backwards);
		assert_true(number < KEYS);
		assert_true(slice_equal(key, key_of(number)));
		assert_memory_equal(value.data, &model->values[number], sizeof(int));
	}
	kv_scan_end(&scan);
	assert_int_equal(txn->status, STATUS_OK);
	assert_int_equal(next_of(model, first, number, backwards), KEYS);
}

static void
must_equal(struct kv_txn *txn, const struct model *model)
{
	struct slice value;

	for (int i = 0; i < KEYS; i++) {
		assert_int_equal(
		    kv_get(txn, KV_TAG, key_of(i), &value), model->values[i] != 0);
		if (model->values[i] != 0)
			assert_memory_equal(value.data, &model->values[i], sizeof(int));
	}
	for (char first = 'a'; first <= 'c'; first++) {
		walk_must_equal(txn, model, first, false);
		walk_must_equal(txn, model, first, true);
	}
}

/* A batch, with parts that are kept or dropped; and kept or dropped itself. */
static void
run_batch(struct kv_fixture *f, struct model *model)
{
	struct model     before = *model, outside;
	struct kv_batch *batch;
	struct kv_txn    txn, part;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	for (int i = rand() % 8; i >= 0; i--) {
		change_one(&txn, model);
		if (rand() % 4 != 0)
			continue;
		outside = *model;
		kv_nest(&txn, &part);
		change_one(&part, model);
		change_one(&part, model);
		if (rand() % 2 == 0) {
			kv_nest_keep(&txn, &part);
		} else {
			kv_nest_drop(&txn, &part);
			*model = outside;
		}
	}
	if (rand() % 20 == 0)
		must_equal(&txn, model);
	if (rand() % 5 == 0) {
		kv_batch_abort(batch);
		*model = before;
	} else {
		assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	}
}

/* Each batch fills a journal, so that checkpoints go on all the time. */
static void
fill_journals_at_once(struct kv_fixture *f)
{
	must_close(f);
	f->journal_bytes_max = PAGE;
	must_open(f);
}

static void
look_must_equal(struct kv_fixture *f, const struct model *model)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;

	kv_read(snapshot, &txn);
	must_equal(&txn, model);
	kv_snapshot_free(snapshot);
}

static void
many_journals_make_one_database(void **state)
{
	struct kv_fixture *f = *state;
	struct model       model = { { 0 } };
	struct kv_image    image;

	srand(1);
	fill_journals_at_once(f);
	for (int i = 0; i < STEPS; i++) {
		run_batch(f, &model);
		if (i % 7 == 0)
			look_must_equal(f, &model);
		if (i % 100 != 99)
			continue;
		/* The files are copied while nobody writes: close, or wait, for that.
		 */
		must_close(f);
		must_open(f);
		look_must_equal(f, &model);
		run_batch(f, &model);
		if (i % 200 == 99) {
			image = kv_image_crash(f);
			kv_image_free(&image);
			must_open(f);
			look_must_equal(f, &model);
		}
	}
}

/* ---- views beside the one who writes ---- */

#define READERS 2
#define ALIKE 10 /* keys that each batch sets to its number; one of them it deletes */
#define TURNS 400

static _Atomic bool readers_stop;

/* All keys of the view are from one batch; which. */
static uint64_t
number_of(struct kv_txn *txn, bool backwards)
{
	struct kv_scan scan;
	struct slice   key, value;
	uint64_t       number = 0, found;
	unsigned       count = 0;

	if (backwards)
		kv_scan_back(&scan, txn, KV_TAG, SLICE(""), SLICE(""));
	else
		kv_scan_begin(&scan, txn, KV_TAG, SLICE(""), SLICE(""));
	while (kv_scan_next(&scan, &key, &value)) {
		memcpy(&found, value.data, sizeof(found));
		assert_true(count++ == 0 || found == number);
		number = found;
	}
	kv_scan_end(&scan);
	assert_int_equal(txn->status, STATUS_OK);
	assert_true(count == 0 || count == ALIKE - 1);
	return number;
}

static void *
read_on(void *context)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(context);
	struct kv_txn       txn;
	uint64_t            newest = 0, number;

	while (!readers_stop) {
		kv_read(snapshot, &txn);
		assert_int_equal(txn.status, STATUS_OK);
		number = number_of(&txn, false);
		assert_true(number >= newest);
		newest = number;
		assert_int_equal(number_of(&txn, true), number);
		assert_int_equal(number_of(&txn, false), number);
		kv_snapshot_release(snapshot);
	}
	kv_snapshot_free(snapshot);
	return NULL;
}

static void
write_one(struct kv_fixture *f, uint64_t number)
{
	struct kv_batch *batch;
	struct kv_txn    txn;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	for (uint64_t i = 0; i < ALIKE; i++) {
		char key = (char)('0' + i);

		if (i == number % ALIKE)
			kv_del(&txn, KV_TAG, slice_of(&key, 1));
		else
			kv_put(&txn, KV_TAG, slice_of(&key, 1),
			    slice_of(&number, sizeof(number)));
	}
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

static void
a_view_holds_while_journals_come_and_go(void **state)
{
	struct kv_fixture *f = *state;
	pthread_t          readers[READERS];

	fill_journals_at_once(f);
	readers_stop = false;
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, f->kv), 0);
	for (uint64_t number = 1; number <= TURNS; number++)
		write_one(f, number);
	readers_stop = true;
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_committed_is_there_after_a_crash),
		TEST(what_lies_on_the_stack_does_not_count),
		TEST(a_clean_stop_leaves_no_journal),
		TEST(a_journal_cut_off_anywhere_has_the_batches_before),
		TEST(a_flipped_bit_is_found_but_in_the_last_batch_taken_for_its_end),
		TEST(a_page_lost_from_the_middle_is_found),
		TEST(a_journal_that_is_missing_is_missed),
		TEST(journals_of_another_database_are_refused),
		TEST(a_journal_of_a_newer_format_is_refused),
		TEST(a_read_only_look_sees_what_is_in_the_journal_only),
		TEST(many_journals_make_one_database),
		TEST(a_view_holds_while_journals_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
