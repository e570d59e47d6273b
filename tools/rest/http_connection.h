/*
 * http_connection -- one client: bytes in, requests out of them, answers back.
 *
 * Input gathers in IN and is consumed from its front: a head, then its body, then
 * nothing more until the answer is out.  While an exchange is under way a little is
 * read ahead, which also shows that the client has gone.
 *
 * Time.  Three absolute deadlines, which no trickle of bytes extends: for a head from
 * its first byte on, for a body from its head on, for the client to take what waits
 * to be sent.  The time that the application takes is the application's.
 *
 * Output.  Answers wait in OUT for the end of the turn of the loop, when those of all
 * connections leave.  Were each sent as soon as it is written, a client on the same
 * machine would wake up, and perhaps take the CPU, between any two.
 *
 * Memory.  A connection has bufs only while there is something in them: they are lent
 * by the server, which keeps spare ones.  So those that are idle cost little, and
 * serving the others allocates nothing.
 *
 * The end.  A client that ends its side still gets its answer.  After a refusal bytes
 * of the client may be under way; closing would reset the connection and could
 * destroy the answer, so our side is shut down first and input discarded until the
 * client ends, too, or the linger timeout is over.
 */

#ifndef REST_HTTP_CONNECTION_H
#define REST_HTTP_CONNECTION_H

#include "proto/stream.h"
#include "tools/rest/http_head.h"
#include "tools/rest/http_parser.h"
#include "tools/rest/http_server.h"

#define HTTP_READ_BYTES_MAX ((size_t)16 * 1024)       /* in one turn of the loop */
#define HTTP_READ_AHEAD_BYTES_MAX ((size_t)16 * 1024) /* of requests to come */
#define HTTP_INPUT_BYTES_MAX (HTTP_HEAD_BYTES_MAX + 2 * HTTP_READ_BYTES_MAX)
#define HTTP_REQUESTS_PER_TURN 32u
#define HTTP_OUTPUT_PAUSE_BYTES                              \
	((size_t)64 * 1024) /* no new request behind so much \
			     */

enum http_connection_state {
	HTTP_READING_HEAD,
	HTTP_READING_BODY,
	HTTP_AWAITING_ANSWER,
	HTTP_ENDING,    /* nothing is read any more; ends when all is sent */
	HTTP_LINGERING, /* our side is shut down; input is discarded */
};

/* What the input deadline stands for; it runs on while that stays the same. */
enum http_wait {
	HTTP_WAIT_NOTHING,
	HTTP_WAIT_REQUEST, /* the first byte of one */
	HTTP_WAIT_HEAD,
	HTTP_WAIT_BODY,
	HTTP_WAIT_CLOSE,
};

struct http_connection {
	struct http_server     *server;
	struct http_connection *next, *previous;
	TAILQ_ENTRY(http_connection) unsent;
	struct stream stream;

	enum http_connection_state state;
	enum http_wait             wait;
	bool is_running;   /* whoever runs it will see to the rest */
	bool has_exchange; /* begun and not answered */
	bool is_shown;     /* … and known to the application */
	bool is_broken;    /* the socket has failed: nothing can be sent */
	bool at_eof;       /* the client has ended its side */
	bool has_had_one;  /* a request has been answered */
	bool is_short;     /* the last send() could not take all */
	bool is_unsent;    /* one of the server's list of that name */

	struct ev_io    readable, writable;
	struct ev_timer input_deadline, output_deadline, next_turn;

	struct buf         in;  /* secret: tokens are in it */
	struct buf         out; /* see http_connection_output() */
	size_t             out_sent;
	struct http_head   head;
	struct http_parser parser;

	struct http_exchange exchange;
	int64_t              began_us; /* the exchange: its head was whole */
	char                 id[HTTP_ID_BYTES];
	char                 peer[HTTP_PEER_BYTES];
};

/*
 * Serve the connected socket FD, with TLS unless that is NULL.  False: out of memory;
 * FD is the caller's still.
 */
bool http_connection_open(
    struct http_server *server, int fd, struct ssl_ctx_st *tls, const char *peer);

/* Do whatever can be done now, then wait for the rest; may end CONNECTION. */
void http_connection_run(struct http_connection *connection);

/* Send what has waited for the end of the turn; may end CONNECTION. */
void http_connection_flush(struct http_connection *connection);

/* Where answers are put. */
struct buf *http_connection_output(struct http_connection *connection);

/* An exchange is over: what is waited for next has its whole time. */
void http_connection_forget_wait(struct http_connection *connection);

/* End CONNECTION at once and free it.  Its exchange, if any, is cancelled. */
void http_connection_close(struct http_connection *connection);

/* The server is draining: end now if nothing is under way, and wait for no goodbye. */
void http_connection_drain(struct http_connection *connection);

#endif
