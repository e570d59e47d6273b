/* log: one JSON object per line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/base/log.h"

#define THREAD_COUNT 4
#define LINES_PER_THREAD 200

/* A log that writes into a file, and what was written so far. */
struct fixture {
	struct log log;
	FILE      *file;
	char       text[1 << 20];
	size_t     len;
};

static int
begin(void **state)
{
	static struct fixture fixture;

	fixture.file = tmpfile();
	if (fixture.file == NULL)
		return -1;
	log_init(&fixture.log, fileno(fixture.file), LOG_LEVEL_DEBUG);
	*state = &fixture;
	return 0;
}

static int
end(void **state)
{
	fclose(((struct fixture *)*state)->file);
	return 0;
}

static const char *
written(struct fixture *f)
{
	ssize_t len = pread(f->log.fd, f->text, sizeof(f->text) - 1, 0);

	assert_true(len >= 0);
	f->len = (size_t)len;
	f->text[len] = '\0';
	return f->text;
}

/* The one line written, as an object that the caller gives back. */
static json_t *
must_be_one_object(struct fixture *f)
{
	const char *text = written(f);
	json_t     *object;

	assert_true(f->len > 0 && text[f->len - 1] == '\n');
	assert_ptr_equal(strchr(text, '\n'), text + f->len - 1);
	for (size_t i = 0; i < f->len - 1; i++)
		assert_true(text[i] >= 0x20 && text[i] < 0x7f);
	object = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	assert_non_null(object);
	return object;
}

static void
expect_text(json_t *object, const char *key, const char *value)
{
	assert_string_equal(json_string_value(json_object_get(object, key)), value);
}

static void
a_line_is_an_object_with_time_level_event_and_fields(void **state)
{
	struct fixture *f = *state;
	json_t         *object;

	log_warning(&f->log, "commit_failed", LOG_TEXT("status", "STORAGE_FULL"),
	    LOG_SLICE("part", slice_of("abcdef", 3)), LOG_INTEGER("operations", -17),
	    LOG_BOOL("again", true), LOG_BOOL("lost", false));
	object = must_be_one_object(f);
	expect_text(object, "level", "warning");
	expect_text(object, "event", "commit_failed");
	expect_text(object, "status", "STORAGE_FULL");
	expect_text(object, "part", "abc");
	assert_int_equal(
	    json_integer_value(json_object_get(object, "operations")), -17);
	assert_true(json_is_true(json_object_get(object, "again")));
	assert_true(json_is_false(json_object_get(object, "lost")));
	assert_null(json_object_get(object, "cut"));
	json_decref(object);
}

static void
the_time_is_utc_with_milliseconds(void **state)
{
	struct fixture *f = *state;
	json_t         *object;
	const char     *time;
	int             year, month, day, hour, minute, second, ms, len = 0;

	log_info(&f->log, "started");
	object = must_be_one_object(f);
	time = json_string_value(json_object_get(object, "time"));
	assert_int_equal(sscanf(time, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month,
			     &day, &hour, &minute, &second, &ms, &len),
	    7);
	assert_int_equal(len, strlen("2026-11-21T09:00:00.123Z"));
	assert_int_equal(time[len], '\0');
	json_decref(object);
}

static void
a_value_cannot_forge_a_line_or_drive_a_terminal(void **state)
{
	struct fixture   *f = *state;
	static const char hostile[] = "\"}\n{\"level\":\"\x1b[2J\\\x7f\r\t\x01";
	json_t           *object;

	log_info(&f->log, "refused", LOG_TEXT("peer", hostile));
	object = must_be_one_object(f);
	expect_text(object, "peer", hostile);
	json_decref(object);
}

static void
text_beyond_ascii_is_escaped_and_bad_bytes_are_replaced(void **state)
{
	struct fixture *f = *state;
	json_t         *object;

	log_info(&f->log, "refused", LOG_TEXT("good", "Zo\xc3\xab \xf0\x9f\x90\x99"),
	    LOG_TEXT("bad", "a\xff\xc3"), LOG_SLICE("nul", slice_of("a\0b", 3)));
	object = must_be_one_object(f);
	expect_text(object, "good", "Zo\xc3\xab \xf0\x9f\x90\x99");
	expect_text(object, "bad", "a\xef\xbf\xbd\xef\xbf\xbd");
	assert_non_null(strstr(f->text, "\"nul\":\"a\\u0000b\""));
	json_decref(object);
}

static void
a_long_value_is_cut_and_the_line_says_so(void **state)
{
	struct fixture *f = *state;
	json_t         *object;
	char            text[LOG_TEXT_BYTES_MAX + 2];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_info(&f->log, "refused", LOG_TEXT("path", text), LOG_INTEGER("after", 1));
	object = must_be_one_object(f);
	assert_int_equal(
	    json_string_length(json_object_get(object, "path")), LOG_TEXT_BYTES_MAX);
	assert_int_equal(json_integer_value(json_object_get(object, "after")), 1);
	assert_true(json_is_true(json_object_get(object, "cut")));
	json_decref(object);
}

