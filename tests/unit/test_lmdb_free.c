/*
 * lmdb_free: reads the tree of free pages as LMDB writes it, and nothing that is
 * damaged.
 *
 * The tree here: page 2 is its root, a branch with one child, page 3; that is a leaf
 * with two lists, one of them in page 4, which is its own.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/kv/kv_private.h"

#define PAGE LMDB_PAGE_BYTES
#define PAGES 8u /* of the whole file */
#define ROOT 2u

#define BRANCH 0x01
#define LEAF 0x02
#define ELSEWHERE 0x01

struct fixture {
	FILE         *file;
	unsigned char pages[PAGES][PAGE];
};

static void
put_u16(unsigned char *at, unsigned value)
{
	uint16_t number = (uint16_t)value;

	memcpy(at, &number, sizeof(number));
}

static void
put_u64(unsigned char *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* The head of a page with COUNT nodes, at 2,000, 2,100 and so on. */
static void
put_head(unsigned char *page, unsigned flags, unsigned count)
{
	put_u16(page + 10, flags);
	put_u16(page + 12, 16 + 2 * count);
	for (unsigned i = 0; i < count; i++)
		put_u16(page + 16 + 2 * i, 2000 + 100 * i);
}

static int
setup(void **state)
{
	static struct fixture f;
	unsigned char        *leaf = f.pages[3];

	memset(&f, 0, sizeof(f));
	assert_non_null(f.file = tmpfile());
	put_head(f.pages[ROOT], BRANCH, 1);
	put_u16(f.pages[ROOT] + 2000, 3); /* the child */
	put_head(leaf, LEAF, 2);
	put_u16(leaf + 2000 + 6, 8); /* the length of the key, then the list */
	put_u64(leaf + 2016, 2);
	put_u64(leaf + 2024, 20);
	put_u64(leaf + 2032, 5);
	put_u16(leaf + 2100 + 4, ELSEWHERE);
	put_u16(leaf + 2100 + 6, 8);
	put_u64(leaf + 2116, 4);
	put_u64(f.pages[4] + 16, 3);
	put_u64(f.pages[4] + 24, 30);
	put_u64(f.pages[4] + 32, 29);
	put_u64(f.pages[4] + 40, 7);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	fclose(((struct fixture *)*state)->file);
	return 0;
}

/* How many free pages lie behind the file of F when it has COUNT pages. */
static uint64_t
beyond(struct fixture *f, unsigned count)
{
	int fd = fileno(f->file);

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, f->pages, count * PAGE, 0), count * PAGE);
	return lmdb_free_beyond(fd, count, ROOT);
}

static void
free_pages_behind_the_file_are_counted(void **state)
{
	assert_int_equal(beyond(*state, PAGES), 3); /* 20, 29 and 30 */
	assert_int_equal(beyond(*state, 5), 5);
}

static void
a_list_may_have_more_numbers_than_are_read_at_once(void **state)
{
	struct fixture *f = *state;
	unsigned char  *list = f->pages[4] + 16;

	put_u64(list, 1200); /* over three pages */
	for (unsigned i = 0; i < 1200; i++)
		put_u64(list + 8 + 8 * i, i % 2 == 0 ? 100 + i : 1);
	assert_int_equal(beyond(f, PAGES), 1 + 600);
}

static void
what_is_cut_off_within_the_tree_is_not_believed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(beyond(f, 4), 0); /* without the list elsewhere */
	assert_int_equal(beyond(f, 3), 0); /* without the leaf */
	assert_int_equal(lmdb_free_beyond(fileno(f->file), PAGES, ROOT), 0);
	put_u64(f->pages[4] + 16, 4 * PAGE / 8);
	assert_int_equal(beyond(f, PAGES), 0); /* a list that does not end */
}

static void
a_list_that_is_nowhere_is_not_believed(void **state)
{
	struct fixture *f = *state;

	put_u64(f->pages[3] + 2116, 1000);
	assert_int_equal(beyond(f, PAGES), 0);
	put_head(f->pages[PAGES - 1], LEAF, 1);
	put_u16(f->pages[PAGES - 1] + 16, PAGE - 8); /* its data is behind the file */
	put_u16(f->pages[PAGES - 1] + PAGE - 4, ELSEWHERE);
	put_u16(f->pages[ROOT] + 2000, PAGES - 1);
	assert_int_equal(beyond(f, PAGES), 0);
	put_u16(f->pages[PAGES - 1] + PAGE - 4, 0);
	assert_int_equal(beyond(f, PAGES), 0);
}

static void
a_page_of_another_kind_is_not_believed(void **state)
{
	struct fixture *f = *state;

	put_u16(f->pages[3] + 10, 0x04);
	assert_int_equal(beyond(f, PAGES), 0);
}

static void
offsets_that_leave_the_page_are_not_believed(void **state)
{
	struct fixture *f = *state;

	put_u16(f->pages[3] + 16, PAGE - 7);
	assert_int_equal(beyond(f, PAGES), 0);
	put_u16(f->pages[3] + 16, 2000);
	put_u16(f->pages[3] + 12, PAGE + 1);
	assert_int_equal(beyond(f, PAGES), 0);
}

static void
a_tree_that_goes_in_circles_is_left(void **state)
{
	struct fixture *f = *state;

	put_u16(f->pages[ROOT] + 2000, ROOT);
	assert_int_equal(beyond(f, PAGES), 0);
	/* Not deep, but wide: each node is the same leaf, more often than there are
	 * pages. */
	put_head(f->pages[ROOT], BRANCH, PAGES);
	for (unsigned i = 0; i < PAGES; i++)
		put_u16(f->pages[ROOT] + 2000 + 100 * i, 3);
	assert_int_equal(beyond(f, PAGES), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(free_pages_behind_the_file_are_counted),
		TEST(a_list_may_have_more_numbers_than_are_read_at_once),
		TEST(what_is_cut_off_within_the_tree_is_not_believed),
		TEST(a_list_that_is_nowhere_is_not_believed),
		TEST(a_page_of_another_kind_is_not_believed),
		TEST(offsets_that_leave_the_page_are_not_believed),
		TEST(a_tree_that_goes_in_circles_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
