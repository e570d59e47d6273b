#include "tools/rest/http_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "tools/rest/http_connection.h"

static const char busy_answer[] =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";

/* ---- what connections need ---- */

const char *
http_server_date(struct http_server *server)
{
	int64_t now_ms = clock_wall_ms();

	if (now_ms / 1000 != server->date_s) {
		server->date_s = now_ms / 1000;
		http_date_format(server->date, now_ms);
	}
	return server->date;
}

void
http_server_make_id(struct http_server *server, char id[HTTP_ID_BYTES])
{
	snprintf(id, HTTP_ID_BYTES, "%016" PRIx64 "%016" PRIx64, server->id_prefix,
	    ++server->id_last);
}

/* ---- accepting ---- */

static void
complain(struct http_server *server, const char *event, const char *error)
{
	int64_t now_ms = clock_mono_ms();

	server->counters[HTTP_COUNTER_CONNECTIONS_REFUSED]++;
	if (server->complained_at_ms != 0 && now_ms - server->complained_at_ms < 1000)
		return;
	server->complained_at_ms = now_ms;
	log_warning(server->log, event, LOG_TEXT("error", error),
	    LOG_INTEGER("refused", server->counters[HTTP_COUNTER_CONNECTIONS_REFUSED]));
}

static void
watch_all(struct http_server *server, bool wanted)
{
	for (unsigned i = 0; i < server->listener_count; i++)
		if (wanted)
			ev_io_start(server->ev, &server->listeners[i]);
		else
			ev_io_stop(server->ev, &server->listeners[i]);
}

