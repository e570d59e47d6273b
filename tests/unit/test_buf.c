/* buf: bytes that grow at the end, up to a bound. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/buf.h"

/* Let a sanitizer's malloc answer NULL as the plain one does, instead of ending us. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *
__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void
puts_follow_one_another(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	buf_put(&buf, "Ada", 3);
	buf_put(&buf, NULL, 0);
	buf_put(&buf, " Lovelace", 9);
	assert_true(slice_equal(buf_slice(&buf), SLICE("Ada Lovelace")));
	assert_false(buf.failed);
	buf_fini(&buf);
}

static void
it_grows_by_doubling_up_to_the_bound(void **state)
{
	const size_t bytes_max = 100000;
	struct buf   buf;
	size_t       size = 0;
	unsigned     growths = 0;

	(void)state;
	buf_init(&buf, bytes_max);
	for (size_t i = 0; i < bytes_max; i++) {
		buf_put(&buf, &(char){ (char)i }, 1);
		assert_true(buf.len <= buf.size && buf.size <= bytes_max);
		growths += buf.size != size;
		size = buf.size;
	}
	assert_false(buf.failed);
	assert_int_equal(buf.len, bytes_max);
	assert_true(growths < 12);
	for (size_t i = 0; i < bytes_max; i++)
		assert_int_equal(buf.data[i], (char)i);
	buf_fini(&buf);
}

static void
a_put_beyond_the_bound_is_lost_and_so_is_every_later_one(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 4);
	buf_put(&buf, "abc", 3);
	buf_put(&buf, "de", 2);
	assert_true(buf.failed);
	buf_put(&buf, "f", 1);
	assert_null(buf_reserve(&buf, 1));
	assert_true(slice_equal(buf_slice(&buf), SLICE("abc")));
	buf_fini(&buf);
	assert_false(buf.failed);
	buf_put(&buf, "abcd", 4);
	assert_false(buf.failed);
	buf_fini(&buf);
}

static void
an_absurd_length_is_refused(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	buf_put(&buf, "abc", 3);
	assert_null(buf_reserve(&buf, SIZE_MAX));
	assert_null(buf_reserve(&buf, SIZE_MAX - 2));
	assert_int_equal(buf.len, 3);
	buf_fini(&buf);
}

static void
out_of_memory_is_a_failure_that_keeps_what_is_there(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, SIZE_MAX);
	buf_put(&buf, "abc", 3);
	assert_null(buf_reserve(&buf, SIZE_MAX / 2));
	assert_true(buf.failed);
	assert_true(slice_equal(buf_slice(&buf), SLICE("abc")));
	buf_fini(&buf);
}

static void
room_is_filled_by_the_caller(void **state)
{
	struct buf buf;
	char      *room;

	(void)state;
	buf_init(&buf, 10);
	room = buf_reserve(&buf, 10);
	assert_non_null(room);
	memcpy(room, "abc", 3);
	buf.len += 3;
	assert_non_null(buf_reserve(&buf, 7));
	assert_non_null(buf_reserve(&buf, 0));
	assert_null(buf_reserve(&buf, 8));
	assert_true(slice_equal(buf_slice(&buf), SLICE("abc")));
	buf_fini(&buf);
}

static void
what_is_behind_the_dropped_moves_to_the_front(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 10);
	buf_drop(&buf, 0);
	buf_put(&buf, "abcdef", 6);
	buf_drop(&buf, 0);
	buf_drop(&buf, 2);
	assert_true(slice_equal(buf_slice(&buf), SLICE("cdef")));
	buf_put(&buf, "gh", 2);
	buf_drop(&buf, 5);
	assert_true(slice_equal(buf_slice(&buf), SLICE("h")));
	buf_drop(&buf, 1);
	assert_int_equal(buf.len, 0);
	buf_fini(&buf);
}

static void
cutting_the_end_off_forgets_the_failure(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 8);
	buf_put(&buf, "abcdef", 6);
	buf_put(&buf, "ghi", 3);
	assert_true(buf.failed);
	buf_truncate(&buf, 2);
	assert_false(buf.failed);
	buf_put(&buf, "xyz", 3);
	assert_true(slice_equal(buf_slice(&buf), SLICE("abxyz")));
	buf_fini(&buf);
}

static void
clearing_keeps_as_much_memory_as_asked(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 10000);
	assert_non_null(buf_reserve(&buf, 10000));
	buf.failed = true;
	buf_clear(&buf, 20000);
	assert_int_equal(buf.size, 10000);
	assert_false(buf.failed);
	buf_clear(&buf, 300);
	assert_int_equal(buf.size, 300);
	buf_put(&buf, "abc", 3);
	assert_true(slice_equal(buf_slice(&buf), SLICE("abc")));
	buf_clear(&buf, 0);
	assert_int_equal(buf.size, 0);
	assert_null(buf.data);
	buf_put(&buf, "abc", 3);
	assert_int_equal(buf.len, 3);
	buf_fini(&buf);
}

/* How many of the bytes that BUF has, but does not use, are not 0. */
static size_t
count_left(const struct buf *buf)
{
	size_t count = 0;

	for (size_t i = buf->len; i < buf->size; i++)
		count += buf->data[i] != 0;
	return count;
}

