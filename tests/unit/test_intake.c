#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/intake.h"

#define LISTENERS 2u
#define CLIENTS_MAX (INTAKE_BURST_MAX + 8u)

struct fixture {
	char            directory[32];
	char            paths[LISTENERS][64];
	int             listeners[LISTENERS];
	int             clients[CLIENTS_MAX], taken[CLIENTS_MAX];
	unsigned        client_count, taken_count, refused;
	unsigned        by_listener[LISTENERS];
	struct ev_loop *ev;
	struct log      log;
	struct intake   intake;
};

static void
on_taken(void *user, unsigned number, int fd, const struct sockaddr_storage *peer)
{
	struct fixture *f = user;

	assert_int_equal(peer->ss_family, AF_UNIX);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	f->by_listener[number]++;
	f->taken[f->taken_count++] = fd;
}

static void
on_refused(void *user)
{
	((struct fixture *)user)->refused++;
}

static struct sockaddr_un
address_of(const struct fixture *f, unsigned number)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, f->paths[number]);
	return address;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->directory, "/tmp/intake-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	f->ev = ev_loop_new(EVBACKEND_EPOLL);
	log_init(&f->log, open("/dev/null", O_WRONLY), LOG_LEVEL_INFO);
	f->intake = (struct intake){
		.take = on_taken, .refused = on_refused, .user = f, .log = &f->log
	};
	intake_start(&f->intake, f->ev);
	for (unsigned i = 0; i < LISTENERS; i++) {
		struct sockaddr_un address;

		snprintf(f->paths[i], sizeof(f->paths[i]), "%s/%u", f->directory, i);
		address = address_of(f, i);
		f->listeners[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_int_equal(
		    bind(f->listeners[i], (struct sockaddr *)&address, sizeof(address)),
		    0);
		assert_int_equal(listen(f->listeners[i], CLIENTS_MAX), 0);
		assert_int_equal(intake_add(&f->intake, f->listeners[i]), i);
	}
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	intake_stop(&f->intake);
	ev_loop_destroy(f->ev);
	for (unsigned i = 0; i < f->client_count; i++)
		close(f->clients[i]);
	for (unsigned i = 0; i < f->taken_count; i++)
		close(f->taken[i]);
	for (unsigned i = 0; i < LISTENERS; i++) {
		close(f->listeners[i]);
		unlink(f->paths[i]);
	}
	rmdir(f->directory);
	free(f);
	return 0;
}

static void
must_connect(struct fixture *f, unsigned number, unsigned count)
{
	struct sockaddr_un address = address_of(f, number);

	while (count-- > 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		assert_int_equal(
		    connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
		f->clients[f->client_count++] = fd;
	}
}

static void
the_callee_learns_on_which_listener(void **state)
{
	struct fixture *f = *state;

	must_connect(f, 0, 1);
	must_connect(f, 1, 2);
	ev_run(f->ev, EVRUN_ONCE);
	assert_int_equal(f->by_listener[0], 1);
	assert_int_equal(f->by_listener[1], 2);
}

static void
a_storm_is_taken_in_bursts(void **state)
{
	struct fixture *f = *state;

	must_connect(f, 0, CLIENTS_MAX);
	ev_run(f->ev, EVRUN_ONCE);
	assert_int_equal(f->taken_count, INTAKE_BURST_MAX);
	ev_run(f->ev, EVRUN_ONCE);
	assert_int_equal(f->taken_count, CLIENTS_MAX);
}

/* Whether the other side of client NUMBER has closed. */
static bool
is_closed(const struct fixture *f, unsigned number)
{
	char byte;

	return recv(f->clients[number], &byte, 1, MSG_DONTWAIT) == 0;
}

static void
without_descriptors_one_is_closed_and_the_others_wait(void **state)
{
	struct fixture *f = *state;
	struct rlimit   limit, none;
	int             lowest;

	must_connect(f, 0, 3);
	ev_run(f->ev, EVRUN_NOWAIT | EVRUN_ONCE); /* libev opens what it needs */
	f->taken_count = 0;
	for (unsigned i = 0; i < 3; i++)
		close(f->taken[i]);
	must_connect(f, 0, 3);
	lowest = dup(0);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ (rlim_t)lowest, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ev_run(f->ev, EVRUN_ONCE);
	assert_int_equal(f->taken_count, 0);
	assert_int_equal(f->refused, 1);
	assert_true(is_closed(f, 3));
	assert_false(is_closed(f, 4));
	assert_false(ev_is_active(&f->intake.watchers[0]));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (f->taken_count < 2)
		ev_run(f->ev, EVRUN_ONCE); /* it rests, and comes back */
	assert_int_equal(f->refused, 1);
}

static void
who_has_stopped_takes_nobody(void **state)
{
	struct fixture *f = *state;

	intake_stop(&f->intake);
	must_connect(f, 0, 1);
	ev_run(f->ev, EVRUN_NOWAIT);
	assert_int_equal(f->taken_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* As libev does when epoll_ctl() has failed. */
static void
give_up(struct fixture *f, unsigned number)
{
	struct ev_io *watcher = &f->intake.watchers[number];

	ev_io_stop(f->ev, watcher);
	ev_feed_event(f->ev, watcher, EV_ERROR | EV_READ | EV_WRITE);
	ev_run(f->ev, EVRUN_NOWAIT);
}

static void
a_listener_that_cannot_be_watched_is_tried_again(void **state)
{
	struct fixture *f = *state;

	give_up(f, 0);
	must_connect(f, 0, 1);
	assert_int_equal(f->refused, 0);
	while (f->taken_count == 0)
		ev_run(f->ev, EVRUN_ONCE);
	assert_int_equal(f->by_listener[0], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_callee_learns_on_which_listener),
		TEST(a_storm_is_taken_in_bursts),
		TEST(a_listener_that_cannot_be_watched_is_tried_again),
		TEST(without_descriptors_one_is_closed_and_the_others_wait),
		TEST(who_has_stopped_takes_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
