#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/net/listener.h"

struct fixture {
	char             directory[32];
	char             path[64];
	struct options   options;
	struct listeners listeners;
	char             why[256];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->directory, "/tmp/listener-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/socket", f->directory);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	listeners_close(&f->listeners);
	unlink(f->path);
	rmdir(f->directory);
	free(f);
	return 0;
}

static void
must_listen(struct fixture *f)
{
	bool ok = listeners_open(&f->listeners, &f->options, f->why, sizeof(f->why));

	if (!ok)
		fail_msg("%s", f->why);
}

/* Opening must fail with a sentence that contains WORDS, and leave nothing open. */
static void
must_refuse(struct fixture *f, const char *words)
{
	assert_false(
	    listeners_open(&f->listeners, &f->options, f->why, sizeof(f->why)));
	if (strstr(f->why, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", f->why, words);
	assert_int_equal(f->listeners.count, 0);
}

/* A unix socket on PATH, listening or not. */
static int
must_bind(const char *path, bool listens)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int                fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	if (listens)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* Whether somebody listens on PATH. */
static bool
answers(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int                fd = socket(AF_UNIX, SOCK_STREAM, 0), result;

	strcpy(address.sun_path, path);
	result = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	close(fd);
	return result == 0;
}

static void
a_free_port_is_taken_and_named(void **state)
{
	struct fixture *f = *state;
	unsigned        port = 0;

	f->options.listen.host = "127.0.0.1";
	must_listen(f);
	assert_int_equal(f->listeners.count, 1);
	assert_int_equal(sscanf(f->listeners.list[0].name, "127.0.0.1:%u", &port), 1);
	assert_true(port > 0);
	assert_false(f->listeners.list[0].is_unix);
}

static void
a_port_in_use_is_refused(void **state)
{
	struct fixture  *f = *state;
	struct listeners second;
	unsigned         port;

	f->options.listen.host = "127.0.0.1";
	must_listen(f);
	sscanf(f->listeners.list[0].name, "127.0.0.1:%u", &port);
	f->options.listen.port = (uint16_t)port;
	assert_false(listeners_open(&second, &f->options, f->why, sizeof(f->why)));
	assert_non_null(strstr(f->why, "in use"));
}

static void
a_unix_socket_is_for_the_owner_and_the_group(void **state)
{
	struct fixture *f = *state;
	struct stat     info;

	f->options.unix_path = f->path;
	must_listen(f);
	assert_int_equal(stat(f->path, &info), 0);
	assert_int_equal(info.st_mode & 07777, LISTENER_UNIX_MODE);
	assert_true(f->listeners.list[0].is_unix);
	assert_string_equal(f->listeners.list[0].name, f->path);
}

static void
a_unix_socket_goes_with_its_server(void **state)
{
	struct fixture *f = *state;

	f->options.unix_path = f->path;
	must_listen(f);
	listeners_close(&f->listeners);
	assert_int_equal(access(f->path, F_OK), -1);
}

static void
a_socket_of_somebody_else_is_not_unlinked(void **state)
{
	struct fixture *f = *state;
	int             other;

	f->options.unix_path = f->path;
	must_listen(f);
	unlink(f->path);
	other = must_bind(f->path, true);
	listeners_close(&f->listeners);
	assert_true(answers(f->path));
	close(other);
}

static void
a_stale_unix_socket_is_replaced(void **state)
{
	struct fixture *f = *state;

	close(must_bind(f->path, false));
	f->options.unix_path = f->path;
	must_listen(f);
	assert_true(answers(f->path));
}

static void
a_unix_socket_that_is_used_is_left_alone(void **state)
{
	struct fixture *f = *state;
	int             other = must_bind(f->path, true);

	f->options.unix_path = f->path;
	must_refuse(f, "another server");
	assert_true(answers(f->path));
	close(other);
}

static void
a_file_in_the_way_is_left_alone(void **state)
{
	struct fixture *f = *state;

	close(open(f->path, O_CREAT | O_WRONLY, 0600));
	f->options.unix_path = f->path;
	must_refuse(f, "no socket");
	assert_int_equal(access(f->path, F_OK), 0);
}

static void
an_inherited_socket_is_served_in_place_of_the_default(void **state)
{
	struct fixture *f = *state;

	f->options.listen.host = "127.0.0.1";
	f->options.listen_fd.fd[f->options.listen_fd.count++] =
	    must_bind(f->path, true);
	must_listen(f);
	assert_int_equal(f->listeners.count, 1);
	assert_true(f->listeners.list[0].is_unix);
	assert_true((fcntl(f->listeners.list[0].fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(f->listeners.list[0].fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void
a_listen_that_was_asked_for_is_served_beside_it(void **state)
{
	struct fixture *f = *state;

	f->options.listen.host = "127.0.0.1";
	f->options.given[OPTION_ID_listen] = OPTION_FROM_FLAG;
	f->options.listen_fd.fd[f->options.listen_fd.count++] =
	    must_bind(f->path, true);
	must_listen(f);
	assert_int_equal(f->listeners.count, 2);
}

static void
an_inherited_descriptor_must_be_a_listening_socket(void **state)
{
	struct fixture *f = *state;
	int             fd = open("/dev/null", O_RDONLY);

	f->options.listen_fd.fd[f->options.listen_fd.count++] = fd;
	must_refuse(f, "no listening socket");
	f->options.listen_fd.fd[0] = must_bind(f->path, false);
	must_refuse(f, "no listening socket");
	close(f->options.listen_fd.fd[0]);
	close(fd);
}

static void
there_must_be_something_to_listen_on(void **state)
{
	must_refuse(*state, "--listen");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_free_port_is_taken_and_named),
		TEST(a_port_in_use_is_refused),
		TEST(a_unix_socket_is_for_the_owner_and_the_group),
		TEST(a_unix_socket_goes_with_its_server),
		TEST(a_socket_of_somebody_else_is_not_unlinked),
		TEST(a_stale_unix_socket_is_replaced),
		TEST(a_unix_socket_that_is_used_is_left_alone),
		TEST(a_file_in_the_way_is_left_alone),
		TEST(an_inherited_socket_is_served_in_place_of_the_default),
		TEST(a_listen_that_was_asked_for_is_served_beside_it),
		TEST(an_inherited_descriptor_must_be_a_listening_socket),
		TEST(there_must_be_something_to_listen_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
