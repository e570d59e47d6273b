#include "server/base/intake.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "server/base/clock.h"

/* ---- out of descriptors ---- */

static void
open_spare(struct intake *intake)
{
	intake->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
close_spare(struct intake *intake)
{
	if (intake->spare_fd >= 0)
		close(intake->spare_fd);
	intake->spare_fd = -1;
}

static void
watch_all(struct intake *intake, bool wanted)
{
	for (unsigned i = 0; i < intake->watcher_count; i++)
		if (wanted)
			ev_io_start(intake->ev, &intake->watchers[i]);
		else
			ev_io_stop(intake->ev, &intake->watchers[i]);
}

/* Rest, for the reason that ERROR names. */
static void
rest(struct intake *intake, const char *error)
{
	uint64_t suppressed;

	if (gate_pass(&intake->gate, clock_mono_ms(), &suppressed))
		log_error(intake->log, "accept_failed", LOG_TEXT("error", error),
		    LOG_INTEGER("suppressed", suppressed));
	watch_all(intake, false);
	ev_timer_set(&intake->rest, INTAKE_REST_MS / 1e3, 0.);
	ev_timer_start(intake->ev, &intake->rest);
}

/* Out of descriptors or memory: turn one peer away. */
static void
turn_away(struct intake *intake, int listen_fd)
{
	int fd;

	if (intake->spare_fd >= 0) {
		close_spare(intake);
		fd = accept(listen_fd, NULL, NULL);
		if (fd >= 0)
			close(fd);
	}
	open_spare(intake);
	intake->refused(intake->user);
}

static void
on_rested(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	watch_all(timer->data, true);
}

/* ---- accepting ---- */

static void
set_tcp_options(int fd)
{
	int on = 1;

	/* Failures cost latency, or a dead peer's memory for longer; nothing else. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static bool
is_out_of_resources(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

static void
on_connection(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct intake *intake = watcher->data;

	(void)ev;
	if ((events & EV_ERROR) != 0) {
		/* libev has given the watcher up; who waits stays in the backlog. */
		rest(intake, "epoll_ctl");
		return;
	}
	for (unsigned i = 0; i < INTAKE_BURST_MAX; i++) {
		struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
		socklen_t               len = sizeof(peer);
		int fd = accept4(watcher->fd, (struct sockaddr *)&peer, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			if (peer.ss_family != AF_UNIX)
				set_tcp_options(fd);
			intake->take(intake->user,
			    (unsigned)(watcher - intake->watchers), fd, &peer);
		} else if (is_out_of_resources(errno)) {
			rest(intake, strerrorname_np(errno));
			turn_away(intake, watcher->fd);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

/* ---- life ---- */

void
intake_start(struct intake *intake, struct ev_loop *ev)
{
	intake->ev = ev;
	intake->watcher_count = 0;
	intake->gate = (struct gate){ .per_second_max = 1 };
	ev_timer_init(&intake->rest, on_rested, 0., 0.);
	intake->rest.data = intake;
	open_spare(intake);
}

unsigned
intake_add(struct intake *intake, int listen_fd)
{
	struct ev_io *watcher = &intake->watchers[intake->watcher_count];

	assert(intake->watcher_count < INTAKE_LISTENERS_MAX);
	ev_io_init(watcher, on_connection, listen_fd, EV_READ);
	watcher->data = intake;
	ev_io_start(intake->ev, watcher);
	return intake->watcher_count++;
}

void
intake_stop(struct intake *intake)
{
	watch_all(intake, false);
	intake->watcher_count = 0;
	ev_timer_stop(intake->ev, &intake->rest);
	close_spare(intake);
}
