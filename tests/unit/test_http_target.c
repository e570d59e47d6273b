/*
 * The target of a request, and the host.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tools/rest/http_target.h"

struct fixture {
	struct arena             arena;
	struct http_request      request;
	struct slice             authority;
	struct http_target_error error;
};

static int
setup(void **state)
{
	static struct fixture f;

	arena_init(&f.arena, 1 << 20);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	arena_fini(&f->arena);
	return 0;
}

static bool
parse(struct fixture *f, const char *target)
{
	arena_reset(&f->arena);
	f->request = (struct http_request){ .method = HTTP_METHOD_GET };
	return http_target_parse(
	    &f->request, slice_text(target), &f->authority, &f->arena, &f->error);
}

static void
is_text(struct slice found, const char *expected)
{
	assert_true(slice_equal(found, slice_text(expected)));
}

static void
the_root_has_no_segments(void **state)
{
	struct fixture *f = *state;

	assert_true(parse(f, "/"));
	assert_int_equal(f->request.segment_count, 0);
	assert_false(f->request.has_trailing_slash);
}

static void
a_path_is_split_before_it_is_decoded(void **state)
{
	struct fixture *f = *state;

	assert_true(parse(f, "/v3/a%20b/%C3%A9/"));
	assert_int_equal(f->request.segment_count, 3);
	is_text(f->request.segments[0], "v3");
	is_text(f->request.segments[1], "a b");
	is_text(f->request.segments[2], "\xc3\xa9");
	assert_true(f->request.has_trailing_slash);
	is_text(f->request.path, "/v3/a%20b/%C3%A9/");
}

static void
empty_segments_stay(void **state)
{
	struct fixture *f = *state;

	assert_true(parse(f, "/a//b"));
	assert_int_equal(f->request.segment_count, 3);
	assert_int_equal(f->request.segments[1].len, 0);
	assert_true(parse(f, "//"));
	assert_int_equal(f->request.segment_count, 1);
	assert_true(f->request.has_trailing_slash);
}

static void
a_query_is_split_before_it_is_decoded(void **state)
{
	struct fixture *f = *state;
	struct slice    value;

	assert_true(parse(f, "/a?x=1%262&y=%3D=&id%3Ain=2,3&z=a+b%2B&flag&&x=2"));
	assert_int_equal(f->request.parameter_count, 6);
	assert_true(http_parameter(&f->request, "x", &value));
	is_text(value, "1&2");
	assert_true(http_parameter(&f->request, "y", &value));
	is_text(value, "==");
	assert_true(http_parameter(&f->request, "id:in", &value));
	is_text(value, "2,3");
	assert_true(http_parameter(&f->request, "z", &value));
	is_text(value, "a b+");
	assert_true(http_parameter(&f->request, "flag", &value));
	is_text(value, "");
	assert_false(http_parameter(&f->request, "X", &value));
}

static void
a_question_mark_alone_is_an_empty_query(void **state)
{
	struct fixture *f = *state;

	assert_true(parse(f, "/a?"));
	assert_int_equal(f->request.query.len, 0);
	assert_int_equal(f->request.parameter_count, 0);
	assert_true(parse(f, "/a?b?c=/d"));
	is_text(f->request.parameters[0].name, "b?c");
}

static void
an_absolute_target_has_a_host(void **state)
{
	struct fixture *f = *state;

	assert_true(parse(f, "HTTP://x:80/a?b"));
	is_text(f->authority, "x:80");
	is_text(f->request.path, "/a");
	assert_true(parse(f, "https://x"));
	is_text(f->request.path, "/");
	assert_true(parse(f, "/http://x"));
	is_text(f->authority, "");
	assert_false(parse(f, "http:///a"));
}

/* In a path all of these are refused, in a query only those of QUERY_TOO. */
static void
no_byte_is_understood_in_two_ways(void **state)
{
	static const char *const everywhere[] = { "%", "%4", "%zz", "%u0041", "%00",
		"%0A", "%1f", "%7F", "%c2%80", "%ff", "%c0%af", "%ed%a0%80",
		"%f4%90%80%80", "%e2%82", "#", "\\", "\"", "<", ">" };
	static const char *const in_paths[] = { "%2F", "%2f", "%5c", "[", "|", "{", "^",
		"`" };
	struct fixture          *f = *state;
	char                     target[32];

	for (size_t i = 0; i < sizeof(everywhere) / sizeof(everywhere[0]); i++) {
		snprintf(target, sizeof(target), "/a%s", everywhere[i]);
		assert_false(parse(f, target));
		assert_int_equal(f->error.status, 400);
		snprintf(target, sizeof(target), "/?a=%s", everywhere[i]);
		assert_false(parse(f, target));
		snprintf(target, sizeof(target), "/?%s=a", everywhere[i]);
		assert_false(parse(f, target));
	}
	for (size_t i = 0; i < sizeof(in_paths) / sizeof(in_paths[0]); i++) {
		snprintf(target, sizeof(target), "/a%s", in_paths[i]);
		assert_false(parse(f, target));
		snprintf(target, sizeof(target), "/?a=%s", in_paths[i]);
		assert_true(parse(f, target));
	}
}

