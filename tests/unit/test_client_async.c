/*
 * client: over real sockets, against a server that follows a script.
 *
 * The server is a child process; it ends with 1 when the client departs from the
 * script, and tear_down() looks at that.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/customerd.h"
#include "client/customerd_ev.h"
#include "proto/message.h"
#include "proto/pack.h"
#include "proto/scan.h"

static char  directory[64], path[96], address[128];
static int   listener;
static pid_t server;  /* 0: none */
static int   told[2]; /* a pipe by which the script tells how far it is */

/* ---- The server's side ---- */

struct peer {
	int            fd;
	struct buf     in;
	size_t         len; /* of the current message at the front of IN */
	struct message message;
};

static void
depart(const char *why)
{
	fprintf(stderr, "the client departs from the script: %s\n", why);
	_exit(1);
}

static struct peer
must_accept(void)
{
	struct peer peer = { .fd = accept(listener, NULL, NULL) };

	if (peer.fd < 0)
		depart("nobody connects");
	buf_init(&peer.in, 1 << 20);
	return peer;
}

/* Take the next message, which must be METHOD; its msgid. */
static uint32_t
must_get(struct peer *peer, const char *method)
{
	const struct scan_limits limits = { 1 << 20, 16, 65536 };
	struct scan              scan;

	buf_drop(&peer->in, peer->len);
	scan_init(&scan, &limits);
	while (scan_feed(&scan, buf_slice(&peer->in), &peer->len) != SCAN_DONE) {
		char   *room = buf_reserve(&peer->in, 4096);
		ssize_t got = read(peer->fd, room, 4096);

		if (got <= 0)
			depart("it hangs up");
		peer->in.len += (size_t)got;
	}
	if (message_decode(&peer->message, slice_of(peer->in.data, peer->len)) !=
	    STATUS_OK)
		depart("it sends what is no message");
	if (!slice_equal(peer->message.method, slice_text(method)))
		depart(method);
	return peer->message.msgid;
}

static void
must_send(struct peer *peer, struct slice bytes)
{
	if (send(peer->fd, bytes.data, bytes.len, MSG_NOSIGNAL) != (ssize_t)bytes.len)
		depart("it takes no answer");
}

/* Answer with {"time": VALUE}. */
static void
reply(struct peer *peer, uint32_t msgid, int64_t value)
{
	struct buf out;

	buf_init(&out, 4096);
	message_pack_result(&out, msgid);
	pack_map(&out, 1);
	pack_literal(&out, "time");
	pack_integer(&out, value);
	must_send(peer, buf_slice(&out));
	buf_fini(&out);
}

static struct peer
must_greet(void)
{
	struct peer peer = must_accept();

	reply(&peer, must_get(&peer, "hello"), 0);
	return peer;
}

static void
tell(void)
{
	if (write(told[1], "!", 1) != 1)
		depart("nobody listens");
}

static void
serve(void (*script)(void))
{
	server = fork();
	assert_true(server >= 0);
	if (server > 0)
		return;
	alarm(20);
	script();
	_exit(0);
}

/* ---- The test's side ---- */

static int
set_up(void **state)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/test_client_XXXXXX");
	if (mkdtemp(directory) == NULL || pipe(told) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(address, sizeof(address), "unix:%s", path);
	memcpy(local.sun_path, path, strlen(path));
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	server = 0;
	if (bind(listener, (struct sockaddr *)&local, sizeof(local)) != 0)
		return -1;
	return listen(listener, 8);
}

static int
tear_down(void **state)
{
	int status = 0;

	(void)state;
	if (server > 0 && waitpid(server, &status, 0) != server)
		return -1;
	close(listener);
	close(told[0]);
	close(told[1]);
	unlink(path);
	rmdir(directory);
	return status;
}

static void
wait_until_told(void)
{
	char told_byte;

	assert_int_equal(read(told[0], &told_byte, 1), 1);
}

static int64_t
clock_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static struct customerd *
must_open(void)
{
	const struct customerd_options options = { .address = address, .token = "t" };
	struct customerd              *c;

	assert_int_equal(customerd_open(&c, &options, NULL), CUSTOMERD_OK);
	return c;
}

