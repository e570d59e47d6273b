#include "tools/rest/http_connection.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "server/base/clock.h"
#include "server/base/late.h"
#include "tools/rest/http_exchange.h"

static size_t
output_waiting(const struct http_connection *connection)
{
	return connection->out.len - connection->out_sent;
}

/* Whether the next request may begin. */
static bool
may_begin(const struct http_connection *connection)
{
	return !connection->is_short &&
	       output_waiting(connection) < HTTP_OUTPUT_PAUSE_BYTES;
}

/* ---- deadlines ---- */

static int64_t
wait_ms(const struct http_connection *connection, enum http_wait wait)
{
	const struct http_settings *settings = &connection->server->settings;

	switch (wait) {
	case HTTP_WAIT_REQUEST:
		/* Who connects has something to say. */
		return connection->has_had_one ? settings->idle_timeout_ms
					       : settings->head_timeout_ms;
	case HTTP_WAIT_HEAD: return settings->head_timeout_ms;
	case HTTP_WAIT_BODY: return settings->body_timeout_ms;
	case HTTP_WAIT_CLOSE: return settings->linger_timeout_ms;
	case HTTP_WAIT_NOTHING: break;
	}
	return 0;
}

static void
start_timer(
    struct http_connection *connection, struct ev_timer *timer, int64_t after_ms)
{
	ev_timer_stop(connection->server->ev, timer);
	ev_timer_set(timer, (double)after_ms / 1e3, 0.);
	ev_timer_start(connection->server->ev, timer);
}

static void
set_wait(struct http_connection *connection, enum http_wait wait)
{
	if (wait == connection->wait)
		return; /* The deadline is absolute. */
	connection->wait = wait;
	if (wait == HTTP_WAIT_NOTHING)
		ev_timer_stop(connection->server->ev, &connection->input_deadline);
	else
		start_timer(
		    connection, &connection->input_deadline, wait_ms(connection, wait));
}

void
http_connection_forget_wait(struct http_connection *connection)
{
	set_wait(connection, HTTP_WAIT_NOTHING);
}

static enum http_wait
present_wait(const struct http_connection *connection)
{
	switch (connection->state) {
	case HTTP_READING_HEAD:
		if (!may_begin(connection))
			break; /* It is us who do not go on. */
		return connection->in.len == 0 ? HTTP_WAIT_REQUEST : HTTP_WAIT_HEAD;
	case HTTP_READING_BODY: return HTTP_WAIT_BODY;
	case HTTP_LINGERING: return HTTP_WAIT_CLOSE;
	case HTTP_AWAITING_ANSWER:
	case HTTP_ENDING: break;
	}
	return HTTP_WAIT_NOTHING;
}

/* ---- requests ---- */

/* Consume a head, or begin its exchange; false when there is nothing to go on with. */
static bool
take_head(struct http_connection *connection)
{
	struct slice in = buf_slice(&connection->in);

	switch (http_head_feed(&connection->head, in)) {
	case HTTP_HEAD_MORE:
		if (!connection->at_eof)
			return false;
		connection->state =
		    HTTP_ENDING; /* Whatever this was, it was no request. */
		return true;
	case HTTP_HEAD_BAD: http_exchange_refuse_head(connection); return true;
	case HTTP_HEAD_DONE: break;
	}
	http_exchange_begin(connection);
	return true;
}

static bool
take_body(struct http_connection *connection)
{
	enum http_parse_result result;
	size_t                 taken;

	if (connection->in.len == 0 && !connection->at_eof)
		return false;
	if (connection->in.len == 0) {
		http_exchange_refuse(connection, 400, "The request ends too early.");
		return true;
	}
	result =
	    http_parser_body(&connection->parser, buf_slice(&connection->in), &taken);
	buf_drop(&connection->in, taken);
	if (result == HTTP_PARSE_BAD)
		http_exchange_refuse(
		    connection, connection->parser.status, connection->parser.why);
	else if (result == HTTP_PARSE_DONE)
		http_exchange_deliver(connection);
	return true;
}

