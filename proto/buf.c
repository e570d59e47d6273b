#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"

/* What the first put allocates; enough for most messages. */
static const size_t BYTES_FIRST = 256;

void
buf_init(struct buf *buf, size_t bytes_max)
{
	assert(bytes_max > 0);
	*buf = (struct buf){ .bytes_max = bytes_max };
}

/* A secret that is forgotten must not be found in a core dump. */
static void
wipe(const struct buf *buf, size_t from, size_t to)
{
	if (buf->secret && from < to)
		explicit_bzero(buf->data + from, to - from);
}

void
buf_init_fixed(struct buf *buf, void *data, size_t size)
{
	buf_init(buf, size); /* its bound keeps it from growing, and so from malloc() */
	buf->data = data;
	buf->size = size;
}

void
buf_fini(struct buf *buf)
{
	wipe(buf, 0, buf->size);
	free(buf->data);
	*buf = (struct buf){ .bytes_max = buf->bytes_max, .secret = buf->secret };
}

/* As realloc() to SIZE, which leaves what was there to whoever comes next. */
static char *
resize(const struct buf *buf, size_t size)
{
	char *data;

	if (!buf->secret)
		return realloc(buf->data, size);
	if ((data = malloc(size)) == NULL)
		return NULL;
	if (buf->len > 0)
		memcpy(data, buf->data, buf->len);
	wipe(buf, 0, buf->size);
	free(buf->data);
	return data;
}

/* Own at least SIZE_MIN bytes, which is no more than the bound. */
static bool
grow(struct buf *buf, size_t size_min)
{
	size_t size = buf->size > 0 ? buf->size : BYTES_FIRST;
	char  *data;

	assert(size_min <= buf->bytes_max);
	while (size < size_min && size <= buf->bytes_max / 2)
		size *= 2;
	if (size < size_min || size > buf->bytes_max)
		size = buf->bytes_max;
	data = resize(buf, size);
	if (data == NULL)
		return false;
	buf->data = data;
	buf->size = size;
	return true;
}

char *
buf_reserve(struct buf *buf, size_t len)
{
	if (buf->failed)
		return NULL;
	assert(buf->len <= buf->size && buf->size <= buf->bytes_max);
	if (len > buf->bytes_max - buf->len)
		goto failed;
	if (buf->data == NULL || len > buf->size - buf->len)
		if (!grow(buf, buf->len + len))
			goto failed;
	return buf->data + buf->len;

failed:
	buf->failed = true;
	return NULL;
}

void
buf_drop(struct buf *buf, size_t len)
{
	assert(len <= buf->len);
	buf->len -= len;
	if (len > 0 && buf->len > 0)
		memmove(buf->data, buf->data + len, buf->len);
	wipe(buf, buf->len, buf->len + len);
}

void
buf_truncate(struct buf *buf, size_t len)
{
	assert(len <= buf->len);
	wipe(buf, len, buf->len);
	buf->len = len;
	buf->failed = false;
}

void
buf_clear_and_trim(struct buf *buf, size_t bytes_kept)
{
	char *data;

	buf_truncate(buf, 0);
	if (buf->size <= bytes_kept)
		return;
	if (bytes_kept == 0) {
		buf_fini(buf);
		return;
	}
	data = resize(buf, bytes_kept);
	if (data == NULL)
		return; /* could not shrink; it is still ours */
	buf->data = data;
	buf->size = bytes_kept;
}

void
buf_borrow(struct buf *buf, struct buf *spare)
{
	if (buf->data != NULL || spare->size > buf->bytes_max)
		return;
	buf->data = spare->data;
	buf->size = spare->size;
	spare->data = NULL;
	spare->size = 0;
}

void
buf_return(struct buf *buf, struct buf *spare, size_t bytes_kept)
{
	buf_truncate(buf, 0);
	if (spare->data != NULL || buf->size > bytes_kept) {
		buf_fini(buf);
		return;
	}
	buf_borrow(spare, buf);
}
