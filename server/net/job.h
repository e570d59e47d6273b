/*
 * job -- long work that an operator asks for: a backup, a scrub.
 *
 * One at a time, on a thread that is made for it and joined; a loop and the writer
 * would keep others waiting.  Whoever asked hears the outcome; so do the log and
 * server.status, for a job goes on when the one who asked has gone.  cancel ends it.
 *
 * Threads.  job_begin() and job_state() may be called from any; done() runs on the
 * thread of the job.  A task belongs to the runner from begin to done().
 *
 * Errors.  TASK->status says how it went, with a sentence in CALL->detail;
 * SHUTTING_DOWN when the runner was stopped meanwhile.
 */

#ifndef NET_JOB_H
#define NET_JOB_H

#include "server/base/log.h"
#include "server/domain/call.h"
#include "server/kv/writer.h"

#define JOB_SNAPSHOTS 1u /* that KV must have for it */

struct job_runner;

struct job_task {
	struct call *call; /* of a method whose access is JOB */
	enum status  status;
	/* Takes TASK back.  Must not block. */
	void (*done)(struct job_task *task);
};

/* What server.status tells. */
struct job_state {
	struct slice running;  /* the method of the job at work, or empty … */
	uint64_t     rows;     /* … and how far it is */
	struct slice last;     /* the method of the one that ended last, or empty */
	enum status  status;   /* how that went */
	int64_t      ended_at; /* wall clock, ms */
	uint64_t     took_ms;
	uint64_t     done; /* how many went well */
};

/* What it is given must outlive it.  NULL: out of memory. */
struct job_runner *job_runner_new(
    struct kv *kv, struct writer *writer, struct log *log);

/* Judge the arguments of CALL, which control_check() has passed. */
enum status job_check(struct call *call);

/* Begin TASK.  False when another is running: it stays the caller's. */
bool job_begin(struct job_runner *jobs, struct job_task *task);

void job_state(struct job_runner *jobs, struct job_state *state);

/* End what is running, and wait for it.  Nothing may be begun any more. */
void job_runner_stop(struct job_runner *jobs);

/* Stop and free JOBS, which may be NULL. */
void job_runner_free(struct job_runner *jobs);

#endif
