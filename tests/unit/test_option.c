/* option: everything that can be set. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/option.h"

#define ARGUMENTS_MAX 24

struct fixture {
	struct options options;
	char           why[256];
	char           path[64]; /* of a configuration file */
};

static int
begin(void **state)
{
	static struct fixture fixture;
	int                   fd;

	memset(&fixture, 0, sizeof(fixture));
	strcpy(fixture.path, "/tmp/customerd-option-XXXXXX");
	fd = mkstemp(fixture.path);
	if (fd < 0)
		return -1;
	close(fd);
	*state = &fixture;
	return 0;
}

static int
end(void **state)
{
	struct fixture *f = *state;

	option_fini(&f->options);
	unlink(f->path);
	return 0;
}

/* Parse the arguments, which end in NULL. */
static bool
parse(struct fixture *f, ...)
{
	char   *argv[ARGUMENTS_MAX] = { "customerd" };
	int     argc = 1;
	va_list args;

	va_start(args, f);
	while ((argv[argc] = va_arg(args, char *)) != NULL)
		assert_true(++argc < ARGUMENTS_MAX);
	va_end(args);
	option_fini(&f->options);
	f->why[0] = '\0';
	return option_parse(&f->options, argc, argv, f->why, sizeof(f->why));
}

/* Make TEXT the configuration file. */
static void
must_write_bytes(struct fixture *f, const char *text, size_t len)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void
must_write(struct fixture *f, const char *text)
{
	must_write_bytes(f, text, strlen(text));
}

static void
expect_refusal(struct fixture *f, bool parsed, const char *why)
{
	assert_false(parsed);
	assert_string_equal(f->why, why);
	assert_null(f->options.data); /* empty: nothing is left to free */
}

/* The file is refused with WHY, which follows its name and a colon. */
static void
expect_file_refusal(struct fixture *f, const char *text, const char *why)
{
	char expected[256];

	must_write(f, text);
	snprintf(expected, sizeof(expected), "%s:%s", f->path, why);
	expect_refusal(f, parse(f, "--config", f->path, NULL), expected);
}

static void
without_arguments_every_option_has_its_default(void **state)
{
	struct fixture *f = *state;

	assert_true(parse(f, NULL));
	assert_null(f->options.data);
	assert_null(f->options.unix_path);
	assert_string_equal(f->options.listen.host, "127.0.0.1");
	assert_int_equal(f->options.listen.port, 7410);
	assert_int_equal(f->options.listen_fd.count, 0);
	assert_int_equal(f->options.loops, 1);
	assert_int_equal(f->options.connections_max, 10000);
	assert_int_equal(f->options.db_bytes_max, 64LL << 30);
	assert_int_equal(f->options.first_frame_timeout_ms, 10000);
	assert_int_equal(f->options.change_keep_ms, 30LL * 24 * 3600 * 1000);
	assert_int_equal(f->options.log_level, LOG_LEVEL_INFO);
	assert_int_equal(f->options.admin_uid, geteuid());
	assert_false(f->options.allow_plain_tcp);
	assert_false(f->options.help);
}

