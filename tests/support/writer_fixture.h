/*
 * writer_fixture -- operations for a writer, and a door at which one may wait.
 *
 * An operation that waits holds its batch open until door_open(): whatever is pushed
 * meanwhile is in the next ones.
 *
 * What fails here fails the test.
 */

#ifndef SUPPORT_WRITER_FIXTURE_H
#define SUPPORT_WRITER_FIXTURE_H

#include "server/kv/writer.h"
#include "tests/support/kv_fixture.h"

enum task_what {
	TASK_PUT,
	TASK_REFUSE,          /* without having written */
	TASK_FAIL,            /* after having written */
	TASK_WAIT,            /* at the door, then put */
	TASK_PUT_WHEN_ABSENT, /* refused if its key is there */
	TASK_PUT_LARGE        /* half of what a batch may put */
};

#define TASK_LARGE_BYTES (WRITER_BATCH_BYTES_MAX / 2)

/* Puts its key, which is a number in decimal, as the value of the customer KEY. */
struct task {
	struct write_op op;
	char            key[16];
	enum task_what  what;
	int             fetches;
	int             runs;
	int             answers;
};

struct task task_of(enum task_what what, int number);

/* Wait until an operation waits at the door and has no permit yet. */
void door_meet(void);

/* Let one operation pass. */
void door_open(void);

/* How many operations were answered since must_start(). */
int answers_now(void);

void answers_wait(int count);

/* Wait until TASK is answered. */
void task_wait(const struct task *task);

struct writer *must_start(struct kv_fixture *f, const struct writer_events *events);

/* Push a TASK that holds its batch open until door_open(). */
void must_hold(struct writer *writer, struct task *task);

#endif
