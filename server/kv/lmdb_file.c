#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/kv/kv_private.h"

/*
 * The head of LMDB 0.9's two meta pages, as it lies in the file on a 64-bit
 * little-endian machine.  Each commit writes the older of them.
 */
struct meta_page {
	uint64_t pgno;
	uint16_t pad;
	uint16_t flags;
	uint32_t bounds;
	uint32_t magic;
	uint32_t version;
	uint64_t address;
	uint64_t map_size;
	struct {
		uint32_t pad; /* of the first: the size of a page */
		uint16_t flags;
		uint16_t depth;
		uint64_t pages_branch, pages_leaf, pages_overflow;
		uint64_t entries;
		uint64_t root;
	} trees[2]; /* of the free pages; of the tables */
	uint64_t page_last;
	uint64_t txnid;
};
_Static_assert(sizeof(struct meta_page) == 152, "the layout of LMDB 0.9");

#define META_FLAG 0x08u
#define META_MAGIC 0xBEEFC0DEu
#define META_VERSION 1u

/* ---- the directory ---- */

int
lmdb_dir_open(const char *path, char *why, size_t why_size)
{
	struct stat st;
	int         dir;

	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		snprintf(why, why_size,
		    "cannot open the data directory %s: %s; create it with mode 0700",
		    path, strerror(errno));
		return -1;
	}
	if (fstat(dir, &st) != 0)
		snprintf(why, why_size, "cannot look at %s: %s", path, strerror(errno));
	else if (st.st_uid != geteuid())
		snprintf(why, why_size,
		    "the data directory %s belongs to user %u and not to user %u, who "
		    "runs this: chown it, or run as its owner",
		    path, (unsigned)st.st_uid, (unsigned)geteuid());
	else if ((st.st_mode & 077) != 0)
		snprintf(why, why_size,
		    "the data directory %s is open to other users: chmod 0700 it",
		    path);
	else if (flock(dir, LOCK_EX | LOCK_NB) != 0)
		snprintf(why, why_size,
		    errno == EWOULDBLOCK
			? "the data directory %s is in use: stop the server first"
			: "cannot lock the data directory %s",
		    path);
	else
		return dir;
	close(dir);
	return -1;
}

/* ---- the file ---- */

/* Whether PAGE is a sound meta page; a sentence in WHY if not. */
static bool
meta_check(const struct meta_page *page, unsigned number, char *why, size_t why_size)
{
	if (page->magic != META_MAGIC || (page->flags & META_FLAG) == 0 ||
	    page->pgno != number) {
		snprintf(why, why_size,
		    LMDB_FILE
		    " is damaged in its head, or not a database: restore a backup");
		return false;
	}
	if (page->version != META_VERSION || page->trees[0].pad != LMDB_PAGE_BYTES) {
		snprintf(why, why_size,
		    LMDB_FILE " was made by another version of LMDB: dump it with that "
			      "version, and import the dump");
		return false;
	}
	return true;
}

/* Check the pages of the file FD of SIZE bytes. */
static enum status
pages_check(int fd, uint64_t size, char *why, size_t why_size)
{
	struct meta_page        pages[2];
	const struct meta_page *newest;
	unsigned                i;

	for (i = 0; i < 2; i++) {
		ssize_t got =
		    pread(fd, &pages[i], sizeof(pages[i]), i * LMDB_PAGE_BYTES);

		if (got < 0) {
			snprintf(why, why_size, "cannot read " LMDB_FILE ": %s",
			    strerror(errno));
			return STATUS_STORAGE_FAILED;
		}
		if ((size_t)got < sizeof(pages[i])) {
			snprintf(why, why_size,
			    LMDB_FILE
			    " is too short to be a database: restore a backup");
			return STATUS_DAMAGED;
		}
		if (!meta_check(&pages[i], i, why, why_size))
			return STATUS_DAMAGED;
	}
	newest = &pages[pages[1].txnid > pages[0].txnid];
	if (newest->page_last >= size / LMDB_PAGE_BYTES &&
	    lmdb_free_beyond(fd, size / LMDB_PAGE_BYTES, newest->trees[0].root) !=
		newest->page_last + 1 - size / LMDB_PAGE_BYTES) {
		snprintf(why, why_size,
		    LMDB_FILE
		    " is cut off: it has %llu pages of %llu; restore a backup",
		    (unsigned long long)(size / LMDB_PAGE_BYTES),
		    (unsigned long long)newest->page_last + 1);
		return STATUS_DAMAGED;
	}
	return STATUS_OK;
}

enum status
lmdb_file_check(int dir, bool *exists, char *why, size_t why_size)
{
	enum status status = STATUS_STORAGE_FAILED;
	struct stat st;
	int         fd;

	*exists = true;
	fd = openat(dir, LMDB_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		*exists = false;
		return STATUS_OK;
	}
	if (fd < 0 || fstat(fd, &st) != 0)
		snprintf(
		    why, why_size, "cannot open " LMDB_FILE ": %s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		snprintf(why, why_size,
		    LMDB_FILE " is not a regular file: move it out of the way");
	else if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		snprintf(why, why_size,
		    LMDB_FILE " must belong to the user who runs this and be closed to "
			      "others: chown and chmod 0600 it");
	else
		status = pages_check(fd, (uint64_t)st.st_size, why, why_size);
	if (fd >= 0)
		close(fd);
	return status;
}
