#include "tools/bench/peer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/base/address.h"

#define GREETING_BYTES_MAX 65536u

#define NOT_UNDER_WAY UINT32_MAX /* in place of a number */

static bool
fail(char why[PEER_WHY_BYTES], const char *what, const char *where)
{
	snprintf(why, PEER_WHY_BYTES, "cannot %s %s: %s", what, where, strerror(errno));
	return false;
}

/* ---- connecting ---- */

static int
dial_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1); /* the options bound it */
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
dial_tcp(const char *where)
{
	struct addrinfo  hints = { .ai_socktype = SOCK_STREAM,
		 .ai_flags = AI_NUMERICHOST };
	struct addrinfo *found;
	struct slice     split;
	char             host[256], service[8];
	uint16_t         port;
	int              fd = -1;

	errno = EINVAL;
	if (!address_split(where, &split, &port) || split.len >= sizeof(host))
		return -1;
	snprintf(host, sizeof(host), "%.*s", (int)split.len, split.data);
	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(host, service, &hints, &found) != 0)
		return -1;
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return fd;
}

/* ---- greeting, while the socket blocks ---- */

static bool
greet(struct peer *peer, const struct bench_options *options,
    const struct protocol *protocol)
{
	char   bytes[GREETING_BYTES_MAX];
	size_t len = 0, whole = 0;

	protocol->greet(options, &peer->out);
	if (peer->out.failed || !peer_send(peer))
		return false;
	while (whole == 0 && len < sizeof(bytes)) {
		ssize_t got = recv(peer->fd, bytes + len, sizeof(bytes) - len, 0);

		if (got <= 0)
			return false;
		len += (size_t)got;
		whole = protocol->parse_greeting(slice_of(bytes, len));
	}
	return whole == len;
}

bool
peer_open(struct peer *peer, const struct bench_options *options,
    const struct protocol *protocol, char why[PEER_WHY_BYTES])
{
	bool        is_unix = options->unix_path[0] != '\0';
	const char *where = is_unix ? options->unix_path : options->connect;

	*peer = (struct peer){ .depth = (unsigned)options->depth };
	buf_init(&peer->in, PEER_BYTES_MAX);
	buf_init(&peer->out, PEER_BYTES_MAX);
	peer->asks = calloc(peer->depth, sizeof(*peer->asks));
	peer->free = calloc(peer->depth, sizeof(*peer->free));
	peer->fd = is_unix ? dial_unix(where) : dial_tcp(where);
	if (peer->asks == NULL || peer->free == NULL || peer->fd < 0)
		return fail(why, "connect to", where);
	for (unsigned i = 0; i < peer->depth; i++) {
		peer->free[i] = i;
		peer->asks[i].number = NOT_UNDER_WAY;
	}
	peer->free_count = peer->depth;
	if (protocol->greet != NULL && !greet(peer, options, protocol))
		return fail(why, "greet", where);
	if (fcntl(peer->fd, F_SETFL, O_NONBLOCK) != 0)
		return fail(why, "use", where);
	return true;
}

void
peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	free(peer->asks);
	free(peer->free);
	buf_fini(&peer->in);
	buf_fini(&peer->out);
}

/* ---- asking ---- */

bool
peer_has_room(const struct peer *peer)
{
	return peer->free_count > 0 && !peer->is_blocked;
}

struct ask *
peer_ask(struct peer *peer)
{
	unsigned place = peer->free[peer->free_first];

	assert(peer_has_room(peer));
	peer->free_first = (peer->free_first + 1) % peer->depth;
	peer->free_count--;
	/* Below 2^31, which fits wherever a number is sent. */
	peer->round = (peer->round + 1) % (INT32_MAX / peer->depth);
	peer->asks[place].number = peer->round * peer->depth + place;
	return &peer->asks[place];
}

struct ask *
peer_find(struct peer *peer, uint32_t number)
{
	struct ask *ask = &peer->asks[number % peer->depth];

	return number != NOT_UNDER_WAY && ask->number == number ? ask : NULL;
}

struct ask *
peer_find_oldest(struct peer *peer)
{
	struct ask *ask = &peer->asks[peer->oldest];

	/* Places that are given back in order are taken in order, round and round. */
	return ask->number == NOT_UNDER_WAY ? NULL : ask;
}

void
peer_done(struct peer *peer, struct ask *ask)
{
	unsigned place = (unsigned)(ask - peer->asks);

	ask->number = NOT_UNDER_WAY;
	peer->free[(peer->free_first + peer->free_count) % peer->depth] = place;
	peer->free_count++;
	peer->oldest = (place + 1) % peer->depth;
}

bool
peer_send(struct peer *peer)
{
	size_t  left = peer->out.len - peer->out_sent;
	ssize_t len;

	if (left == 0)
		return true;
	len = send(peer->fd, peer->out.data + peer->out_sent, left, MSG_NOSIGNAL);
	if (len < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	peer->out_sent += len > 0 ? (size_t)len : 0;
	peer->is_blocked = peer->out_sent < peer->out.len;
	if (!peer->is_blocked) {
		buf_clear(&peer->out, PEER_BYTES_MAX);
		peer->out_sent = 0;
	}
	return true;
}
