#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <getopt.h>
#include <string.h>

#include "server/base/flag.h"

struct set {
	const char *name;
	int64_t     number;
	bool        is_on;
};

static const struct flag_row rows[] = {
	{ "name", "NAME", "ada", "a text", FLAG_TEXT, 1, 5,
	    offsetof(struct set, name) },
	{ "number", "N", "-1", "a number", FLAG_NUMBER, 0, 9,
	    offsetof(struct set, number) },
	{ "on", "", "", "a switch", FLAG_SWITCH, 0, 0, offsetof(struct set, is_on) },
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static char why[200];

/* Parse up to four arguments; the last one given is NULL. */
static bool
parse(struct set *set, const char *a, const char *b, const char *c)
{
	char *argv[] = { "x", (char *)a, (char *)b, (char *)c, NULL };
	int   argc = 1;

	while (argv[argc] != NULL)
		argc++;
	optind = 0; /* getopt begins anew */
	return flag_parse(rows, ROW_COUNT, set, argc, argv, why, sizeof(why));
}

static void
what_is_not_given_has_its_default(void **state)
{
	struct set set;

	(void)state;
	assert_true(parse(&set, NULL, NULL, NULL));
	assert_string_equal(set.name, "ada");
	assert_int_equal(set.number, -1);
	assert_false(set.is_on);
}

static void
what_is_given_goes_where_its_row_says(void **state)
{
	struct set set;

	(void)state;
	assert_true(parse(&set, "--number=9", "--name=eve", "--on"));
	assert_string_equal(set.name, "eve");
	assert_int_equal(set.number, 9);
	assert_true(set.is_on);
}

static void
what_is_refused_is_said(void **state)
{
	static const struct {
		const char *a, *b, *why;
	} cases[] = {
		{ "--number=10", NULL,
		    "--number wants a number from 0 to 9, not \"10\"" },
		{ "--number=-1", NULL,
		    "--number wants a number from 0 to 9, not \"-1\"" },
		{ "--number=4x", NULL,
		    "--number wants a number from 0 to 9, not \"4x\"" },
		{ "--number=", NULL, "--number wants a number from 0 to 9, not \"\"" },
		{ "--name", "", "--name takes 1 to 5 characters" },
		{ "--name=hannah", NULL, "--name takes 1 to 5 characters" },
		{ "--name", NULL, "--name wants a value" },
		{ "--nobody", NULL, "there is no option --nobody; see --help" },
		{ "stray", NULL, "\"stray\" is no option; see --help" },
	};
	struct set set;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(parse(&set, cases[i].a, cases[i].b, NULL));
		assert_string_equal(why, cases[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_given_has_its_default),
		cmocka_unit_test(what_is_given_goes_where_its_row_says),
		cmocka_unit_test(what_is_refused_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
