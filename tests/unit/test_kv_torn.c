/*
 * kv: a journal that is torn, damaged, full, or none at all.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <xxhash.h>

#include "server/kv/journal_private.h"
#include "tests/support/kv_calls.h"
#include "tests/support/kv_fixture.h"
#include "tests/support/kv_image.h"

#define PAGE JOURNAL_PAGE_BYTES

static struct kv_image
crash_with_two(struct kv_fixture *f)
{
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	return kv_image_crash(f);
}

/* What was put into the directory by a crash must be damaged. */
static void
must_be_damaged(struct kv_fixture *f, const struct kv_image *image)
{
	kv_image_put(f, image);
	must_refuse(f, STATUS_DAMAGED, "journal.0 is damaged");
}

static void
a_torn_frame_of_many_pages_is_as_if_it_had_not_been(void **state)
{
	static char        value[10 * PAGE];
	struct kv_fixture *f = *state;
	struct kv_image    image;
	char              *pages;

	memset(value, 'x', sizeof(value) - 1);
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_TAG, "1", value);
	image = kv_image_crash(f);
	pages = image.bytes[KV_IMAGE_JOURNAL_0];
	for (unsigned i = 2; i < 2 + sizeof(value) / PAGE; i++) {
		char page[PAGE];

		memcpy(page, pages + i * PAGE, PAGE);
		memset(pages + i * PAGE, 0, PAGE);
		kv_image_put(f, &image);
		memcpy(pages + i * PAGE, page, PAGE);
		must_open(f);
		assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
		assert_null(look_up(f, KV_TAG, "1"));
		assert_int_equal(kv_sequence(f->kv), 1);
		must_put(f, KV_TAG, "1", "again");
		must_close(f);
	}
	kv_image_free(&image);
}

static void
a_journal_that_is_full_to_its_last_byte_is_read(void **state)
{
	struct kv_fixture *f = *state;
	size_t             len = JOURNAL_BYTES_MIN - PAGE - sizeof(struct frame_head) -
		     offsetof(struct entry, data) - 8;
	char           *value = malloc(len + 1);
	struct kv_image image;

	memset(value, 'x', len);
	value[len] = '\0';
	must_put(f, KV_CUSTOMER, "eight by", value);
	image = kv_image_crash(f);
	assert_int_equal(image.lens[KV_IMAGE_JOURNAL_0], JOURNAL_BYTES_MIN);
	assert_int_equal(image.bytes[KV_IMAGE_JOURNAL_0][JOURNAL_BYTES_MIN - 1], 'x');
	must_open(f);
	assert_int_equal(kv_sequence(f->kv), 1);
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	kv_image_free(&image);
	image = kv_image_crash(f);
	must_open(f);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	kv_image_free(&image);
	free(value);
}

/* Give the frame at PLACE the checksum that it would have been written with. */
static void
seal(struct kv_image *image, struct frame_head *frame)
{
	const struct file_head *head = (void *)image->bytes[KV_IMAGE_JOURNAL_0];

	frame->checksum = XXH3_64bits_withSeed(
	    (char *)frame + sizeof(uint64_t), frame->len - sizeof(uint64_t), head->id);
}

/* What no checksum finds, for it was written so. */
static void
a_frame_that_makes_no_sense_is_damage(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image = crash_with_two(f);
	struct frame_head *frame = (void *)(image.bytes[KV_IMAGE_JOURNAL_0] + 2 * PAGE);
	struct frame_head  good = *frame;
	struct entry      *entry = (void *)(frame + 1);
	const struct entry made = *entry;

	seal(&image, frame);
	assert_int_equal(frame->checksum, good.checksum); /* as it was: so we do that */
	frame->number++;
	seal(&image, frame);
	must_be_damaged(f, &image);
	*frame = good;
	frame->entries = PAGE; /* the others are zeros: without a key */
	seal(&image, frame);
	must_be_damaged(f, &image);
	*frame = good;
	entry->table = KV_TABLE_COUNT;
	seal(&image, frame);
	must_be_damaged(f, &image);
	*entry = made;
	entry->key_len = KV_KEY_BYTES_MAX + 1;
	seal(&image, frame);
	must_be_damaged(f, &image);
	*entry = made;
	entry->value_len = PAGE;
	seal(&image, frame);
	must_be_damaged(f, &image);
	*entry = made;
	entry->value_len = PAGE - sizeof(*frame) - sizeof(*entry) - 16;
	frame->entries = 2; /* the second one ends behind the frame */
	seal(&image, frame);
	must_be_damaged(f, &image);
	kv_image_free(&image);
}

/* Lengths that cannot be: the last frame is taken for one that a crash has torn. */
static void
a_length_that_cannot_be_is_not_believed(void **state)
{
	static const uint32_t lens[] = { 0, PAGE - 8, PAGE + 8, JOURNAL_BYTES_MIN,
		0xfffff000 };
	struct kv_fixture    *f = *state;
	struct kv_image       image = crash_with_two(f);
	struct frame_head *frame = (void *)(image.bytes[KV_IMAGE_JOURNAL_0] + 2 * PAGE);

	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		frame->len = lens[i];
		kv_image_put(f, &image);
		must_open(f);
		assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
		assert_null(look_up(f, KV_CUSTOMER, "eve"));
		must_close(f);
	}
	kv_image_free(&image);
}

static void
a_read_that_is_interrupted_is_read_again(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image = crash_with_two(f);

	kv_calls_fail("pread", 3, EINTR); /* behind the two heads of data.mdb */
	must_open(f);
	assert_true(kv_calls_forgive());
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	kv_image_free(&image);
}

static void
memory_that_ends_while_the_end_is_looked_for_is_no_end(void **state)
{
	struct kv_fixture *f = *state;
	size_t             size = CHUNK_BYTES / 8 * 7;
	char              *value = calloc(1, size);
	struct kv_image    image;

	memset(value, 'x', size - 1);
	must_put(f, KV_CUSTOMER, "large", value);
	free(value);
	image = kv_image_crash(f);
	kv_calls_fail("aligned_alloc", 2, 0);
	must_refuse(f, STATUS_NO_MEMORY, "cannot read journal.0");
	assert_true(kv_calls_forgive());
	must_open(f);
	assert_int_equal(kv_sequence(f->kv), 1);
	kv_image_free(&image);
}

static void
what_is_no_journal_is_refused(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image = crash_with_two(f);

	unlink(path_in(f, "journal.0"));
	assert_int_equal(mkfifo(path_in(f, "journal.0"), 0600), 0);
	must_refuse(f, STATUS_DAMAGED, "journal.0 is damaged");
	unlink(path_in(f, "journal.0"));
	assert_int_equal(symlink("journal.1", path_in(f, "journal.0")), 0);
	must_refuse(f, STATUS_STORAGE_FAILED, "cannot read journal.0");
	image.lens[KV_IMAGE_JOURNAL_0] = 0;
	must_be_damaged(f, &image);
	image.lens[KV_IMAGE_JOURNAL_0] = PAGE;
	must_be_damaged(f, &image);
	kv_image_free(&image);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_torn_frame_of_many_pages_is_as_if_it_had_not_been),
		TEST(a_journal_that_is_full_to_its_last_byte_is_read),
		TEST(a_frame_that_makes_no_sense_is_damage),
		TEST(a_length_that_cannot_be_is_not_believed),
		TEST(a_read_that_is_interrupted_is_read_again),
		TEST(memory_that_ends_while_the_end_is_looked_for_is_no_end),
		TEST(what_is_no_journal_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