/* One step forward; false when input or an answer is wanted first. */
static bool
advance(struct http_connection *connection)
{
	switch (connection->state) {
	case HTTP_READING_HEAD:
		if (connection->in.len == 0 && connection->at_eof) {
			connection->state = HTTP_ENDING;
			return true;
		}
		return connection->in.len > 0 && may_begin(connection) &&
		       take_head(connection);
	case HTTP_READING_BODY: return take_body(connection);
	case HTTP_AWAITING_ANSWER:
	case HTTP_ENDING:
	case HTTP_LINGERING: break;
	}
	return false;
}

/* ---- output ---- */

struct buf *
http_connection_output(struct http_connection *connection)
{
	http_server_lend(connection->server, &connection->out);
	return &connection->out;
}

static void
send_output(struct http_connection *connection)
{
	ssize_t len;

	if (output_waiting(connection) == 0 || connection->is_broken)
		return;
	len = stream_send(&connection->stream,
	    connection->out.data + connection->out_sent, output_waiting(connection));
	if (len < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
		connection->is_broken = true;
		return;
	}
	if (len > 0) {
		connection->out_sent += (size_t)len;
		connection->server->counters[HTTP_COUNTER_BYTES_OUT] += (uint64_t)len;
	}
	connection->is_short = output_waiting(connection) > 0;
	if (connection->is_short)
		return;
	http_server_take_back(connection->server, &connection->out);
	connection->out_sent = 0;
}

/* ---- what to wait for ---- */

static void
watch(struct http_connection *connection, struct ev_io *watcher, bool wanted)
{
	if (wanted)
		ev_io_start(connection->server->ev, watcher);
	else
		ev_io_stop(connection->server->ev, watcher);
}

static bool
wants_input(const struct http_connection *connection)
{
	if (connection->at_eof)
		return false;
	switch (connection->state) {
	case HTTP_READING_HEAD:
		return may_begin(connection) &&
		       connection->in.len <= HTTP_HEAD_BYTES_MAX;
	case HTTP_READING_BODY:
	case HTTP_LINGERING: return true;
	case HTTP_AWAITING_ANSWER:
		return connection->in.len < HTTP_READ_AHEAD_BYTES_MAX;
	case HTTP_ENDING: break;
	}
	return false;
}

/* All is sent: hear the client out, so that it can hear us. */
static void
begin_to_linger(struct http_connection *connection)
{
	connection->state = HTTP_LINGERING;
	buf_truncate(&connection->in, 0);
	stream_end(&connection->stream);
}

static void
unlist(struct http_connection *connection)
{
	if (connection->is_unsent)
		TAILQ_REMOVE(&connection->server->unsent, connection, unsent);
	connection->is_unsent = false;
}

/* Send, then wait for what is needed next; may end CONNECTION. */
void
http_connection_flush(struct http_connection *connection)
{
	bool was_held = !may_begin(connection);

	unlist(connection);
	send_output(connection);
	if (was_held && may_begin(connection)) /* what came behind those answers */
		start_timer(connection, &connection->next_turn, 0);
	if (connection->state == HTTP_ENDING && output_waiting(connection) == 0)
		begin_to_linger(connection);
	if (connection->is_broken ||
	    (connection->state == HTTP_LINGERING && connection->at_eof)) {
		http_connection_close(connection);
		return;
	}
	set_wait(connection, present_wait(connection));
	watch(connection, &connection->readable, wants_input(connection));
	watch(connection, &connection->writable,
	    output_waiting(connection) > 0 || stream_wants_write(&connection->stream));
	if (wants_input(connection) && stream_has_more(&connection->stream))
		start_timer(connection, &connection->next_turn, 0);
	if (output_waiting(connection) == 0)
		ev_timer_stop(connection->server->ev, &connection->output_deadline);
	else if (!ev_is_active(&connection->output_deadline))
		start_timer(connection, &connection->output_deadline,
		    connection->server->settings.write_timeout_ms);
}

