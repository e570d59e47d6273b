#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "server/kv/kv_private.h"

/* So much goes to the disk at a time: little enough for others to get their turn. */
#define COMMIT_BYTES ((size_t)16 << 20)

/* ---- rows ---- */

struct copy {
	struct kv          *from;
	struct kv_txn       view; /* of FROM */
	struct kv_progress *progress;
	struct kv          *to;
	MDB_env            *env;     /* of TO */
	MDB_txn            *mdb;     /* in ENV; NULL: none is open */
	size_t              bytes;   /* put in MDB */
	uint64_t            batch;   /* the newest in VIEW */
	uint64_t            journal; /* to be read after it; 0: none */
};

static int
next_transaction(struct copy *copy)
{
	MDB_txn *mdb = copy->mdb;
	int      rc;

	copy->mdb = NULL;
	copy->bytes = 0;
	if (mdb != NULL && (rc = mdb_txn_commit(mdb)) != 0)
		return rc;
	return mdb_txn_begin(copy->env, NULL, 0, &copy->mdb);
}

static int
copy_row(struct copy *copy, enum kv_table table, struct slice key, struct slice value)
{
	int rc;

	if (atomic_load(&copy->from->is_wanted))
		copy->view.status = STATUS_STORAGE_FAILED;
	if (atomic_load(copy->progress->stop) || copy->view.status != STATUS_OK)
		return ECANCELED;
	if (copy->bytes >= COMMIT_BYTES && (rc = next_transaction(copy)) != 0)
		return rc;
	copy->bytes += key.len + value.len;
	atomic_fetch_add_explicit(&copy->progress->rows, 1, memory_order_relaxed);
	return lmdb_append(copy->to, copy->mdb, table, key, value);
}

static int
copy_table(struct copy *copy, enum kv_table table)
{
	struct kv_scan scan;
	struct slice   key, value;
	int            rc = 0;

	kv_scan_begin(&scan, &copy->view, table, SLICE(""), SLICE(""));
	while (rc == 0 && kv_scan_next(&scan, &key, &value))
		rc = copy_row(copy, table, key, value);
	kv_scan_end(&scan);
	return rc;
}

/* For lmdb_build().  A failure of the view is the view's; then this is ECANCELED. */
static int
fill(struct kv *to, MDB_env *env, void *context)
{
	struct copy *copy = context;
	int          rc;

	copy->to = to;
	copy->env = env;
	if ((rc = next_transaction(copy)) == 0)
		rc = lmdb_open_tables(to, copy->mdb, MDB_CREATE);
	for (unsigned i = 0; i < KV_TABLE_COUNT && rc == 0; i++) {
		rc = copy_table(copy, (enum kv_table)i);
		if (rc == 0 && copy->view.status != STATUS_OK)
			rc = ECANCELED;
	}
	if (rc == 0)
		rc = lmdb_put_numbers(to, copy->mdb, copy->batch, copy->journal);
	if (rc == 0)
		return mdb_txn_commit(copy->mdb);
	if (copy->mdb != NULL)
		mdb_txn_abort(copy->mdb);
	return rc;
}

/* ---- the file ---- */

__attribute__((format(printf, 4, 5))) static enum status
refuse(enum status status, char *why, size_t why_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, why_size, format, args);
	va_end(args);
	return status;
}

/* Is there room for what FROM has, where TO is to be? */
static enum status
check_room(const struct kv *from, const struct kv *to, char *why, size_t why_size)
{
	struct statvfs st;
	uint64_t       used, bytes_max, there;

	kv_usage(from, &used, &bytes_max);
	if (fstatvfs(to->dir, &st) != 0)
		return STATUS_OK; /* it will be seen */
	there = (uint64_t)st.f_bavail * st.f_frsize;
	if (there > used)
		return STATUS_OK;
	return refuse(STATUS_STORAGE_FULL, why, why_size,
	    "a copy needs %llu bytes, and %llu are free there",
	    (unsigned long long)used, (unsigned long long)there);
}

/* What became of a copy that was built with RC; a sentence unless all is well. */
static enum status
judge(const struct copy *copy, int rc, char *why, size_t why_size)
{
	enum status status = lmdb_status(rc);

	if (rc == 0)
		return STATUS_OK;
	if (copy->view.status == STATUS_DAMAGED)
		return refuse(STATUS_DAMAGED, why, why_size,
		    "a stored value fails its checksum; \"customerd verify\" names it");
	if (copy->view.status != STATUS_OK)
		return refuse(copy->view.status, why, why_size,
		    "the database cannot be read to its end");
	if (status == STATUS_CANCELLED)
		return refuse(status, why, why_size, "it was stopped");
	/* As in lmdb_failed(). */
	if (status == STATUS_STORAGE_FAILED && lmdb_disk_is_full(copy->to, 0))
		status = STATUS_STORAGE_FULL;
	return refuse(
	    status, why, why_size, "cannot write the copy: %s", mdb_strerror(rc));
}

/* Build, for TO, a file with everything that is in FROM. */
static enum status
build(struct kv *from, struct kv *to, uint64_t journal, struct kv_progress *progress,
    char *why, size_t why_size)
{
	struct copy copy = {
		.from = from, .to = to, .progress = progress, .journal = journal
	};
	struct kv_snapshot *snapshot;
	enum status         status;
	int                 rc = ECANCELED;

	if ((status = check_room(from, to, why, why_size)) != STATUS_OK)
		return status;
	if ((snapshot = kv_snapshot_new(from)) == NULL)
		return refuse(STATUS_NO_MEMORY, why, why_size, "out of memory");
	kv_read(snapshot, &copy.view);
	copy.batch = snapshot->sequence;
	if (copy.view.status == STATUS_OK)
		rc = lmdb_build(to, from->bytes_max + kv_bytes(from), fill, &copy);
	kv_snapshot_free(snapshot);
	return judge(&copy, rc, why, why_size);
}

