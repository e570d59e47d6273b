/*
 * server -- everything that serves, put together: the database, the domain, the
 * writer, the password pool, the loops, and the order in which they start and stop.
 *
 * A stop goes from the outside in, so that what was accepted is answered:
 *
 *	1. accept no more; the loops read and begin nothing more (loop_stop)
 *	2. when all loops have said so, the password pool and the writer finish what
 *	   has begun and hand back the rest as SHUTTING_DOWN, as a running job is
 *	3. the loops send the answers and end (loop_drain)
 *
 * Threads.  The struct is fixed once server_run() has begun, but for the atomics and
 * what is said to be the first loop's.  The main thread runs the first loop.
 */

#ifndef NET_SERVER_H
#define NET_SERVER_H

#include <stdatomic.h>

#include "server/base/log.h"
#include "server/base/metric.h"
#include "server/base/option.h"
#include "server/domain/domain.h"
#include "server/kv/writer.h"
#include "server/net/acceptor.h"
#include "server/net/housekeep.h"
#include "server/net/job.h"
#include "server/net/listener.h"
#include "server/net/loop.h"
#include "server/net/password_pool.h"

struct server {
	const struct options *options;
	struct log           *log;
	struct kv            *kv;
	struct domain        *domain;
	struct writer        *writer;
	struct password_pool *passwords;
	struct job_runner    *jobs;
	struct metrics        metrics; /* a set for each loop */
	struct loop          *loops;
	unsigned              loop_count;
	struct listeners      listeners;
	struct ssl_ctx_st    *tls;        /* the first loop's; NULL: no TLS */
	int64_t               started_ms; /* monotonic clock */
	unsigned char         auth_key[AUTH_KEY_BYTES];
	unsigned              connections_max;
	atomic_uint           connections_open;
	atomic_uint           loops_stopped;

	/* The first loop's. */
	struct loop_mail all_stopped_mail;
	struct acceptor  acceptor;
	struct housekeep housekeep;
	struct ev_signal on_term, on_int, on_hup;
	bool             is_stopping;
};

/*
 * Open the database and everything else, the listening sockets last.  False with a
 * sentence in WHY when something is refused; then nothing is left open.
 */
bool server_open(struct server *server, const struct options *options, struct log *log,
    char *why, size_t why_size);

/* Serve until SIGTERM or SIGINT has stopped everything cleanly. */
void server_run(struct server *server);

void server_close(struct server *server);

/* A loop has begun to stop: from its thread, once for each. */
void server_loop_stopped(struct server *server);

#endif
