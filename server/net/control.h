/*
 * control -- the methods about the connection and the server, not about records:
 * hello, ping, server.status.
 *
 * Threads.  The connection's loop.
 */

#ifndef NET_CONTROL_H
#define NET_CONTROL_H

#include "server/domain/call.h"

struct conn;

/* Carry out CALL, which domain_check() has passed; on OK CALL->result has the answer.
 */
enum status control_run(struct conn *conn, struct call *call);

#endif