static void
a_secret_that_is_forgotten_is_wiped(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	buf.secret = true;
	memset(buf_reserve(&buf, 256), 0, 256);
	buf_put(&buf, "open sesame", 11);
	buf_truncate(&buf, 4);
	assert_int_equal(count_left(&buf), 0);
	buf_put(&buf, "door", 4);
	buf_drop(&buf, 4);
	assert_true(slice_equal(buf_slice(&buf), SLICE("door")));
	assert_int_equal(count_left(&buf), 0);
	buf_clear(&buf, 256);
	assert_int_equal(count_left(&buf), 0);
	buf_fini(&buf);
	assert_true(buf.secret);
}

static void
a_secret_grows_as_anything_does(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 10000);
	buf.secret = true;
	for (unsigned i = 0; i < 1000; i++)
		buf_put(&buf, "0123456789", 10);
	assert_int_equal(buf.len, 10000);
	for (unsigned i = 0; i < 1000; i++)
		assert_memory_equal(buf.data + (size_t)i * 10, "0123456789", 10);
	buf_fini(&buf);
}

static void
one_that_was_given_its_bytes_fails_where_they_end(void **state)
{
	char       bytes[8] = "........";
	struct buf buf;

	(void)state;
	buf_init_fixed(&buf, bytes, 6);
	buf_put(&buf, "abcd", 4);
	buf_put(&buf, "ef", 2);
	assert_ptr_equal(buf.data, bytes);
	assert_false(buf.failed);
	buf_put(&buf, "g", 1);
	assert_true(buf.failed);
	assert_int_equal(buf.len, 6);
	assert_memory_equal(bytes, "abcdef..", 8);
}

static void
a_spare_lends_its_memory_to_one_at_a_time(void **state)
{
	struct buf spare, a, b;
	char      *memory;

	(void)state;
	buf_init(&spare, 1000);
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	buf_borrow(&a, &spare); /* nothing */
	buf_put(&a, "Ada", 3);
	memory = a.data;
	buf_return(&a, &spare, 1000);
	assert_null(a.data);
	assert_int_equal(a.len, 0);

	buf_borrow(&b, &spare);
	assert_ptr_equal(b.data, memory);
	assert_int_equal(b.len, 0);
	buf_borrow(&a, &spare);
	assert_null(a.data);
	buf_put(&a, "Eve", 3);
	assert_ptr_not_equal(a.data, memory);
	buf_borrow(&a, &spare); /* what has memory keeps what it holds */
	assert_true(slice_equal(buf_slice(&a), SLICE("Eve")));

	buf_return(&b, &spare, 1000);
	buf_return(&a, &spare, 1000); /* one is enough */
	assert_ptr_equal(spare.data, memory);
	assert_null(a.data);
	buf_fini(&spare);
}

static void
a_spare_neither_keeps_nor_lends_too_much(void **state)
{
	struct buf spare, large, small;

	(void)state;
	buf_init(&spare, 1000);
	buf_init(&large, 1000);
	buf_init(&small, 100);
	assert_non_null(buf_reserve(&large, 600));
	buf_return(&large, &spare, 500);
	assert_null(spare.data);
	assert_null(large.data);

	assert_non_null(buf_reserve(&large, 600));
	buf_return(&large, &spare, 1000);
	assert_non_null(spare.data);
	buf_borrow(&small, &spare);
	assert_null(small.data);
	buf_fini(&spare);
}

static void
a_secret_is_wiped_before_its_memory_is_lent(void **state)
{
	struct buf spare, buf;

	(void)state;
	buf_init(&spare, 1000);
	buf_init(&buf, 1000);
	buf.secret = true;
	buf_put(&buf, "token", 5);
	buf_return(&buf, &spare, 1000);
	assert_memory_equal(spare.data, "\0\0\0\0\0", 5);
	buf_fini(&spare);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_follow_one_another),
		cmocka_unit_test(it_grows_by_doubling_up_to_the_bound),
		cmocka_unit_test(
		    a_put_beyond_the_bound_is_lost_and_so_is_every_later_one),
		cmocka_unit_test(an_absurd_length_is_refused),
		cmocka_unit_test(out_of_memory_is_a_failure_that_keeps_what_is_there),
		cmocka_unit_test(room_is_filled_by_the_caller),
		cmocka_unit_test(what_is_behind_the_dropped_moves_to_the_front),
		cmocka_unit_test(cutting_the_end_off_forgets_the_failure),
		cmocka_unit_test(clearing_keeps_as_much_memory_as_asked),
		cmocka_unit_test(a_secret_that_is_forgotten_is_wiped),
		cmocka_unit_test(a_secret_grows_as_anything_does),
		cmocka_unit_test(one_that_was_given_its_bytes_fails_where_they_end),
		cmocka_unit_test(a_spare_lends_its_memory_to_one_at_a_time),
		cmocka_unit_test(a_spare_neither_keeps_nor_lends_too_much),
		cmocka_unit_test(a_secret_is_wiped_before_its_memory_is_lent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
