#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "client/connection.h"
#include "client/core.h"
#include "proto/tls.h"

#define PAUSE_MS_FIRST 50 /* after the second failure in a row; then it doubles */
#define RECEIVES_MAX 16u  /* in one turn, so that others get theirs */

/* After 2 minutes of silence, a server that vanished is noticed by who only listens. */
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_PROBE_S 20
#define KEEPALIVE_PROBES 3

/* SplitMix64; for jitter only. */
static uint64_t
next_random(struct connection *connection)
{
	uint64_t z = connection->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/*
 * How long to wait before the next attempt: nothing after a connection that had
 * stood for a while; then any time up to a bound that doubles, so that the clients
 * of a server that returns do not all come at once.
 */
static int64_t
pause_ms(struct connection *connection)
{
	int64_t bound = PAUSE_MS_FIRST;

	if (connection->failures <= 1)
		return 0;
	for (unsigned i = 2;
	     i < connection->failures && bound < connection->pause_ms_max; i++)
		bound *= 2;
	if (bound > connection->pause_ms_max)
		bound = connection->pause_ms_max;
	return bound <= 0 ? 0
			  : (int64_t)(next_random(connection) % (uint64_t)bound) + 1;
}

static bool
copy_text(char **to, const char *from)
{
	*to = from == NULL ? NULL : strdup(from);
	return from == NULL || *to != NULL;
}

/* Read the files of TLS, if an address wants it. */
static enum customerd_status
prepare_tls(struct connection *connection, const struct customerd_tls *given,
    struct customerd_error *error)
{
	struct tls_files files = { 0 };
	char             why[sizeof(error->message)];
	bool             is_wanted = false;

	for (unsigned i = 0; i < connection->addresses.count; i++)
		is_wanted = is_wanted || connection->addresses.addresses[i].is_tls;
	if (!is_wanted)
		return CUSTOMERD_OK;
	if (given != NULL) {
		files = (struct tls_files){ given->certificate_file, given->key_file,
			given->authorities_file };
		if (!copy_text(&connection->server_name, given->server_name))
			return error_no_memory(error);
	}
	connection->tls = tls_new_client(&files, why, sizeof(why));
	if (connection->tls != NULL)
		return CUSTOMERD_OK;
	error_set(error, "BAD_TLS", false, "%s", why);
	return CUSTOMERD_MISUSE;
}

enum customerd_status
connection_init(struct connection *connection, struct customerd_core *core,
    const struct customerd_options *options, struct customerd_error *error)
{
	const char           *address = options->address;
	enum customerd_status status;

	connection->core = core;
	stream_init(&connection->stream, -1);
	buf_init(&connection->greeting, ANSWER_BYTES_MAX_DEFAULT);
	connection->connect_timeout_ms =
	    option_or(options->connect_timeout_ms, CONNECT_TIMEOUT_MS_DEFAULT);
	connection->pause_ms_max =
	    option_or(options->pause_ms_max, PAUSE_MS_MAX_DEFAULT);
	connection->due_ms = clock_ms();
	/* No entropy is no reason to fail: jitter needs no more than a difference. */
	connection->random = (uint64_t)connection->due_ms ^ (uintptr_t)connection;
	if (getrandom(&connection->random, sizeof(connection->random), GRND_NONBLOCK) <
	    0)
		connection->random++;
	if (!copy_text(&connection->token, options->token) ||
	    !copy_text(&connection->client_name, options->client_name))
		return error_no_memory(error);
	status = address_parse(&connection->addresses,
	    address == NULL ? CUSTOMERD_ADDRESS_DEFAULT : address, error);
	return status != CUSTOMERD_OK ? status
				      : prepare_tls(connection, options->tls, error);
}

static void
hang_up(struct connection *connection)
{
	if (connection->stream.fd >= 0)
		stream_close(&connection->stream);
	stream_init(&connection->stream, -1);
}

void
connection_fini(struct connection *connection)
{
	hang_up(connection);
	address_fini(&connection->addresses);
	buf_fini(&connection->greeting);
	tls_free(connection->tls);
	free(connection->server_name);
	free(connection->token);
	free(connection->client_name);
}

/* ---- Connecting ---- */

/* No connection any more, or none yet, because of connection->error. */
static void
disconnect(struct connection *connection, enum customerd_status failure)
{
	int64_t now_ms = clock_ms();

	hang_up(connection);
	if (connection->state == CONNECTION_READY &&
	    now_ms - connection->ready_ms >= PAUSE_MS_FIRST)
		connection->failures = 0;
	connection->failures++;
	connection->failure = failure;
	connection->state = CONNECTION_PAUSED;
	connection->due_ms = now_ms + pause_ms(connection);
	connection->is_refused = false;
	customerd_core_disconnected(connection->core, &connection->error);
}

static void
on_hello(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct connection *connection = user;

	if (connection->state != CONNECTION_GREETING || connection->is_closing)
		return; /* hello is over because the connection is */
	if (status != CUSTOMERD_OK) {
		/* We are within customerd_core_feed(); disconnect after it. */
		connection->error = *error;
		connection->error.details = (struct customerd_slice){ NULL, 0 };
		connection->is_refused = true;
		return;
	}
	buf_clear(&connection->greeting, BUF_BYTES_KEPT);
	buf_put(&connection->greeting, result.data, result.len);
	connection->state = CONNECTION_READY;
	connection->ready_ms = clock_ms();
	connection->due_ms = -1;
}

/* Until when the server has to do the next step of connecting. */
static int64_t
patience_until(const struct connection *connection)
{
	int64_t patience_ms = connection->connect_timeout_ms;

	return patience_ms < 0 ? -1 : clock_ms() + patience_ms;
}

static void
greet(struct connection *connection)
{
	enum customerd_status status =
	    customerd_core_hello(connection->core, connection->token,
		connection->client_name, on_hello, connection, &connection->error);

	connection->state = CONNECTION_GREETING;
	connection->due_ms = patience_until(connection);
	if (status != CUSTOMERD_OK)
		disconnect(connection, status);
}

/* The address that is being tried. */
static const struct address *
present_address(const struct connection *connection)
{
	return &connection->addresses.addresses[connection->address - 1];
}

static void
note_failure(
    struct connection *connection, const char *code, bool retryable, const char *reason)
{
	char name[160];

	address_print(present_address(connection), name, sizeof(name));
	error_set(&connection->error, code, retryable, "cannot connect to %s: %s", name,
	    reason);
}

/* What errno stands for. */
static const char *
reason_of(const struct connection *connection)
{
	return errno == EPROTO && connection->stream.tls != NULL
		   ? stream_why(&connection->stream)
		   : strerror(errno);
}

/* Best effort: without these it is slower, not wrong. */
static void
set_tcp_options(int fd)
{
	const int yes = 1, idle_s = KEEPALIVE_IDLE_S, probe_s = KEEPALIVE_PROBE_S,
		  probes = KEEPALIVE_PROBES;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &probe_s, sizeof(probe_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* The socket is connected: greet, or shake hands first.  False: that has failed. */
static bool
begin_to_talk(struct connection *connection)
{
	const struct address *address = present_address(connection);
	const char           *name = connection->server_name;

	if (!address->is_tls) {
		greet(connection);
		return true;
	}
	connection->state = CONNECTION_SECURING;
	connection->due_ms = patience_until(connection);
	if (stream_secure(&connection->stream, connection->tls,
		name != NULL ? name : address->host))
		return true;
	errno = ENOMEM;
	return false;
}

/* Begin to connect to ENDPOINT; false when that has failed already. */
static bool
connect_to(struct connection *connection, const struct endpoint *endpoint)
{
	int fd = socket(
	    endpoint->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	stream_init(&connection->stream, fd);
	if (endpoint->address.ss_family != AF_UNIX)
		set_tcp_options(fd);
	connection->state = CONNECTION_CONNECTING;
	connection->due_ms = patience_until(connection);
	if (connect(fd, (const struct sockaddr *)&endpoint->address, endpoint->len) ==
	    0)
		return begin_to_talk(connection);
	return errno == EINPROGRESS;
}

/* Try the next endpoint, of the next address if need be. */
static void
connect_next(struct connection *connection)
{
	for (;;) {
		hang_up(connection);
		if (connection->endpoint < connection->endpoints.count) {
			if (connect_to(
				connection, &connection->endpoints
						 .endpoint[connection->endpoint++]))
				return;
			note_failure(
			    connection, "CONNECT_FAILED", true, strerror(errno));
		} else if (connection->address < connection->addresses.count) {
			connection->endpoint = 0;
			address_resolve(
			    &connection->addresses.addresses[connection->address++],
			    &connection->endpoints, &connection->error);
		} else {
			disconnect(connection, CUSTOMERD_NOT_SENT);
			return;
		}
	}
}

static void
begin_to_connect(struct connection *connection)
{
	connection->address = connection->endpoint = connection->endpoints.count = 0;
	connect_next(connection);
}

/* Go on to the next endpoint when this one has had its time. */
static void
lose_patience(struct connection *connection)
{
	if (connection->due_ms < 0 || clock_ms() < connection->due_ms)
		return;
	note_failure(connection, "CONNECT_FAILED", true, "no answer in time");
	connect_next(connection);
}

static void
continue_to_connect(struct connection *connection, short revents)
{
	int       failed = 0;
	socklen_t len = sizeof(failed);

	if (revents == 0) {
		lose_patience(connection);
		return;
	}
	getsockopt(connection->stream.fd, SOL_SOCKET, SO_ERROR, &failed, &len);
	if (failed == 0 && begin_to_talk(connection))
		return;
	note_failure(
	    connection, "CONNECT_FAILED", true, strerror(failed != 0 ? failed : errno));
	connect_next(connection);
}

static void
continue_to_secure(struct connection *connection)
{
	if (stream_handshake(&connection->stream) == 1) {
		greet(connection);
		return;
	}
	if (errno == EAGAIN) {
		lose_patience(connection);
		return;
	}
	/* A certificate that is bad now is bad the next time, too. */
	note_failure(connection, "TLS_FAILED", !stream_distrusts(&connection->stream),
	    reason_of(connection));
	connect_next(connection);
}

/* ---- Sending and receiving ---- */

static bool
is_connected(const struct connection *connection)
{
	return !connection->is_closing && (connection->state == CONNECTION_GREETING ||
					      connection->state == CONNECTION_READY);
}

static void
lose(struct connection *connection, const char *reason)
{
	error_set(&connection->error, "CONNECTION_LOST", true,
	    "the connection is lost: %s", reason);
	disconnect(connection, CUSTOMERD_NOT_SENT);
}

/* Hand LEN bytes that have arrived to the core; false when that ended it. */
static bool
feed(struct connection *connection, size_t len)
{
	struct customerd_error error;
	bool                   is_good =
	    customerd_core_feed(connection->core, connection->received, len, &error);

	if (connection->is_closing)
		return false;
	if (!is_good)
		connection->error = error;
	if (!is_good)
		disconnect(connection, CUSTOMERD_NOT_SENT);
	else if (connection->is_refused)
		disconnect(connection, CUSTOMERD_REFUSED);
	return is_connected(connection);
}

static void
receive(struct connection *connection)
{
	for (unsigned i = 0; i < RECEIVES_MAX; i++) {
		ssize_t len = stream_recv(&connection->stream, connection->received,
		    sizeof(connection->received));

		if (len == 0)
			lose(connection, "the server has closed it");
		else if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		else if (len < 0)
			lose(connection, reason_of(connection));
		if (len <= 0 || !feed(connection, (size_t)len) ||
		    ((size_t)len < sizeof(connection->received) &&
			!stream_has_more(&connection->stream)))
			return;
	}
}

static void
transmit(struct connection *connection)
{
	struct customerd_slice output;

	while ((output = customerd_core_output(connection->core)).len > 0) {
		ssize_t len = stream_send(&connection->stream, output.data, output.len);

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (len < 0) {
			const char *reason = reason_of(connection);

			/* What the server said before it hung up may still be there. */
			receive(connection);
			if (is_connected(connection))
				lose(connection, reason);
			return;
		}
		customerd_core_sent(connection->core, (size_t)len);
	}
}

/* Whether something should have come by NOW_MS. */
static bool
is_overdue(const struct connection *connection, int64_t now_ms)
{
	int64_t at_ms = customerd_core_deadline_ms(connection->core);

	return (at_ms >= 0 && at_ms <= now_ms) ||
	       (connection->due_ms >= 0 && connection->due_ms <= now_ms);
}

static void
exchange(struct connection *connection, short revents, int64_t now_ms)
{
	/*
	 * First receive: a connection that has ended must not take a new call, and
	 * when the process was stopped for a while the answers may be there.
	 */
	if ((revents & ~POLLOUT) != 0 || stream_has_more(&connection->stream) ||
	    stream_wants_write(&connection->stream) || is_overdue(connection, now_ms))
		receive(connection);
	if (is_connected(connection))
		transmit(connection);
	if (is_connected(connection) && connection->state == CONNECTION_GREETING &&
	    connection->due_ms >= 0 && now_ms >= connection->due_ms)
		lose(connection, "no answer to hello in time");
}

void
connection_process(struct connection *connection, short revents, int64_t now_ms)
{
	switch (connection->state) {
	case CONNECTION_PAUSED:
		if (clock_ms() >= connection->due_ms)
			begin_to_connect(connection);
		break;
	case CONNECTION_CONNECTING: continue_to_connect(connection, revents); break;
	case CONNECTION_SECURING: continue_to_secure(connection); break;
	case CONNECTION_GREETING:
	case CONNECTION_READY: exchange(connection, revents, now_ms); break;
	}
}

short
connection_events(const struct connection *connection)
{
	if (connection->state == CONNECTION_PAUSED)
		return 0;
	if (connection->state == CONNECTION_CONNECTING)
		return POLLOUT;
	if (stream_wants_write(&connection->stream))
		return POLLIN | POLLOUT;
	return connection->state != CONNECTION_SECURING &&
		       core_has_output(connection->core)
		   ? POLLIN | POLLOUT
		   : POLLIN;
}