/* Do that when the turn ends, with others; at once if there is nothing to wait for. */
static void
settle(struct http_connection *connection)
{
	if (connection->in.len == 0)
		buf_return(
		    &connection->in, &connection->server->spare_in, HTTP_BYTES_KEPT);
	if (output_waiting(connection) == 0 || !may_begin(connection) ||
	    connection->state == HTTP_ENDING) {
		http_connection_flush(connection);
	} else if (!connection->is_unsent) {
		connection->is_unsent = true;
		TAILQ_INSERT_TAIL(&connection->server->unsent, connection, unsent);
	}
}

void
http_connection_run(struct http_connection *connection)
{
	unsigned requests = HTTP_REQUESTS_PER_TURN;
	uint64_t id = connection->server->id_last;

	if (connection->is_running)
		return; /* Called back from within: the loop below goes on. */
	connection->is_running = true;
	while (advance(connection))
		if (connection->server->id_last - id >= requests) {
			/* Others want to be served, too. */
			start_timer(connection, &connection->next_turn, 0);
			break;
		}
	connection->is_running = false;
	settle(connection);
}

/* ---- events ---- */

/* What comes is no TLS, or its certificate is bad: TLS has told the client. */
static void
give_up_tls(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	uint64_t            suppressed;

	if (gate_pass(&server->tls_gate, clock_mono_ms(), &suppressed))
		log_info(server->log, "tls_failed", LOG_TEXT("peer", connection->peer),
		    LOG_TEXT("why", stream_why(&connection->stream)),
		    LOG_INTEGER("suppressed", suppressed));
	if (connection->state == HTTP_READING_HEAD) {
		connection->state = HTTP_ENDING;
		settle(connection);
	} else {
		http_connection_close(connection);
	}
}

static void
take_input(struct http_connection *connection)
{
	char   *room;
	ssize_t len;

	buf_borrow(&connection->in, &connection->server->spare_in);
	room = buf_reserve(&connection->in, HTTP_READ_BYTES_MAX);
	if (room == NULL) { /* out of memory */
		http_connection_close(connection);
		return;
	}
	len = connection->state == HTTP_LINGERING
		  ? stream_discard(&connection->stream, room, HTTP_READ_BYTES_MAX)
		  : stream_recv(&connection->stream, room, HTTP_READ_BYTES_MAX);
	if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
		settle(connection);
		return;
	}
	if (len < 0 && errno == EPROTO) {
		give_up_tls(connection);
		return;
	}
	if (len > 0) {
		connection->in.len += (size_t)len;
		connection->server->counters[HTTP_COUNTER_BYTES_IN] += (uint64_t)len;
	}
	connection->at_eof = len == 0;
	connection->is_broken = len < 0;
	if (connection->is_broken) {
		http_connection_close(connection);
		return;
	}
	if (connection->state == HTTP_LINGERING)
		buf_truncate(&connection->in, 0);
	http_connection_run(connection);
}

/* Whether the connection may go on with its handshake, if it has one, in this turn. */
static bool
may_shake_hands(struct http_connection *connection)
{
	return !stream_is_opening(&connection->stream) ||
	       connection->server->handshakes++ < HTTP_HANDSHAKES_MAX;
}

static void
on_readable(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct http_connection *connection = watcher->data;

	(void)ev;
	if ((events & EV_ERROR) != 0) /* out of memory: the kernel's to watch it with */
		http_connection_close(connection);
	else if (may_shake_hands(connection)) /* else it is readable in the next, too */
		take_input(connection);
}

static void
on_writable(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct http_connection *connection = watcher->data;

	(void)ev;
	if ((events & EV_ERROR) != 0) {
		http_connection_close(connection);
		return;
	}
	if (stream_wants_write(&connection->stream)) {
		take_input(connection); /* which goes on with the handshake */
		return;
	}
	send_output(connection);
	http_connection_run(connection);
}

