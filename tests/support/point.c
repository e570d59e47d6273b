/*
 * point -- let the n-th call of a program to the outside fail, whichever it is.
 *
 * libpoint.so is preloaded; POINT says what is to fail:
 *
 *	POINT="nth:how:times"
 *
 *	nth    1 is the first call that can fail so
 *	how    the name of an errno: it fails so and does nothing
 *	       short      it moves half of the bytes
 *	       done       it is done, and then fails with EIO
 *	       memory     malloc() and its sisters find none
 *	       slow       it is done, but only after SLOW_MS
 *	times  once, or ever: the nth and all that follow
 *
 * When it strikes first, it says so on stderr: "point: NAME". Calls on stderr are left
 * alone, so that the program can say why it ends.
 *
 * Calls from within the C library are not seen, and direct ones are not, either.  The
 * eventfd by which libev wakes a loop is left alone: it is private to libev, which
 *stops to watch it after a failure and does not say so; nobody else could mend that.
 */

#undef _FORTIFY_SOURCE /* with it, pread and recv are inline functions */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* What is not an errno, in the same number. */
enum how {
	HOW_NONE = 0,
	HOW_SHORT = -1,
	HOW_DONE = -2,
	HOW_MEMORY = -3,
	HOW_SLOW = -4
};

static const struct {
	const char *name;
	int         how;
	const char *calls; /* that can fail so, each between spaces */
} hows[] = {
	{ "EIO", EIO,
	    " open openat pread pwrite writev fsync fdatasync ftruncate renameat "
	    "renameat2 unlink "
	    "unlinkat mkdir rmdir fstat lstat fstatvfs lseek " },
	{ "ENOSPC", ENOSPC,
	    " open openat pwrite writev fsync fdatasync ftruncate renameat renameat2 "
	    "mkdir epoll_ctl " },
	{ "EDQUOT", EDQUOT, " open openat pwrite writev fdatasync renameat mkdir " },
	{ "ENOMEM", ENOMEM,
	    " open openat mmap socket bind connect accept4 epoll_create1 epoll_ctl "
	    "recv send fstat fsync pwrite " },
	{ "EMFILE", EMFILE, " open openat socket accept4 epoll_create1 eventfd " },
	{ "ENFILE", ENFILE, " open openat socket accept4 epoll_create1 eventfd " },
	{ "EINTR", EINTR,
	    " open openat recv send connect accept4 epoll_wait flock "
	    "fstatvfs fsync fdatasync ftruncate pread pwrite writev fallocate " },
	{ "EAGAIN", EAGAIN, " recv send accept4 flock pthread_create " },
	{ "EACCES", EACCES,
	    " open openat mmap bind unlink renameat renameat2 mkdir flock " },
	{ "ECONNRESET", ECONNRESET, " recv send getsockopt getsockname setsockopt " },
	{ "short", HOW_SHORT, " recv send pread pwrite writev " },
	{ "done", HOW_DONE,
	    " pwrite writev send fsync fdatasync ftruncate renameat renameat2 "
	    "unlinkat mkdir " },
	{ "memory", HOW_MEMORY, " memory " },
	{ "slow", HOW_SLOW, " fsync fdatasync msync " },
};

#define SAID_MAX 32
#define SLOW_MS 200

static const char  *calls; /* that may fail; NULL: none */
static int          chosen;
static bool         ever;
static _Atomic long left; /* calls until it strikes */

__attribute__((constructor)) static void
arm(void)
{
	const char *spec = getenv("POINT");
	char        how[16], times[8];
	long        nth;

	if (spec == NULL)
		return;
	if (sscanf(spec, "%ld:%15[^:]:%7s", &nth, how, times) != 3)
		abort();
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
		if (strcmp(how, hows[i].name) == 0) {
			chosen = hows[i].how;
			calls = hows[i].calls;
		}
	if (calls == NULL)
		abort();
	ever = strcmp(times, "ever") == 0;
	left = nth;
}

static void
say_once(const char *name)
{
	static const char *said[SAID_MAX];
	char               line[64] = "point: ";
	size_t             i;

	/* Two threads may say it twice. */
	for (i = 0; i < SAID_MAX && said[i] != NULL; i++)
		if (strcmp(said[i], name) == 0)
			return;
	if (i < SAID_MAX)
		said[i] = name;

	strncat(line, name, sizeof(line) - 16);
	strcat(line, "\n");
	syscall(SYS_write, STDERR_FILENO, line, strlen(line));
}

/* How this call of NAME is to fail, or HOW_NONE. */
static int
strike(const char *name)
{
	char word[32] = " ";
	long now;

	if (calls == NULL)
		return HOW_NONE;
	strncat(word, name, sizeof(word) - 3);
	strcat(word, " ");
	if (strstr(calls, word) == NULL)
		return HOW_NONE;
	now = atomic_fetch_sub(&left, 1);
	if (now > 1 || (now < 1 && !ever))
		return HOW_NONE;
	say_once(name);
	if (chosen != HOW_SLOW)
		return chosen;
	nanosleep(&(struct timespec){ .tv_nsec = SLOW_MS * 1000000L }, NULL);
	return HOW_NONE;
}

/* The C library's function of the same name. */
#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

static int
failed(int how)
{
	errno = how > 0 ? how : EIO;
	return -1;
}

