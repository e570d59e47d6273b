/*
 * peer -- one connection of the generator: what it has asked and not been told yet.
 *
 * Errors are sentences in the buffer WHY of the caller; after one the peer is of no
 * more use.
 */

#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "tools/bench/option.h"
#include "tools/bench/protocol.h"

#define PEER_BYTES_MAX ((size_t)64 << 20)
#define PEER_WHY_BYTES 256u

struct peer {
	int         fd;
	unsigned    depth; /* asks under way at most */
	struct ask *asks;  /* DEPTH places; ask number N is in place N % DEPTH */
	unsigned   *free;  /* a ring of the places that are free, longest first */
	unsigned    free_first, free_count;
	unsigned oldest; /* the place of the oldest ask, where answers come in order */
	unsigned round;  /* makes the numbers of one place differ */
	bool     is_blocked; /* until the socket is writable again */
	struct buf in, out;  /* an answer that is not whole; requests not sent */
	size_t     out_sent;
};

/* Connect as OPTIONS say, and greet. */
bool peer_open(struct peer *peer, const struct bench_options *options,
    const struct protocol *protocol, char why[PEER_WHY_BYTES]);
void peer_close(struct peer *peer);

/* Whether PEER may be given one more ask. */
bool peer_has_room(const struct peer *peer);

/* Give it one: the caller fills all of the ask in but its number. */
struct ask *peer_ask(struct peer *peer);

/* The ask of which an answer bears NUMBER, or the oldest one.  NULL: there is none. */
struct ask *peer_find(struct peer *peer, uint32_t number);
struct ask *peer_find_oldest(struct peer *peer);

/* ASK has been answered. */
void peer_done(struct peer *peer, struct ask *ask);

/* Send what there is.  False: the connection is broken. */
bool peer_send(struct peer *peer);

#endif
