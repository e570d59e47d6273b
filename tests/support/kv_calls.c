#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include "tests/support/kv_calls.h"

/*
 * X(result, name, what it returns when it fails, (parameters), (arguments))
 */
// clang-format off
#define CALLS(X)                                                                           \
	X(void *, malloc,   memory(), (size_t size), (size))                               \
	X(void *, calloc,   memory(), (size_t n, size_t size), (n, size))                  \
	X(void *, aligned_alloc, memory(), (size_t alignment, size_t size),                \
	    (alignment, size))                                                             \
	X(char *, strdup,   memory(), (const char *text), (text))                          \
	X(char *, strndup,  memory(), (const char *text, size_t len), (text, len))         \
	X(int, pthread_create, code,                                                       \
	    (pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *c),        \
	    (t, a, run, c))                                                                \
	X(int, pthread_rwlock_init, code,                                                  \
	    (pthread_rwlock_t *l, const pthread_rwlockattr_t *a), (l, a))                  \
	X(ssize_t, getrandom, failure(), (void *out, size_t len, unsigned flags),          \
	    (out, len, flags))                                                             \
	X(int, __openat_2,  failure(), (int dir, const char *name, int flags),             \
	    (dir, name, flags))                                                            \
	X(int, __open_2,    failure(), (const char *name, int flags), (name, flags))       \
	X(int, fstat,       failure(), (int fd, struct stat *st), (fd, st))                \
	X(int, fstatvfs,    failure(), (int fd, struct statvfs *st), (fd, st))             \
	X(int, flock,       failure(), (int fd, int how), (fd, how))                       \
	X(ssize_t, pread,   failure(), (int fd, void *out, size_t len, off_t at),          \
	    (fd, out, len, at))                                                            \
	X(ssize_t, pwrite,  failure(), (int fd, const void *data, size_t len, off_t at),   \
	    (fd, data, len, at))                                                           \
	X(int, fdatasync,   failure(), (int fd), (fd))                                     \
	X(int, fsync,       failure(), (int fd), (fd))                                     \
	X(int, fallocate,   failure(), (int fd, int mode, off_t at, off_t len),            \
	    (fd, mode, at, len))                                                           \
	X(int, mkdir,       failure(), (const char *path, mode_t mode), (path, mode))      \
	X(int, renameat,    failure(), (int a, const char *from, int b, const char *to),   \
	    (a, from, b, to))                                                              \
	X(int, renameat2,   failure(),                                                     \
	    (int a, const char *from, int b, const char *to, unsigned flags),              \
	    (a, from, b, to, flags))                                                       \
	X(int, mdb_env_create, code, (MDB_env **env), (env))                               \
	X(int, mdb_env_set_mapsize, code, (MDB_env *env, size_t size), (env, size))        \
	X(int, mdb_env_open, code,                                                         \
	    (MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode),             \
	    (env, path, flags, mode))                                                      \
	X(int, mdb_env_sync, code, (MDB_env *env, int force), (env, force))                \
	X(int, mdb_txn_begin, code,                                                        \
	    (MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn),                \
	    (env, parent, flags, txn))                                                     \
	X(int, mdb_txn_renew, code, (MDB_txn *txn), (txn))                                 \
	X(int, mdb_dbi_open, code,                                                         \
	    (MDB_txn *txn, const char *name, unsigned flags, MDB_dbi *dbi),                \
	    (txn, name, flags, dbi))                                                       \
	X(int, mdb_get,     code, (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data),\
	    (txn, dbi, key, data))                                                         \
	X(int, mdb_put,     code,                                                          \
	    (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags),      \
	    (txn, dbi, key, data, flags))                                                  \
	X(int, mdb_del,     code, (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data),\
	    (txn, dbi, key, data))                                                         \
	X(int, mdb_cursor_open, code, (MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursor),    \
	    (txn, dbi, cursor))                                                            \
	X(int, mdb_cursor_get, code,                                                       \
	    (MDB_cursor *cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op),           \
	    (cursor, key, data, op))                                                       \
	X(int, mdb_cursor_del, code, (MDB_cursor *cursor, unsigned flags), (cursor, flags))

