/*
 * buf -- bytes that grow at the end, up to a bound.
 *
 * Errors stick.  When memory runs out or the bound is met, the buf is marked
 * failed, keeps what it has and ignores every later put; the caller looks once,
 * at the end.
 *
 * Memory.  A buf owns its bytes, unless it was given some.  A pointer into them is
 * valid until the next put.  buf_clear() keeps the memory for the next use.
 */

#ifndef PROTO_BUF_H
#define PROTO_BUF_H

#include "proto/slice.h"

struct buf {
	char  *data;
	size_t len;       /* bytes in use */
	size_t size;      /* bytes allocated */
	size_t bytes_max; /* len never grows past this */
	bool   failed;    /* a put was lost */
	bool   secret;    /* wipe what is forgotten; the owner sets and resets it */
};

/* Make BUF empty, without memory of its own yet, to hold at most BYTES_MAX bytes. */
void buf_init(struct buf *buf, size_t bytes_max);

/* Make BUF empty, to write into the SIZE bytes at DATA and no others: no buf_fini(). */
void buf_init_fixed(struct buf *buf, void *data, size_t size);

/* Free the memory of BUF, which may be used again. */
void buf_fini(struct buf *buf);

/*
 * Make room for LEN more bytes and return where they go; the caller fills some
 * of them and adds that number to BUF->len.  NULL once BUF has failed.
 */
char *buf_reserve(struct buf *buf, size_t len);

/* The same for LEN > 0.  Nearly always there is room; none before the first put. */
static inline char *
buf_room(struct buf *buf, size_t len)
{
	if (!buf->failed && len <= buf->size - buf->len)
		return buf->data + buf->len;
	return buf_reserve(buf, len);
}

/* Append LEN bytes. */
static inline void
buf_put(struct buf *buf, const void *data, size_t len)
{
	char *end;

	if (len == 0)
		return; /* DATA may be NULL, which memcpy must not see */
	end = buf_room(buf, len);
	if (end == NULL)
		return;
	memcpy(end, data, len);
	buf->len += len;
}

/* Forget the first LEN bytes; what is behind them moves to the front. */
void buf_drop(struct buf *buf, size_t len);

/* Forget what lies at LEN and behind it, and that a put had failed there. */
void buf_truncate(struct buf *buf, size_t len);

/* How buf_clear() empties what is to be wiped, or made smaller. */
void buf_clear_and_trim(struct buf *buf, size_t bytes_kept);

/* Empty BUF and forget its failure.  Memory beyond BYTES_KEPT is given back. */
static inline void
buf_clear(struct buf *buf, size_t bytes_kept)
{
	if ((buf->secret && buf->len > 0) || buf->size > bytes_kept) {
		buf_clear_and_trim(buf, bytes_kept);
		return;
	}
	buf->len = 0;
	buf->failed = false;
}

/*
 * Bufs that come and go can use the same memory in turn, so that they need not ask for
 * any: a spare has it in between.  BUF, which has none, takes what SPARE has …
 */
void buf_borrow(struct buf *buf, struct buf *spare);

/* … and is emptied; its memory is SPARE's then, unless that has some, or BUF has more
 * than BYTES_KEPT. */
void buf_return(struct buf *buf, struct buf *spare, size_t bytes_kept);

static inline struct slice
buf_slice(const struct buf *buf)
{
	return slice_of(buf->data, buf->len);
}

#endif
