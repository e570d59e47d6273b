/*
 * bench-echo -- the floor under every server that uses libev and sockets: it answers
 * ECHO_ASK_BYTES with ECHO_ANSWER_BYTES, all of a turn in one send, and does nothing
 * else.  `bench-echo PORT` serves 127.0.0.1 until it is killed.
 *
 * A peer that does not take its answers is dropped: those who measure take them.
 */

#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/listen.h"
#include "tools/bench/echo.h"

#define INPUT_BYTES 65536u

struct peer {
	struct ev_io readable;
	size_t       surplus; /* bytes of an ask that is not whole yet */
};

static char input[INPUT_BYTES];
static char answers[(INPUT_BYTES / ECHO_ASK_BYTES + 1) * ECHO_ANSWER_BYTES];

static void
drop(struct ev_loop *ev, struct peer *peer)
{
	ev_io_stop(ev, &peer->readable);
	close(peer->readable.fd);
	free(peer);
}

static void
on_readable(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct peer *peer = watcher->data;
	ssize_t      len = recv(watcher->fd, input, sizeof(input), 0);
	size_t       bytes;

	(void)events;
	if (len <= 0) {
		drop(ev, peer);
		return;
	}
	peer->surplus += (size_t)len;
	bytes = peer->surplus / ECHO_ASK_BYTES * ECHO_ANSWER_BYTES;
	peer->surplus %= ECHO_ASK_BYTES;
	if (send(watcher->fd, answers, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		drop(ev, peer);
}

static void
on_connection(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (peer == NULL || fd < 0) {
		free(peer);
		if (fd >= 0)
			close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	ev_io_init(&peer->readable, on_readable, fd, EV_READ);
	peer->readable.data = peer;
	ev_io_start(ev, &peer->readable);
}

int
main(int argc, char *argv[])
{
	char            why[256] = "usage: bench-echo PORT";
	struct ev_loop *ev = ev_default_loop(EVBACKEND_EPOLL);
	struct ev_io    listening;
	int             port = argc == 2 ? atoi(argv[1]) : 0;
	int             fd = -1;

	if (port > 0 && port <= 65535)
		fd = listen_open("127.0.0.1", (uint16_t)port, why, sizeof(why));
	if (ev == NULL || fd < 0) {
		fprintf(stderr, "bench-echo: %s\n", why);
		return EXIT_FAILURE;
	}
	memset(answers, 'a', sizeof(answers));
	ev_io_init(&listening, on_connection, fd, EV_READ);
	ev_io_start(ev, &listening);
	ev_run(ev, 0);
	return EXIT_SUCCESS;
}