static enum customerd_status
call(struct customerd *c, const char *method, int64_t timeout_ms,
    struct customerd_error *error)
{
	const struct customerd_call one = { .method = method,
		.timeout_ms = timeout_ms };

	return customerd_call(c, &one, NULL, error);
}

/* ---- Opening ---- */

static void
script_ping(void)
{
	struct peer peer = must_greet();

	reply(&peer, must_get(&peer, "ping"), 42);
}

static void
a_call_returns_with_its_answer(void **state)
{
	struct customerd *c;
	int64_t           time_ms;

	(void)state;
	serve(script_ping);
	c = must_open();
	assert_int_equal(customerd_ping(c, &time_ms, NULL), CUSTOMERD_OK);
	assert_int_equal(time_ms, 42);
	assert_true(customerd_get_integer(customerd_greeting(c), "time", &time_ms));
	assert_int_equal(time_ms, 0);
	customerd_close(c);
}

static void
script_refuse_token(void)
{
	struct peer peer = must_accept();
	struct buf  out;

	buf_init(&out, 4096);
	message_pack_error(&out, must_get(&peer, "hello"));
	pack_map(&out, 1);
	pack_literal(&out, "code");
	pack_literal(&out, "UNAUTHENTICATED");
	pack_nil(&out);
	must_send(&peer, buf_slice(&out));
}

static void
a_bad_token_is_refused_when_opening(void **state)
{
	const struct customerd_options options = { .address = address, .token = "bad" };
	struct customerd_error         error;
	struct customerd              *c;

	(void)state;
	serve(script_refuse_token);
	assert_int_equal(customerd_open(&c, &options, &error), CUSTOMERD_REFUSED);
	assert_string_equal(error.code, "UNAUTHENTICATED");
	assert_null(c);
}

static void
where_nobody_listens_nothing_is_sent(void **state)
{
	const struct customerd_options options = { .address = "unix:/nowhere/at/all" };
	struct customerd_error         error;
	struct customerd              *c;

	(void)state;
	assert_int_equal(customerd_open(&c, &options, &error), CUSTOMERD_NOT_SENT);
	assert_string_equal(error.code, "CONNECT_FAILED");
	assert_non_null(strstr(error.message, "/nowhere/at/all"));
	assert_true(error.retryable);
}

static void
addresses_are_tried_in_order(void **state)
{
	char                           several[256];
	const struct customerd_options options = { .address = several };
	struct customerd              *c;

	(void)state;
	snprintf(several, sizeof(several), "unix:/nowhere,%s,unix:/nowhere", address);
	serve(script_ping);
	assert_int_equal(customerd_open(&c, &options, NULL), CUSTOMERD_OK);
	assert_int_equal(customerd_ping(c, NULL, NULL), CUSTOMERD_OK);
	customerd_close(c);
}

static void
a_server_that_does_not_greet_is_given_up(void **state)
{
	const struct customerd_options options = { .address = address,
		.connect_timeout_ms = 100 };
	struct customerd_error         error;
	struct customerd              *c;
	int64_t                        begin_ms = clock_now_ms();

	(void)state;
	assert_int_equal(customerd_open(&c, &options, &error), CUSTOMERD_NOT_SENT);
	assert_true(clock_now_ms() - begin_ms >= 99);
	assert_string_equal(error.code, "CONNECTION_LOST");
}

static void
a_bad_address_is_the_callers_mistake(void **state)
{
	static const char *const bad[] = { "", ",", "127.0.0.1:7410", "http://a:1",
		"customerd://", "customerd://:7410",
		"customerd://a:", "customerd://a:0", "customerd://a:65536",
		"customerd://a:7x", "customerd://[::1", "customerd://[::1]x",
		"customerd://::1:7410", "customerd:///run/socket",
		"unix:", "customerd://a:1,,customerd://b:1" };
	struct customerd_error   error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct customerd_options options = { .address = bad[i] };
		struct customerd              *c;

		assert_int_equal(
		    customerd_open(&c, &options, &error), CUSTOMERD_MISUSE);
		assert_string_equal(error.code, "BAD_ADDRESS");
	}
}

