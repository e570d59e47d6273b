/*
 * connection -- one socket, made and made again, that a core speaks through.
 *
 *	PAUSED ──► CONNECTING ──► GREETING ──► READY
 *	   ▲            │             │          │
 *	   └────────────┴─────────────┴──────────┘  lost, refused, too late
 *
 * Memory.  The struct is its owner's; it must stay where it is.
 */

#ifndef CLIENT_CONNECTION_H
#define CLIENT_CONNECTION_H

#include "client/address.h"
#include "proto/stream.h"

#define RECEIVE_BYTES (64u * 1024)

enum connection_state {
	CONNECTION_PAUSED,     /* none; the next attempt is at DUE */
	CONNECTION_CONNECTING, /* … which has until DUE */
	CONNECTION_SECURING,   /* … and its handshake of TLS, too */
	CONNECTION_GREETING,   /* it stands; the answer to hello has until DUE */
	CONNECTION_READY,
};

struct connection {
	struct customerd_core *core;
	char                  *token, *client_name; /* NULL: none */
	int64_t                connect_timeout_ms, pause_ms_max;

	struct ssl_ctx_st *tls;         /* NULL: no address wants it */
	char              *server_name; /* NULL: the host of the address */

	enum connection_state state;
	struct stream         stream; /* its fd is -1 while PAUSED */
	int64_t               due_ms; /* see the states; -1: never */
	struct address_list   addresses;
	unsigned              address; /* the next one to look up */
	struct endpoints      endpoints;
	unsigned              endpoint; /* the next one to try */
	int64_t               ready_ms; /* since when it is READY */
	unsigned              failures; /* in a row */
	uint64_t              random;

	enum customerd_status  failure; /* the last one, and why */
	struct customerd_error error;
	bool                   is_refused; /* hello was; hang up */
	bool                   is_closing; /* touch nothing any more */
	struct buf             greeting;   /* the answer to hello */
	char                   received[RECEIVE_BYTES];
};

/* The first attempt is made by the first connection_process(). */
enum customerd_status connection_init(struct connection *connection,
    struct customerd_core *core, const struct customerd_options *options,
    struct customerd_error *error);
void                  connection_fini(struct connection *connection);

/* Do what poll(2) reported and what is due at NOW_MS.  Callbacks of the core may come.
 */
void connection_process(struct connection *connection, short revents, int64_t now_ms);

/* What to wait for, besides DUE. */
short connection_events(const struct connection *connection);

#endif
