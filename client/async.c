/*
 * The asynchronous handle: one socket, made and made again, around the core.
 *
 *	PAUSED ──► CONNECTING ──► GREETING ──► READY
 *	   ▲            │             │          │
 *	   └────────────┴─────────────┴──────────┘  disconnect()
 */

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "client/address.h"

#define PAUSE_MS_FIRST 50 /* after the second failure in a row; then it doubles */
#define RECEIVE_BYTES (64u * 1024)
#define RECEIVES_MAX 16u /* in one turn, so that others get theirs */

struct customerd_async {
	struct customerd_core *core;
	char                  *token, *client_name; /* NULL: none */
	int64_t                connect_timeout_ms, pause_ms_max;

	enum async_state    state;
	int                 fd;     /* -1 while PAUSED */
	int64_t             due_ms; /* see enum async_state; -1: never */
	struct address_list addresses;
	unsigned            address; /* the next one to look up */
	struct endpoints    endpoints;
	unsigned            endpoint; /* the next one to try */
	int64_t             ready_ms; /* since when it is READY */
	unsigned            failures; /* in a row */
	uint64_t            random;

	enum customerd_status  failure; /* the last one, and why */
	struct customerd_error error;
	bool                   is_refused; /* hello was; hang up */
	struct buf             greeting;   /* the answer to hello */

	void (*hook)(void *user);
	void    *hook_user;
	unsigned busy;   /* the handle is at work; callbacks may come */
	bool     doomed; /* to be freed when that ends */
	char     received[RECEIVE_BYTES];
};

