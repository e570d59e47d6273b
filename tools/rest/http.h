/*
 * http -- an HTTP/1.1 server on a libev loop, for an application with answers.
 *
 *	struct http_application application = { .on_request = serve, .user = me };
 *
 *	http_server_open(&server, ev, &application, &settings, log);
 *	http_server_listen(server, fd, NULL);
 *	…
 *	static void
 *	serve(void *user, struct http_exchange *exchange)
 *	{
 *		struct http_response response = { .status = 200,
 *			.content_type = "application/json", .body = SLICE("{}") };
 *
 *		http_respond(exchange, &response);      (now, or at any later time)
 *	}
 *
 * An exchange is one request and its answer.  A connection carries one at a time:
 * pipelined requests wait, unread by the application, until the answer before theirs
 * is out, so answers leave in the order of requests and a PUT is over before the GET
 * behind it begins.  Exchanges of different connections are answered in any order.
 *
 * Strictness.  The application sees only requests that everybody understands alike.
 * Whatever could be read in two ways (two lengths, a folded line, a bare line feed,
 * an encoded slash) is refused before, and the connection ends.
 *
 * Threads.  A server and all that is its belong to the thread of its loop.
 *
 * Errors.  What the peer does wrong is answered by the server, in the form that the
 * application's render_error() gives it.  What the application does wrong (two
 * answers, a header with a line break) is an assertion.
 *
 * Memory.  Everything that a request refers to lies in the exchange's arena and is
 * valid until http_respond() returns, or on_cancel().  Everything is bounded: by the
 * constants here and by struct http_settings.
 */

#ifndef REST_HTTP_H
#define REST_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/slice.h"
#include "server/base/arena.h"

struct ev_loop;
struct log;

#define HTTP_HEAD_BYTES_MAX ((size_t)32 * 1024)   /* request line and headers; 431 */
#define HTTP_TARGET_BYTES_MAX ((size_t)8 * 1024)  /* path and query; 414 */
#define HTTP_HEADERS_MAX 100u                     /* 431 */
#define HTTP_SEGMENTS_MAX 16u                     /* of a path; 414 */
#define HTTP_PARAMETERS_MAX 128u                  /* of a query; 414 */
#define HTTP_BODY_BYTES_MAX ((size_t)1024 * 1024) /* bound of the setting; 413 */
#define HTTP_ARENA_BYTES_MAX ((size_t)16 * 1024 * 1024) /* of one exchange */
#define HTTP_RESPONSE_BYTES_MAX ((size_t)32 * 1024 * 1024)
#define HTTP_RESPONSE_HEADERS_MAX 24u
#define HTTP_ID_BYTES 33u /* 32 hexadecimal digits and a NUL */
#define HTTP_PEER_BYTES 64u

/* Other methods are answered with 501 by the server.  X(NAME, is safe) */
// clang-format off
#define HTTP_METHODS(X)  \
	X(GET,     true)  \
	X(HEAD,    true)  \
	X(POST,    false) \
	X(PUT,     false) \
	X(PATCH,   false) \
	X(DELETE,  false) \
	X(OPTIONS, true)
// clang-format on

enum http_method {
#define X(name, is_safe) HTTP_METHOD_##name,
	HTTP_METHODS(X)
#undef X
	    HTTP_METHOD_COUNT
};

/* "GET" and so on. */
const char *http_method_name(enum http_method method);

/* A header or a parameter of the query. */
struct http_pair {
	struct slice name, value;
};

/* ------------------------------------------------------------------------
 * The request
 */

struct http_request {
	enum http_method method;  /* HEAD is GET to most applications; see is_head */
	bool             is_head; /* the body of the answer is left out by the server */
	struct slice     target;  /* as sent, without an authority: path and query */
	struct slice     path;    /* as sent, from the first slash on */
	struct slice     query;   /* as sent, behind the '?'; may be empty */

	/*
	 * "/a/b%20c/" is { "a", "b c" } and has_trailing_slash; "/" is nothing at all.
	 * Decoded segments are clean UTF-8 without control characters and slashes;
	 * none is "." or "..".  Empty ones stay: "/a//b" is { "a", "", "b" }.
	 */
	const struct slice *segments;
	unsigned            segment_count;
	bool                has_trailing_slash;

	/* Of the query, in its order, decoded ('+' is a space); clean UTF-8. */
	const struct http_pair *parameters;
	unsigned                parameter_count;

	const struct http_pair *headers; /* in their order, values trimmed */
	unsigned                header_count;

	struct slice host; /* as in the Host header: "localhost:7480" */
	/* Whole in on_request(); empty in on_headers(), when has_body says that one
	 * comes. */
	struct slice body;
	bool         has_body;

	const char  *id; /* of this request, made by us; sent as X-Request-Id */
	struct slice traceparent; /* a valid one, or empty */
	const char  *peer;        /* "192.0.2.1:50000", for people */
	bool         is_secure;   /* it came with TLS */
};

/* The first header called NAME (in any case); false, *VALUE empty, without one. */
bool http_header(
    const struct http_request *request, const char *name, struct slice *value);

/* How many headers are called NAME. */
unsigned http_header_count(const struct http_request *request, const char *name);

/* The first parameter called NAME, exactly; false, *VALUE empty, without one. */
bool http_parameter(
    const struct http_request *request, const char *name, struct slice *value);

/* Whether A and B are the same but for the case of ASCII letters. */
bool http_word_equal(struct slice a, struct slice b);

/* ------------------------------------------------------------------------
 * The exchange
 */

struct http_exchange {
	struct http_request request;
	struct arena        arena; /* for the application, too */

	/* The application's.  Texts must outlive the server: they label metrics. */
	void       *context;
	const char *format; /* for the log and the metrics, or NULL */
	const char *route;  /* "/api/customers/:id", or NULL */
};