static void
every_kind_is_set_by_a_flag(void **state)
{
	struct fixture *f = *state;

	assert_true(parse(f, "--data", "d", "--unix=d/s", "--listen", "[::1]:0",
	    "--loops", "64", "--db-bytes-max", "2G", "--frame-timeout-ms", "250",
	    "--log-level", "debug", "--admin-uid", "0", NULL));
	assert_string_equal(f->options.data, "d");
	assert_string_equal(f->options.unix_path, "d/s");
	assert_string_equal(f->options.listen.host, "::1");
	assert_int_equal(f->options.listen.port, 0);
	assert_int_equal(f->options.loops, 64);
	assert_int_equal(f->options.db_bytes_max, 2LL << 30);
	assert_int_equal(f->options.frame_timeout_ms, 250);
	assert_int_equal(f->options.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(f->options.admin_uid, 0);
	assert_true(parse(f, "--allow-plain-tcp", "--help", "--version", NULL));
	assert_true(
	    f->options.allow_plain_tcp && f->options.help && f->options.version);
}

static void
an_empty_listen_means_none(void **state)
{
	struct fixture *f = *state;

	assert_true(parse(f, "--listen", "", NULL));
	assert_null(f->options.listen.host);
}

static void
bytes_take_a_suffix_and_keep_their_bounds(void **state)
{
	struct fixture *f = *state;

	assert_true(parse(f, "--db-bytes-max", "1048576", NULL));
	assert_int_equal(f->options.db_bytes_max, 1 << 20);
	assert_true(parse(f, "--db-bytes-max", "1024K", NULL));
	assert_int_equal(f->options.db_bytes_max, 1 << 20);
	assert_true(parse(f, "--db-bytes-max", "3M", NULL));
	assert_int_equal(f->options.db_bytes_max, 3 << 20);
	assert_true(parse(f, "--db-bytes-max", "1024G", NULL));
	assert_false(parse(f, "--db-bytes-max", "1025G", NULL));
	assert_false(parse(f, "--db-bytes-max", "1023K", NULL));
	assert_false(parse(f, "--db-bytes-max", "G", NULL));
	assert_false(parse(f, "--db-bytes-max", "1T", NULL));
	assert_false(parse(f, "--db-bytes-max", "1GG", NULL));
	assert_false(
	    parse(f, "--db-bytes-max", "99999999999999999999999999999G", NULL));
}

static void
a_number_is_digits_within_its_bounds(void **state)
{
	static const char *const bad[] = { "", "0", "65", "-1", "+1", " 1", "1 ", "0x1",
		"1.0", "one", "1K", "18446744073709551617" };
	struct fixture          *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refusal(f, parse(f, "--loops", bad[i], NULL),
		    "loops must be a number from 1 to 64");
	assert_true(parse(f, "--loops", "1", NULL));
}

static void
an_address_is_a_host_and_a_port(void **state)
{
	static const char *const bad[] = { "7410", ":7410", "host", "host:", "host:x",
		"host:65536", "host:-1", "::1:7410", "[::1]", "[]:1", "[::1:7410",
		"a]:b:1" };
	struct fixture          *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refusal(f, parse(f, "--listen", bad[i], NULL),
		    "listen must be HOST:PORT, like 127.0.0.1:7410 or [::1]:7410");
}

static void
a_path_for_a_socket_fits_into_its_address(void **state)
{
	struct fixture *f = *state;
	char            path[109];

	memset(path, 'x', sizeof(path));
	path[108] = '\0';
	expect_refusal(
	    f, parse(f, "--unix", path, NULL), "unix is longer than 107 bytes");
	path[107] = '\0';
	assert_true(parse(f, "--unix", path, NULL));
}

static void
sockets_are_inherited_up_to_four(void **state)
{
	struct fixture *f = *state;

	assert_true(parse(f, "--listen-fd", "3", "--listen-fd", "7", NULL));
	assert_int_equal(f->options.listen_fd.count, 2);
	assert_int_equal(f->options.listen_fd.fd[0], 3);
	assert_int_equal(f->options.listen_fd.fd[1], 7);
	expect_refusal(f,
	    parse(f, "--listen-fd", "3", "--listen-fd", "4", "--listen-fd", "5",
		"--listen-fd", "6", "--listen-fd", "7", NULL),
	    "listen-fd is given too often");
	assert_false(parse(f, "--listen-fd", "2", NULL));
}

static void
what_is_no_option_is_refused(void **state)
{
	struct fixture *f = *state;

	expect_refusal(f, parse(f, "--lops", "1", NULL),
	    "--lops is not an option, or wants no value; --help lists them");
	expect_refusal(f, parse(f, "--help=yes", NULL),
	    "--help=yes is not an option, or wants no value; --help lists them");
	expect_refusal(
	    f, parse(f, "serve", NULL), "serve is not an option; --help lists them");
	expect_refusal(
	    f, parse(f, "-xy", NULL), "-x is not an option; --help lists them");
	expect_refusal(f, parse(f, "--loops", NULL), "--loops wants a value");
	expect_refusal(f, parse(f, "--loops", "2", "--loops", "2", NULL),
	    "loops is given too often");
	expect_refusal(f, parse(f, "--log-level", "loud", NULL),
	    "log-level must be one of: error, warning, info or debug");
}

static void
a_file_sets_what_flags_set(void **state)
{
	struct fixture *f = *state;

	must_write(f, "# a comment\n"
		      "   ; another\n"
		      "\n"
		      "data = /var/lib/customerd  ; a remark\r\n"
		      "loops=2\n"
		      "allow-plain-tcp = yes\n"
		      "listen =\n"
		      "listen-fd = 5\n"
		      "listen-fd = 6\n"
		      "db-bytes-max = 1G");
	assert_true(parse(f, "--config", f->path, NULL));
	assert_string_equal(f->options.data, "/var/lib/customerd");
	assert_int_equal(f->options.loops, 2);
	assert_true(f->options.allow_plain_tcp);
	assert_null(f->options.listen.host);
	assert_int_equal(f->options.listen_fd.count, 2);
	assert_int_equal(f->options.db_bytes_max, 1 << 30);
	assert_int_equal(f->options.given[OPTION_ID_loops], OPTION_FROM_FILE);
	assert_int_equal(f->options.given[OPTION_ID_unix_path], 0);
}

static void
a_flag_goes_over_the_file_wherever_it_stands(void **state)
{
	struct fixture *f = *state;

	must_write(f, "loops = 2\ndata = file\nlisten-fd = 9\nunix = file.sock\n");
	assert_true(parse(f, "--loops", "3", "--config", f->path, "--data", "flag",
	    "--listen-fd", "3", NULL));
	assert_int_equal(f->options.loops, 3);
	assert_string_equal(f->options.data, "flag");
	assert_string_equal(f->options.unix_path, "file.sock");
	assert_int_equal(f->options.listen_fd.count, 1);
	assert_int_equal(f->options.listen_fd.fd[0], 3);
}

static void
a_bad_line_is_refused_with_its_number(void **state)
{
	struct fixture *f = *state;

	expect_file_refusal(f, "loops = 2\nlops = 3\n", "2: lops is not an option");
	expect_file_refusal(
	    f, "\n\nloops = 99\n", "3: loops must be a number from 1 to 64");
	expect_file_refusal(f, "loops = 2\nloops = 2\n", "2: loops is given too often");
	expect_file_refusal(
	    f, "[server]\nloops = 2\n", "2: there are no sections, like [server]");
	expect_file_refusal(f, "loops = 2\n  3\n", "2: the line begins with a blank");
	expect_file_refusal(
	    f, "data = d\nloops\n", "2: the line is not of the form name = value");
	expect_file_refusal(
	    f, "allow-plain-tcp = 1\n", "1: allow-plain-tcp must be yes or no");
	expect_file_refusal(f, "config = other\n", "1: config is not an option");
	expect_file_refusal(f, "help = yes\n", "1: help is not an option");
}

static void
a_bad_value_is_refused_even_when_a_flag_goes_over_it(void **state)
{
	struct fixture *f = *state;

	must_write(f, "loops = 2\nloops = 3\n");
	assert_false(parse(f, "--loops", "1", "--config", f->path, NULL));
	must_write(f, "loops = 99\n");
	assert_false(parse(f, "--loops", "1", "--config", f->path, NULL));
	must_write(f, "data = file\nlisten = 127.0.0.1:1\n"); /* nothing leaks */
	assert_true(parse(f, "--data", "x", "--listen", "", "--config", f->path, NULL));
}

static void
a_line_that_is_too_long_is_refused_not_split(void **state)
{
	struct fixture *f = *state;
	char            text[400];

	/* 199 characters are the most that libinih takes at once. */
	snprintf(text, sizeof(text), "data = %0192d\n", 1);
	must_write(f, text);
	assert_true(parse(f, "--config", f->path, NULL));
	assert_int_equal(strlen(f->options.data), 192);
	snprintf(text, sizeof(text), "loops = 2\ndata = %0193d\n", 1);
	expect_file_refusal(f, text, "2: the line is too long");
	snprintf(text, sizeof(text), "# %0300d\n", 1);
	expect_file_refusal(f, text, "1: the line is too long");
}

static void
a_nul_in_the_file_is_refused(void **state)
{
	struct fixture *f = *state;
	char            why[256];

	must_write_bytes(f, "loops = 2\0x", 11);
	snprintf(why, sizeof(why), "%s:1: the line holds a NUL", f->path);
	expect_refusal(f, parse(f, "--config", f->path, NULL), why);
}

static void
a_file_that_cannot_be_read_is_refused(void **state)
{
	struct fixture *f = *state;

	expect_refusal(f, parse(f, "--config", "/nowhere/customerd.conf", NULL),
	    "cannot read /nowhere/customerd.conf: No such file or directory");
	assert_false(parse(f, "--config", "/tmp", NULL)); /* a directory */
	assert_non_null(strstr(f->why, "Is a directory"));
}

static void
serving_needs_a_data_directory(void **state)
{
	struct fixture *f = *state;

	assert_true(parse(f, NULL));
	assert_false(option_check(&f->options, f->why, sizeof(f->why)));
	assert_non_null(strstr(f->why, "--data"));
	assert_true(parse(f, "--data", "d", NULL));
	assert_true(option_check(&f->options, f->why, sizeof(f->why)));
}

static void
plain_tcp_stays_on_this_machine_unless_permitted(void **state)
{
	static const char *const near[] = { "127.0.0.1:1", "127.9.9.9:1", "[::1]:1",
		"localhost:1", "" };
	static const char *const far[] = { "0.0.0.0:1", "[::]:1", "192.0.2.1:1",
		"127.0.0.1.example.com:1", "127.example.com:1", "db:1" };
	struct fixture          *f = *state;

	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		assert_true(parse(f, "--data", "d", "--listen", near[i], NULL));
		assert_true(option_check(&f->options, f->why, sizeof(f->why)));
	}
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		assert_true(parse(f, "--data", "d", "--listen", far[i], NULL));
		assert_false(option_check(&f->options, f->why, sizeof(f->why)));
		assert_non_null(strstr(f->why, "--allow-plain-tcp"));
		assert_true(parse(
		    f, "--data", "d", "--listen", far[i], "--allow-plain-tcp", NULL));
		assert_true(option_check(&f->options, f->why, sizeof(f->why)));
	}
}

