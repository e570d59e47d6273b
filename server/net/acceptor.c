#include "server/net/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/net/conn.h"
#include "server/net/notice.h"
#include "server/net/server.h"

/* ---- no room for a connection ---- */

/* Tell the peer behind FD why it is not served. */
static void
refuse_busy(struct acceptor *acceptor, int fd)
{
	struct server *server = acceptor->server;
	struct buf     buf;
	uint64_t       suppressed;

	buf_init(&buf, 1024);
	notice_pack(&buf, STATUS_BUSY, "too many connections");
	if (!buf.failed)
		(void)!send(fd, buf.data, buf.len, MSG_NOSIGNAL);
	buf_fini(&buf);
	close(fd);
	metric_add(&server->metrics.sets[0], METRIC_CONNECTIONS_REFUSED, 1);
	if (gate_pass(&acceptor->full_gate, clock_mono_ms(), &suppressed))
		log_warning(server->log, "connection_refused",
		    LOG_INTEGER("connections_max", server->connections_max),
		    LOG_INTEGER("suppressed", suppressed));
}

static void
open_spare(struct acceptor *acceptor)
{
	acceptor->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
watch_all(struct acceptor *acceptor, bool wanted)
{
	for (unsigned i = 0; i < acceptor->watcher_count; i++)
		if (wanted)
			ev_io_start(acceptor->ev, &acceptor->watchers[i]);
		else
			ev_io_stop(acceptor->ev, &acceptor->watchers[i]);
}

/* Out of descriptors (or memory), as errno says: turn one peer away, and rest. */
static void
rest(struct acceptor *acceptor, int listen_fd)
{
	int      error = errno, fd;
	uint64_t suppressed;

	if (acceptor->spare_fd >= 0) {
		close(acceptor->spare_fd);
		fd = accept(listen_fd, NULL, NULL);
		if (fd >= 0)
			close(fd);
		open_spare(acceptor);
	}
	metric_add(&acceptor->server->metrics.sets[0], METRIC_CONNECTIONS_REFUSED, 1);
	if (gate_pass(&acceptor->fd_gate, clock_mono_ms(), &suppressed))
		log_error(acceptor->server->log, "accept_failed",
		    LOG_TEXT("error", strerrorname_np(error)),
		    LOG_INTEGER("suppressed", suppressed));
	watch_all(acceptor, false);
	ev_timer_set(&acceptor->rest, ACCEPTOR_REST_MS / 1000.0, 0.0);
	ev_timer_start(acceptor->ev, &acceptor->rest);
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

static void
take(struct acceptor *acceptor, const struct listener *listener, int fd)
{
	struct server *server = acceptor->server;
	struct loop   *loop = &server->loops[acceptor->next_loop];
	bool           is_operator = false;

	if (atomic_fetch_add(&server->connections_open, 1) >= server->connections_max) {
		atomic_fetch_sub(&server->connections_open, 1);
		refuse_busy(acceptor, fd);
		return;
	}
	if (listener->is_unix)
		is_operator = auth_peer_operates(fd, server->options->admin_uid);
	else
		set_tcp_options(fd);
	if (!conn_open(loop, fd, ++acceptor->next_id, is_operator)) {
		atomic_fetch_sub(&server->connections_open, 1);
		close(fd);
		return;
	}
	acceptor->next_loop = (acceptor->next_loop + 1) % server->loop_count;
	metric_add(&server->metrics.sets[0], METRIC_CONNECTIONS_ACCEPTED, 1);
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
	struct acceptor       *acceptor = watcher->data;
	const struct listener *listener =
	    &acceptor->server->listeners.list[watcher - acceptor->watchers];

	(void)ev;
	(void)events;
	for (unsigned i = 0; i < ACCEPTOR_BURST_MAX; i++) {
		int fd =
		    accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take(acceptor, listener, fd);
			continue;
		}
		if (is_out_of_resources(errno))
			rest(acceptor, listener->fd);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

void
acceptor_start(struct acceptor *acceptor, struct server *server, struct ev_loop *ev)
{
	*acceptor = (struct acceptor){ .server = server, .ev = ev };
	acceptor->full_gate.per_second_max = 1;
	acceptor->fd_gate.per_second_max = 1;
	acceptor->watcher_count = server->listeners.count;
	for (unsigned i = 0; i < acceptor->watcher_count; i++) {
		ev_io_init(&acceptor->watchers[i], on_connection,
		    server->listeners.list[i].fd, EV_READ);
		acceptor->watchers[i].data = acceptor;
	}
	ev_timer_init(&acceptor->rest, on_rested, 0.0, 0.0);
	acceptor->rest.data = acceptor;
	open_spare(acceptor);
	watch_all(acceptor, true);
}

void
acceptor_stop(struct acceptor *acceptor)
{
	watch_all(acceptor, false);
	ev_timer_stop(acceptor->ev, &acceptor->rest);
	if (acceptor->spare_fd >= 0)
		close(acceptor->spare_fd);
	acceptor->spare_fd = -1;
}
