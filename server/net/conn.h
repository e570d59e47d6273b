/*
 * conn -- one connection: bytes in, messages out of them, answers back.
 *
 * Input.  In one turn of the loop a connection is read once, up to
 * LOOP_READ_BYTES_MAX, and CONN_FRAMES_MAX of its messages are dispatched.  What is
 * left waits in IN for the next turn.  Bytes are read into the loop's memory; a
 * connection without a message begun owns none.
 *
 * Output.  Answers gather in OUT and leave at the end of the turn in one send().
 *
 * Back-pressure.  A connection is not read while requests of CONN_WEIGHT_MAX are in
 * flight or CONN_OUTPUT_PAUSE_BYTES wait to be sent.  A message with much to carry or
 * to answer weighs more than 1, so that memory stays bounded and OUT can never meet
 * its own bound by an honest peer; one that still does is cut off.
 *
 * TLS.  proto/stream is the socket, with TLS or without.  All that differs is that it
 * may have more to read than the socket shows, that the handshake takes long, so that
 * a turn has LOOP_HANDSHAKES_MAX steps of them, and that a peer which fails it is
 * told by TLS alone.
 *
 * Time.  The first message, and the handshake before it, must be whole within the
 * first-frame timeout, any other
 * within the frame timeout from its first byte on (while it is being read), and a
 * peer that takes none of the bytes waiting for it for that long has gone.
 *
 * The end.  A peer that ends its side still gets its answers.  A connection that has
 * broken the protocol gets a notice, its earlier answers, and the end.  Where bytes
 * of the peer are still unread, closing would reset the connection and could destroy
 * the last answers on their way, so our side is shut down first and input is
 * discarded until the peer ends, too, or LOOP_LINGER_MS are over.
 *
 * Threads.  A connection belongs to its loop.
 */

#ifndef NET_CONN_H
#define NET_CONN_H

#include <ev.h>

#include "proto/buf.h"
#include "proto/limits.h"
#include "proto/scan.h"
#include "proto/stream.h"
#include "server/net/auth.h"
#include "server/net/deadline.h"
#include "server/net/link.h"
#include "server/net/loop.h"

#define CONN_FRAMES_MAX 32u /* dispatched in one turn */
#define CONN_WEIGHT_MAX INFLIGHT_MAX
#define CONN_OUTPUT_PAUSE_BYTES ((size_t)256 * 1024)
#define CONN_OUTPUT_BYTES_MAX ((size_t)32 * 1024 * 1024)

enum conn_state {
	CONN_OPEN,
	CONN_ENDING,    /* takes no more; ends when all is answered and sent */
	CONN_LINGERING, /* our side is shut down; input is discarded */
};

struct conn {
	struct loop    *loop;
	uint64_t        id; /* for people: in hello and in log lines */
	struct stream   stream;
	enum conn_state state;
	bool            at_eof;        /* the peer has ended its side */
	bool            is_ordered;    /* answers in the order of requests */
	bool            has_frames;    /* IN may begin with a whole message */
	bool            has_begun;     /* SCAN is within a message */
	bool            is_past_first; /* a whole message has come */
	struct auth     auth;

	struct ev_io readable, writable;
	struct scan  scan;
	struct buf   in;       /* from the first byte of a message on */
	struct buf   out;      /* to be sent, … */
	size_t       out_sent; /* … but for these bytes */

	struct link requests; /* in flight */
	unsigned    weight;   /* of them */

	struct link subscriptions;
	unsigned    subscription_count;
	uint32_t    subscription_last; /* the highest number given */

	struct link      link;              /* the loop's lists: conns, */
	struct link      touched, runnable; /* … and so on */
	struct deadline  input_deadline;
	struct deadline  output_deadline;
	struct loop_mail mail; /* brings a new connection to its loop */
};

/*
 * Hand the connected socket FD to LOOP, from any thread, with TLS unless that is NULL.
 * False: out of memory; FD is the caller's still.
 */
bool conn_open(
    struct loop *loop, int fd, struct ssl_ctx_st *tls, uint64_t id, bool is_operator);

/* End CONN at once and free it. */
void conn_close(struct conn *conn);

/* Bytes that wait to be sent. */
static inline size_t
conn_output(const struct conn *conn)
{
	return conn->out.len - conn->out_sent;
}

/* See to CONN at the end of this turn: there is something to send or to decide. */
void conn_touch(struct conn *conn);

/* Go on with messages left from an earlier turn. */
void conn_run(struct conn *conn);

/* Send, then decide what to wait for next; may end CONN. */
void conn_end_turn(struct conn *conn);

/*
 * The peer has broken the protocol: tell it why (TEXT, or NULL for the status's own
 * sentence), take nothing more and end.
 */
void conn_refuse(struct conn *conn, enum status status, const char *text);

/* Deadlines of the loop's lists; each ends its connection. */
void conn_expire_input(struct deadline *deadline);
void conn_expire_output(struct deadline *deadline);

#endif
