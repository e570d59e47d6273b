/*
 * dispatch -- from a message to the domain, and from there to the answer.
 *
 * A request is judged in the order that PROTOCOL.md promises.  Then a read is
 * answered at once; a write goes to the writer, by way of the password pool if it
 * sets passwords; a read that verifies a password goes to the pool, and a job to the
 * thread of jobs.
 *
 * Threads.  The connection's loop.
 */

#ifndef NET_DISPATCH_H
#define NET_DISPATCH_H

#include "proto/slice.h"

struct conn;
struct loop;

/* Deal with FRAME, one whole message that the scan has accepted. */
void dispatch_frame(struct conn *conn, struct slice frame);

/* Answer the reads that were put off. */
void dispatch_finish(struct loop *loop);

/* Put the answers that were given on the spot into the metrics of LOOP. */
void dispatch_settle(struct loop *loop);

#endif
