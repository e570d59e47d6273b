/*
 * The series of the shim's metrics.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tools/rest/metrics.h"

static int
setup(void **state)
{
	*state = calloc(1, sizeof(struct metrics));
	return *state == NULL;
}

static int
teardown(void **state)
{
	free(*state);
	return 0;
}

static bool
prints(const struct metrics *metrics, const char *line)
{
	struct buf out;
	bool       found;

	buf_init(&out, 4 * 1024 * 1024);
	metrics_print(metrics, &out);
	buf_put(&out, "", 1);
	assert_false(out.failed);
	found = strstr(out.data, line) != NULL;
	buf_fini(&out);
	return found;
}

static void
answers_of_one_kind_make_one_series(void **state)
{
	struct metrics *metrics = *state;

	metrics_add(metrics, "ecwid", "/customers/:id", 200, 300);
	metrics_add(metrics, "ecwid", "/customers/:id", 204, 200);
	metrics_add(metrics, "ecwid", "/customers/:id", 404, 100);
	metrics_add(metrics, NULL, NULL, 404, 100);
	assert_int_equal(metrics->series_count, 3);
	assert_true(prints(metrics, "_count{format=\"ecwid\",route=\"/customers/:id\","
				    "status=\"2xx\"} 2\n"));
	assert_true(prints(metrics, "_sum{format=\"ecwid\",route=\"/customers/:id\","
				    "status=\"2xx\"} 0.000500\n"));
	assert_true(prints(metrics, "status=\"2xx\",le=\"0.00025\"} 1\n"));
	assert_true(prints(metrics, "status=\"2xx\",le=\"0.0005\"} 2\n"));
	assert_true(prints(metrics, "status=\"2xx\",le=\"+Inf\"} 2\n"));
}

static void
what_takes_longer_than_all_buckets_is_in_the_last(void **state)
{
	struct metrics *metrics = *state;

	metrics_add(metrics, "a", "b", 200, INT64_C(3600000000));
	assert_true(prints(metrics, "le=\"30\"} 0\n"));
	assert_true(prints(metrics, "le=\"+Inf\"} 1\n"));
	assert_true(prints(metrics, "} 3600.000000\n"));
}

static void
the_number_of_series_is_bounded(void **state)
{
	struct metrics *metrics = *state;
	static char     names[2 * METRICS_SERIES_MAX][8];

	for (unsigned i = 0; i < 2 * METRICS_SERIES_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "%u", i);
		metrics_add(metrics, "a", names[i], 200, 1);
	}
	assert_int_equal(metrics->series_count, METRICS_SERIES_MAX);
	assert_int_equal(
	    metrics->series[METRICS_SERIES_MAX - 1].count, METRICS_SERIES_MAX + 1);
	assert_true(
	    prints(metrics, "_count{format=\"\",route=\"\",status=\"2xx\"} 513\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    answers_of_one_kind_make_one_series, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_takes_longer_than_all_buckets_is_in_the_last, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    the_number_of_series_is_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