static void
a_host_and_port_are_reached_by_tcp(void **state)
{
	struct sockaddr_in       local = { .sin_family = AF_INET,
		      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t                len = sizeof(local);
	struct customerd_options options = { .address = address };
	struct customerd        *c;

	(void)state;
	close(listener);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&local, len), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&local, &len), 0);
	snprintf(address, sizeof(address), "customerd://127.0.0.1:%u",
	    ntohs(local.sin_port));
	serve(script_ping);
	assert_int_equal(customerd_open(&c, &options, NULL), CUSTOMERD_OK);
	assert_int_equal(customerd_ping(c, NULL, NULL), CUSTOMERD_OK);
	customerd_close(c);
}

/* ---- Trouble ---- */

/* Do not answer the first call in time; answer it late, before the next. */
static void
script_late(void)
{
	struct peer peer = must_greet();
	uint32_t    late = must_get(&peer, "customer.update");

	must_get(&peer, "cancel");
	reply(&peer, late, 1);
	reply(&peer, must_get(&peer, "ping"), 2);
}

static void
a_call_that_times_out_keeps_the_connection(void **state)
{
	struct customerd      *c;
	struct customerd_error error;
	int64_t                time_ms;

	(void)state;
	serve(script_late);
	c = must_open();
	assert_int_equal(call(c, "customer.update", 50, &error), CUSTOMERD_UNKNOWN);
	assert_string_equal(error.code, "TIMEOUT");
	assert_int_equal(customerd_ping(c, &time_ms, NULL), CUSTOMERD_OK);
	assert_int_equal(time_ms, 2);
	customerd_close(c);
}

static void
script_hang_up_idle(void)
{
	struct peer peer = must_greet();

	reply(&peer, must_get(&peer, "ping"), 1);
	close(peer.fd);
	tell();
	peer = must_greet();
	reply(&peer, must_get(&peer, "customer.update"), 2);
}

static void
a_connection_that_ended_in_between_is_replaced_unnoticed(void **state)
{
	struct customerd *c;

	(void)state;
	serve(script_hang_up_idle);
	c = must_open();
	assert_int_equal(customerd_ping(c, NULL, NULL), CUSTOMERD_OK);
	wait_until_told();
	assert_int_equal(call(c, "customer.update", 0, NULL), CUSTOMERD_OK);
	customerd_close(c);
}

static void
script_hang_up_busy(void)
{
	struct peer peer = must_greet();

	must_get(&peer, "customer.update");
	close(peer.fd);
	peer = must_greet();
	must_get(&peer, "customer.get");
	close(peer.fd);
	peer = must_greet();
	reply(&peer, must_get(&peer, "customer.get"), 2);
}

static void
a_write_under_way_is_unknown_and_a_read_is_repeated(void **state)
{
	struct customerd      *c;
	struct customerd_error error;

	(void)state;
	serve(script_hang_up_busy);
	c = must_open();
	assert_int_equal(call(c, "customer.update", 0, &error), CUSTOMERD_UNKNOWN);
	assert_string_equal(error.code, "CONNECTION_LOST");
	assert_int_equal(call(c, "customer.get", 0, NULL), CUSTOMERD_OK);
	customerd_close(c);
}

static void
script_babble(void)
{
	for (unsigned i = 0; i < 3; i++) {
		struct peer peer = must_greet();

		must_get(&peer, "ping");
		must_send(&peer, SLICE("HTTP/1.1 400 Bad Request\r\n\r\n"));
	}
}

static void
a_server_that_babbles_is_given_up(void **state)
{
	struct customerd      *c;
	struct customerd_error error;

	(void)state;
	serve(script_babble);
	c = must_open();
	assert_int_equal(customerd_ping(c, NULL, &error), CUSTOMERD_UNKNOWN);
	assert_string_equal(error.code, "PROTOCOL");
	customerd_close(c);
}

/* ---- Asynchronous ---- */

#define CALLS 300u

static void
script_many(void)
{
	struct peer peer = must_greet();
	uint32_t    ids[CALLS];

	for (unsigned from = 0; from < CALLS; from += 100) {
		for (unsigned i = 0; i < 100; i++)
			ids[i] = must_get(&peer, "ping");
		for (unsigned i = 100; i-- > 0;)
			reply(&peer, ids[i], from + i);
	}
}

