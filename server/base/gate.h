/*
 * gate -- let a log line through so many times a second, and count the others.
 *
 * Threads.  A gate belongs to one.
 */

#ifndef BASE_GATE_H
#define BASE_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct gate {
	unsigned per_second_max;
	unsigned passed;     /* in the second that began at begun_ms */
	int64_t  begun_ms;   /* monotonic clock */
	uint64_t suppressed; /* since the last that passed */
};

/*
 * Whether one more may pass at NOW_MS.  If so, *SUPPRESSED is how many were held
 * back since the last one.
 */
bool gate_pass(struct gate *gate, int64_t now_ms, uint64_t *suppressed);

#endif