/* ---- a new directory ---- */

/* The names of one; each to be freed. */
struct place {
	char *path;    /* without slashes at its end */
	char *partial; /* its name while it is built */
	char *parent;
};

static void
place_fini(struct place *place)
{
	free(place->path);
	free(place->partial);
	free(place->parent);
}

static bool
place_init(struct place *place, const char *path)
{
	size_t len = strlen(path);
	char  *slash;

	*place = (struct place){ .path = NULL };
	while (len > 1 && path[len - 1] == '/')
		len--;
	if ((place->path = strndup(path, len)) == NULL ||
	    asprintf(&place->partial, "%s.partial", place->path) < 0) {
		place->partial = NULL;
		return false;
	}
	slash = strrchr(place->path, '/');
	place->parent =
	    slash == NULL
		? strdup(".")
		: strndup(place->path,
		      slash == place->path ? 1 : (size_t)(slash - place->path));
	return place->parent != NULL;
}

static int
sync_directory(const char *path)
{
	int rc, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	rc = fsync(fd) == 0 ? 0 : errno;
	close(fd);
	return rc;
}

/* Give the built copy in TO its names, from the innermost out. */
static int
finish(struct kv *to, const struct place *place)
{
	int rc;

	if ((rc = lmdb_rename_built(to)) != 0)
		return rc;
	if (fsync(to->dir) != 0 || renameat2(AT_FDCWD, place->partial, AT_FDCWD,
				       place->path, RENAME_NOREPLACE) != 0)
		return errno;
	return sync_directory(place->parent);
}

/* Leave nothing that looks like a copy, whatever name it has got. */
static void
clean_up(struct kv *to, const struct place *place)
{
	unlinkat(to->dir, LMDB_FILE, 0);
	unlinkat(to->dir, LMDB_FILE_NEW, 0);
	if (rmdir(place->partial) != 0 && errno == ENOENT)
		rmdir(place->path);
}

static enum status
copy_into(struct kv *kv, struct kv *to, const struct place *place,
    struct kv_progress *progress, char *why, size_t why_size)
{
	enum status status = build(kv, to, 0, progress, why, why_size);
	int         rc;

	if (status == STATUS_OK && (rc = finish(to, place)) != 0)
		status = refuse(rc == EEXIST ? STATUS_INVALID : lmdb_status(rc), why,
		    why_size, "cannot make %s: %s", place->path, strerror(rc));
	if (status != STATUS_OK)
		clean_up(to, place);
	return status;
}

static enum status
copy_to(struct kv *kv, const struct place *place, struct kv_progress *progress,
    char *why, size_t why_size)
{
	const struct kv_options options = { .path = place->partial };
	struct stat             st;
	struct kv              *to;
	enum status             status = STATUS_STORAGE_FAILED;

	if (lstat(place->path, &st) == 0)
		return refuse(STATUS_INVALID, why, why_size, "%s exists", place->path);
	if (mkdir(place->partial, 0700) != 0 && errno != EEXIST)
		return refuse(lmdb_status(errno), why, why_size, "cannot make %s: %s",
		    place->partial, strerror(errno));
	if ((to = kv_new(&options)) == NULL) {
		rmdir(place->partial);
		return refuse(STATUS_NO_MEMORY, why, why_size, "out of memory");
	}
	to->dir = lmdb_dir_open(place->partial, why, why_size);
	if (to->dir >= 0) {
		status = copy_into(kv, to, place, progress, why, why_size);
		close(to->dir);
	} else {
		rmdir(place->partial);
	}
	kv_free(to);
	return status;
}

enum status
kv_copy(struct kv *kv, const char *path, struct kv_progress *progress, char *why,
    size_t why_size)
{
	struct place place;
	enum status  status = STATUS_NO_MEMORY;

	snprintf(why, why_size, "out of memory");
	atomic_store(&progress->rows, 0);
	if (place_init(&place, path))
		status = copy_to(kv, &place, progress, why, why_size);
	place_fini(&place);
	return status;
}

/* ---- the database itself ---- */

/* Put the built file in the place of the old one. */
static enum status
replace(struct kv *kv, char *why, size_t why_size)
{
	int rc;

	/* A tool that looks into the old file must not take part in the new one. */
	if (unlinkat(kv->dir, LMDB_FILE_LOCK, 0) != 0 && errno != ENOENT) {
		rc = errno;
		lmdb_remove_built(kv);
	} else {
		rc = lmdb_rename_built(kv);
	}
	/* Whatever that came to, one of the two has the name: go on with that. */
	if (lmdb_reopen(kv) != STATUS_OK && rc == 0)
		rc = EIO;
	if (rc == 0)
		return STATUS_OK;
	return refuse(lmdb_status(rc), why, why_size,
	    "cannot replace " LMDB_FILE ": %s", strerror(rc));
}

enum status
kv_scrub(struct kv *kv, struct kv_progress *progress, char *why, size_t why_size)
{
	const struct kv_options options = { .path = kv->path };
	struct kv              *to = kv_new(&options);
	enum status             status;

	assert(!kv->batch_is_open && !kv->read_only);
	atomic_store(&progress->rows, 0);
	if (to == NULL)
		return refuse(STATUS_NO_MEMORY, why, why_size, "out of memory");
	to->dir = kv->dir;
	if ((status = generations_empty(kv)) != STATUS_OK)
		refuse(status, why, why_size, "cannot empty the journals");
	else
		status = build(kv, to, kv->is_recorded ? kv->active->journal.id : 0,
		    progress, why, why_size);
	kv_free(to);
	return status == STATUS_OK ? replace(kv, why, why_size) : status;
}
