/* slice: comparing bytes without a call. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/slice.h"

#define LEN_MAX 40u

/* One other byte anywhere is seen, and no byte behind the last is looked at. */
static void
bytes_are_the_same_if_all_of_them_are(void **state)
{
	(void)state;
	for (size_t len = 0; len <= LEN_MAX; len++) {
		char *a = malloc(len + 1), *b = malloc(len + 1);

		assert_non_null(a);
		assert_non_null(b);
		for (size_t i = 0; i < len; i++)
			a[i + 1] = b[i + 1] = (char)('a' + i % 26);
		assert_true(slice_same(a + 1, b + 1, len));
		for (size_t i = 0; i < len; i++) {
			b[i + 1] ^= 1;
			assert_false(slice_same(a + 1, b + 1, len));
			b[i + 1] ^= 1;
		}
		free(a);
		free(b);
	}
}

static void
slices_are_equal_in_length_and_bytes(void **state)
{
	(void)state;
	assert_true(slice_equal(SLICE(""), slice_of(NULL, 0)));
	assert_true(slice_equal(SLICE("id"), slice_of("idx", 2)));
	assert_false(slice_equal(SLICE("id"), SLICE("idx")));
	assert_false(slice_equal(SLICE("id"), SLICE("ie")));
	assert_false(slice_equal(SLICE("id"), SLICE("jd")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_the_same_if_all_of_them_are),
		cmocka_unit_test(slices_are_equal_in_length_and_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
