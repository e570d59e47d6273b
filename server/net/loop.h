/*
 * loop -- one thread that serves connections.
 *
 * It works in turns: wait for events; take what came in; answer; hand all writes of
 * the turn to the writer, for one commit; send to each connection all its answers of
 * the turn at once; let go of the snapshot.  A connection that has used up its share of
 * a turn is queued for the next one, so a busy peer cannot keep others waiting.
 *
 * Within a turn, reads are answered in bursts: while one connection is read, the
 * records that others have asked for are on the way from memory.
 *
 * Other threads reach a loop only through its mailbox: new connections, finished
 * writes and passwords, and the commands of a stop.
 *
 * Stopping takes two steps.  loop_stop(): nothing new is read or begun; when the
 * loop has understood, it says so through server_loop_stopped().  loop_drain(): all
 * answers are there; send them, for LOOP_DRAIN_MS at most, and end.
 *
 * Threads.  Everything belongs to the loop's own thread but loop_send(), loop_stop(),
 * loop_drain(); and what is for the writer's thread: loop_committed(), loop_gather()
 * and loop_send_gathered().
 */

#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/base/gate.h"
#include "server/base/mailbox.h"
#include "server/base/metric.h"
#include "server/kv/kv.h"
#include "server/net/auth.h"
#include "server/net/deadline.h"
#include "server/net/link.h"

#define LOOP_READ_BYTES_MAX (64u * 1024) /* taken from one connection in a turn */
#define LOOP_READS_MAX 16u               /* fetched at once */
#define LOOP_INPUT_BYTES (2 * LOOP_READ_BYTES_MAX) /* of several, in a burst */
#define LOOP_HANDSHAKES_MAX 1u      /* steps of TLS handshakes in a turn */
#define LOOP_LINGER_MS 1000         /* see conn.h, "The end" */
#define LOOP_DRAIN_MS 5000          /* to send what is left when stopping */
#define LOOP_LOG_PER_SECOND_MAX 10u /* lines of one kind that peers can cause */
#define LOOP_REQUESTS_KEPT 1024u    /* unused ones, for the next to come */

struct method;
struct request;
struct server;

/* A message to a loop.  deliver() runs on the loop's thread. */
struct loop_mail {
	struct mail mail; /* the mailbox's */
	void (*deliver)(struct loop_mail *mail);
};

/*
 * Answers of one method and outcome, not yet in the metrics.  They leave together, so
 * one look at the clock, when they are ready, says how long each of them has taken.
 */
struct tally {
	const struct method *method;
	bool                 is_error;
	unsigned             count;
};

struct loop {
	struct server      *server;
	pthread_t           thread; /* but of the first, which is the main one */
	struct ev_loop     *ev;
	struct kv_snapshot *snapshot;
	struct kv_cached    cached; /* what the metrics know of its cache */
	struct auth_source  auth_source;
	struct metric_set  *metrics;

	struct mailbox   mailbox;
	struct ev_async  woken;   /* something is in the mailbox */
	struct mail_list written; /* the writer's: to go there together */
	struct mail_list writes;  /* … and ours of this turn, to go to the writer */

	int64_t      now_us; /* monotonic clock, at the last look */
	struct tally tally;  /* answers since then, given on the spot */

	/* A burst: reads that are good, while their records are fetched … */
	struct request *reads[LOOP_READS_MAX];
	unsigned        read_count;
	char           *input; /* … and what they came in, which they still look at */
	size_t          input_len;

	struct link conns;      /* all connections */
	struct link touched;    /* … with something to do at the end of the turn */
	struct link runnable;   /* … with whole messages left from an earlier turn */
	unsigned    handshakes; /* steps of them in this turn */

	struct link     feed_due;   /* subscriptions with something to send, perhaps */
	struct link     feed_mark;  /* ends those of this turn among them */
	struct link     feed_idle;  /* … that have nothing until the next commit */
	atomic_uint     feed_count; /* all of them; the writer looks at it */
	struct ev_async committed;  /* something was committed */

	struct deadlines first_frame, frame, output, linger;

	struct link requests; /* unused ones */
	unsigned    requests_kept;

	struct gate protocol_gate; /* of log lines about peers … */
	struct gate storage_gate;  /* … and about the disk */

	struct loop_mail stop_mail, drain_mail;
	struct ev_timer  drain_timer;
	bool             is_stopping; /* begin nothing any more */
	bool             is_draining; /* end when the last connection has gone */
};

/* Make LOOP ready to run.  False: out of memory or of what the system gives. */
bool loop_init(struct loop *loop, struct server *server, unsigned number);
void loop_fini(struct loop *loop);

/* Begin a burst, which begins now for the metrics; one that had begun is ended. */
void loop_begin_burst(struct loop *loop);

/* Answer what was put off, and wipe what it came in. */
void loop_end_burst(struct loop *loop);

/* Run on this thread until the loop has been drained. */
void loop_run(struct loop *loop);

/* Run on a thread of its own, which loop_join() waits for. */
bool loop_start(struct loop *loop);
void loop_join(struct loop *loop);

/* Deliver MAIL on LOOP's thread, soon.  MAIL is the loop's until then. */
void loop_send(struct loop *loop, struct loop_mail *mail);

/* A batch was committed: from the writer's thread.  Cheap without subscribers. */
void loop_committed(struct loop *loop);

/* From the writer's thread: as loop_send(), but together with others. */
void loop_gather(struct loop *loop, struct loop_mail *mail);
void loop_send_gathered(struct loop *loop);

void loop_stop(struct loop *loop);
void loop_drain(struct loop *loop);

#endif
