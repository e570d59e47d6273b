#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/support/fault.h"

#define FAULTS_MAX 8

enum call {
	DATA,
	META,
	ROLLBACK,
	FDATASYNC,
	FSYNC,
	FTRUNCATE,
	OPEN,
	RENAME,
	STATVFS,
	JOURNAL,
	FLUSH,
	FALLOCATE
};
static const char *const call_names[] = { "data", "meta", "rollback", "fdatasync",
	"fsync", "ftruncate", "open", "rename", "statvfs", "journal", "flush",
	"fallocate" };

/* What is not an errno, in the same number. */
enum how {
	HOW_NONE = 0,
	HOW_SHORT = -1,
	HOW_DONE = -2,
	HOW_FULL = -3,
	HOW_NOTHING = -4
};

static const struct {
	const char *name;
	int         how;
} hows[] = { { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT },
	{ "ENOMEM", ENOMEM }, { "EMFILE", EMFILE }, { "EINTR", EINTR },
	{ "EROFS", EROFS }, { "short", HOW_SHORT }, { "done", HOW_DONE },
	{ "full", HOW_FULL }, { "nothing", HOW_NOTHING } };

struct fault {
	enum call call;
	unsigned  left; /* calls until it strikes; 0: struck, once */
	int       how;
	bool      ever;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct fault    faults[FAULTS_MAX];
static unsigned        fault_total, struck;

static void
die(const char *spec)
{
	fprintf(stderr, "fault: cannot understand \"%s\"\n", spec);
	abort();
}

static struct fault
parse(char *text)
{
	struct fault fault = { 0 };
	char        *save = NULL, *words[4];
	size_t       i;

	for (i = 0; i < 4; i++)
		if ((words[i] = strtok_r(i == 0 ? text : NULL, ":", &save)) == NULL)
			die("too short");
	for (i = 0; i < sizeof(call_names) / sizeof(call_names[0]); i++)
		if (strcmp(words[0], call_names[i]) == 0)
			break;
	if (i == sizeof(call_names) / sizeof(call_names[0]))
		die(words[0]);
	fault.call = (enum call)i;
	fault.left = (unsigned)atoi(words[1]);
	for (i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
		if (strcmp(words[2], hows[i].name) == 0)
			fault.how = hows[i].how;
	fault.ever = strcmp(words[3], "ever") == 0;
	if (fault.left == 0 || fault.how == HOW_NONE)
		die(words[2]);
	return fault;
}

void
fault_arm(const char *spec)
{
	char *copy = strdup(spec), *save = NULL, *part;

	pthread_mutex_lock(&mutex);
	fault_total = struck = 0;
	for (part = strtok_r(copy, ",", &save); part != NULL;
	     part = strtok_r(NULL, ",", &save)) {
		if (fault_total == FAULTS_MAX)
			die(spec);
		faults[fault_total++] = parse(part);
	}
	pthread_mutex_unlock(&mutex);
	free(copy);
}

unsigned
fault_count(void)
{
	unsigned count;

	pthread_mutex_lock(&mutex);
	count = struck;
	pthread_mutex_unlock(&mutex);
	return count;
}

__attribute__((constructor)) static void
arm_from_environment(void)
{
	const char *spec = getenv("FAULT");

	if (spec != NULL)
		fault_arm(spec);
}

/* How this CALL is to fail, or HOW_NONE. */
static int
strike(enum call call)
{
	unsigned i;
	int      how = HOW_NONE;

	pthread_mutex_lock(&mutex);
	for (i = 0; i < fault_total && how == HOW_NONE; i++) {
		struct fault *fault = &faults[i];

		if (fault->call != call || fault->left == 0)
			continue;
		if (fault->left > 1) {
			fault->left--;
			continue;
		}
		how = fault->how;
		fault->left = fault->ever ? 1 : 0;
		struck++;
	}
	pthread_mutex_unlock(&mutex);
	return how;
}

static bool
is_database(const char *path)
{
	return strstr(path, "data.mdb") != NULL;
}

static bool
is_journal(const char *path)
{
	return strstr(path, "/journal.") != NULL;
}

/* Whether IS says so of the path of FD. */
static bool
is_fd(bool (*is)(const char *path), int fd)
{
	char    link[32], path[512];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len < 0 ? 0 : len] = '\0';
	return is(path);
}

/* The C library's function of the same name. */
#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* Fail as HOW says. */
static int
failed(int how)
{
	errno = how > 0 ? how : EIO;
	return -1;
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
	enum call call = DATA;
	int       how = HOW_NONE;

	if (is_fd(is_journal, fd)) {
		how = strike(JOURNAL);
	} else if (is_fd(is_database, fd)) {
		if ((fcntl(fd, F_GETFL) & O_DSYNC) != 0)
			call = META;
		else if (offset < 8192 && len < 4096)
			call = ROLLBACK;
		how = strike(call);
	}
	if (how == HOW_SHORT)
		return REAL(pwrite)(fd, data, (len + 1) / 2, offset);
	if (how == HOW_NOTHING)
		return 0;
	if (how == HOW_NONE || how == HOW_DONE) {
		ssize_t written = REAL(pwrite)(fd, data, len, offset);

		if (how == HOW_NONE)
			return written;
	}
	return failed(how);
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
	int how = is_fd(is_database, fd) ? strike(DATA) : HOW_NONE;

	if (how == HOW_SHORT)
		return REAL(writev)(fd, parts, count - 1);
	if (how == HOW_NONE || how == HOW_DONE) {
		ssize_t written = REAL(writev)(fd, parts, count);

		if (how == HOW_NONE)
			return written;
	}
	return failed(how);
}

int
fdatasync(int fd)
{
	int how = HOW_NONE;

	if (is_fd(is_journal, fd))
		how = strike(FLUSH);
	else if (is_fd(is_database, fd))
		how = strike(FDATASYNC);
	if (how == HOW_DONE)
		(void)REAL(fdatasync)(fd);
	return how == HOW_NONE ? REAL(fdatasync)(fd) : failed(how);
}

int
fsync(int fd)
{
	int how = strike(FSYNC); /* of the directory too */

	return how == HOW_NONE ? REAL(fsync)(fd) : failed(how);
}

int
ftruncate(int fd, off_t len)
{
	int how = strike(FTRUNCATE); /* of LMDB's lock file */

	return how == HOW_NONE ? REAL(ftruncate)(fd, len) : failed(how);
}

int
fallocate(int fd, int mode, off_t offset, off_t len)
{
	int how = strike(FALLOCATE); /* of a journal */

	return how == HOW_NONE ? REAL(fallocate)(fd, mode, offset, len) : failed(how);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int how = is_database(to) ? strike(RENAME) : HOW_NONE;

	return how == HOW_NONE ? REAL(renameat)(from_dir, from, to_dir, to)
			       : failed(how);
}

int
open(const char *path, int flags, ...)
{
	int     how = is_database(path) ? strike(OPEN) : HOW_NONE;
	va_list arguments;
	mode_t  mode = 0;

	if ((flags & O_CREAT) != 0) {
		va_start(arguments, flags);
		mode = va_arg(arguments, mode_t);
		va_end(arguments);
	}
	return how == HOW_NONE ? REAL(open)(path, flags, mode) : failed(how);
}

int
fstatvfs(int fd, struct statvfs *st)
{
	int how = strike(STATVFS);

	if (how == HOW_NONE || how == HOW_FULL) {
		int rc = REAL(fstatvfs)(fd, st);

		if (how == HOW_FULL)
			st->f_bavail = 0;
		return rc;
	}
	return failed(how);
}
