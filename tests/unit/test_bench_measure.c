/* What customerd-bench measures with: the histogram, and the choice of keys. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tools/bench/histogram.h"
#include "tools/bench/keys.h"

#define KEY_COUNT 100000u

static void
a_quantile_is_never_told_too_small_and_at_most_one_128th_too_large(void **state)
{
	static struct histogram histogram;

	(void)state;
	for (int64_t ns = 1; ns < INT64_C(1) << 39; ns = ns * 9 / 8 + 1) {
		uint64_t told;

		histogram = (struct histogram){ 0 };
		histogram_add(&histogram, ns);
		histogram_add(&histogram, INT64_C(1) << 50); /* so that max is larger */
		told = histogram_quantile(&histogram, 500);
		assert_in_range(told, (uint64_t)ns, (uint64_t)(ns + ns / 128));
	}
}

static void
quantiles_count_from_the_least(void **state)
{
	static struct histogram histogram;

	(void)state;
	assert_int_equal(histogram_quantile(&histogram, 990), 0);
	for (int i = 1; i <= 1000; i++)
		histogram_add(&histogram, i <= 990 ? 50 : 100000);
	assert_int_equal(histogram_quantile(&histogram, 500), 50);
	assert_int_equal(histogram_quantile(&histogram, 990), 50);
	assert_in_range(histogram_quantile(&histogram, 991), 100000, 100000);
	assert_int_equal(histogram_quantile(&histogram, 1000), 100000);
	assert_int_equal(histogram.sum_ns, 990 * 50 + 10 * 100000);
}

static void
a_time_before_its_beginning_counts_as_none(void **state)
{
	static struct histogram histogram;

	(void)state;
	histogram_add(&histogram, -5);
	assert_int_equal(histogram.count, 1);
	assert_int_equal(histogram_quantile(&histogram, 1000), 0);
}

static int
compare_uids(const void *a, const void *b)
{
	return memcmp(a, b, KEY_UID_LEN);
}

static void
no_two_keys_have_the_same_uid(void **state)
{
	static char uids[KEY_COUNT][KEY_UID_LEN];

	(void)state;
	for (uint64_t i = 0; i < KEY_COUNT; i++)
		key_uid(i, uids[i]);
	qsort(uids, KEY_COUNT, KEY_UID_LEN, compare_uids);
	for (unsigned i = 1; i < KEY_COUNT; i++)
		assert_memory_not_equal(uids[i - 1], uids[i], KEY_UID_LEN);
}

/* How often the key that is asked for most is, of 100,000 times among 1,000. */
static unsigned
most_wanted(const char *name)
{
	static unsigned counts[1000];
	struct keys     keys;
	unsigned        most = 0;

	memset(counts, 0, sizeof(counts));
	assert_true(keys_init(&keys, name, 1000, 1));
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t key = keys_next(&keys);

		assert_in_range(key, 0, 999);
		if (++counts[key] > most)
			most = counts[key];
	}
	return most;
}

static void
zipfian_keys_are_wanted_unequally_and_uniform_ones_are_not(void **state)
{
	struct keys keys;

	(void)state;
	/* Each 100 times on average; the first of a zipfian choice in 13 % of all. */
	assert_in_range(most_wanted("uniform"), 100, 160);
	assert_in_range(most_wanted("zipfian"), 11000, 15000);
	assert_false(keys_init(&keys, "normal", 10, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_quantile_is_never_told_too_small_and_at_most_one_128th_too_large),
		cmocka_unit_test(quantiles_count_from_the_least),
		cmocka_unit_test(a_time_before_its_beginning_counts_as_none),
		cmocka_unit_test(no_two_keys_have_the_same_uid),
		cmocka_unit_test(
		    zipfian_keys_are_wanted_unequally_and_uniform_ones_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
