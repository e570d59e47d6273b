/*
 * shift -- clocks that a test sets: a library to stand before the C library.
 *
 *   LD_PRELOAD=libshift.so SHIFT_FILE=PATH program...
 *
 * The file holds two int64, by how many nanoseconds the wall clock and the monotonic
 * clock are ahead; whoever writes into it sets them, while the program runs.  Only
 * what asks for the time sees that: a wait in the kernel lasts as long as it lasts.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)

static struct ahead {
	_Atomic int64_t wall_ns, mono_ns;
} none, *ahead = &none;

static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void
open_file(void)
{
	const char *path = getenv("SHIFT_FILE");
	int         fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void       *shared = MAP_FAILED;

	real_clock_gettime = (int (*)(clockid_t, struct timespec *))(uintptr_t)dlsym(
	    RTLD_NEXT, "clock_gettime");
	if (fd >= 0)
		shared = mmap(
		    NULL, sizeof(*ahead), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED || real_clock_gettime == NULL) {
		fprintf(stderr, "shift: there is no SHIFT_FILE\n");
		abort();
	}
	ahead = shared;
	close(fd);
}

static int64_t
ahead_ns(clockid_t id)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE: return atomic_load(&ahead->wall_ns);
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE: return atomic_load(&ahead->mono_ns);
	default: return 0; /* what a process or a thread has used */
	}
}

int
clock_gettime(clockid_t id, struct timespec *now)
{
	int64_t shift_ns = ahead_ns(id), ns;
	int     rc = real_clock_gettime(id, now);

	if (rc == 0) {
		ns = now->tv_sec * SECOND_NS + now->tv_nsec + shift_ns;
		now->tv_sec = ns / SECOND_NS;
		now->tv_nsec = ns % SECOND_NS;
	}
	return rc;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &exact);
	now->tv_sec = exact.tv_sec;
	now->tv_usec = exact.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out != NULL)
		*out = now.tv_sec;
	return now.tv_sec;
}
