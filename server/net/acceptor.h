/*
 * acceptor -- take new connections and deal them out to the loops.
 *
 * At most ACCEPTOR_BURST_MAX at a time, so that a storm of connections does not
 * delay those that are served.  When the process is out of descriptors, the
 * connection that waits is taken with a spare one and closed, and the acceptor
 * rests for ACCEPTOR_REST_MS: a listening socket that stays readable would
 * otherwise keep the loop spinning.
 *
 * Threads.  The first loop's.
 */

#ifndef NET_ACCEPTOR_H
#define NET_ACCEPTOR_H

#include <ev.h>

#include "server/net/gate.h"
#include "server/net/listener.h"

#define ACCEPTOR_BURST_MAX 64u
#define ACCEPTOR_REST_MS 100

struct server;

struct acceptor {
	struct server  *server;
	struct ev_loop *ev;
	struct ev_io    watchers[LISTENERS_MAX]; /* one for each listener */
	unsigned        watcher_count;
	struct ev_timer rest;
	int             spare_fd;
	unsigned        next_loop; /* gets the next connection */
	uint64_t        next_id;   /* of a connection */
	struct gate     full_gate; /* for log lines: too many connections */
	struct gate     fd_gate;   /* … and out of descriptors */
};

/* Begin to accept on the listeners of SERVER. */
void acceptor_start(
    struct acceptor *acceptor, struct server *server, struct ev_loop *ev);

/* Accept no more. */
void acceptor_stop(struct acceptor *acceptor);

#endif