struct http_response {
	unsigned    status;       /* 200 to 599 */
	const char *content_type; /* NULL without a body */
	/*
	 * Further headers.  Those that frame the message (Content-Length, Connection,
	 * Transfer-Encoding), Date and X-Request-Id are the server's.
	 */
	const struct http_pair *headers;
	unsigned                header_count;
	struct slice            body;
	bool                    ends_connection; /* as if the client had asked for it */
};

/*
 * Answer EXCHANGE, once.  RESPONSE is copied; nothing in EXCHANGE may be used
 * afterwards.  The server adds what HEAD, 204 and 304 demand.
 */
void http_respond(struct http_exchange *exchange, const struct http_response *response);

/* Answer with STATUS in the application's own form; WHY is a sentence or NULL. */
void http_respond_error(
    struct http_exchange *exchange, unsigned status, const char *why);

/* "Not Found" and so on; "Unknown" for a status without a name. */
const char *http_status_text(unsigned status);

/* How an exchange went, for logs and metrics. */
struct http_outcome {
	unsigned status;  /* 499 when the client has gone before the answer */
	int64_t  took_us; /* from the whole head to the answer */
	size_t   bytes;   /* of the answer's body */
};

/* Every function may be NULL but on_request(). */
struct http_application {
	/*
	 * The head is there, the body, if any, is not.  To refuse before it is read,
	 * answer now; otherwise return, and on_request() follows.
	 */
	void (*on_headers)(void *user, struct http_exchange *exchange);

	/* The whole request is there: answer, now or later. */
	void (*on_request)(void *user, struct http_exchange *exchange);

	/*
	 * The client has gone; an exchange that on_request() or on_headers() has seen
	 * is no more when this returns, and must not be answered.
	 */
	void (*on_cancel)(void *user, struct http_exchange *exchange);

	/*
	 * Fill content_type, body and further headers of *RESPONSE, whose status is
	 * set, to say WHY.  What it refers to lies in EXCHANGE's arena or is constant.
	 * The request may be anything from whole to empty: with 400, 414, 431 or 505
	 * often only request.target is there, or not even that.
	 */
	void (*render_error)(void *user, struct http_exchange *exchange,
	    const char *why, struct http_response *response);

	/* An exchange is over; for a request not even begun to be understood, too. */
	void (*on_done)(void *user, const struct http_exchange *exchange,
	    const struct http_outcome *outcome);

	void *user;
};

/* ------------------------------------------------------------------------
 * The server
 */

/* Zero stands for the default. */
struct http_settings {
	unsigned connections_max; /* more are answered 503; 1,000 */
	size_t   body_bytes_max;  /* 256 KiB */
	int64_t  head_timeout_ms; /* from the first byte to the end of a head; 10,000 */
	int64_t  body_timeout_ms; /* from there to the end of the body; 30,000 */
	int64_t  idle_timeout_ms; /* between two requests; 60,000 */
	int64_t  write_timeout_ms;  /* to take one answer; 30,000 */
	int64_t  linger_timeout_ms; /* to hear out a peer that was refused; 2,000 */
	bool     is_quiet;          /* no log line for each request */
	int64_t  drain_timeout_ms;  /* for what is under way at the end; 5,000 */
};

/* What a server counts.  X(NAME, name, kind, text) */
// clang-format off
#define HTTP_COUNTERS(X)                                                                        \
	X(CONNECTIONS_ACCEPTED, "connections_accepted", COUNTER, "connections taken")            \
	X(CONNECTIONS_REFUSED,  "connections_refused",  COUNTER, "connections over a limit")     \
	X(CONNECTIONS_OPEN,     "connections_open",     GAUGE,   "connections open now")         \
	X(CONNECTIONS_EXPIRED,  "connections_expired",  COUNTER, "connections ended by a deadline") \
	X(REQUESTS_OPEN,        "requests_open",        GAUGE,   "requests not yet answered")    \
	X(REQUESTS_MALFORMED,   "requests_malformed",   COUNTER, "requests refused before the application saw them") \
	X(REQUESTS_CANCELLED,   "requests_cancelled",   COUNTER, "requests whose client left before the answer") \
	X(BYTES_IN,             "bytes_in",             COUNTER, "bytes received")               \
	X(BYTES_OUT,            "bytes_out",            COUNTER, "bytes sent")
// clang-format on

enum http_counter {
#define X(NAME, name, kind, text) HTTP_COUNTER_##NAME,
	HTTP_COUNTERS(X)
#undef X
	    HTTP_COUNTER_COUNT
};

struct http_server;

/* A server on EV without a socket yet.  APPLICATION and SETTINGS are copied; LOG is
 * borrowed.  False: out of memory. */
bool http_server_open(struct http_server **out, struct ev_loop *ev,
    const struct http_application *application, const struct http_settings *settings,
    struct log *log);

/*
 * Accept connections on FD, of listen_open() or listen_inherit(), which becomes the
 * server's; with TLS, which stays the caller's, unless that is NULL.
 */
struct ssl_ctx_st;
void http_server_listen(struct http_server *server, int fd, struct ssl_ctx_st *tls);

/* Use TLS for connections to come wherever there was one. */
void http_server_renew_tls(struct http_server *server, struct ssl_ctx_st *tls);

/*
 * Accept no more, end connections without a request, let the others have their
 * answers, then call DRAINED with USER: at the latest after the drain timeout, when
 * whatever is left has been cut off.
 */
void http_server_drain(
    struct http_server *server, void (*drained)(void *user), void *user);

/* Cut everything off and free.  SERVER may be NULL. */
void http_server_close(struct http_server *server);

uint64_t http_server_counter(
    const struct http_server *server, enum http_counter counter);

#endif
