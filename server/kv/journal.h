/*
 * journal -- one file of committed batches: appended, flushed, read again at a start.
 *
 * A batch is one frame: a head, and the batch's entries (entry.h) behind it, filled up
 * to a whole page, so that no later write touches the pages of a frame that counts.
 * The file was written once before it is used, with zeros, so a flush need not change
 * what the file system knows of it.  A file is used again and again: its head gets a
 * new random id, which is in the checksum of each frame, and so no older frame counts.
 *
 * The head of the file: magic, format, id, id of the journal before it, number of its
 * first batch, checksum; all in one sector of 512 bytes, which a disk writes whole or
 * not at all.  The head of a frame: checksum of all that follows, magic, length, number
 * of the batch, number of entries.
 *
 * A frame is written when the one before it is on disk.  So only the last one can be
 * torn by a crash: a frame that does not count is damage if there is any behind it, and
 * the end of the journal otherwise.
 *
 * Errors are codes of errno.  After one from journal_append() the frame is not there,
 * surely, and will not come back, unless the journal is IN_DOUBT: then even taking it
 * back has failed.
 *
 * Threads.  One at a time.
 */

#ifndef KV_JOURNAL_H
#define KV_JOURNAL_H

#include "server/kv/chunks.h"
#include "server/kv/entry.h"

#define JOURNAL_FORMAT 1u /* a newer one is refused */
#define JOURNAL_PAGE_BYTES 4096u

struct journal {
	int      fd; /* -1: there is no file */
	uint64_t id, previous;
	uint64_t first;     /* the number of the first batch */
	uint64_t newest;    /* of the last frame that was read; 0: none, the head */
	uint64_t offset;    /* of the next frame */
	uint64_t allocated; /* bytes of the file that have been written */
	bool     in_doubt;  /* at OFFSET lies perhaps what must not be there */
};

/* A frame that is being built: its head, and what has been put in CHUNKS since. */
struct frame {
	struct chunks     *chunks;
	struct chunks_mark begin;
	uint32_t           entries;
};

void journal_init(struct journal *journal);
void journal_close(struct journal *journal);

/* ---- a file ---- */

/* Create the file NAME in the directory DIR, with room for some frames. */
int journal_create(struct journal *journal, int dir, const char *name);

/* Make the file empty: the journal that follows PREVIOUS, if not 0, with batch FIRST.
 */
int journal_begin(struct journal *journal, uint64_t previous, uint64_t first);

/*
 * Open the file NAME in DIR.  ENOENT: there is none.  EBADMSG: its head is damaged;
 * ENOTSUP: it has a newer format.
 */
int journal_open(struct journal *journal, int dir, const char *name, bool read_only);

/*
 * Read all frames into CHUNKS and hand over their entries, each frame's followed by a
 * NULL.  *LAST is the number of the last batch, or of the one before the first.  What
 * a crash has torn at the end is left out.  EBADMSG: there is damage, at OFFSET.
 * ENOMEM: also when EACH returns false.
 */
typedef bool journal_each_fn(void *context, const struct entry *entry);
int journal_read(struct journal *journal, struct chunks *chunks, journal_each_fn *each,
    void *context, uint64_t *last);

/*
 * Write once more what is at the end of what was read, and flush it.  Whoever wrote it
 * may have been killed before it was on disk; or after it had heard that the flush had
 * failed, and then the kernel has it in memory, believes that it is on disk, and would
 * flush nothing.
 */
int journal_confirm(struct journal *journal);

/* Overwrite with zeros what is behind the head: it is in no use any more. */
int journal_wipe(struct journal *journal);

/* ---- a frame ---- */

/* Begin FRAME behind what is in CHUNKS.  False: no memory. */
bool frame_begin(struct frame *frame, struct chunks *chunks);

/* Room for an entry of SIZE bytes, to be filled; NULL: no memory. */
void *frame_entry(struct frame *frame, size_t size);

/* ---- appending ---- */

/* See to it that AHEAD bytes more can be appended without asking for room. */
int journal_reserve(struct journal *journal, uint64_t ahead);

/* Append FRAME as batch NUMBER and flush it.  FRAME is complete then, whatever comes.
 */
int journal_append(struct journal *journal, struct frame *frame, uint64_t number);

/* Take back what is perhaps there, if the journal is IN_DOUBT. */
int journal_settle(struct journal *journal);

#endif
