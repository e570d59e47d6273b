/*
 * http_exchange -- from a head to the answer: the application's side of a connection.
 */

#ifndef REST_HTTP_EXCHANGE_H
#define REST_HTTP_EXCHANGE_H

#include "tools/rest/http_connection.h"

/* Begin an exchange with the head at the front of CONNECTION's input. */
void http_exchange_begin(struct http_connection *connection);

/* The request is whole: show it to the application. */
void http_exchange_deliver(struct http_connection *connection);

/* Begin an exchange only to refuse it: what has come so far is no request. */
void http_exchange_begin_bad(struct http_connection *connection);

/* Answer with an error and end the connection behind it. */
void http_exchange_refuse(
    struct http_connection *connection, unsigned status, const char *why);

/* Both at once, for what the scan of the head has found. */
void http_exchange_refuse_head(struct http_connection *connection);

/* The client has gone.  Nothing happens without an exchange. */
void http_exchange_cancel(struct http_connection *connection);

#endif
