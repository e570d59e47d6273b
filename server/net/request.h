/*
 * request -- one request between its arrival and its answer.
 *
 * Reads are answered on the spot, from the connection's input and into its output;
 * a request that has to wait for the writer or for a password is detached: it has a
 * copy of its bytes and a buf of its own for the result, is linked to its connection
 * while in flight, and survives it.
 *
 * Threads.  A request belongs to its loop, and while the writer, the password pool or
 * a job has it, to them; CONN is the loop's at all times.
 *
 * Memory.  Requests come from the loop's pool, with the memory that they have used
 * before; in steady state nothing is allocated.
 */

#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include "server/domain/call.h"
#include "server/kv/writer.h"
#include "server/net/job.h"
#include "server/net/link.h"
#include "server/net/loop.h"
#include "server/net/password_pool.h"

/* So much of a buf's memory is kept for the next request. */
#define REQUEST_BYTES_KEPT ((size_t)8192)

struct conn;

struct request {
	struct link  link; /* in the pool, or in its connection's list */
	struct loop *loop;
	struct conn *conn; /* NULL once it has gone: nobody to answer */
	uint32_t     msgid;
	unsigned     weight;   /* see conn.h */
	int64_t      begun_us; /* monotonic clock */
	struct call  call;
	struct arena arena;
	struct buf   scratch;
	struct buf   result; /* of a detached request */

	/* How it travels. */
	struct write_op      op;
	struct password_task task;
	struct job_task      job;
	struct loop_mail     mail; /* back to the loop */
};

/* A request of LOOP's pool, or a new one; NULL: out of memory. */
struct request *request_take(struct loop *loop);

/* Give REQUEST back; it is in no list. */
void request_give(struct request *request);

/* Free the pool of LOOP. */
void request_free_all(struct loop *loop);

#endif
