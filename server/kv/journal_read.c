#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "server/kv/journal_private.h"
#include "server/kv/kv.h"

#define LOOK_BYTES ((size_t)256 << 10) /* read at once, to find a frame */

int
journal_read_at(const struct journal *journal, void *out, size_t len, uint64_t offset)
{
	char *at = out;

	while (len > 0) {
		ssize_t got = pread(journal->fd, at, len, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : EBADMSG;
		at += got;
		len -= (size_t)got;
		offset += (size_t)got;
	}
	return 0;
}

/* ---- a file ---- */

static int
read_head(struct journal *journal)
{
	struct file_head head;
	struct stat      st;
	int              rc;

	if (fstat(journal->fd, &st) != 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EBADMSG;
	if ((rc = journal_read_at(journal, &head, sizeof(head), 0)) != 0)
		return rc;
	if (memcmp(head.magic, FILE_MAGIC, sizeof(FILE_MAGIC)) != 0 ||
	    head.checksum != XXH3_64bits(&head, offsetof(struct file_head, checksum)))
		return EBADMSG;
	if (head.format > JOURNAL_FORMAT)
		return ENOTSUP;
	if ((uint64_t)st.st_size < JOURNAL_BYTES_MIN)
		return EBADMSG;
	journal->id = head.id;
	journal->previous = head.previous;
	journal->first = head.first;
	journal->newest = 0;
	journal->offset = JOURNAL_PAGE_BYTES;
	journal->allocated =
	    (uint64_t)st.st_size / JOURNAL_PAGE_BYTES * JOURNAL_PAGE_BYTES;
	return 0;
}

int
journal_open(struct journal *journal, int dir, const char *name, bool read_only)
{
	int fd, rc;

	journal_init(journal);
	fd = openat(dir, name,
	    (read_only ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno;
	journal->fd = fd;
	if ((rc = read_head(journal)) != 0)
		journal_close(journal);
	return rc;
}

/* ---- frames ---- */

/*
 * Read the frame at OFFSET.  EBADMSG: there is none that counts.  *FRAME is valid until
 * CHUNKS are rewound.
 */
static int
read_frame(const struct journal *journal, uint64_t offset, struct chunks *chunks,
    struct frame_head **frame)
{
	struct frame_head  head;
	struct chunks_mark mark = chunks_mark(chunks);
	int                rc;

	if ((rc = journal_read_at(journal, &head, sizeof(head), offset)) != 0)
		return rc;
	if (head.magic != FRAME_MAGIC || head.len < sizeof(head) ||
	    head.len % JOURNAL_PAGE_BYTES != 0 || head.len > FRAME_BYTES_MAX ||
	    head.len > journal->allocated - offset)
		return EBADMSG;
	if ((*frame = chunks_alloc(chunks, head.len)) == NULL)
		return ENOMEM;
	rc = journal_read_at(journal, *frame, head.len, offset);
	if (rc == 0 && (*frame)->checksum !=
			   XXH3_64bits_withSeed((char *)*frame + sizeof(uint64_t),
			       head.len - sizeof(uint64_t), journal->id))
		rc = EBADMSG;
	if (rc != 0)
		chunks_rewind(chunks, mark);
	return rc;
}

/* Hand over the entries of FRAME, whose checksum was right. */
static int
each_entry(const struct frame_head *frame, journal_each_fn *each, void *context)
{
	const char *at = (const char *)(frame + 1),
		   *end = (const char *)frame + frame->len;
	uint32_t i;

	for (i = 0; i < frame->entries; i++) {
		const struct entry *entry = (const void *)at;
		size_t              size;

		if ((size_t)(end - at) < sizeof(*entry))
			return EBADMSG;
		size = entry_size(entry->key_len, entry->value_len);
		if (size > (size_t)(end - at) || entry->table >= KV_TABLE_COUNT ||
		    entry->key_len == 0 || entry->key_len > KV_KEY_BYTES_MAX)
			return EBADMSG;
		if (!each(context, entry))
			return ENOMEM;
		at += size;
	}
	return each(context, NULL) ? 0 : ENOMEM;
}

/* Whether a frame that counts is at OFFSET; EBADMSG if so. */
static int
refuse_frame(const struct journal *journal, uint64_t offset, struct chunks *chunks)
{
	struct chunks_mark mark = chunks_mark(chunks);
	struct frame_head *frame;
	int                rc = read_frame(journal, offset, chunks, &frame);

	chunks_rewind(chunks, mark);
	if (rc == EBADMSG)
		return 0;
	return rc == 0 ? EBADMSG : rc;
}

/* 0 if there is no frame behind OFFSET, as after a crash; EBADMSG if there is one. */
static int
look_behind(const struct journal *journal, uint64_t offset, struct chunks *chunks)
{
	struct chunks_mark mark = chunks_mark(chunks);
	char              *pages = chunks_alloc(chunks, LOOK_BYTES);
	struct frame_head  head;
	uint64_t           len, at;
	int                rc = pages == NULL ? ENOMEM : 0;

	for (offset += JOURNAL_PAGE_BYTES; rc == 0 && offset < journal->allocated;
	     offset += len) {
		len = journal->allocated - offset;
		len = len < LOOK_BYTES ? len : LOOK_BYTES;
		rc = journal_read_at(journal, pages, len, offset);
		for (at = 0; rc == 0 && at < len; at += JOURNAL_PAGE_BYTES) {
			memcpy(&head, pages + at, sizeof(head));
			if (head.magic == FRAME_MAGIC)
				rc = refuse_frame(journal, offset + at, chunks);
		}
	}
	chunks_rewind(chunks, mark);
	return rc;
}

int
journal_read(struct journal *journal, struct chunks *chunks, journal_each_fn *each,
    void *context, uint64_t *last)
{
	struct frame_head *frame;
	int                rc;

	*last = journal->first - 1;
	while (journal->offset < journal->allocated) {
		rc = read_frame(journal, journal->offset, chunks, &frame);
		if (rc == EBADMSG)
			return look_behind(journal, journal->offset, chunks);
		if (rc == 0 && frame->number != *last + 1)
			rc = EBADMSG;
		if (rc == 0)
			rc = each_entry(frame, each, context);
		if (rc != 0)
			return rc;
		journal->newest = journal->offset;
		journal->offset += frame->len;
		(*last)++;
	}
	return 0;
}
