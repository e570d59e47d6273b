/*
 * clock -- what time it is.
 *
 * The wall clock stamps records and log lines; it may jump, so nothing is
 * measured with it.  The monotonic clock measures: it never goes back, and its
 * zero means nothing.
 *
 * Threads.  Any.
 */

#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall_ms(void);

/* Time since some moment before the process began. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

#endif
