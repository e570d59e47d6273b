#include "tools/rest/http_server.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/address.h"
#include "server/base/clock.h"
#include "tools/rest/http_connection.h"
#include "tools/rest/text.h"

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
	text_hexadecimal(id, server->id_prefix);
	text_hexadecimal(id + (HTTP_ID_BYTES - 1) / 2, ++server->id_last);
	id[HTTP_ID_BYTES - 1] = '\0';
}

void
http_server_lend(struct http_server *server, struct buf *out)
{
	if (out->data == NULL && server->spare_out_count > 0)
		buf_borrow(out, &server->spare_out[--server->spare_out_count]);
}

void
http_server_take_back(struct http_server *server, struct buf *out)
{
	struct buf *spare;

	if (server->spare_out_count == HTTP_SPARES_MAX) {
		buf_fini(out);
		return;
	}
	spare = &server->spare_out[server->spare_out_count];
	buf_return(out, spare, HTTP_BYTES_KEPT);
	server->spare_out_count += spare->data != NULL;
}

/* ---- accepting ---- */

static void
count_refused(void *user)
{
	struct http_server *server = user;

	server->counters[HTTP_COUNTER_CONNECTIONS_REFUSED]++;
}

static void
refuse(struct http_server *server, int fd, const char *error)
{
	uint64_t suppressed;

	close(fd);
	count_refused(server);
	if (gate_pass(&server->refused_gate, clock_mono_ms(), &suppressed))
		log_warning(server->log, "connection_refused", LOG_TEXT("error", error),
		    LOG_INTEGER("suppressed", suppressed));
}

static void
take(void *user, unsigned number, int fd, const struct sockaddr_storage *address)
{
	struct http_server *server = user;
	char                peer[ADDRESS_NAME_BYTES];

	if (server->counters[HTTP_COUNTER_CONNECTIONS_OPEN] >=
	    server->settings.connections_max) {
		if (server->tls_of[number] == NULL)
			(void)!send(
			    fd, busy_answer, sizeof(busy_answer) - 1, MSG_NOSIGNAL);
		refuse(server, fd, "too many connections");
		return;
	}
	address_name(address, peer);
	if (http_connection_open(server, fd, server->tls_of[number], peer))
		server->counters[HTTP_COUNTER_CONNECTIONS_ACCEPTED]++;
	else
		refuse(server, fd, "out of memory");
}

static void
stop_listening(struct http_server *server)
{
	intake_stop(&server->intake);
	for (unsigned i = 0; i < server->listener_count; i++)
		close(server->listeners[i]);
	server->listener_count = 0;
}

/* ---- turns ---- */

static void
on_turn(struct ev_loop *ev, struct ev_prepare *prepare, int events)
{
	struct http_server     *server = prepare->data;
	struct http_connection *connection;

	(void)ev;
	(void)events;
	while ((connection = TAILQ_FIRST(&server->unsent)) != NULL)
		http_connection_flush(connection);
	server->handshakes = 0;
}

static void
watch_turns(struct http_server *server)
{
	ev_prepare_init(&server->turn, on_turn);
	/* After the calls of this turn: while answers leave, customerd is at work. */
	ev_set_priority(&server->turn, EV_MINPRI);
	server->turn.data = server;
	ev_prepare_start(server->ev, &server->turn);
	ev_unref(server->ev); /* it is no reason to go on */
}

static void
stop_turns(struct http_server *server)
{
	ev_ref(server->ev);
	ev_prepare_stop(server->ev, &server->turn);
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
	server->refused_gate.per_second_max = 1;
	server->tls_gate.per_second_max = HTTP_TLS_LOG_PER_SECOND_MAX;
	server->stranger_gate.per_second_max = HTTP_STRANGER_LOG_PER_SECOND_MAX;
	server->intake = (struct intake){
		.take = take, .refused = count_refused, .user = server, .log = log
	};
	intake_start(&server->intake, ev);
	buf_init(&server->spare_in, HTTP_INPUT_BYTES_MAX);
	for (unsigned i = 0; i < HTTP_SPARES_MAX; i++)
		buf_init(&server->spare_out[i], HTTP_RESPONSE_BYTES_MAX);
	TAILQ_INIT(&server->unsent);
	ev_timer_init(&server->drain, on_drained, 0., 0.);
	server->drain.data = server;
	watch_turns(server);
	/* Only to tell processes apart; without it ids begin with zeros. */
	(void)!getrandom(&server->id_prefix, sizeof(server->id_prefix), GRND_NONBLOCK);
	return true;
}

void
http_server_renew_tls(struct http_server *server, struct ssl_ctx_st *tls)
{
	for (unsigned i = 0; i < server->listener_count; i++)
		if (server->tls_of[i] != NULL)
			server->tls_of[i] = tls;
}

void
http_server_listen(struct http_server *server, int fd, struct ssl_ctx_st *tls)
{
	assert(server->listener_count < HTTP_LISTENERS_MAX && !server->is_draining);
	server->tls_of[server->listener_count] = tls;
	server->listeners[server->listener_count++] = fd;
	intake_add(&server->intake, fd);
}

void
http_server_close(struct http_server *server)
{
	if (server == NULL)
		return;
	stop_turns(server);
	ev_timer_stop(server->ev, &server->drain);
	stop_listening(server);
	close_connections(server);
	buf_fini(&server->spare_in);
	for (unsigned i = 0; i < HTTP_SPARES_MAX; i++)
		buf_fini(&server->spare_out[i]);
	free(server);
}

uint64_t
http_server_counter(const struct http_server *server, enum http_counter counter)
{
	return server->counters[counter];
}
