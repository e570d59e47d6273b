/*
 * housekeep -- let the domain do what is due, once a second and piece by piece.
 *
 * Each piece is an operation of the writer like any other, so it shares a commit
 * with what is going on.  When a piece leaves something over, the next follows at
 * once.  What is due is due by the trusted time: a clock that jumps destroys nothing.
 * Once a second it is also looked whether the file follows the journals.
 *
 * Threads.  The first loop's; apply() and done() of the operation run on the writer.
 */

#ifndef NET_HOUSEKEEP_H
#define NET_HOUSEKEEP_H

#include "server/base/trusted_time.h"
#include "server/kv/writer.h"
#include "server/net/loop.h"

#define HOUSEKEEP_INTERVAL_MS 1000

struct housekeep {
	struct server   *server;
	struct loop     *loop;
	struct ev_timer  timer;
	struct write_op  op;
	struct loop_mail mail; /* brings the operation back */
	/* The operation's: the last piece left something over.  Not beside what the
	 * loop looks at meanwhile, for compilers read neighbours together. */
	bool                has_more;
	struct trusted_time time;       /* the loop's */
	int64_t             now_ms;     /* of the operation */
	bool                is_pending; /* the operation is the writer's */
	bool                is_stopped;

	/* Of the last piece and of the last checkpoint: a failure is logged once. */
	enum status status, checkpoint_status;
};

void housekeep_start(
    struct housekeep *housekeep, struct server *server, struct loop *loop);

/* Begin no more pieces. */
void housekeep_stop(struct housekeep *housekeep);

#endif