static void
the_options_of_tls_make_sense_together_only(void **state)
{
	static const struct {
		const char *options[4];
		const char *missing; /* NULL: nothing */
	} rows[] = {
		{ { "--tls-certificate=c" }, "--tls-key" },
		{ { "--tls-key=k" }, "--tls-certificate" },
		{ { "--tls-listen=[::]:1" }, "--tls-certificate" },
		{ { "--tls-client-ca=a" }, "--tls-certificate" },
		{ { "--tls-certificate=c", "--tls-key=k", "--tls-client-required" },
		    "--tls-client-ca" },
		{ { "--tls-certificate=c", "--tls-key=k" }, NULL },
		{ { "--tls-certificate=c", "--tls-key=k", "--tls-listen=[::]:1" },
		    NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const *given = rows[i].options;
		bool               good;

		assert_true(parse(f, "--data=d", given[0], given[1], given[2], NULL));
		good = option_check(&f->options, f->why, sizeof(f->why));
		assert_int_equal(good, rows[i].missing == NULL);
		if (!good)
			assert_non_null(strstr(f->why, rows[i].missing));
	}
}

/* What PRINT prints, terminated, to be freed. */
static char *
printed(void (*print)(FILE *out))
{
	char  *text = NULL;
	size_t len;
	FILE  *out = open_memstream(&text, &len);

	assert_non_null(out);
	print(out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
the_description_is_json_with_every_option(void **state)
{
	char   *text = printed(option_describe);
	json_t *table = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	(void)state;
	assert_non_null(table);
	assert_int_equal(json_array_size(table), OPTION_COUNT);
	json_decref(table);
	free(text);
}

static void
the_help_names_every_option_after_the_examples(void **state)
{
	char       *text = printed(option_help);
	const char *examples = strstr(text, "Examples:");

	(void)state;
	assert_non_null(examples);
#define X(member, name, KIND, placeholder, standard, min, max, GROUP, help) \
	assert_non_null(strstr(text, "\n  --" name));                       \
	assert_true(strstr(text, "\n  --" name) > examples);
	OPTIONS(X)
#undef X
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_arguments_every_option_has_its_default),
		TEST(every_kind_is_set_by_a_flag),
		TEST(an_empty_listen_means_none),
		TEST(bytes_take_a_suffix_and_keep_their_bounds),
		TEST(a_number_is_digits_within_its_bounds),
		TEST(an_address_is_a_host_and_a_port),
		TEST(a_path_for_a_socket_fits_into_its_address),
		TEST(sockets_are_inherited_up_to_four),
		TEST(what_is_no_option_is_refused),
		TEST(a_file_sets_what_flags_set),
		TEST(a_flag_goes_over_the_file_wherever_it_stands),
		TEST(a_bad_line_is_refused_with_its_number),
		TEST(a_bad_value_is_refused_even_when_a_flag_goes_over_it),
		TEST(a_line_that_is_too_long_is_refused_not_split),
		TEST(a_nul_in_the_file_is_refused),
		TEST(a_file_that_cannot_be_read_is_refused),
		TEST(serving_needs_a_data_directory),
		TEST(plain_tcp_stays_on_this_machine_unless_permitted),
		TEST(the_options_of_tls_make_sense_together_only),
		TEST(the_description_is_json_with_every_option),
		TEST(the_help_names_every_option_after_the_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
