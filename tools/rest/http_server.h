/*
 * http_server -- what a server is made of, for its own files; http.h is for others.
 */

#ifndef REST_HTTP_SERVER_H
#define REST_HTTP_SERVER_H

#include <ev.h>

#include "server/base/intake.h"
#include "server/base/log.h"
#include "tools/rest/http.h"
#include "tools/rest/http_response.h"

#define HTTP_TLS_LOG_PER_SECOND_MAX 10u
#define HTTP_STRANGER_LOG_PER_SECOND_MAX 10u
#define HTTP_HANDSHAKES_MAX 1u /* steps of TLS handshakes in a turn of the loop */
#define HTTP_LISTENERS_MAX 8u

struct http_connection;

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

	struct ev_prepare turn;       /* the next one begins */
	unsigned          handshakes; /* steps of them in this one */

	struct http_connection *connections;
	struct buf spare_in, spare_out; /* lent to the one that is being served */
	uint64_t   id_prefix;           /* of requests: random, then counted */
	uint64_t   id_last;
	int64_t    date_s; /* the second that DATE tells */
	char       date[HTTP_DATE_BYTES];
	uint64_t   counters[HTTP_COUNTER_COUNT];

	bool            is_draining;
	struct ev_timer drain; /* the end of patience */
	void (*drained)(void *user);
	void *drained_user;
};

/* The present date, as HTTP writes it. */
const char *http_server_date(struct http_server *server);

/* A new id for a request. */
void http_server_make_id(struct http_server *server, char id[HTTP_ID_BYTES]);

/* A connection has gone. */
void http_server_on_closed(struct http_server *server);

#endif
