/*
 * record -- write down what a server does to its files, and when it answers.
 *
 * librecord.so is preloaded; TRACE names the file to write.  One record for each:
 *
 *	u8 kind, u8 file, u16 0, u32 len, u64 where, then LEN bytes
 *
 *	1 write    before it is begun: from now on any of its bytes may be on disk
 *	2 synced   the write at WHERE, of a descriptor that syncs each, has returned
 *	3 sync     fdatasync or fsync has returned
 *	4 cut      before ftruncate to WHERE
 *	5 send     before the bytes leave on the socket WHERE
 *	6 make     the file has been created, or emptied
 *	7 remove   before its name is taken away
 *	8 names    the directory has been synced
 *
 * FILE is 0 for data.mdb, 1 and 2 for journal.0 and journal.1.
 *
 * Threads.  A mutex is held across each call, so the order in the file is the order of
 * the events.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE = 1, SYNCED, SYNC, CUT, SEND, MAKE, REMOVE, NAMES };

#define FILES 3
#define NO_FILE (-1)

static const char *const files[FILES] = { "data.mdb", "journal.0", "journal.1" };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int             trace = -1;

/* The C library's function of the same name. */
#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

static void
put(const void *data, size_t len)
{
	if (REAL(write)(trace, data, len) != (ssize_t)len)
		abort(); /* without it the trace is worthless */
}

static void
note(enum kind kind, int file, const void *data, size_t len, uint64_t where)
{
	struct {
		uint8_t  kind, file;
		uint16_t pad;
		uint32_t len;
		uint64_t where;
	} head = { (uint8_t)kind, (uint8_t)file, 0, (uint32_t)len, where };

	put(&head, sizeof(head));
	put(data, len);
}

__attribute__((constructor)) static void
open_trace(void)
{
	const char *path = getenv("TRACE");

	if (path != NULL)
		trace = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (trace < 0)
		abort();
}

/* Which of the files PATH names, or NO_FILE. */
static int
file_named(const char *path)
{
	const char *slash = strrchr(path, '/');
	int         i;

	for (i = 0; i < FILES; i++)
		if (strcmp(slash == NULL ? path : slash + 1, files[i]) == 0)
			return i;
	return NO_FILE;
}

static int
file_of(int fd)
{
	char    link[32], path[512];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return NO_FILE;
	path[len] = '\0';
	return file_named(path);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
	int     file = file_of(fd);
	ssize_t written;

	pthread_mutex_lock(&mutex);
	if (file != NO_FILE)
		note(WRITE, file, data, len, (uint64_t)offset);
	written = REAL(pwrite)(fd, data, len, offset);
	if (file != NO_FILE && written == (ssize_t)len &&
	    (fcntl(fd, F_GETFL) & O_DSYNC) != 0)
		note(SYNCED, file, NULL, 0, (uint64_t)offset);
	pthread_mutex_unlock(&mutex);
	return written;
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
	int     file = file_of(fd);
	ssize_t written;
	off_t   offset = file != NO_FILE ? lseek(fd, 0, SEEK_CUR) : 0;

	pthread_mutex_lock(&mutex);
	for (int i = 0; file != NO_FILE && i < count; i++) {
		note(
		    WRITE, file, parts[i].iov_base, parts[i].iov_len, (uint64_t)offset);
		offset += (off_t)parts[i].iov_len;
	}
	written = REAL(writev)(fd, parts, count);
	pthread_mutex_unlock(&mutex);
	return written;
}

static int
sync_with(int (*real)(int fd), int fd)
{
	struct stat st;
	int         file = file_of(fd);
	int         rc;

	pthread_mutex_lock(&mutex);
	rc = real(fd);
	if (rc == 0 && file != NO_FILE)
		note(SYNC, file, NULL, 0, 0);
	else if (rc == 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		note(NAMES, 0, NULL, 0, 0);
	pthread_mutex_unlock(&mutex);
	return rc;
}

int
fdatasync(int fd)
{
	return sync_with(REAL(fdatasync), fd);
}

int
fsync(int fd)
{
	return sync_with(REAL(fsync), fd);
}

int
ftruncate(int fd, off_t len)
{
	int file = file_of(fd);
	int rc;

	pthread_mutex_lock(&mutex);
	if (file != NO_FILE)
		note(CUT, file, NULL, 0, (uint64_t)len);
	rc = REAL(ftruncate)(fd, len);
	pthread_mutex_unlock(&mutex);
	return rc;
}

int
openat(int dir, const char *path, int flags, ...)
{
	int     file = (flags & O_TRUNC) != 0 ? file_named(path) : NO_FILE;
	int     fd;
	mode_t  mode = 0;
	va_list arguments;

	va_start(arguments, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(arguments, mode_t);
	va_end(arguments);
	pthread_mutex_lock(&mutex);
	fd = REAL(openat)(dir, path, flags, mode);
	if (fd >= 0 && file != NO_FILE)
		note(MAKE, file, NULL, 0, 0);
	pthread_mutex_unlock(&mutex);
	return fd;
}

int
unlinkat(int dir, const char *path, int flags)
{
	int file = file_named(path);
	int rc;

	pthread_mutex_lock(&mutex);
	if (file != NO_FILE && faccessat(dir, path, F_OK, 0) == 0)
		note(REMOVE, file, NULL, 0, 0);
	rc = REAL(unlinkat)(dir, path, flags);
	pthread_mutex_unlock(&mutex);
	return rc;
}

ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	ssize_t sent;

	pthread_mutex_lock(&mutex);
	note(SEND, 0, data, len, (uint64_t)fd);
	sent = REAL(send)(fd, data, len, flags);
	if (sent != (ssize_t)len)
		abort(); /* the rest would be sent, and noted, again */
	pthread_mutex_unlock(&mutex);
	return sent;
}