static void
on_input_deadline(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct http_connection *connection = timer->data;
	enum http_wait          wait = connection->wait;

	(void)events;
	assert(wait != HTTP_WAIT_NOTHING);
	if (late_again(ev, timer))
		return;
	set_wait(connection, HTTP_WAIT_NOTHING);
	if (wait == HTTP_WAIT_REQUEST || wait == HTTP_WAIT_CLOSE) {
		http_connection_close(connection);
		return;
	}
	connection->server->counters[HTTP_COUNTER_CONNECTIONS_EXPIRED]++;
	connection->is_running = true;
	if (wait == HTTP_WAIT_HEAD)
		http_exchange_begin_bad(connection);
	http_exchange_refuse(connection, 408, "The request took too long to come.");
	connection->is_running = false;
	settle(connection);
}

static void
on_output_deadline(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct http_connection *connection = timer->data;

	(void)events;
	if (late_again(ev, timer))
		return;
	connection->server->counters[HTTP_COUNTER_CONNECTIONS_EXPIRED]++;
	http_connection_close(connection);
}

static void
on_next_turn(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct http_connection *connection = timer->data;

	(void)ev;
	(void)events;
	if (wants_input(connection) && stream_has_more(&connection->stream))
		take_input(connection);
	else
		http_connection_run(connection);
}

/* ---- life ---- */

static void
init_watchers(struct http_connection *connection)
{
	ev_io_init(&connection->readable, on_readable, connection->stream.fd, EV_READ);
	ev_io_init(&connection->writable, on_writable, connection->stream.fd, EV_WRITE);
	ev_init(&connection->input_deadline, on_input_deadline);
	ev_init(&connection->output_deadline, on_output_deadline);
	ev_init(&connection->next_turn, on_next_turn);
	connection->readable.data = connection->writable.data = connection;
	connection->input_deadline.data = connection->output_deadline.data = connection;
	connection->next_turn.data = connection;
}

bool
http_connection_open(
    struct http_server *server, int fd, struct ssl_ctx_st *tls, const char *peer)
{
	struct http_connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return false;
	stream_init(&connection->stream, fd);
	if (tls != NULL && !stream_secure(&connection->stream, tls, NULL)) {
		free(connection);
		return false;
	}
	connection->server = server;
	connection->next = server->connections;
	if (connection->next != NULL)
		connection->next->previous = connection;
	server->connections = connection;
	server->counters[HTTP_COUNTER_CONNECTIONS_OPEN]++;
	init_watchers(connection);
	buf_init(&connection->in, HTTP_INPUT_BYTES_MAX);
	connection->in.secret = true;
	buf_init(&connection->out, HTTP_RESPONSE_BYTES_MAX);
	http_head_init(&connection->head);
	http_parser_init(&connection->parser);
	arena_init(&connection->exchange.arena, HTTP_ARENA_BYTES_MAX);
	strncpy(connection->peer, peer, sizeof(connection->peer) - 1);
	settle(connection);
	return true;
}

static void
stop_watchers(struct http_connection *connection)
{
	struct ev_loop *ev = connection->server->ev;

	ev_io_stop(ev, &connection->readable);
	ev_io_stop(ev, &connection->writable);
	ev_timer_stop(ev, &connection->input_deadline);
	ev_timer_stop(ev, &connection->output_deadline);
	ev_timer_stop(ev, &connection->next_turn);
}

void
http_connection_close(struct http_connection *connection)
{
	struct http_server *server = connection->server;

	assert(!connection->is_running);
	http_exchange_cancel(connection);
	unlist(connection);
	stop_watchers(connection);
	stream_close(&connection->stream);
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else
		server->connections = connection->next;
	server->counters[HTTP_COUNTER_CONNECTIONS_OPEN]--;
	buf_fini(&connection->in);
	buf_fini(&connection->out);
	http_parser_fini(&connection->parser);
	arena_fini(&connection->exchange.arena);
	free(connection);
	http_server_on_closed(server);
}

void
http_connection_drain(struct http_connection *connection)
{
	if (connection->state != HTTP_READING_HEAD || connection->in.len > 0)
		return;
	if (output_waiting(connection) == 0) {
		http_connection_close(connection);
		return;
	}
	connection->state = HTTP_ENDING;
	settle(connection);
}
