/* customerctl: a place that was kept is on disk, and so is its name. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/fault.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/state.h"

static char     folder[] = "/tmp/test_ctl_state.XXXXXX";
static char     path[sizeof(folder) + 16], new_path[sizeof(folder) + 16];
static unsigned said;

/* In place of the one that wants a whole customerctl. */
void
ctl_say(const char *format, ...)
{
	(void)format;
	said++;
}

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/place", folder);
	snprintf(new_path, sizeof(new_path), "%s/place.new", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	unlink(path);
	unlink(new_path);
	return rmdir(folder);
}

static bool
save(const char *where, int place)
{
	json_t *state = json_pack("{s:i}", "after", place);
	bool    is_saved = state_save(where, state);

	json_decref(state);
	return is_saved;
}

static int
loaded(const char *where)
{
	json_t *state = state_load(where);
	int     place = (int)json_integer_value(json_object_get(state, "after"));

	json_decref(state);
	return place;
}

static void
a_place_is_replaced_as_a_whole(void **state)
{
	(void)state;
	assert_true(save(path, 1));
	assert_true(save(path, 2));
	assert_int_equal(loaded(path), 2);
	assert_int_not_equal(access(new_path, F_OK), 0);
	assert_int_equal(said, 0);
}

static void
a_place_that_is_not_on_disk_does_not_replace_the_one_that_is(void **state)
{
	(void)state;
	assert_true(save(path, 1));
	fault_arm("fsync:1:EIO:once");
	said = 0;
	assert_false(save(path, 2));
	assert_int_equal(said, 1);
	assert_int_equal(fault_count(), 1);
	assert_int_equal(loaded(path), 1);
}

static void
a_place_is_kept_when_its_name_is_on_disk(void **state)
{
	(void)state;
	fault_arm("fsync:2:EIO:once"); /* the folder's */
	said = 0;
	assert_false(save(path, 3));
	assert_int_equal(said, 1);
	assert_int_equal(fault_count(), 1);
	fault_arm("");
	assert_true(save(path, 4));
	assert_int_equal(loaded(path), 4);
}

static void
a_name_without_a_folder_is_one_in_this_folder(void **state)
{
	(void)state;
	assert_int_equal(chdir(folder), 0);
	assert_true(save("place", 5));
	assert_int_equal(loaded(path), 5);
	assert_int_equal(chdir("/"), 0);
}

static void
a_folder_that_is_not_there_is_said(void **state)
{
	(void)state;
	said = 0;
	assert_false(save("/no/such/folder/place", 1));
	assert_int_equal(said, 1);
	assert_int_equal(loaded("/no/such/folder/place"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_is_replaced_as_a_whole),
		cmocka_unit_test(
		    a_place_that_is_not_on_disk_does_not_replace_the_one_that_is),
		cmocka_unit_test(a_place_is_kept_when_its_name_is_on_disk),
		cmocka_unit_test(a_name_without_a_folder_is_one_in_this_folder),
		cmocka_unit_test(a_folder_that_is_not_there_is_said),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