/* A call that fails with -1, and has no halves. */
#define CALL(type, name, parameters, arguments)      \
	type name parameters;                        \
	type name parameters                         \
	{                                            \
		int how = strike(#name);             \
                                                     \
		if (how == HOW_NONE)                 \
			return REAL(name) arguments; \
		if (how == HOW_DONE)                 \
			(void)!REAL(name) arguments; \
		return failed(how);                  \
	}

/* One that moves LEN bytes. */
#define MOVE(name, parameters, arguments, halved)                     \
	ssize_t name parameters;                                      \
	ssize_t name parameters                                       \
	{                                                             \
		int how = strike(#name);                              \
                                                                      \
		if (how == HOW_NONE || (how == HOW_SHORT && len < 2)) \
			return REAL(name) arguments;                  \
		if (how == HOW_SHORT)                                 \
			return REAL(name) halved;                     \
		if (how == HOW_DONE)                                  \
			(void)!REAL(name) arguments;                  \
		return failed(how);                                   \
	}

// clang-format off
CALL(int, fsync, (int fd), (fd))
CALL(int, fdatasync, (int fd), (fd))
CALL(int, msync, (void *address, size_t len, int flags), (address, len, flags))
CALL(int, ftruncate, (int fd, off_t len), (fd, len))
CALL(int, fallocate, (int fd, int mode, off_t offset, off_t len),
    (fd, mode, offset, len))
CALL(int, renameat, (int from_fd, const char *from, int to_fd, const char *to),
    (from_fd, from, to_fd, to))
CALL(int, renameat2, (int from_fd, const char *from, int to_fd, const char *to,
    unsigned flags), (from_fd, from, to_fd, to, flags))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(int, rmdir, (const char *path), (path))
CALL(int, unlink, (const char *path), (path))
CALL(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
CALL(int, fstat, (int fd, struct stat *st), (fd, st))
CALL(int, lstat, (const char *restrict path, struct stat *restrict st), (path, st))
CALL(int, fstatvfs, (int fd, struct statvfs *st), (fd, st))
CALL(off_t, lseek, (int fd, off_t offset, int whence), (fd, offset, whence))
CALL(int, flock, (int fd, int operation), (fd, operation))
CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
CALL(int, bind, (int fd, __CONST_SOCKADDR_ARG address, socklen_t size),
    (fd, address, size))
CALL(int, connect, (int fd, __CONST_SOCKADDR_ARG address, socklen_t size),
    (fd, address, size))
CALL(int, accept4, (int fd, __SOCKADDR_ARG address, socklen_t *restrict size,
    int flags), (fd, address, size, flags))
CALL(int, getsockopt, (int fd, int level, int name, void *restrict value,
    socklen_t *restrict size), (fd, level, name, value, size))
CALL(int, getsockname, (int fd, __SOCKADDR_ARG address,
    socklen_t *restrict size), (fd, address, size))
CALL(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
    (fd, level, name, value, size))
CALL(int, epoll_create1, (int flags), (flags))
CALL(int, epoll_wait, (int epoll, struct epoll_event *events, int count, int ms),
    (epoll, events, count, ms))
CALL(int, eventfd, (unsigned count, int flags), (count, flags))

MOVE(pread, (int fd, void *data, size_t len, off_t at), (fd, data, len, at),
    (fd, data, len / 2, at))
MOVE(pwrite, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at),
    (fd, data, len / 2, at))
MOVE(recv, (int fd, void *data, size_t len, int flags), (fd, data, len, flags),
    (fd, data, len / 2, flags))
MOVE(send, (int fd, const void *data, size_t len, int flags), (fd, data, len, flags),
    (fd, data, len / 2, flags))
MOVE(writev, (int fd, const struct iovec *parts, int len), (fd, parts, len),
    (fd, parts, len / 2))
// clang-format on

static bool
is_eventfd(int fd)
{
	char    link[32], name[32] = "";
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, name, sizeof(name) - 1);
	return len > 0 && strcmp(name, "anon_inode:[eventfd]") == 0;
}

int
epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	int how = is_eventfd(fd) ? HOW_NONE : strike("epoll_ctl");

	return how == HOW_NONE ? REAL(epoll_ctl)(epoll, operation, fd, event)
			       : failed(how);
}

int
open(const char *path, int flags, ...)
{
	int     how = strike("open");
	va_list arguments;
	mode_t  mode = 0;

	va_start(arguments, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return how == HOW_NONE ? REAL(open)(path, flags, mode) : failed(how);
}

int
openat(int fd, const char *path, int flags, ...)
{
	int     how = strike("openat");
	va_list arguments;
	mode_t  mode = 0;

	va_start(arguments, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return how == HOW_NONE ? REAL(openat)(fd, path, flags, mode) : failed(how);
}

void *
mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
	int how = strike("mmap");

	if (how == HOW_NONE)
		return REAL(mmap)(address, len, protection, flags, fd, offset);
	failed(how);
	return MAP_FAILED;
}

int
pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
    void *(*run)(void *), void *restrict argument)
{
	int how = strike("pthread_create");

	return how == HOW_NONE ? REAL(pthread_create)(thread, attributes, run, argument)
			       : how;
}

/* ---- memory: glibc's own names, for dlsym() allocates itself ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static bool
memory_is_out(void)
{
	if (strike("memory") == HOW_NONE)
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	return memory_is_out() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return memory_is_out() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return memory_is_out() ? NULL : __libc_realloc(old, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return memory_is_out() ? NULL : __libc_memalign(alignment, size);
}

int
posix_memalign(void **out, size_t alignment, size_t size)
{
	if (memory_is_out())
		return ENOMEM;
	*out = __libc_memalign(alignment, size);
	return *out == NULL ? ENOMEM : 0;
}