static void
open_spare(struct http_server *server)
{
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/*
 * Out of descriptors, or of memory: turn the one who waits away with the spare
 * descriptor and rest, for a socket that stays readable would keep the loop spinning.
 */
static void
rest(struct http_server *server, int listen_fd, int error)
{
	int fd;

	if (server->spare_fd >= 0) {
		close(server->spare_fd);
		fd = accept(listen_fd, NULL, NULL);
		if (fd >= 0)
			close(fd);
		open_spare(server);
	}
	complain(server, "accept_failed", strerrorname_np(error));
	watch_all(server, false);
	ev_timer_set(&server->rest, HTTP_ACCEPT_REST_MS / 1e3, 0.);
	ev_timer_start(server->ev, &server->rest);
}

static void
on_rested(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	watch_all(timer->data, true);
}

static void
name_peer(const struct sockaddr_storage *address, char peer[HTTP_PEER_BYTES])
{
	const struct sockaddr_in  *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	char                       host[INET6_ADDRSTRLEN] = "";

	snprintf(peer, HTTP_PEER_BYTES, "unix");
	if (address->ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(peer, HTTP_PEER_BYTES, "%s:%u", host, ntohs(v4->sin_port));
	} else if (address->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(peer, HTTP_PEER_BYTES, "[%s]:%u", host, ntohs(v6->sin6_port));
	}
}

static void
take(struct http_server *server, int fd, const struct sockaddr_storage *address)
{
	char peer[HTTP_PEER_BYTES];
	int  on = 1;

	if (server->counters[HTTP_COUNTER_CONNECTIONS_OPEN] >=
	    server->settings.connections_max) {
		(void)!send(fd, busy_answer, sizeof(busy_answer) - 1, MSG_NOSIGNAL);
		close(fd);
		complain(server, "connection_refused", "too many connections");
		return;
	}
	/* Failures cost latency, or a dead peer's memory for longer; nothing else. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	name_peer(address, peer);
	if (!http_connection_open(server, fd, peer)) {
		close(fd);
		complain(server, "connection_refused", "out of memory");
		return;
	}
	server->counters[HTTP_COUNTER_CONNECTIONS_ACCEPTED]++;
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
	struct http_server *server = watcher->data;

	(void)ev;
	(void)events;
	for (unsigned i = 0; i < HTTP_ACCEPT_BURST_MAX; i++) {
		struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
		socklen_t               len = sizeof(address);
		int fd = accept4(watcher->fd, (struct sockaddr *)&address, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take(server, fd, &address);
			continue;
		}
		if (is_out_of_resources(errno))
			rest(server, watcher->fd, errno);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static void
stop_listening(struct http_server *server)
{
	watch_all(server, false);
	ev_timer_stop(server->ev, &server->rest);
	for (unsigned i = 0; i < server->listener_count; i++)
		close(server->listeners[i].fd);
	server->listener_count = 0;
	if (server->spare_fd >= 0)
		close(server->spare_fd);
	server->spare_fd = -1;
}

/* ---- draining ---- */

static void
close_connections(struct http_server *server)
{
	while (server->connections != NULL)
		http_connection_close(server->connections);
}

/* All have gone, or patience has. */
static void
on_drained(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct http_server *server = timer->data;

	(void)events;
	ev_timer_stop(ev, timer);
	close_connections(server);
	if (server->drained != NULL)
		server->drained(server->drained_user);
}

/* Not at once: whoever closed the last connection may be working for the server. */
static void
report_drained(struct http_server *server)
{
	ev_timer_stop(server->ev, &server->drain);
	ev_timer_set(&server->drain, 0., 0.);
	ev_timer_start(server->ev, &server->drain);
}

void
http_server_on_closed(struct http_server *server)
{
	if (server->connections == NULL && ev_is_active(&server->drain))
		report_drained(server);
}

void
http_server_drain(struct http_server *server, void (*drained)(void *user), void *user)
{
	struct http_connection *connection, *next;

	assert(!server->is_draining);
	server->is_draining = true;
	server->drained = drained;
	server->drained_user = user;
	stop_listening(server);
	ev_timer_set(
	    &server->drain, (double)server->settings.drain_timeout_ms / 1e3, 0.);
	ev_timer_start(server->ev, &server->drain);
	for (connection = server->connections; connection != NULL; connection = next) {
		next = connection->next;
		http_connection_drain(connection);
	}
	if (server->connections == NULL)
		report_drained(server);
}

/* ---- life ---- */

static int64_t
or_default(int64_t value, int64_t standard)
{
	return value != 0 ? value : standard;
}

/* The settings with defaults for zeros. */
static struct http_settings
complete(struct http_settings given)
{
	assert(given.body_bytes_max <= HTTP_BODY_BYTES_MAX);
	return (struct http_settings){
		.connections_max = (unsigned)or_default(given.connections_max, 1000),
		.body_bytes_max =
		    (size_t)or_default((int64_t)given.body_bytes_max, 256 * 1024),
		.head_timeout_ms = or_default(given.head_timeout_ms, 10000),
		.body_timeout_ms = or_default(given.body_timeout_ms, 30000),
		.idle_timeout_ms = or_default(given.idle_timeout_ms, 60000),
		.write_timeout_ms = or_default(given.write_timeout_ms, 30000),
		.linger_timeout_ms = or_default(given.linger_timeout_ms, 2000),
		.drain_timeout_ms = or_default(given.drain_timeout_ms, 5000),
		.is_quiet = given.is_quiet,
	};
}

bool
http_server_open(struct http_server **out, struct ev_loop *ev,
    const struct http_application *application, const struct http_settings *settings,
    struct log *log)
{
	struct http_server *server = calloc(1, sizeof(*server));

	assert(application->on_request != NULL);
	*out = server;
	if (server == NULL)
		return false;
	server->ev = ev;
	server->application = *application;
	server->settings = complete(*settings);
	server->log = log;
	server->date_s = -1;
	ev_timer_init(&server->rest, on_rested, 0., 0.);
	ev_timer_init(&server->drain, on_drained, 0., 0.);
	server->rest.data = server->drain.data = server;
	open_spare(server);
	/* Only to tell processes apart; without it ids begin with zeros. */
	(void)!getrandom(&server->id_prefix, sizeof(server->id_prefix), GRND_NONBLOCK);
	return true;
}

void
http_server_listen(struct http_server *server, int fd)
{
	struct ev_io *listener = &server->listeners[server->listener_count];

	assert(server->listener_count < HTTP_LISTENERS_MAX && !server->is_draining);
	/* An inherited one may block, and then the loop would. */
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	server->listener_count++;
	ev_io_init(listener, on_connection, fd, EV_READ);
	listener->data = server;
	ev_io_start(server->ev, listener);
}

void
http_server_close(struct http_server *server)
{
	if (server == NULL)
		return;
	ev_timer_stop(server->ev, &server->drain);
	stop_listening(server);
	close_connections(server);
	free(server);
}

uint64_t
http_server_counter(const struct http_server *server, enum http_counter counter)
{
	return server->counters[counter];
}
