/*
 * IPROTO, with space 512 of peers/tarantool.lua: tuples of the texts of a record, the
 * first of which, the uid, is the key.
 */

#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/bench/keys.h"
#include "tools/bench/option.h"
#include "tools/bench/protocol.h"
#include "tools/bench/record.h"

#define SPACE 512
#define GREETING_BYTES 128u
#define PREFIX_BYTES 5u /* the length of what follows, as uint32 */

enum { SELECT = 1, REPLACE = 3, UPDATE = 4 };
enum { KEY_TYPE = 0, KEY_SYNC = 1 };
enum {
	KEY_SPACE = 0x10,
	KEY_INDEX = 0x11,
	KEY_LIMIT = 0x12,
	KEY_OFFSET = 0x13,
	KEY_ITERATOR = 0x14,
	KEY_INDEX_BASE = 0x15,
	KEY_KEY = 0x20,
	KEY_TUPLE = 0x21,
};

static void
greet(const struct bench_options *options, struct buf *out)
{
	(void)options;
	(void)out; /* the server speaks first */
}

static size_t
parse_greeting(struct slice bytes)
{
	return bytes.len >= GREETING_BYTES ? GREETING_BYTES : 0;
}

static void
pack_pair(struct buf *out, int key, int64_t value)
{
	pack_integer(out, key);
	pack_integer(out, value);
}

static void
pack_key(struct buf *out, uint64_t key)
{
	char uid[KEY_UID_LEN];

	key_uid(key, uid);
	pack_integer(out, KEY_KEY);
	pack_array(out, 1);
	pack_text(out, slice_of(uid, sizeof(uid)));
}

static void
pack_select(struct buf *out, const struct ask *ask)
{
	pack_map(out, 6);
	pack_pair(out, KEY_SPACE, SPACE);
	pack_pair(out, KEY_INDEX, 0);
	pack_pair(out, KEY_LIMIT, 1);
	pack_pair(out, KEY_OFFSET, 0);
	pack_pair(out, KEY_ITERATOR, 0);
	pack_key(out, ask->key);
}

static void
pack_update(struct buf *out, const struct ask *ask, size_t record_bytes)
{
	char text[RECORD_TEXT_BYTES_MAX];

	pack_map(out, 5);
	pack_pair(out, KEY_SPACE, SPACE);
	pack_pair(out, KEY_INDEX, 0);
	pack_pair(out, KEY_INDEX_BASE, 0);
	pack_key(out, ask->key);
	pack_integer(out, KEY_TUPLE);
	pack_array(out, RECORD_UPDATED_COUNT);
	for (unsigned i = 0; i < RECORD_UPDATED_COUNT; i++) {
		unsigned field = RECORD_UPDATED_FIRST + i;

		pack_array(out, 3);
		pack_literal(out, "=");
		pack_integer(out, field);
		pack_text(
		    out, record_text(field, ask->key, ask->number, record_bytes, text));
	}
}

static void
pack_replace(struct buf *out, const struct ask *ask, size_t record_bytes)
{
	char text[RECORD_TEXT_BYTES_MAX];

	pack_map(out, 2);
	pack_pair(out, KEY_SPACE, SPACE);
	pack_integer(out, KEY_TUPLE);
	pack_array(out, RECORD_FIELD_COUNT);
	for (unsigned field = 0; field < RECORD_FIELD_COUNT; field++)
		pack_text(out, record_text(field, ask->key, 0, record_bytes, text));
}

static void
encode(const struct bench_options *options, const struct ask *ask, struct buf *out)
{
	static const int types[OP_COUNT] = { SELECT, UPDATE, REPLACE };
	size_t           start = out->len;
	size_t           record_bytes = (size_t)options->record_bytes;
	struct buf       length;
	char             bytes[4];

	buf_put(out, "\xce\0\0\0\0", PREFIX_BYTES);
	pack_map(out, 2);
	pack_pair(out, KEY_TYPE, types[ask->op]);
	pack_pair(out, KEY_SYNC, ask->number);
	switch (ask->op) {
	case OP_READ: pack_select(out, ask); break;
	case OP_UPDATE: pack_update(out, ask, record_bytes); break;
	default: pack_replace(out, ask, record_bytes); break;
	}
	if (out->failed)
		return;
	buf_init_fixed(&length, bytes, sizeof(bytes));
	protocol_put_u32(&length, (uint32_t)(out->len - start - PREFIX_BYTES));
	memcpy(out->data + start + 1, bytes, sizeof(bytes));
}

static size_t
parse(struct slice bytes)
{
	size_t len;

	if (bytes.len < PREFIX_BYTES)
		return 0;
	if (bytes.data[0] != '\xce')
		return PROTOCOL_BROKEN;
	len = PREFIX_BYTES + protocol_u32(bytes.data + 1);
	return bytes.len >= len ? len : 0;
}

/* The value of KEY in the header of ANSWER. */
static int64_t
header(struct slice answer, int64_t key)
{
	struct reader reader;
	int64_t       found = -1, at;

	reader_init(
	    &reader, slice_of(answer.data + PREFIX_BYTES, answer.len - PREFIX_BYTES));
	for (uint32_t pairs = reader_map(&reader); pairs > 0; pairs--) {
		at = -1;
		reader_integer(&reader, &at);
		if (at == key)
			reader_integer(&reader, &found);
		else
			reader_value(&reader);
	}
	return found;
}

static uint32_t
number(struct slice answer)
{
	return (uint32_t)header(answer, KEY_SYNC);
}

/* All three answer with the tuple. */
static bool
check(const struct bench_options *options, const struct ask *ask, struct slice answer)
{
	(void)options;
	return header(answer, KEY_TYPE) == 0 && protocol_names(answer, ask->key);
}

const struct protocol protocol_tarantool = { "tarantool",
	"IPROTO: select, update of two fields", OP_ALL, greet, parse_greeting, encode,
	parse, number, check };
