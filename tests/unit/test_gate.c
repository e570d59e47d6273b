#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/base/gate.h"

static void
so_many_pass_in_a_second_and_no_more(void **state)
{
	struct gate gate = { .per_second_max = 2 };
	uint64_t    suppressed = 99;

	(void)state;
	assert_true(gate_pass(&gate, 5000, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_true(gate_pass(&gate, 5100, &suppressed));
	assert_false(gate_pass(&gate, 5200, &suppressed));
	assert_false(gate_pass(&gate, 5999, &suppressed));
}

static void
the_next_that_passes_tells_how_many_did_not(void **state)
{
	struct gate gate = { .per_second_max = 1 };
	uint64_t    suppressed;

	(void)state;
	assert_true(gate_pass(&gate, 5000, &suppressed));
	for (int i = 0; i < 7; i++)
		assert_false(gate_pass(&gate, 5001, &suppressed));
	assert_true(gate_pass(&gate, 6000, &suppressed));
	assert_int_equal(suppressed, 7);
	assert_true(gate_pass(&gate, 7000, &suppressed));
	assert_int_equal(suppressed, 0);
}

static void
a_second_begins_with_the_first_that_passes(void **state)
{
	struct gate gate = { .per_second_max = 1 };
	uint64_t    suppressed;

	(void)state;
	assert_true(gate_pass(&gate, 5900, &suppressed));
	assert_false(gate_pass(&gate, 6000, &suppressed));
	assert_false(gate_pass(&gate, 6899, &suppressed));
	assert_true(gate_pass(&gate, 6900, &suppressed));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_pass_in_a_second_and_no_more),
		cmocka_unit_test(the_next_that_passes_tells_how_many_did_not),
		cmocka_unit_test(a_second_begins_with_the_first_that_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
