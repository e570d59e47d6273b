#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_STATIC_LINKING_ONLY /* the state lies on the stack */
#include <xxhash.h>

#include "server/kv/journal_private.h"

/* The file grows by this: a batch that waits for it waits twice as long, not longer. */
#define GROWTH_BYTES ((uint64_t)1 << 20)

void
journal_init(struct journal *journal)
{
	*journal = (struct journal){ .fd = -1 };
}

void
journal_close(struct journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	journal_init(journal);
}

/* ---- the disk ---- */

static int
flush(const struct journal *journal)
{
#ifdef FAULT_NO_SYNC
	return 0; /* a liar, for the tests to catch */
#endif
	while (fdatasync(journal->fd) != 0)
		if (errno != EINTR)
			return errno;
	return 0;
}

/* Write all LEN bytes at *OFFSET, which moves on with what is written. */
static int
write_at(const struct journal *journal, const void *data, size_t len, uint64_t *offset)
{
	const char *at = data;

	while (len > 0) {
		ssize_t written = pwrite(journal->fd, at, len, (off_t)*offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? errno : EIO;
		at += written;
		len -= (size_t)written;
		*offset += (size_t)written;
	}
	return 0;
}

/* Write zeros from AT to TO and flush them. */
static int
write_zeros(struct journal *journal, uint64_t at, uint64_t to)
{
	static const char zeros[64 * 1024];
	int               rc = 0;

	while (rc == 0 && at < to)
		rc = write_at(journal, zeros,
		    to - at < sizeof(zeros) ? to - at : sizeof(zeros), &at);
	return rc != 0 ? rc : flush(journal);
}

int
journal_wipe(struct journal *journal)
{
	assert(!journal->in_doubt);
	return write_zeros(journal, JOURNAL_PAGE_BYTES, journal->allocated);
}

/* Write zeros up to TO, where the file ends then, and flush them. */
static int
grow(struct journal *journal, uint64_t to)
{
	uint64_t at = journal->allocated;
	int      rc = 0;

	/* Ask for all of it first: in one piece, and before a part of it is taken. */
	while (fallocate(journal->fd, 0, (off_t)at, (off_t)(to - at)) != 0)
		if (errno != EINTR) {
			rc = errno == EOPNOTSUPP ? 0 : errno;
			break;
		}
	if (rc == 0)
		rc = write_zeros(journal, at, to);
	if (rc == 0) {
		journal->allocated = to;
		return 0;
	}
	while (ftruncate(journal->fd, (off_t)journal->allocated) != 0 && errno == EINTR)
		;
	return rc;
}

int
journal_reserve(struct journal *journal, uint64_t ahead)
{
	uint64_t needed = journal->offset + ahead, to = journal->allocated;

	if (needed <= to)
		return 0;
	to += GROWTH_BYTES;
	if (to < needed)
		to = (needed + JOURNAL_PAGE_BYTES - 1) / JOURNAL_PAGE_BYTES *
		     JOURNAL_PAGE_BYTES;
	return grow(journal, to);
}

/* ---- a file ---- */

/* An id that no journal had before; 0 stands for none. */
static int
new_id(uint64_t *id)
{
	if (getrandom(id, sizeof(*id), 0) != sizeof(*id))
		return EIO;
	*id |= 1;
	return 0;
}

int
journal_begin(struct journal *journal, uint64_t previous, uint64_t first)
{
	union {
		struct file_head head;
		char             page[JOURNAL_PAGE_BYTES];
	} at = { .head = { .magic = FILE_MAGIC, .format = JOURNAL_FORMAT } };
	uint64_t offset = 0;
	int      rc;

	at.head.previous = previous;
	at.head.first = first;
	if ((rc = new_id(&at.head.id)) != 0)
		return rc;
	at.head.checksum = XXH3_64bits(&at.head, offsetof(struct file_head, checksum));
	if ((rc = write_at(journal, &at, sizeof(at), &offset)) != 0 ||
	    (rc = flush(journal)) != 0)
		return rc;
	journal->id = at.head.id;
	journal->previous = previous;
	journal->first = first;
	journal->offset = JOURNAL_PAGE_BYTES;
	journal->in_doubt = false;
	return 0;
}

int
journal_create(struct journal *journal, int dir, const char *name)
{
	int fd, rc;

	fd = openat(
	    dir, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	journal_init(journal);
	journal->fd = fd;
	if ((rc = grow(journal, JOURNAL_BYTES_MIN)) == 0 &&
	    (rc = journal_begin(journal, 0, 0)) == 0)
		return 0;
	journal_close(journal);
	return rc;
}

/* ---- a frame ---- */

bool
frame_begin(struct frame *frame, struct chunks *chunks)
{
	*frame = (struct frame){ .chunks = chunks, .begin = chunks_mark(chunks) };
	return chunks_alloc(chunks, sizeof(struct frame_head)) != NULL;
}

void *
frame_entry(struct frame *frame, size_t size)
{
	void *at = chunks_alloc(frame->chunks, size);

	if (at != NULL)
		frame->entries++;
	return at;
}

/* Fill FRAME up to whole pages. */
static bool
fill_up(struct frame *frame, uint64_t *len)
{
	size_t begun = frame->begin.bytes, tail;
	void  *at;

	*len = frame->chunks->bytes - begun;
	tail = (JOURNAL_PAGE_BYTES - *len % JOURNAL_PAGE_BYTES) % JOURNAL_PAGE_BYTES;
	if (tail == 0)
		return true;
	if ((at = chunks_alloc(frame->chunks, tail)) == NULL)
		return false;
	memset(at, 0, tail);
	*len += tail;
	return true;
}

/* The checksum of the frame whose head is HEAD, in a journal with ID. */
static uint64_t
frame_checksum(const struct frame *frame, uint64_t id)
{
	struct chunks_mark mark = frame->begin;
	struct slice       run = chunks_run(frame->chunks, &mark);
	XXH3_state_t       state;

	XXH3_INITSTATE(&state); /* or a seed that lies there may be taken for ours */
	XXH3_64bits_reset_withSeed(&state, id);
	run.data += sizeof(uint64_t); /* the checksum itself */
	run.len -= sizeof(uint64_t);
	for (; run.len > 0; run = chunks_run(frame->chunks, &mark))
		XXH3_64bits_update(&state, run.data, run.len);
	return XXH3_64bits_digest(&state);
}

/* Write FRAME and flush it; in doubt if that fails and left anything behind. */
static int
write_frame(struct journal *journal, const struct frame *frame)
{
	struct chunks_mark mark = frame->begin;
	uint64_t           offset = journal->offset;
	struct slice       run;
	int                rc;

	journal->in_doubt = true;
	while ((run = chunks_run(frame->chunks, &mark)).len > 0) {
		if ((rc = write_at(journal, run.data, run.len, &offset)) != 0) {
			/* Who has no room has done nothing. */
			if (offset == journal->offset && (rc == ENOSPC || rc == EDQUOT))
				journal->in_doubt = false;
			return rc;
		}
	}
	if ((rc = flush(journal)) == 0)
		journal->in_doubt = false;
	return rc;
}

int
journal_settle(struct journal *journal)
{
	static const char zeros[JOURNAL_PAGE_BYTES];
	uint64_t          offset = journal->offset;
	int               rc;

	if (!journal->in_doubt)
		return 0;
	/*
	 * Without its head no frame counts.  What the kernel did with the pages of one
	 * whose flush failed does not matter: this one is written anew.
	 */
	if ((rc = write_at(journal, zeros, sizeof(zeros), &offset)) != 0 ||
	    (rc = flush(journal)) != 0)
		return rc;
	journal->in_doubt = false;
	return 0;
}

int
journal_confirm(struct journal *journal)
{
	char     page[JOURNAL_PAGE_BYTES];
	uint64_t at = journal->newest;
	int      rc;

	while (at < journal->offset)
		if ((rc = journal_read_at(journal, page, sizeof(page), at)) != 0 ||
		    (rc = write_at(journal, page, sizeof(page), &at)) != 0)
			return rc;
	/* Nor must what has been taken back behind it be there again some day. */
	journal->in_doubt = journal->offset < journal->allocated;
	return journal->in_doubt ? journal_settle(journal) : flush(journal);
}

int
journal_append(struct journal *journal, struct frame *frame, uint64_t number)
{
	struct chunks_mark mark = frame->begin;
	struct frame_head *head;
	uint64_t           len;
	int                rc;

	assert(!journal->in_doubt && journal->fd >= 0);
	if (!fill_up(frame, &len))
		return ENOMEM;
	assert(len <= FRAME_BYTES_MAX); /* many times what the writer puts in one */
	if ((rc = journal_reserve(journal, len)) != 0)
		return rc;
	head = (void *)(uintptr_t)chunks_run(frame->chunks, &mark).data;
	*head = (struct frame_head){ .magic = FRAME_MAGIC,
		.len = (uint32_t)len,
		.number = number,
		.entries = frame->entries };
	head->checksum = frame_checksum(frame, journal->id);
	if ((rc = write_frame(journal, frame)) == 0) {
		journal->offset += len;
		return 0;
	}
	journal_settle(journal);
	return rc;
}
