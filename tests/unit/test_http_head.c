/*
 * The scan of a request's head.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tools/rest/http.h"
#include "tools/rest/http_head.h"

static const char whole[] = "GET /a?b HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";

static enum http_head_result
scan(struct http_head *head, struct slice bytes)
{
	http_head_init(head);
	return http_head_feed(head, bytes);
}

static void
refuses(struct slice bytes, unsigned status)
{
	struct http_head head;

	assert_int_equal(scan(&head, bytes), HTTP_HEAD_BAD);
	assert_int_equal(head.status, status);
	assert_non_null(head.why);
}

static void
a_head_ends_with_an_empty_line(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(
	    scan(&head, SLICE("GET / HTTP/1.1\r\n\r\nGET ")), HTTP_HEAD_DONE);
	assert_int_equal(head.len, sizeof("GET / HTTP/1.1\r\n\r\n") - 1);
	assert_int_equal(head.header_count, 0);
}

static void
the_parts_are_found_behind_empty_lines(void **state)
{
	const char       text[] = "\r\n\r\nGET /a?b HTTP/1.0\r\nA:\r\nB: c\r\n\r\n";
	struct http_head head;

	(void)state;
	assert_int_equal(scan(&head, SLICE(text)), HTTP_HEAD_DONE);
	assert_int_equal(head.start, 4);
	assert_int_equal(head.target.at, 8);
	assert_int_equal(head.target.len, 4);
	assert_int_equal(head.header_count, 2);
	assert_int_equal(head.len, sizeof(text) - 1);
}

static void
any_pieces_give_the_same(void **state)
{
	struct http_head head;

	(void)state;
	for (size_t cut = 1; cut < sizeof(whole) - 1; cut++) {
		assert_int_equal(scan(&head, slice_of(whole, cut)), HTTP_HEAD_MORE);
		assert_int_equal(http_head_feed(&head, SLICE(whole)), HTTP_HEAD_DONE);
		assert_int_equal(head.len, sizeof(whole) - 1);
		assert_int_equal(head.target.len, 4);
	}
}

static void
a_wrong_byte_is_refused_as_soon_as_it_comes(void **state)
{
	struct http_head head;

	(void)state;
	refuses(SLICE("\x16"), 400);
	refuses(SLICE("GET / HTTP/1.1\n"), 400);
	refuses(SLICE("GET / HTTP/1.1\r\n "), 400);
	refuses(SLICE("GET / HTTP/2.0\r"), 505);
	/* No other byte may stand in the place of any of these. */
	for (size_t at = 0; at < sizeof(whole) - 1; at++) {
		char bad[sizeof(whole)];

		memcpy(bad, whole, sizeof(whole));
		bad[at] = '\0';
		http_head_init(&head);
		assert_int_equal(
		    http_head_feed(&head, slice_of(bad, at + 1)), HTTP_HEAD_BAD);
	}
}

static void
only_token_characters_make_a_name(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		bool is_token = byte > ' ' && byte < 0x7f &&
				strchr("\"(),/:;<=>?@[\\]{}", byte) == NULL;

		assert_int_equal(http_is_token((unsigned char)byte), is_token);
	}
}

/* PREFIX, then so many times FILL. */
static void
refuses_filled(const char *prefix, const char *fill, size_t count, unsigned status)
{
	size_t prefix_len = strlen(prefix), fill_len = strlen(fill);
	char  *text = malloc(prefix_len + count * fill_len);

	assert_non_null(text);
	memcpy(text, prefix, prefix_len);
	for (size_t i = 0; i < count; i++)
		memcpy(text + prefix_len + i * fill_len, fill, fill_len);
	refuses(slice_of(text, prefix_len + count * fill_len), status);
	free(text);
}

static void
every_part_has_its_bound(void **state)
{
	(void)state;
	refuses_filled("", "\r\n", HTTP_HEAD_EMPTY_LINES_MAX + 1, 400);
	refuses_filled("", "G", HTTP_HEAD_METHOD_BYTES_MAX + 1, 501);
	refuses_filled("GET /", "a", HTTP_TARGET_BYTES_MAX, 414);
	refuses_filled("GET / HTTP/1.1\r\n", "A: b\r\n", HTTP_HEADERS_MAX + 1, 431);
	refuses_filled("GET / HTTP/1.1\r\nA: ", "b", HTTP_HEAD_BYTES_MAX, 431);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_ends_with_an_empty_line),
		cmocka_unit_test(the_parts_are_found_behind_empty_lines),
		cmocka_unit_test(any_pieces_give_the_same),
		cmocka_unit_test(a_wrong_byte_is_refused_as_soon_as_it_comes),
		cmocka_unit_test(only_token_characters_make_a_name),
		cmocka_unit_test(every_part_has_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