struct many {
	struct customerd_ev ev;
	unsigned            answers;
	uint64_t            sum;
};

static void
on_one_of_many(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct many *many = user;
	int64_t      value;

	assert_int_equal(status, CUSTOMERD_OK);
	assert_null(error);
	assert_true(customerd_get_integer(result, "time", &value));
	many->sum += (uint64_t)value;
	if (++many->answers == CALLS && many->ev.loop != NULL)
		ev_break(many->ev.loop, EVBREAK_ALL);
}

static struct customerd_async *
must_begin_many(struct many *many)
{
	const struct customerd_options options = { .address = address };
	const struct customerd_call    ping = { .method = "ping" };
	struct customerd_async        *async;

	assert_int_equal(customerd_async_new(&async, &options, NULL), CUSTOMERD_OK);
	for (unsigned i = 0; i < CALLS; i++)
		assert_int_equal(customerd_async_call(
				     async, &ping, on_one_of_many, many, NULL, NULL),
		    CUSTOMERD_OK);
	return async;
}

static void
many_calls_share_a_connection(void **state)
{
	struct many             many = { .answers = 0 };
	struct customerd_async *async;

	(void)state;
	serve(script_many);
	async = must_begin_many(&many);
	while (customerd_async_pending(async) > 0)
		customerd_async_wait(async, -1);
	assert_int_equal(many.answers, CALLS);
	assert_int_equal(many.sum, CALLS * (CALLS - 1) / 2);
	customerd_async_free(async);
}

static void
a_libev_loop_drives_a_handle(void **state)
{
	struct many             many = { .answers = 0 };
	struct customerd_async *async;
	struct ev_loop         *loop = ev_loop_new(0);

	(void)state;
	serve(script_many);
	async = must_begin_many(&many);
	customerd_ev_start(&many.ev, loop, async);
	ev_run(loop, 0);
	assert_int_equal(many.answers, CALLS);
	customerd_ev_stop(&many.ev);
	customerd_async_free(async);
	ev_loop_destroy(loop);
}

/* A call that is begun while the loop sleeps wakes the handle. */
static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	const struct customerd_call ping = { .method = "ping" };
	struct many                *many = timer->data;

	(void)loop;
	(void)events;
	many->answers = CALLS - 1;
	customerd_async_call(many->ev.async, &ping, on_one_of_many, many, NULL, NULL);
}

static void
a_call_begun_later_wakes_the_handle(void **state)
{
	const struct customerd_options options = { .address = address };
	struct many                    many = { .answers = 0 };
	struct customerd_async        *async;
	struct ev_loop                *loop = ev_loop_new(0);
	ev_timer                       timer;

	(void)state;
	serve(script_ping);
	assert_int_equal(customerd_async_new(&async, &options, NULL), CUSTOMERD_OK);
	customerd_ev_start(&many.ev, loop, async);
	ev_timer_init(&timer, on_timer, 0.05, 0.);
	timer.data = &many;
	ev_timer_start(loop, &timer);
	ev_run(loop, 0);
	assert_int_equal(many.answers, CALLS);
	assert_int_equal(many.sum, 42);
	customerd_ev_stop(&many.ev);
	customerd_async_free(async);
	ev_loop_destroy(loop);
}

static void
free_handle(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct customerd_async **async = user;

	(void)status;
	(void)result;
	(void)error;
	customerd_async_free(*async);
	*async = NULL;
}

static void
a_callback_may_free_the_handle(void **state)
{
	const struct customerd_options options = { .address = address };
	const struct customerd_call    ping = { .method = "ping" };
	struct customerd_async        *async;

	(void)state;
	serve(script_ping);
	assert_int_equal(customerd_async_new(&async, &options, NULL), CUSTOMERD_OK);
	customerd_async_call(async, &ping, free_handle, &async, NULL, NULL);
	while (async != NULL)
		customerd_async_wait(async, -1);
}

/* ---- Pools ---- */