static void
dots_are_no_segments(void **state)
{
	struct fixture *f = *state;

	assert_false(parse(f, "/."));
	assert_false(parse(f, "/a/%2E%2e/b"));
	assert_true(parse(f, "/.../a..b/.c"));
}

static void
only_options_may_ask_for_everything(void **state)
{
	struct fixture *f = *state;

	assert_false(parse(f, "*"));
	f->request = (struct http_request){ .method = HTTP_METHOD_OPTIONS };
	assert_true(http_target_parse(
	    &f->request, SLICE("*"), &f->authority, &f->arena, &f->error));
	assert_int_equal(f->request.segment_count, 0);
}

static void
what_is_refused_still_has_its_path(void **state)
{
	struct fixture *f = *state;

	assert_false(parse(f, "/api/v3/1003/customers?token=%zz"));
	is_text(f->request.path, "/api/v3/1003/customers");
	assert_int_equal(f->request.segment_count, 4);
}

static void
without_memory_nothing_is_understood(void **state)
{
	struct fixture *f = *state;
	struct arena    little;

	arena_init(&little, 8);
	f->request = (struct http_request){ .method = HTTP_METHOD_GET };
	assert_false(http_target_parse(
	    &f->request, SLICE("/a/b/c"), &f->authority, &little, &f->error));
	assert_int_equal(f->error.status, 503);
	arena_fini(&little);
}

static void
a_host_is_a_name_or_an_address_and_a_port(void **state)
{
	static const char *const good[] = { "x", "localhost:7480", "api.example.com",
		"127.0.0.1:80", "[::1]", "[2001:db8::1]:443", "a_b", "x:" };
	static const char *const bad[] = { "", ":80", "x/y", "u@x", "x y", "x:y",
		"x:123456", "[::1", "::1]", "[]", "[x]:1", "x?y", "x#y", "a:b:c" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(http_host_is_valid(slice_text(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(http_host_is_valid(slice_text(bad[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_has_no_segments),
		cmocka_unit_test(a_path_is_split_before_it_is_decoded),
		cmocka_unit_test(empty_segments_stay),
		cmocka_unit_test(a_query_is_split_before_it_is_decoded),
		cmocka_unit_test(a_question_mark_alone_is_an_empty_query),
		cmocka_unit_test(an_absolute_target_has_a_host),
		cmocka_unit_test(no_byte_is_understood_in_two_ways),
		cmocka_unit_test(dots_are_no_segments),
		cmocka_unit_test(only_options_may_ask_for_everything),
		cmocka_unit_test(what_is_refused_still_has_its_path),
		cmocka_unit_test(without_memory_nothing_is_understood),
		cmocka_unit_test(a_host_is_a_name_or_an_address_and_a_port),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
