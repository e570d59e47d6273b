/*
 * password_pool -- the threads that hash and verify passwords, so that nobody else
 * has to wait for them.
 *
 * A few threads and a bounded queue: a hash is slow by design, so what does not fit
 * is refused at once instead of making everybody late.
 *
 * Threads.  password_pool_push() may be called from any; done() runs on a thread of
 * the pool.  A task belongs to the pool from push to done().
 *
 * Errors.  TASK->status says how it went: OK; CANCELLED or DEADLINE when its call
 * did not want it any more; NO_MEMORY; SHUTTING_DOWN when the pool was stopped first.
 */

#ifndef NET_PASSWORD_POOL_H
#define NET_PASSWORD_POOL_H

#include "server/domain/call.h"

struct password_pool;

struct password_task {
	struct password_task *next; /* the queue's */
	struct call          *call; /* whose CALL->passwords are to be done */
	enum status           status;
	/* Takes TASK back.  Runs once for each pushed task; must not block. */
	void (*done)(struct password_task *task);
};

/* NULL: out of memory, or of threads. */
struct password_pool *password_pool_start(unsigned workers, unsigned waiting_max);

/* Hand TASK over.  False when too many wait: it stays the caller's. */
bool password_pool_push(struct password_pool *pool, struct password_task *task);

/*
 * Answer what waits, finish what has begun, join the threads and free POOL, which
 * may be NULL.  Nothing may be pushed any more.
 */
void password_pool_stop(struct password_pool *pool);

#endif
