/* call: one request on its way through the domain. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/reader.h"
#include "server/domain/call.h"

static struct call call;

static int
begin(void **state)
{
	static struct buf buf;

	memset(&call, 0xa5, sizeof(call));
	call_init(&call);
	buf_init(&buf, 64 * 1024);
	*state = &buf;
	return 0;
}

static int
end(void **state)
{
	buf_fini(*state);
	return 0;
}

static void
expect_text(struct reader *reader, const char *text)
{
	assert_true(slice_equal(reader_text(reader), slice_text(text)));
}

/* Read code, message and retryable of the error map that STATUS gives. */
static uint32_t
read_error(
    struct buf *buf, enum status status, const char *message, struct reader *reader)
{
	uint32_t pairs;

	buf_clear(buf, buf->bytes_max);
	call_pack_error(&call, status, buf);
	assert_false(buf->failed);
	reader_init(reader, buf_slice(buf));
	pairs = reader_map(reader);
	expect_text(reader, "code");
	expect_text(reader, status_info(status)->name);
	expect_text(reader, "message");
	expect_text(reader, message);
	expect_text(reader, "retryable");
	assert_int_equal(reader_bool(reader), status_info(status)->retryable);
	return pairs;
}

static void
expect_end(const struct reader *reader)
{
	assert_int_equal(reader->status, STATUS_OK);
	assert_int_equal(reader_peek(reader), VALUE_END);
}

static void
a_new_call_is_empty(void **state)
{
	(void)state;
	assert_null(call.domain);
	assert_null(call.method);
	assert_int_equal(call.who.scopes, 0);
	assert_int_equal(call.args.present, 0);
	assert_int_equal(call.meta.token.len, 0);
	assert_false(atomic_load(&call.cancelled));
	assert_null(call.passwords);
	assert_null(call.detail);
	assert_false(violations_any(&call.violations));
	assert_int_equal(call.violations.dropped, 0);
	assert_int_equal(call.revision, 0);
}

static void
a_call_may_what_its_scopes_permit(void **state)
{
	(void)state;
	assert_true(call_may(&call, SCOPE_NONE));
	for (enum scope scope = 0; scope < SCOPE_COUNT; scope++) {
		call.who.scopes = SCOPE_BIT(scope);
		assert_true(call_may(&call, scope));
		call.who.scopes = ~SCOPE_BIT(scope);
		assert_false(call_may(&call, scope));
	}
}

static void
every_status_has_an_error_map(void **state)
{
	struct reader reader;

	for (enum status status = STATUS_OK + 1; status < STATUS_COUNT; status++) {
		if (status == STATUS_REVISION_MISMATCH || status == STATUS_CHANGES_GONE)
			continue; /* have more: see below */
		assert_int_equal(
		    read_error(*state, status, status_info(status)->text, &reader), 3);
		expect_end(&reader);
	}
}

static void
a_detail_stands_in_place_of_the_text(void **state)
{
	struct reader reader;

	call.detail = "this needs a token of a store";
	assert_int_equal(read_error(*state, STATUS_FORBIDDEN, call.detail, &reader), 3);
	expect_end(&reader);
}

static void
violations_come_as_errors(void **state)
{
	struct reader reader;

	violations_add(&call.violations, SLICE("set.email"), RULE_TAKEN);
	assert_int_equal(read_error(*state, STATUS_INVALID,
			     status_info(STATUS_INVALID)->text, &reader),
	    4);
	expect_text(&reader, "errors");
	assert_int_equal(reader_array(&reader), 1);
	assert_int_equal(reader_map(&reader), 3);
	expect_text(&reader, "path");
	expect_text(&reader, "set.email");
	expect_text(&reader, "code");
	expect_text(&reader, "TAKEN");
	expect_text(&reader, "message");
	expect_text(&reader, rule_info(RULE_TAKEN)->text);
	expect_end(&reader);
}

static void
a_revision_mismatch_names_the_current_revision(void **state)
{
	struct reader reader;
	int64_t       revision = 0;

	call.revision = 7;
	assert_int_equal(read_error(*state, STATUS_REVISION_MISMATCH,
			     status_info(STATUS_REVISION_MISMATCH)->text, &reader),
	    4);
	expect_text(&reader, "revision");
	assert_true(reader_integer(&reader, &revision));
	assert_int_equal(revision, 7);
	expect_end(&reader);
}

static void
changes_that_are_gone_come_with_those_that_are_there(void **state)
{
	struct reader reader;
	int64_t       oldest = 0, last = 0;

	call.oldest = 7;
	call.last = 9;
	assert_int_equal(read_error(*state, STATUS_CHANGES_GONE,
			     status_info(STATUS_CHANGES_GONE)->text, &reader),
	    5);
	expect_text(&reader, "oldest");
	assert_true(reader_integer(&reader, &oldest));
	expect_text(&reader, "last");
	assert_true(reader_integer(&reader, &last));
	assert_int_equal(oldest, 7);
	assert_int_equal(last, 9);
	expect_end(&reader);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_new_call_is_empty),
		TEST(a_call_may_what_its_scopes_permit),
		TEST(every_status_has_an_error_map),
		TEST(a_detail_stands_in_place_of_the_text),
		TEST(violations_come_as_errors),
		TEST(a_revision_mismatch_names_the_current_revision),
		TEST(changes_that_are_gone_come_with_those_that_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