static int64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* SplitMix64; for jitter only. */
static uint64_t
next_random(struct customerd_async *async)
{
	uint64_t z = async->random += UINT64_C(0x9e3779b97f4a7c15);

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
pause_ms(struct customerd_async *async)
{
	int64_t bound = PAUSE_MS_FIRST;

	if (async->failures <= 1)
		return 0;
	for (unsigned i = 2; i < async->failures && bound < async->pause_ms_max; i++)
		bound *= 2;
	if (bound > async->pause_ms_max)
		bound = async->pause_ms_max;
	return bound <= 0 ? 0 : (int64_t)(next_random(async) % (uint64_t)bound) + 1;
}

/* ---- Making and freeing ---- */

static bool
copy_text(char **to, const char *from)
{
	*to = from == NULL ? NULL : strdup(from);
	return from == NULL || *to != NULL;
}

static void
release(struct customerd_async *async)
{
	if (async->fd >= 0)
		close(async->fd);
	address_fini(&async->addresses);
	buf_fini(&async->greeting);
	free(async->token);
	free(async->client_name);
	free(async);
}

enum customerd_status
customerd_async_new(struct customerd_async **out,
    const struct customerd_options *options, struct customerd_error *error)
{
	struct customerd_async *async = calloc(1, sizeof(*async));
	const char             *address = options->address;
	enum customerd_status   status;

	*out = NULL;
	if (async == NULL)
		return error_no_memory(error);
	async->fd = -1;
	buf_init(&async->greeting, ANSWER_BYTES_MAX_DEFAULT);
	async->connect_timeout_ms =
	    option_or(options->connect_timeout_ms, CONNECT_TIMEOUT_MS_DEFAULT);
	async->pause_ms_max = option_or(options->pause_ms_max, PAUSE_MS_MAX_DEFAULT);
	async->due_ms = clock_ms();
	/* No entropy is no reason to fail: the address of the handle has to do. */
	async->random = (uintptr_t)async;
	if (getrandom(&async->random, sizeof(async->random), GRND_NONBLOCK) < 0)
		async->random ^= (uint64_t)async->due_ms;
	status = address_parse(&async->addresses,
	    address == NULL ? CUSTOMERD_ADDRESS_DEFAULT : address, error);
	if (status == CUSTOMERD_OK &&
	    (!copy_text(&async->token, options->token) ||
		!copy_text(&async->client_name, options->client_name)))
		status = error_no_memory(error);
	if (status == CUSTOMERD_OK)
		status = customerd_core_new(&async->core, options, error);
	if (status != CUSTOMERD_OK) {
		release(async);
		return status;
	}
	*out = async;
	return CUSTOMERD_OK;
}

void
customerd_async_free(struct customerd_async *async)
{
	struct customerd_core *core;

	if (async == NULL || async->doomed)
		return;
	async->doomed = true;
	async->busy++;
	core = async->core;
	customerd_core_free(core);
	if (--async->busy == 0)
		release(async);
}

/* Leave a function that ran callbacks. */
static void
leave(struct customerd_async *async)
{
	if (--async->busy > 0)
		return;
	if (async->doomed)
		release(async);
	else if (async->hook != NULL)
		async->hook(async->hook_user);
}

/* ---- Connecting ---- */

/* No connection any more, or none yet, because of async->error. */
static void
disconnect(struct customerd_async *async, enum customerd_status failure)
{
	int64_t now_ms = clock_ms();

	if (async->fd >= 0)
		close(async->fd);
	async->fd = -1;
	if (async->state == ASYNC_READY && now_ms - async->ready_ms >= PAUSE_MS_FIRST)
		async->failures = 0;
	async->failures++;
	async->failure = failure;
	async->state = ASYNC_PAUSED;
	async->due_ms = now_ms + pause_ms(async);
	async->is_refused = false;
	customerd_core_disconnected(async->core, &async->error);
}

static void
on_hello(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct customerd_async *async = user;

	if (async->state != ASYNC_GREETING || async->doomed)
		return; /* hello is over because the connection is */
	if (status != CUSTOMERD_OK) {
		/* Within customerd_core_feed(), which does not want to be disconnected.
		 */
		async->error = *error;
		async->is_refused = true;
		return;
	}
	buf_clear(&async->greeting, BUF_BYTES_KEPT);
	buf_put(&async->greeting, result.data, result.len);
	async->state = ASYNC_READY;
	async->ready_ms = clock_ms();
	async->due_ms = -1;
}

static void
greet(struct customerd_async *async)
{
	int64_t               now_ms = clock_ms();
	enum customerd_status status = customerd_core_hello(async->core, async->token,
	    async->client_name, now_ms, on_hello, async, &async->error);

	async->state = ASYNC_GREETING;
	async->due_ms =
	    async->connect_timeout_ms < 0 ? -1 : now_ms + async->connect_timeout_ms;
	if (status != CUSTOMERD_OK)
		disconnect(async, status);
}

static void
note_failure(struct customerd_async *async, const char *reason)
{
	char name[160];

	address_print(
	    &async->addresses.addresses[async->address - 1], name, sizeof(name));
	error_set(&async->error, "CONNECT_FAILED", true, "cannot connect to %s: %s",
	    name, reason);
}

/* Begin to connect to ENDPOINT; false when that has failed already. */
static bool
connect_to(struct customerd_async *async, const struct endpoint *endpoint)
{
	const int yes = 1;

	async->fd = socket(
	    endpoint->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (async->fd < 0)
		return false;
	if (endpoint->address.ss_family != AF_UNIX) {
		/* Best effort: without them it is slower, not wrong. */
		setsockopt(async->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		setsockopt(async->fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	}
	async->state = ASYNC_CONNECTING;
	async->due_ms =
	    async->connect_timeout_ms < 0 ? -1 : clock_ms() + async->connect_timeout_ms;
	if (connect(async->fd, (const struct sockaddr *)&endpoint->address,
		endpoint->len) == 0) {
		greet(async);
		return true;
	}
	return errno == EINPROGRESS;
}

/* Try the next endpoint, of the next address if need be. */
static void
connect_next(struct customerd_async *async)
{
	for (;;) {
		if (async->fd >= 0)
			close(async->fd);
		async->fd = -1;
		if (async->endpoint < async->endpoints.count) {
			if (connect_to(
				async, &async->endpoints.endpoint[async->endpoint++]))
				return;
			note_failure(async, strerror(errno));
		} else if (async->address < async->addresses.count) {
			async->endpoint = 0;
			address_resolve(&async->addresses.addresses[async->address++],
			    &async->endpoints, &async->error);
		} else {
			disconnect(async, CUSTOMERD_NOT_SENT);
			return;
		}
	}
}

static void
begin_to_connect(struct customerd_async *async)
{
	async->address = async->endpoint = async->endpoints.count = 0;
	connect_next(async);
}

static void
continue_to_connect(struct customerd_async *async, short revents)
{
	int       failed = 0;
	socklen_t len = sizeof(failed);

	if (revents != 0) {
		getsockopt(async->fd, SOL_SOCKET, SO_ERROR, &failed, &len);
		if (failed == 0) {
			greet(async);
			return;
		}
		note_failure(async, strerror(failed));
		connect_next(async);
	} else if (async->due_ms >= 0 && clock_ms() >= async->due_ms) {
		note_failure(async, "no answer in time");
		connect_next(async);
	}
}

/* ---- Sending and receiving ---- */

static bool
is_connected(const struct customerd_async *async)
{
	return !async->doomed &&
	       (async->state == ASYNC_GREETING || async->state == ASYNC_READY);
}

static void
lose(struct customerd_async *async, const char *reason)
{
	error_set(&async->error, "CONNECTION_LOST", true, "the connection is lost: %s",
	    reason);
	disconnect(async, CUSTOMERD_NOT_SENT);
}

/* Hand LEN bytes that have arrived to the core; false when that ended it. */
static bool
feed(struct customerd_async *async, size_t len)
{
	struct customerd_error error;
	bool is_good = customerd_core_feed(async->core, async->received, len, &error);

	if (async->doomed)
		return false;
	if (!is_good)
		async->error = error;
	if (!is_good)
		disconnect(async, CUSTOMERD_NOT_SENT);
	else if (async->is_refused)
		disconnect(async, CUSTOMERD_REFUSED);
	return is_connected(async);
}

static void
receive(struct customerd_async *async)
{
	for (unsigned i = 0; i < RECEIVES_MAX; i++) {
		ssize_t len =
		    recv(async->fd, async->received, sizeof(async->received), 0);

		if (len == 0)
			lose(async, "the server has closed it");
		else if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		else if (len < 0)
			lose(async, strerror(errno));
		if (len <= 0 || !feed(async, (size_t)len) ||
		    (size_t)len < sizeof(async->received))
			return;
	}
}

static void
transmit(struct customerd_async *async)
{
	struct customerd_slice output;

	while ((output = customerd_core_output(async->core)).len > 0) {
		ssize_t len = send(async->fd, output.data, output.len, MSG_NOSIGNAL);

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (len < 0) {
			/* What the server said before it hung up may still be there. */
			receive(async);
			if (is_connected(async))
				lose(async, strerror(errno));
			return;
		}
		customerd_core_sent(async->core, (size_t)len);
	}
}

static void
exchange(struct customerd_async *async, short revents)
{
	/* First receive: a connection that has ended must not take a new call. */
	if ((revents & ~POLLOUT) != 0)
		receive(async);
	if (is_connected(async))
		transmit(async);
	if (is_connected(async) && async->state == ASYNC_GREETING &&
	    async->due_ms >= 0 && clock_ms() >= async->due_ms)
		lose(async, "no answer to hello in time");
}

void
customerd_async_process(struct customerd_async *async, short revents)
{
	assert(async->busy == 0); /* not for callbacks */
	async->busy++;
	switch (async->state) {
	case ASYNC_PAUSED:
		if (clock_ms() >= async->due_ms)
			begin_to_connect(async);
		break;
	case ASYNC_CONNECTING: continue_to_connect(async, revents); break;
	case ASYNC_GREETING:
	case ASYNC_READY: exchange(async, revents); break;
	}
	if (!async->doomed && customerd_core_deadline_ms(async->core) >= 0)
		customerd_core_expire(async->core, clock_ms());
	leave(async);
}

/* ---- What to wait for ---- */

int
customerd_async_fd(const struct customerd_async *async)
{
	return async->fd;
}

short
customerd_async_events(const struct customerd_async *async)
{
	if (async->state == ASYNC_PAUSED)
		return 0;
	if (async->state == ASYNC_CONNECTING)
		return POLLOUT;
	return core_has_output(async->core) ? POLLIN | POLLOUT : POLLIN;
}

int
customerd_async_timeout_ms(const struct customerd_async *async)
{
	int64_t at_ms = customerd_core_deadline_ms(async->core), left_ms;

	if (async->due_ms >= 0 && (at_ms < 0 || async->due_ms < at_ms))
		at_ms = async->due_ms;
	if (at_ms < 0)
		return -1;
	left_ms = at_ms - clock_ms();
	return left_ms <= 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

void
customerd_async_on_change(
    struct customerd_async *async, void (*hook)(void *user), void *user)
{
	async->hook = hook;
	async->hook_user = user;
}

void
customerd_async_wait(struct customerd_async *async, int timeout_ms)
{
	int           own_ms = customerd_async_timeout_ms(async);
	struct pollfd socket = { async->fd, customerd_async_events(async), 0 };

	if (timeout_ms < 0 || (own_ms >= 0 && own_ms < timeout_ms))
		timeout_ms = own_ms;
	/* A signal, or a lack of memory in the kernel, is as if nothing had happened.
	 */
	if (poll(&socket, 1, timeout_ms) < 0)
		socket.revents = 0;
	customerd_async_process(async, socket.revents);
}

/* ---- Calls ---- */

enum customerd_status
customerd_async_call(struct customerd_async *async, const struct customerd_call *call,
    customerd_callback *callback, void *user, uint32_t *id,
    struct customerd_error *error)
{
	enum customerd_status status;

	if (async->doomed)
		return error_misuse(error, "the handle is being freed");
	async->busy++;
	status = customerd_core_call(
	    async->core, call, clock_ms(), callback, user, id, error);
	leave(async);
	return status;
}

bool
customerd_async_cancel(struct customerd_async *async, uint32_t id)
{
	bool was_pending;

	if (async->doomed)
		return false;
	async->busy++;
	was_pending = customerd_core_cancel(async->core, id);
	leave(async);
	return was_pending;
}

size_t
customerd_async_pending(const struct customerd_async *async)
{
	return customerd_core_pending(async->core);
}

void
customerd_async_on_notification(
    struct customerd_async *async, customerd_notified *notified, void *user)
{
	customerd_core_on_notification(async->core, notified, user);
}

/* ---- For the blocking handle ---- */

enum async_state
async_state(const struct customerd_async *async)
{
	return async->state;
}

unsigned
async_failures(const struct customerd_async *async)
{
	return async->failures;
}

enum customerd_status
async_failure(const struct customerd_async *async, struct customerd_error *error)
{
	if (error != NULL) {
		*error = async->error;
		error->details = (struct customerd_slice){ NULL, 0 };
	}
	return async->failure;
}

struct slice
async_greeting(const struct customerd_async *async)
{
	return buf_slice(&async->greeting);
}
