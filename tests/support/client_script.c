#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/pack.h"
#include "proto/scan.h"
#include "tests/support/client_script.h"

char  address[128];
int   listener;
pid_t server;

static char directory[64], path[96];
static int  told[2]; /* a pipe by which the script tells how far it is */

/* ---- The server's side ---- */

void
depart(const char *why)
{
	fprintf(stderr, "the client departs from the script: %s\n", why);
	_exit(1);
}

struct peer
must_accept(void)
{
	struct peer peer = { .fd = accept(listener, NULL, NULL) };

	if (peer.fd < 0)
		depart("nobody connects");
	buf_init(&peer.in, 1 << 20);
	return peer;
}

uint32_t
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

void
must_send_bytes(struct peer *peer, struct slice bytes)
{
	if (send(peer->fd, bytes.data, bytes.len, MSG_NOSIGNAL) != (ssize_t)bytes.len)
		depart("it takes no answer");
}

void
reply(struct peer *peer, uint32_t msgid, int64_t value)
{
	struct buf out;

	buf_init(&out, 4096);
	message_pack_result(&out, msgid);
	pack_map(&out, 1);
	pack_literal(&out, "time");
	pack_integer(&out, value);
	must_send_bytes(peer, buf_slice(&out));
	buf_fini(&out);
}

struct peer
must_greet(void)
{
	struct peer peer = must_accept();

	reply(&peer, must_get(&peer, "hello"), 0);
	return peer;
}

void
tell(void)
{
	if (write(told[1], "!", 1) != 1)
		depart("nobody listens");
}

void
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

void
script_ping(void)
{
	struct peer peer = must_greet();

	reply(&peer, must_get(&peer, "ping"), 42);
}

void
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
	must_send_bytes(&peer, buf_slice(&out));
}

/* ---- The test's side ---- */

int
script_set_up(void **state)
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

int
script_tear_down(void **state)
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

void
wait_until_told(void)
{
	char told_byte;

	assert_int_equal(read(told[0], &told_byte, 1), 1);
}

int64_t
clock_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

struct customerd *
must_connect(void)
{
	const struct customerd_options options = { .address = address, .token = "t" };
	struct customerd              *c;

	assert_int_equal(customerd_open(&c, &options, NULL), CUSTOMERD_OK);
	return c;
}
