/* metric: what the server counts, and how long its answers take. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <pthread.h>
#include <string.h>

#include "server/base/metric.h"

static int
begin(void **state)
{
	static struct metrics metrics;

	if (!metric_init(&metrics, 3, 2))
		return -1;
	*state = &metrics;
	return 0;
}

static int
end(void **state)
{
	metric_fini(*state);
	return 0;
}

static void
a_counter_is_the_sum_of_its_sets(void **state)
{
	struct metrics *metrics = *state;

	metric_add(&metrics->sets[0], METRIC_FRAMES, 1);
	metric_add(&metrics->sets[1], METRIC_FRAMES, 10);
	metric_add(&metrics->sets[2], METRIC_FRAMES, 100);
	metric_add(&metrics->sets[2], METRIC_BYTES_IN, 7);
	assert_int_equal(metric_sum(metrics, METRIC_FRAMES), 111);
	assert_int_equal(metric_sum(metrics, METRIC_BYTES_IN), 7);
	assert_int_equal(metric_sum(metrics, METRIC_ERRORS), 0);
}

static void
a_gauge_goes_down_also_in_another_set(void **state)
{
	struct metrics *metrics = *state;

	metric_add(&metrics->sets[0], METRIC_CONNECTIONS_OPEN, 3);
	metric_sub(&metrics->sets[1], METRIC_CONNECTIONS_OPEN, 2);
	assert_int_equal(metric_sum(metrics, METRIC_CONNECTIONS_OPEN), 1);
}

static void
every_metric_has_a_name_of_its_own_that_prometheus_takes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < METRIC_COUNT; i++) {
		const char *name = metric_info((enum metric)i)->name;

		assert_true(*name != '\0');
		for (const char *at = name; *at != '\0'; at++)
			assert_true(islower((unsigned char)*at) || *at == '_');
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(
			    name, metric_info((enum metric)j)->name);
	}
}

static void
without_answers_there_is_no_latency(void **state)
{
	struct metric_latency latency;

	metric_latency_read(*state, 0, &latency);
	assert_int_equal(latency.count, 0);
	assert_int_equal(latency.p50_us, 0);
	assert_int_equal(latency.p99_us, 0);
}

static void
quantiles_are_found_over_all_sets_and_for_each_method(void **state)
{
	struct metrics       *metrics = *state;
	struct metric_latency latency;

	for (int i = 0; i < 99; i++)
		metric_latency_add(&metrics->sets[i % 3], 1, 20, false, 1);
	metric_latency_add(&metrics->sets[0], 1, 5000000, false, 1);
	metric_latency_add(&metrics->sets[0], 0, 3, true, 1);

	metric_latency_read(metrics, 1, &latency);
	assert_int_equal(latency.count, 100);
	assert_int_equal(latency.sum_us, 99 * 20 + 5000000);
	assert_int_equal(latency.p50_us, 20);
	assert_int_equal(latency.p99_us, 20);
	assert_int_equal(latency.errors, 0);
	metric_latency_add(&metrics->sets[0], 1, 5000000, false, 1);
	metric_latency_read(metrics, 1, &latency);
	assert_true(latency.p99_us >= 5000000);
	metric_latency_read(metrics, 0, &latency);
	assert_int_equal(latency.p50_us, 3);
	assert_int_equal(latency.errors, 1);
}

static void
a_quantile_is_never_too_small_and_at_most_a_sixteenth_too_large(void **state)
{
	struct metrics        metrics;
	struct metric_latency latency;
	uint64_t              values[200], count = 0;

	(void)state;
	for (uint64_t us = 0; us < 64; us++)
		values[count++] = us;
	for (unsigned bit = 6; bit < 27; bit++) {
		values[count++] = (UINT64_C(1) << bit) - 1;
		values[count++] = UINT64_C(1) << bit;
		values[count++] = (UINT64_C(1) << bit) + (UINT64_C(1) << (bit - 1)) + 1;
	}
	for (uint64_t i = 0; i < count; i++) {
		assert_true(metric_init(&metrics, 1, 1));
		metric_latency_add(&metrics.sets[0], 0, (int64_t)values[i], false, 1);
		metric_latency_read(&metrics, 0, &latency);
		assert_true(latency.p50_us >= values[i]);
		assert_true(latency.p50_us <= values[i] + values[i] / 16);
		metric_fini(&metrics);
	}
}

static void
what_is_too_long_or_negative_is_still_counted(void **state)
{
	struct metrics       *metrics = *state;
	struct metric_latency latency;

	metric_latency_add(&metrics->sets[0], 0, INT64_MAX, false, 1);
	metric_latency_add(&metrics->sets[0], 1, -5, false, 1);
	metric_latency_read(metrics, 0, &latency);
	assert_int_equal(latency.count, 1);
	assert_true(latency.p50_us >= UINT64_C(1) << 27);
	metric_latency_read(metrics, 1, &latency);
	assert_int_equal(latency.count, 1);
	assert_int_equal(latency.p50_us, 0);
}

static void *
count_to_100000(void *argument)
{
	struct metric_set *set = argument;

	for (int i = 0; i < 100000; i++) {
		metric_add(set, METRIC_REQUESTS, 1);
		metric_latency_add(set, 0, i, false, 1);
	}
	return NULL;
}

static void
each_thread_counts_into_its_own_set_while_another_reads(void **state)
{
	struct metrics       *metrics = *state;
	struct metric_latency latency;
	pthread_t             threads[3];
	uint64_t              last = 0;

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_to_100000,
				     &metrics->sets[i]),
		    0);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = metric_sum(metrics, METRIC_REQUESTS);

		assert_true(now >= last);
		last = now;
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	metric_latency_read(metrics, 0, &latency);
	assert_int_equal(metric_sum(metrics, METRIC_REQUESTS), 300000);
	assert_int_equal(latency.count, 300000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_counter_is_the_sum_of_its_sets),
		TEST(a_gauge_goes_down_also_in_another_set),
		TEST(every_metric_has_a_name_of_its_own_that_prometheus_takes),
		TEST(without_answers_there_is_no_latency),
		TEST(quantiles_are_found_over_all_sets_and_for_each_method),
		TEST(a_quantile_is_never_too_small_and_at_most_a_sixteenth_too_large),
		TEST(what_is_too_long_or_negative_is_still_counted),
		TEST(each_thread_counts_into_its_own_set_while_another_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
