/*
 * when -- times, as people write them, always UTC.
 */

#ifndef CTL_WHEN_H
#define CTL_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#define WHEN_BYTES 32u

/* TEXT, as typed.h says, in milliseconds since 1970.  False when it is none. */
bool when_parse(const char *text, int64_t *time_ms);

/* Print TIME_MS as 2030-12-31T23:59:59.999Z.  False when its year has not four digits.
 */
bool when_print(char text[WHEN_BYTES], int64_t time_ms);

int64_t when_now_ms(void);
/* A clock that does not go back. */
int64_t when_mono_ms(void);

#endif