static void
a_line_stays_within_its_bound_and_whole(void **state)
{
	struct fixture *f = *state;
	json_t         *object;
	char            text[LOG_TEXT_BYTES_MAX];

	memset(text, 1, sizeof(text)); /* six bytes each, once escaped */
	log_info(&f->log, "refused", LOG_SLICE("a", slice_of(text, sizeof(text))),
	    LOG_SLICE("b", slice_of(text, sizeof(text))), LOG_INTEGER("after", 1));
	object = must_be_one_object(f);
	assert_true(f->len <= LOG_LINE_BYTES_MAX);
	assert_non_null(json_object_get(object, "a"));
	assert_null(json_object_get(object, "b"));
	assert_int_equal(json_integer_value(json_object_get(object, "after")), 1);
	assert_true(json_is_true(json_object_get(object, "cut")));
	json_decref(object);
}

static void
every_length_up_to_the_bound_leaves_a_whole_line(void **state)
{
	struct fixture *f = *state;
	char            text[LOG_TEXT_BYTES_MAX];

	memset(text, 1, sizeof(text));
	for (size_t len = 0; len < sizeof(text); len++) {
		assert_int_equal(ftruncate(f->log.fd, 0), 0);
		assert_int_equal(lseek(f->log.fd, 0, SEEK_SET), 0);
		log_info(&f->log, "refused", LOG_SLICE("a", slice_of(text, 200)),
		    LOG_SLICE("b", slice_of(text, len)),
		    LOG_SLICE("c", slice_of("", 0)));
		json_decref(must_be_one_object(f));
		assert_true(f->len <= LOG_LINE_BYTES_MAX);
	}
}

static void
lines_below_the_level_are_not_written(void **state)
{
	struct fixture *f = *state;

	f->log.level = LOG_LEVEL_WARNING;
	assert_false(log_wants(&f->log, LOG_LEVEL_INFO));
	log_info(&f->log, "quiet");
	log_debug(&f->log, "quiet");
	assert_string_equal(written(f), "");
	log_error(&f->log, "loud");
	json_decref(must_be_one_object(f));
}

static void
levels_are_found_by_their_word(void **state)
{
	enum log_level level;

	(void)state;
	for (unsigned i = 0; i < LOG_LEVEL_COUNT; i++) {
		assert_true(log_level_find(log_level_word((enum log_level)i), &level));
		assert_int_equal(level, i);
	}
	assert_false(log_level_find("", &level));
	assert_false(log_level_find("INFO", &level));
}

static void
a_line_that_cannot_be_written_is_counted(void **state)
{
	struct log log;
	int        full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(full >= 0);
	log_init(&log, full, LOG_LEVEL_INFO);
	log_info(&log, "started");
	log_info(&log, "stopped");
	assert_int_equal(atomic_load(&log.lost), 2);
	close(full);
}

static void *
write_lines(void *argument)
{
	struct log *log = argument;
	char        text[300];

	memset(text, 'x', sizeof(text));
	for (int i = 0; i < LINES_PER_THREAD; i++)
		log_info(log, "busy", LOG_INTEGER("line", i),
		    LOG_SLICE("text", slice_of(text, (size_t)i)));
	return NULL;
}

static void
lines_of_several_threads_stay_whole(void **state)
{
	struct fixture *f = *state;
	pthread_t       threads[THREAD_COUNT];
	int             count = 0;
	json_t         *object;

	for (int i = 0; i < THREAD_COUNT; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, write_lines, &f->log), 0);
	for (int i = 0; i < THREAD_COUNT; i++)
		pthread_join(threads[i], NULL);
	written(f);
	for (char *line = strtok(f->text, "\n"); line; line = strtok(NULL, "\n")) {
		object = json_loads(line, 0, NULL);
		assert_non_null(object);
		json_decref(object);
		count++;
	}
	assert_int_equal(count, THREAD_COUNT * LINES_PER_THREAD);
	assert_int_equal(atomic_load(&f->log.lost), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_is_an_object_with_time_level_event_and_fields),
		TEST(the_time_is_utc_with_milliseconds),
		TEST(a_value_cannot_forge_a_line_or_drive_a_terminal),
		TEST(text_beyond_ascii_is_escaped_and_bad_bytes_are_replaced),
		TEST(a_long_value_is_cut_and_the_line_says_so),
		TEST(a_line_stays_within_its_bound_and_whole),
		TEST(every_length_up_to_the_bound_leaves_a_whole_line),
		TEST(lines_below_the_level_are_not_written),
		TEST(levels_are_found_by_their_word),
		TEST(a_line_that_cannot_be_written_is_counted),
		TEST(lines_of_several_threads_stay_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
