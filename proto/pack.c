#include <assert.h>

#include <msgpack/pack.h>

#include "proto/pack.h"

/* array16 and map16: the first byte, and a count of two bytes behind it. */
#define ARRAY16 0xdc
#define MAP16 0xde
#define OPEN_BYTES 3
#define OPEN_COUNT_MAX UINT16_MAX

/* The buf remembers a failure itself, so the packer need not know. */
static int
on_write(void *buf, const char *bytes, size_t len)
{
	buf_put(buf, bytes, len);
	return 0;
}

static msgpack_packer
packer_of(struct buf *buf)
{
	return (msgpack_packer){ .data = buf, .callback = on_write };
}

void
pack_long_integer(struct buf *buf, int64_t value)
{
	msgpack_packer packer = packer_of(buf);

	msgpack_pack_int64(&packer, value);
}

void
pack_number(struct buf *buf, double value)
{
	msgpack_packer packer = packer_of(buf);

	msgpack_pack_double(&packer, value);
}

void
pack_long_text(struct buf *buf, struct slice text)
{
	msgpack_packer packer = packer_of(buf);

	assert(text.len <= UINT32_MAX);
	msgpack_pack_str_with_body(&packer, text.data, text.len);
}

void
pack_bytes(struct buf *buf, struct slice bytes)
{
	msgpack_packer packer = packer_of(buf);

	assert(bytes.len <= UINT32_MAX);
	msgpack_pack_bin_with_body(&packer, bytes.data, bytes.len);
}

void
pack_large_array(struct buf *buf, uint32_t count)
{
	msgpack_packer packer = packer_of(buf);

	msgpack_pack_array(&packer, count);
}

void
pack_large_map(struct buf *buf, uint32_t count)
{
	msgpack_packer packer = packer_of(buf);

	msgpack_pack_map(&packer, count);
}

static size_t
container_open(struct buf *buf, unsigned char first)
{
	const unsigned char head[OPEN_BYTES] = { first, 0, 0 };
	size_t              place = buf->len;

	buf_put(buf, head, sizeof(head));
	return place;
}

static void
container_close(struct buf *buf, unsigned char first, size_t place, uint32_t count)
{
	unsigned char head[OPEN_BYTES];

	assert(count <= OPEN_COUNT_MAX);
	if (buf->failed)
		return; /* the head itself may be what was lost */
	assert(place + OPEN_BYTES <= buf->len);
	assert((unsigned char)buf->data[place] == first);
	head[0] = first;
	head[1] = (unsigned char)(count >> 8);
	head[2] = (unsigned char)(count & 0xff);
	memcpy(buf->data + place, head, sizeof(head));
}

size_t
pack_map_open(struct buf *buf)
{
	return container_open(buf, MAP16);
}

void
pack_map_close(struct buf *buf, size_t place, uint32_t count)
{
	container_close(buf, MAP16, place, count);
}

size_t
pack_array_open(struct buf *buf)
{
	return container_open(buf, ARRAY16);
}

void
pack_array_close(struct buf *buf, size_t place, uint32_t count)
{
	container_close(buf, ARRAY16, place, count);
}
