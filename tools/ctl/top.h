/*
 * top -- two looks at server.status, and the picture that they make.
 */

#ifndef CTL_TOP_H
#define CTL_TOP_H

#include <stdint.h>
#include <stdio.h>

#include "client/customerd.h"

#define TOP_METHODS_MAX 128u
#define TOP_NAME_BYTES 40u

struct top_method {
	char    name[TOP_NAME_BYTES];
	int64_t calls, errors, p50_us, p99_us;
};

/* What server.status said at one moment. */
struct top_sample {
	int64_t           at_ms; /* of a clock that does not go back; 0: nothing yet */
	char              version[16];
	int64_t           uptime_ms;
	int64_t           connections, requests_open, requests, errors, busy;
	int64_t           bytes_in, bytes_out, subscriptions, changes_sent, feed_lag;
	int64_t           commits, operations, waiting;
	int64_t           bytes_used, bytes_max;
	struct top_method methods[TOP_METHODS_MAX];
	unsigned          method_count;
};

/* Take SAMPLE out of STATUS. */
void top_take(struct top_sample *sample, struct customerd_slice status, int64_t at_ms);

struct top_screen {
	FILE    *out;
	unsigned rows, columns;
	bool     is_plain; /* without escapes, for a file */
};

/* Draw what happened between BEFORE and NOW; SERVER is its address, TROUBLE what is
 * wrong, or NULL. */
void top_draw(const struct top_screen *screen, const struct top_sample *before,
    const struct top_sample *now, const char *server, const char *trouble);

#endif
