/*
 * control -- the methods about the connection and the server, not about records:
 * hello, ping, server.status; and what all of them have to keep to.
 *
 * Threads.  The connection's loop.
 */

#ifndef NET_CONTROL_H
#define NET_CONTROL_H

#include "server/domain/call.h"

struct conn;

/* Judge CALL of a method that is not the domain's, as domain_check() does for those. */
enum status control_check(struct conn *conn, struct call *call);

/* Carry out CALL, which domain_check() has passed; on OK CALL->result has the answer.
 */
enum status control_run(struct conn *conn, struct call *call);

#endif
