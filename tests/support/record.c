/*
 * record -- write down what a server does to its database file, and when it answers.
 *
 * librecord.so is preloaded; TRACE names the file to write.  One record for each:
 *
 *	u32 kind, u32 len, u64 where, then LEN bytes
 *
 *	1 write    before it is begun: from now on any of its bytes may be on disk
 *	2 synced   the write at WHERE, of a descriptor that syncs each, has returned
 *	3 sync     fdatasync or fsync has returned
 *	4 cut      before ftruncate to WHERE
 *	5 send     before the bytes leave on the socket WHERE
 *
 * Threads.  A mutex is held across each call, so the order in the file is the order of
 * the events.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE = 1, SYNCED, SYNC, CUT, SEND };

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
note(enum kind kind, const void *data, size_t len, uint64_t where)
{
	struct {
		uint32_t kind, len;
		uint64_t where;
	} head = { kind, (uint32_t)len, where };

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

static bool
is_database(int fd)
{
	static const char name[] = "/data.mdb";
	char              link[32], path[512];
	ssize_t           len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < (ssize_t)sizeof(name))
		return false;
	path[len] = '\0';
	return strcmp(path + len - (sizeof(name) - 1), name) == 0;
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
	ssize_t written;
	bool    is_ours = is_database(fd);

	pthread_mutex_lock(&mutex);
	if (is_ours)
		note(WRITE, data, len, (uint64_t)offset);
	written = REAL(pwrite)(fd, data, len, offset);
	if (is_ours && written == (ssize_t)len && (fcntl(fd, F_GETFL) & O_DSYNC) != 0)
		note(SYNCED, NULL, 0, (uint64_t)offset);
	pthread_mutex_unlock(&mutex);
	return written;
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
	ssize_t written;
	bool    is_ours = is_database(fd);
	off_t   offset = is_ours ? lseek(fd, 0, SEEK_CUR) : 0;

	pthread_mutex_lock(&mutex);
	for (int i = 0; is_ours && i < count; i++) {
		note(WRITE, parts[i].iov_base, parts[i].iov_len, (uint64_t)offset);
		offset += (off_t)parts[i].iov_len;
	}
	written = REAL(writev)(fd, parts, count);
	pthread_mutex_unlock(&mutex);
	return written;
}

static int
sync_with(int (*real)(int fd), int fd)
{
	int rc;

	pthread_mutex_lock(&mutex);
	rc = real(fd);
	if (rc == 0 && is_database(fd))
		note(SYNC, NULL, 0, 0);
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
	int rc;

	pthread_mutex_lock(&mutex);
	if (is_database(fd))
		note(CUT, NULL, 0, (uint64_t)len);
	rc = REAL(ftruncate)(fd, len);
	pthread_mutex_unlock(&mutex);
	return rc;
}

ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	ssize_t sent;

	pthread_mutex_lock(&mutex);
	note(SEND, data, len, (uint64_t)fd);
	sent = REAL(send)(fd, data, len, flags);
	if (sent != (ssize_t)len)
		abort(); /* the rest would be sent, and noted, again */
	pthread_mutex_unlock(&mutex);
	return sent;
}
