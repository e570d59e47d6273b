#include <assert.h>
#include <time.h>

#include "server/base/clock.h"

static struct timespec
read_clock(clockid_t id)
{
	struct timespec now;
	int             rc = clock_gettime(id, &now);

	assert(rc == 0); /* only a wrong id or a wrong pointer fails */
	return now;
}

int64_t
clock_wall_ms(void)
{
	struct timespec now = read_clock(CLOCK_REALTIME);

	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_mono_us(void)
{
	struct timespec now = read_clock(CLOCK_MONOTONIC);

	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}
