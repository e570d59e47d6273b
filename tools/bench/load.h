/*
 * load -- keep servers busy for a while, and measure what comes back.
 *
 * Without a rate each connection has always as many requests under way as it may: how
 * fast can it be?  With a rate, requests are due at even distances, whether or not the
 * server keeps up, and the time of each counts from when it was due: what would a
 * client have waited?  A server that stalls is then not spared the requests that a
 * waiting generator does not send.
 *
 * Every answer is judged; a wrong one is counted, and the first is kept.
 *
 * Threads.  All in one.
 */

#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "tools/bench/histogram.h"
#include "tools/bench/option.h"
#include "tools/bench/protocol.h"

#define LOAD_WRONG_BYTES_MAX 200u

/* What was measured, after the warm-up. */
struct load_result {
	struct histogram latency[OP_COUNT];
	double           seconds;
	uint64_t         wrong;  /* answers, of those in LATENCY */
	uint64_t         missed; /* due, but never answered; their age is in LATENCY */
	char             first_wrong[LOAD_WRONG_BYTES_MAX]; /* printable */
};

/* Called when measuring begins and when it ends. */
struct load_observer {
	void (*on_begin)(void *user);
	void (*on_end)(void *user);
	void *user;
};

/* False with a sentence in WHY: nothing was measured. */
bool load_run(const struct bench_options *options, const struct protocol *protocol,
    const struct load_observer *observer, struct load_result *result, char *why,
    size_t why_size);

#endif