static void
a_pool_hands_out_no_more_than_its_size(void **state)
{
	const struct customerd_options options = { .address = address };
	struct customerd_pool         *pool;
	struct customerd_error         error;
	struct customerd              *first, *second;

	(void)state;
	serve(script_ping);
	assert_int_equal(customerd_pool_new(&pool, &options, 1, NULL), CUSTOMERD_OK);
	assert_int_equal(customerd_pool_get(pool, 5000, &first, NULL), CUSTOMERD_OK);
	assert_int_equal(
	    customerd_pool_get(pool, 50, &second, &error), CUSTOMERD_NOT_SENT);
	assert_string_equal(error.code, "TIMEOUT");
	assert_null(second);
	customerd_pool_put(pool, first);
	assert_int_equal(customerd_pool_get(pool, 0, &second, NULL), CUSTOMERD_OK);
	assert_ptr_equal(first, second);
	assert_int_equal(customerd_ping(second, NULL, NULL), CUSTOMERD_OK);
	customerd_pool_put(pool, second);
	customerd_pool_free(pool);
}

static void *
get_from_pool(void *pool)
{
	struct customerd *c;

	if (customerd_pool_get(pool, 5000, &c, NULL) != CUSTOMERD_OK)
		return NULL;
	customerd_pool_put(pool, c);
	return c;
}

static void
who_waits_for_a_pool_gets_what_is_put_back(void **state)
{
	const struct customerd_options options = { .address = address };
	struct customerd_pool         *pool;
	struct customerd              *c;
	pthread_t                      thread;
	void                          *got;

	(void)state;
	serve(script_ping);
	assert_int_equal(customerd_pool_new(&pool, &options, 1, NULL), CUSTOMERD_OK);
	assert_int_equal(customerd_pool_get(pool, 5000, &c, NULL), CUSTOMERD_OK);
	assert_int_equal(pthread_create(&thread, NULL, get_from_pool, pool), 0);
	assert_int_equal(customerd_ping(c, NULL, NULL), CUSTOMERD_OK);
	customerd_pool_put(pool, c);
	assert_int_equal(pthread_join(thread, &got), 0);
	assert_ptr_equal(got, c);
	customerd_pool_free(pool);
}

static void
a_pool_that_cannot_connect_says_so_and_recovers(void **state)
{
	const struct customerd_options options = { .address = address };
	struct customerd_pool         *pool;
	struct customerd_error         error;
	struct customerd              *c;

	(void)state;
	assert_int_equal(customerd_pool_new(&pool, &options, 1, NULL), CUSTOMERD_OK);
	serve(script_refuse_token);
	assert_int_equal(customerd_pool_get(pool, 5000, &c, &error), CUSTOMERD_REFUSED);
	assert_int_equal(waitpid(server, NULL, 0), server);
	serve(script_ping);
	assert_int_equal(customerd_pool_get(pool, 5000, &c, &error), CUSTOMERD_OK);
	assert_int_equal(customerd_ping(c, NULL, NULL), CUSTOMERD_OK);
	customerd_pool_put(pool, c);
	customerd_pool_free(pool);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_returns_with_its_answer),
		TEST(a_bad_token_is_refused_when_opening),
		TEST(where_nobody_listens_nothing_is_sent),
		TEST(addresses_are_tried_in_order),
		TEST(a_server_that_does_not_greet_is_given_up),
		TEST(a_bad_address_is_the_callers_mistake),
		TEST(a_host_and_port_are_reached_by_tcp),
		TEST(a_call_that_times_out_keeps_the_connection),
		TEST(a_connection_that_ended_in_between_is_replaced_unnoticed),
		TEST(a_write_under_way_is_unknown_and_a_read_is_repeated),
		TEST(a_server_that_babbles_is_given_up),
		TEST(many_calls_share_a_connection),
		TEST(a_libev_loop_drives_a_handle),
		TEST(a_call_begun_later_wakes_the_handle),
		TEST(a_callback_may_free_the_handle),
		TEST(a_pool_hands_out_no_more_than_its_size),
		TEST(who_waits_for_a_pool_gets_what_is_put_back),
		TEST(a_pool_that_cannot_connect_says_so_and_recovers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
