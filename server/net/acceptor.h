/*
 * acceptor -- deals new connections out to the loops, and turns away who is too many.
 *
 * Threads.  The first loop's.
 */

#ifndef NET_ACCEPTOR_H
#define NET_ACCEPTOR_H

#include "server/base/intake.h"
#include "server/net/listener.h"

struct server;

struct acceptor {
	struct server *server;
	struct intake  intake;    /* numbers listeners as the server's list does */
	unsigned       next_loop; /* gets the next connection */
	uint64_t       next_id;   /* of a connection */
	struct gate    full_gate; /* for log lines */
};

/* Begin to accept on the listeners of SERVER. */
void acceptor_start(
    struct acceptor *acceptor, struct server *server, struct ev_loop *ev);

/* Accept no more. */
void acceptor_stop(struct acceptor *acceptor);

#endif
