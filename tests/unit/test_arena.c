/* arena: the memory of one request. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/base/arena.h"

static void
pieces_are_apart_and_fit_for_any_type(void **state)
{
	struct arena arena;
	char        *pieces[100];

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < 100; i++) {
		pieces[i] = arena_alloc(&arena, i * 7);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		memset(pieces[i], (int)i, i * 7);
	}
	for (size_t i = 0; i < 100; i++)
		for (size_t at = 0; at < i * 7; at++)
			assert_int_equal(pieces[i][at], i);
	arena_fini(&arena);
}

static void
a_piece_may_be_larger_than_a_chunk(void **state)
{
	struct arena arena;
	char        *large, *small;

	(void)state;
	arena_init(&arena, 1 << 20);
	large = arena_alloc(&arena, 100000);
	small = arena_alloc(&arena, 10);
	assert_non_null(large);
	assert_non_null(small);
	memset(large, 1, 100000);
	memset(small, 2, 10);
	assert_int_equal(large[99999], 1);
	arena_fini(&arena);
}

static void
the_bound_is_met_exactly_and_the_failure_sticks(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 64);
	assert_non_null(arena_alloc(&arena, 48));
	assert_false(arena.failed);
	assert_non_null(arena_alloc(&arena, 16));
	assert_false(arena.failed);
	assert_null(arena_alloc(&arena, 1));
	assert_true(arena.failed);
	assert_null(arena_alloc(&arena, 0));
	assert_null(arena_text(&arena, SLICE("")));
	assert_int_equal(arena_copy(&arena, SLICE("a")).len, 0);
	arena_reset(&arena);
	assert_false(arena.failed);
	assert_non_null(arena_alloc(&arena, 64));
	arena_fini(&arena);
}

static void
an_absurd_size_is_refused(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, SIZE_MAX);
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 1));
	assert_true(arena.failed);
	arena_fini(&arena);
}

static void
a_copy_is_equal_and_a_text_is_terminated(void **state)
{
	struct arena arena;
	char         source[] = "Ada";
	struct slice copy;
	char        *text;

	(void)state;
	arena_init(&arena, 1000);
	copy = arena_copy(&arena, slice_of(source, 3));
	text = arena_text(&arena, slice_of(source, 3));
	source[0] = 'E';
	assert_true(slice_equal(copy, SLICE("Ada")));
	assert_string_equal(text, "Ada");
	assert_int_equal(arena_copy(&arena, slice_of(NULL, 0)).len, 0);
	assert_string_equal(arena_text(&arena, slice_of(NULL, 0)), "");
	assert_false(arena.failed);
	arena_fini(&arena);
}

static void
a_reset_keeps_the_first_chunk(void **state)
{
	struct arena arena;
	char        *first;

	(void)state;
	arena_init(&arena, 1 << 20);
	first = arena_alloc(&arena, 100);
	for (int i = 0; i < 10; i++)
		assert_non_null(arena_alloc(&arena, ARENA_CHUNK_BYTES / 2));
	arena_reset(&arena);
	assert_int_equal(arena.bytes_used, 0);
	assert_ptr_equal(arena_alloc(&arena, 100), first);
	arena_fini(&arena);
}

static void
a_reset_wipes_secrets_and_clears_the_mark(void **state)
{
	struct arena arena;
	char        *password, *again;

	(void)state;
	arena_init(&arena, 1000);
	arena.secret = true;
	password = arena_text(&arena, SLICE("correct horse"));
	assert_string_equal(password, "correct horse");
	arena_reset(&arena);
	assert_false(arena.secret);
	again = arena_alloc(&arena, sizeof("correct horse"));
	assert_ptr_equal(again, password);
	for (size_t i = 0; i < sizeof("correct horse"); i++)
		assert_int_equal(again[i], 0);
	arena_fini(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_apart_and_fit_for_any_type),
		cmocka_unit_test(a_piece_may_be_larger_than_a_chunk),
		cmocka_unit_test(the_bound_is_met_exactly_and_the_failure_sticks),
		cmocka_unit_test(an_absurd_size_is_refused),
		cmocka_unit_test(a_copy_is_equal_and_a_text_is_terminated),
		cmocka_unit_test(a_reset_keeps_the_first_chunk),
		cmocka_unit_test(a_reset_wipes_secrets_and_clears_the_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
