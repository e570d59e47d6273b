/* violation: what is wrong with a request. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/pack.h"
#include "server/domain/violation.h"

static void
a_path_grows_and_shrinks_with_the_walk(void **state)
{
	struct violations violations;
	unsigned          set, contacts, item;

	(void)state;
	violations_init(&violations);
	violations_add(&violations, SLICE("id"), RULE_REQUIRED);
	set = violations_down(&violations, SLICE("set"));
	violations_add(&violations, SLICE("email"), RULE_TAKEN);
	contacts = violations_down(&violations, SLICE("contacts"));
	item = violations_down_index(&violations, 4294967295u);
	violations_add(&violations, SLICE("type"), RULE_NOT_IN_LIST);
	violations_up(&violations, item);
	violations_add(&violations, SLICE(""), RULE_TOO_LARGE);
	violations_up(&violations, contacts);
	violations_up(&violations, set);
	violations_add(&violations, SLICE(""), RULE_WRONG_TYPE);
	assert_int_equal(violations.count, 5);
	assert_string_equal(violations.list[0].path, "id");
	assert_string_equal(violations.list[1].path, "set.email");
	assert_string_equal(violations.list[2].path, "set.contacts.4294967295.type");
	assert_string_equal(violations.list[3].path, "set.contacts");
	assert_string_equal(violations.list[4].path, "");
	assert_int_equal(violations.list[2].rule, RULE_NOT_IN_LIST);
}

static void
a_long_path_is_cut_and_found_again(void **state)
{
	static const char key[] = "a key of a length that nobody needs";
	struct violations violations;
	unsigned          marks[40];

	(void)state;
	violations_init(&violations);
	for (int i = 0; i < 40; i++)
		marks[i] = violations_down(&violations, slice_text(key));
	violations_add(&violations, slice_text(key), RULE_TOO_DEEP);
	assert_int_equal(strlen(violations.list[0].path), VIOLATION_PATH_BYTES_MAX);
	for (int i = 40; i > 1; i--)
		violations_up(&violations, marks[i - 1]);
	violations_add(&violations, SLICE(""), RULE_TOO_DEEP);
	assert_string_equal(violations.list[1].path, key);
}

static void
what_finds_no_room_is_counted(void **state)
{
	struct violations violations;

	(void)state;
	violations_init(&violations);
	assert_false(violations_any(&violations));
	for (unsigned i = 0; i < VIOLATIONS_MAX + 3; i++)
		violations_add(&violations, SLICE("x"), RULE_UNKNOWN_FIELD);
	assert_true(violations_any(&violations));
	assert_int_equal(violations.count, VIOLATIONS_MAX);
	assert_int_equal(violations.dropped, 3);
}

static void
a_path_is_answered_in_printable_ascii(void **state)
{
	static const char expected[] = "\x91\x83"
				       "\xa4path\xa8"
				       "a????[b?"
				       "\xa4"
				       "code\xadUNKNOWN_FIELD"
				       "\xa7message\xae"
				       "is not a field";
	struct violations violations;
	struct buf        buf;

	(void)state;
	buf_init(&buf, 1024);
	violations_init(&violations);
	violations_add(
	    &violations, slice_of("a\xc3\xbc\0\x1b[b\x7f", 8), RULE_UNKNOWN_FIELD);
	violations_pack(&violations, &buf);
	assert_false(buf.failed);
	assert_int_equal(buf.len, sizeof(expected) - 1);
	assert_memory_equal(buf.data, expected, buf.len);
	buf_fini(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_grows_and_shrinks_with_the_walk),
		cmocka_unit_test(a_long_path_is_cut_and_found_again),
		cmocka_unit_test(what_finds_no_room_is_counted),
		cmocka_unit_test(a_path_is_answered_in_printable_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
