/*
 * progress -- a bar on the terminal: how much, how fast, how long still.
 *
 * On standard error, only when that is a terminal, and at most a few times a second.
 */

#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool    is_shown;
	int64_t begin_ms, shown_ms;
	int64_t begin; /* what was done when it began */
	int64_t total; /* 0: nobody knows */
};

/* BEGIN of TOTAL is done already.  Never shown when IS_QUIET. */
void progress_init(
    struct progress *progress, int64_t begin, int64_t total, bool is_quiet);

/* DONE of the total is done; RECORDS is what people count, since the beginning. */
void progress_show(struct progress *progress, int64_t done, int64_t records);

/* Take the bar away. */
void progress_end(struct progress *progress);

/* Seconds since the beginning. */
double progress_seconds(const struct progress *progress);

#endif
