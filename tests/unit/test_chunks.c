#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/kv/chunks.h"

static int
setup(void **state)
{
	static struct chunks chunks;

	chunks_init(&chunks);
	*state = &chunks;
	return 0;
}

static int
teardown(void **state)
{
	chunks_fini(*state);
	return 0;
}

/* A piece of SIZE bytes, each of which is BYTE. */
static char *
must_take(struct chunks *chunks, size_t size, char byte)
{
	char *piece = chunks_alloc(chunks, size);

	assert_non_null(piece);
	assert_int_equal((uintptr_t)piece % 8, 0);
	memset(piece, byte, size);
	return piece;
}

static void
nothing_has_no_bytes(void **state)
{
	struct chunks     *chunks = *state;
	struct chunks_mark mark = chunks_mark(chunks);

	assert_int_equal(chunks_run(chunks, &mark).len, 0);
	must_take(chunks, 8, 'a');
	chunks_reset(chunks);
	mark = chunks_mark(chunks);
	assert_int_equal(chunks_run(chunks, &mark).len, 0);
	assert_int_equal(chunks->bytes, 0);
}

static void
what_was_given_back_is_taken_again(void **state)
{
	struct chunks     *chunks = *state;
	char              *first = must_take(chunks, 16, 'a'), *second;
	struct chunks_mark mark = chunks_mark(chunks);

	second = must_take(chunks, CHUNK_BYTES, 'b'); /* in a chunk of its own */
	chunks_rewind(chunks, mark);
	assert_int_equal(chunks->bytes, 16);
	assert_ptr_equal(must_take(chunks, CHUNK_BYTES, 'c'), second);
	chunks_reset(chunks);
	assert_ptr_equal(must_take(chunks, 16, 'd'), first);
}

static void
a_piece_that_is_larger_than_a_chunk_gets_one_that_fits(void **state)
{
	struct chunks *chunks = *state;
	char          *small, *large;

	must_take(chunks, CHUNK_BYTES, 'a');
	small = must_take(chunks, CHUNK_BYTES, 'b');
	chunks_reset(chunks);
	must_take(chunks, CHUNK_BYTES, 'c');
	large = must_take(chunks, 3 * CHUNK_BYTES, 'd'); /* not where that was */
	assert_ptr_equal(must_take(chunks, CHUNK_BYTES, 'e'), small);
	assert_int_equal(large[3 * CHUNK_BYTES - 1], 'd');
	assert_int_equal(chunks->bytes, 5 * CHUNK_BYTES);
}

static void
runs_have_all_bytes_since_a_mark_in_order(void **state)
{
	struct chunks     *chunks = *state;
	struct chunks_mark mark;
	struct slice       run;
	unsigned           count;

	must_take(chunks, CHUNK_BYTES, 'a'); /* to its end: so nothing of it is since */
	mark = chunks_mark(chunks);
	must_take(chunks, 24, 'b');
	must_take(chunks, CHUNK_BYTES, 'c');
	must_take(chunks, CHUNK_BYTES, 'd');
	for (count = 0; (run = chunks_run(chunks, &mark)).len > 0; count++) {
		assert_int_equal(run.len, count == 0 ? 24 : CHUNK_BYTES);
		assert_int_equal(run.data[0], 'b' + (char)count);
		assert_int_equal(run.data[run.len - 1], 'b' + (char)count);
	}
	assert_int_equal(count, 3);
	assert_int_equal(chunks_run(chunks, &mark).len, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_has_no_bytes),
		TEST(what_was_given_back_is_taken_again),
		TEST(a_piece_that_is_larger_than_a_chunk_gets_one_that_fits),
		TEST(runs_have_all_bytes_since_a_mark_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
