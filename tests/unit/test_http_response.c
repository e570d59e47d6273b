/*
 * Answers as bytes, and what requests and answers are looked up in.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/rest/http_response.h"
#include "tools/rest/http_rules.h"

static const struct http_framing plain = {
	.id = "0123", .date = "D", .keeps_alive = true
};

static void
is_answer(const struct http_response *response, const struct http_framing *framing,
    const char *expected)
{
	struct buf out;

	buf_init(&out, 4096);
	assert_true(http_response_put(&out, response, framing));
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(out.data, expected, out.len);
	buf_fini(&out);
}

static void
an_answer_has_a_length(void **state)
{
	const struct http_pair header = { SLICE("ETag"), SLICE("\"7\"") };

	(void)state;
	is_answer(&(struct http_response){ .status = 200,
		      .content_type = "text/plain",
		      .headers = &header,
		      .header_count = 1,
		      .body = SLICE("hello") },
	    &plain,
	    "HTTP/1.1 200 OK\r\nDate: D\r\nX-Request-Id: 0123\r\nETag: \"7\"\r\n"
	    "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
	is_answer(&(struct http_response){ .status = 404 }, &plain,
	    "HTTP/1.1 404 Not Found\r\nDate: D\r\nX-Request-Id: 0123\r\n"
	    "Content-Length: 0\r\n\r\n");
}

static void
head_has_the_length_without_the_body(void **state)
{
	struct http_framing framing = plain;

	(void)state;
	framing.is_head = true;
	is_answer(&(struct http_response){ .status = 200, .body = SLICE("hello") },
	    &framing,
	    "HTTP/1.1 200 OK\r\nDate: D\r\nX-Request-Id: 0123\r\n"
	    "Content-Length: 5\r\n\r\n");
}

static void
statuses_without_content_have_neither(void **state)
{
	(void)state;
	is_answer(&(struct http_response){ .status = 204, .body = SLICE("lost") },
	    &plain, "HTTP/1.1 204 No Content\r\nDate: D\r\nX-Request-Id: 0123\r\n\r\n");
	is_answer(&(struct http_response){ .status = 304 }, &plain,
	    "HTTP/1.1 304 Not Modified\r\nDate: D\r\nX-Request-Id: 0123\r\n\r\n");
}

static void
the_connection_header_tells_what_the_peer_does_not_expect(void **state)
{
	struct http_framing ends = { .id = "", .date = "D" };
	struct http_framing stays = {
		.id = "", .date = "D", .keeps_alive = true, .is_http_1_0 = true
	};

	(void)state;
	is_answer(&(struct http_response){ .status = 204 }, &ends,
	    "HTTP/1.1 204 No Content\r\nDate: D\r\nConnection: close\r\n\r\n");
	is_answer(&(struct http_response){ .status = 204 }, &stays,
	    "HTTP/1.1 204 No Content\r\nDate: D\r\nConnection: keep-alive\r\n\r\n");
}

static void
an_answer_without_room_leaves_no_trace(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 40);
	buf_put(&out, "before", 6);
	assert_false(
	    http_response_put(&out, &(struct http_response){ .status = 200 }, &plain));
	assert_int_equal(out.len, 6);
	assert_false(out.failed);
	buf_fini(&out);
}

static void
dates_are_in_english_and_gmt(void **state)
{
	char date[HTTP_DATE_BYTES];

	(void)state;
	http_date_format(date, INT64_C(784111777123));
	assert_string_equal(date, "Sun, 06 Nov 1994 08:49:37 GMT");
	http_date_format(date, 0);
	assert_string_equal(date, "Thu, 01 Jan 1970 00:00:00 GMT");
}

static void
a_problem_is_json(void **state)
{
	struct http_response response = { .status = 404 };
	struct arena         arena;

	(void)state;
	arena_init(&arena, 4096);
	http_response_problem(&response, "Nothing is here.", &arena);
	assert_string_equal(response.content_type, "application/problem+json");
	assert_true(slice_equal(response.body,
	    SLICE("{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
		  "\"detail\":\"Nothing is here.\"}\n")));
	response.status = 500;
	http_response_problem(&response, NULL, &arena);
	assert_true(slice_equal(response.body,
	    SLICE("{\"type\":\"about:blank\",\"title\":\"Internal Server Error\","
		  "\"status\":500}\n")));
	arena_fini(&arena);
}

static void
headers_are_found_in_any_case(void **state)
{
	const struct http_pair    headers[] = { { SLICE("hOST"), SLICE("a") },
		   { SLICE("Authorization"), SLICE("b") },
		   { SLICE("authorization"), SLICE("c") } };
	const struct http_request request = { .headers = headers, .header_count = 3 };
	struct slice              value;

	(void)state;
	assert_true(http_header(&request, "Host", &value));
	assert_true(slice_equal(value, SLICE("a")));
	assert_true(http_header(&request, "AUTHORIZATION", &value));
	assert_true(slice_equal(value, SLICE("b")));
	assert_int_equal(http_header_count(&request, "Authorization"), 2);
	assert_false(http_header(&request, "Hos", &value));
	assert_int_equal(value.len, 0);
}

static void
a_traceparent_has_one_form(void **state)
{
	(void)state;
	assert_true(http_traceparent_is_valid(
	    SLICE("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")));
	assert_false(http_traceparent_is_valid(
	    SLICE("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x")));
	assert_false(http_traceparent_is_valid(
	    SLICE("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01")));
	assert_false(http_traceparent_is_valid(SLICE("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_has_a_length),
		cmocka_unit_test(head_has_the_length_without_the_body),
		cmocka_unit_test(statuses_without_content_have_neither),
		cmocka_unit_test(
		    the_connection_header_tells_what_the_peer_does_not_expect),
		cmocka_unit_test(an_answer_without_room_leaves_no_trace),
		cmocka_unit_test(dates_are_in_english_and_gmt),
		cmocka_unit_test(a_problem_is_json),
		cmocka_unit_test(headers_are_found_in_any_case),
		cmocka_unit_test(a_traceparent_has_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
