/*
 * http_server -- what a server is made of, for its own files; http.h is for others.
 */

#ifndef REST_HTTP_SERVER_H
#define REST_HTTP_SERVER_H

#include <ev.h>
#include <sys/queue.h>

#include "server/base/intake.h"
#include "server/base/log.h"
#include "tools/rest/http.h"
#include "tools/rest/http_response.h"

#define HTTP_TLS_LOG_PER_SECOND_MAX 10u
#define HTTP_STRANGER_LOG_PER_SECOND_MAX 10u
#define HTTP_HANDSHAKES_MAX 1u /* steps of TLS handshakes in a turn of the loop */
#define HTTP_LISTENERS_MAX 8u
#define HTTP_BYTES_KEPT ((size_t)64 * 1024) /* in each spare buf … */
#define HTTP_SPARES_MAX 64u                 /* … of those for output */

struct http_connection;
TAILQ_HEAD(http_connections, http_connection);

struct http_server {
	struct ev_loop         *ev;
	struct http_application application;
	struct http_settings    settings; /* without zeros */
	struct log             *log;

	struct intake      intake;
	int                listeners[HTTP_LISTENERS_MAX];
	struct ssl_ctx_st *tls_of[HTTP_LISTENERS_MAX]; /* of each; NULL: plain */
	unsigned           listener_count;
	struct gate        refused_gate;  /* for log lines, */
	struct gate        tls_gate;      /* … for those about TLS, */
	struct gate        stranger_gate; /* … and about requests of nobody */

	struct ev_prepare turn;       /* one ends, the next begins */
	unsigned          handshakes; /* steps of them in this one */

	struct http_connection *connections;
	struct http_connections unsent; /* with answers for the end of the turn */
	struct buf spare_in; /* lent to the connection that is being served */
	struct buf spare_out[HTTP_SPARES_MAX]; /* … and to those with answers */
	unsigned   spare_out_count;

	uint64_t id_prefix; /* of requests: random, then counted */
	uint64_t id_last;
	int64_t  date_s; /* the second that DATE tells */
	char     date[HTTP_DATE_BYTES];
	uint64_t counters[HTTP_COUNTER_COUNT];

	bool            is_draining;
	struct ev_timer drain; /* the end of patience */
	void (*drained)(void *user);
	void *drained_user;
};

/* The present date, as HTTP writes it. */
const char *http_server_date(struct http_server *server);

/* A new id for a request. */
void http_server_make_id(struct http_server *server, char id[HTTP_ID_BYTES]);

/* Give OUT, unless it has some, memory to write answers to, and take it back. */
void http_server_lend(struct http_server *server, struct buf *out);
void http_server_take_back(struct http_server *server, struct buf *out);

/* A connection has gone. */
void http_server_on_closed(struct http_server *server);

#endif