const char *const kv_calls[] = {
#define X(result, name, ...) #name,
	CALLS(X)
#undef X
	"open", "openat", "unlinkat", "mdb_txn_commit", NULL
};
// clang-format on

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static const char     *failing;
static unsigned        left; /* calls until it fails; 0: it has, or none is to */
static int             code;
static bool            has_failed;
static void (*watcher)(void *context, bool is_over);
static void   *watcher_context;
static int64_t later_ms;

void
kv_calls_fail(const char *call, unsigned nth, int rc)
{
	pthread_mutex_lock(&mutex);
	failing = call;
	left = nth;
	code = rc;
	has_failed = false;
	pthread_mutex_unlock(&mutex);
}

bool
kv_calls_failed(void)
{
	bool failed;

	pthread_mutex_lock(&mutex);
	failed = has_failed;
	pthread_mutex_unlock(&mutex);
	return failed;
}

bool
kv_calls_forgive(void)
{
	bool failed;

	pthread_mutex_lock(&mutex);
	failed = has_failed;
	left = 0;
	pthread_mutex_unlock(&mutex);
	return failed;
}

void
kv_calls_watch(void (*on_call)(void *context, bool is_over), void *context)
{
	pthread_mutex_lock(&mutex);
	watcher = on_call;
	watcher_context = context;
	pthread_mutex_unlock(&mutex);
}

void
kv_calls_later(int ms)
{
	pthread_mutex_lock(&mutex);
	later_ms += ms;
	pthread_mutex_unlock(&mutex);
}

/* Whether this CALL is to fail. */
static bool
fails(const char *call)
{
	bool it_does = false;

	pthread_mutex_lock(&mutex);
	if (left > 0 && strcmp(call, failing) == 0 && --left == 0)
		it_does = has_failed = true;
	pthread_mutex_unlock(&mutex);
	return it_does;
}

static void
tell(bool is_over)
{
	void (*on_call)(void *context, bool is_over);
	void *context;

	pthread_mutex_lock(&mutex);
	on_call = watcher;
	context = watcher_context;
	pthread_mutex_unlock(&mutex);
	if (on_call != NULL)
		on_call(context, is_over);
}

/* As what has an errno fails, and as what gives memory does. */
static int
failure(void)
{
	errno = code;
	return -1;
}

static void *
memory(void)
{
	errno = ENOMEM;
	return NULL;
}

// clang-format off
#define X(result, name, failed, parameters, arguments)                                     \
	result __real_##name parameters;                                                   \
	result __wrap_##name parameters;                                                   \
	result __wrap_##name parameters                                                    \
	{                                                                                  \
		return fails(#name) ? failed : __real_##name arguments;                    \
	}
CALLS(X)
#undef X
// clang-format on

/* ---- what is not like the others ---- */

int __real_open(const char *name, int flags, ...);
int __wrap_open(const char *name, int flags, ...);
int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);

int
__wrap_open(const char *name, int flags, ...)
{
	va_list arguments;
	mode_t  mode = 0;

	if ((flags & O_CREAT) != 0) {
		va_start(arguments, flags);
		mode = va_arg(arguments, mode_t);
		va_end(arguments);
	}
	return fails("open") ? failure() : __real_open(name, flags, mode);
}

int
__wrap_openat(int dir, const char *name, int flags, ...)
{
	va_list arguments;
	mode_t  mode = 0;

	if ((flags & O_CREAT) != 0) {
		va_start(arguments, flags);
		mode = va_arg(arguments, mode_t);
		va_end(arguments);
	}
	return fails("openat") ? failure() : __real_openat(dir, name, flags, mode);
}

int
__wrap_unlinkat(int dir, const char *name, int flags)
{
	int rc;

	tell(false);
	rc = fails("unlinkat") ? failure() : __real_unlinkat(dir, name, flags);
	tell(true);
	return rc;
}

/* One that fails is over all the same. */
int
__wrap_mdb_txn_commit(MDB_txn *txn)
{
	int rc;

	tell(false);
	if (fails("mdb_txn_commit")) {
		mdb_txn_abort(txn);
		rc = code;
	} else {
		rc = __real_mdb_txn_commit(txn);
	}
	tell(true);
	return rc;
}

int64_t __real_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void);

int64_t
__wrap_clock_mono_ms(void)
{
	int64_t ms;

	pthread_mutex_lock(&mutex);
	ms = __real_clock_mono_ms() + later_ms;
	pthread_mutex_unlock(&mutex);
	return ms;
}
