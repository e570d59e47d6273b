/*
 * PostgreSQL's protocol 3.0: prepared statements on the table customers(id, doc), whose
 * doc is the record as jsonb.  For a server that trusts its own machine: a measuring
 * server has no password.
 */

#include <assert.h>

#include "tools/bench/option.h"
#include "tools/bench/protocol.h"
#include "tools/bench/record.h"

#define PROTOCOL_3_0 196608u
#define HEAD_BYTES 5u /* type and length */
#define USER "postgres"

static const struct {
	const char *name, *sql;
} statements[OP_COUNT] = {
	[OP_READ] = { "r", "select doc from customers where id = $1" },
	[OP_UPDATE] = { "u", "update customers set doc = doc || $2 where id = $1" },
	[OP_FILL] = { "f", "insert into customers values ($1, $2)" },
};

/* Begin a message of TYPE; returns where it ends to be given to end(). */
static size_t
begin(struct buf *out, char type)
{
	if (type != '\0')
		buf_put(out, &type, 1);
	protocol_put_u32(out, 0);
	return out->len;
}

/* The length counts itself, but not the type before it. */
static void
end(struct buf *out, size_t place)
{
	size_t   len = out->len - place + 4;
	unsigned shift = 32;

	if (out->failed)
		return;
	for (char *at = out->data + place - 4; shift > 0; at++) {
		shift -= 8;
		*at = (char)(len >> shift & 0xff);
	}
}

static void
put_text(struct buf *out, const char *text)
{
	buf_put(out, text, strlen(text) + 1);
}

static void
put_u16(struct buf *out, unsigned number)
{
	char bytes[2] = { (char)(number >> 8 & 0xff), (char)(number & 0xff) };

	buf_put(out, bytes, sizeof(bytes));
}

static void
put_sync(struct buf *out)
{
	end(out, begin(out, 'S'));
}

static void
greet(const struct bench_options *options, struct buf *out)
{
	size_t place = begin(out, '\0');

	(void)options;
	protocol_put_u32(out, PROTOCOL_3_0);
	put_text(out, "user");
	put_text(out, USER);
	put_text(out, "");
	end(out, place);
	for (unsigned i = 0; i < OP_COUNT; i++) {
		place = begin(out, 'P');
		put_text(out, statements[i].name);
		put_text(out, statements[i].sql);
		put_u16(out, 0);
		end(out, place);
	}
	put_sync(out);
}

/* The end of COUNT messages "ready for a query" in BYTES; 0 unless they are there. */
static size_t
parse_ready(struct slice bytes, unsigned count)
{
	size_t at = 0;

	while (bytes.len - at >= HEAD_BYTES) {
		bool   is_ready = bytes.data[at] == 'Z';
		size_t len = 1 + (size_t)protocol_u32(bytes.data + at + 1);

		if (bytes.len - at < len)
			return 0;
		at += len;
		if (is_ready && --count == 0)
			return at;
	}
	return 0;
}

/* Once after the start, once after the statements. */
static size_t
parse_greeting(struct slice bytes)
{
	return parse_ready(bytes, 2);
}

static size_t
parse(struct slice bytes)
{
	return parse_ready(bytes, 1);
}

static void
put_parameter(struct buf *out, struct slice text)
{
	protocol_put_u32(out, (uint32_t)text.len);
	buf_put(out, text.data, text.len);
}

static void
put_document(struct buf *out, const struct ask *ask, size_t record_bytes)
{
	bool       fills = ask->op == OP_FILL;
	char       bytes[2 * RECORD_TEXT_BYTES_MAX];
	struct buf json;

	buf_init_fixed(&json, bytes, sizeof(bytes));
	buf_put(&json, "{", 1);
	record_print(&json, fills ? RECORD_UID : RECORD_UPDATED_FIRST,
	    fills ? RECORD_FIELD_COUNT : RECORD_UPDATED_COUNT, ask->key, ask->number,
	    record_bytes);
	buf_put(&json, "}", 1);
	put_parameter(out, buf_slice(&json));
}

static void
encode(const struct bench_options *options, const struct ask *ask, struct buf *out)
{
	char       digits[20];
	struct buf id;
	size_t     place = begin(out, 'B');

	buf_init_fixed(&id, digits, sizeof(digits));
	protocol_put_number(&id, ask->key + 1);
	put_text(out, "");
	put_text(out, statements[ask->op].name);
	put_u16(out, 0); /* parameters are texts */
	put_u16(out, ask->op == OP_READ ? 1 : 2);
	put_parameter(out, buf_slice(&id));
	if (ask->op != OP_READ)
		put_document(out, ask, (size_t)options->record_bytes);
	put_u16(out, 0); /* and so are results */
	end(out, place);
	place = begin(out, 'E');
	put_text(out, "");
	protocol_put_u32(out, 0);
	end(out, place);
	put_sync(out);
}

/* "UPDATE 0" is no error to PostgreSQL. */
static bool
check(const struct bench_options *options, const struct ask *ask, struct slice answer)
{
	static const char *const tags[OP_COUNT] = { "SELECT 1", "UPDATE 1",
		"INSERT 0 1" };
	const char              *tag = tags[ask->op];

	(void)options;
	assert(ask->op < OP_COUNT);
	return memmem(answer.data, answer.len, tag, strlen(tag) + 1) != NULL &&
	       (ask->op != OP_READ || protocol_names(answer, ask->key));
}

const struct protocol protocol_postgres = { "postgresql",
	"select, update of two fields in a jsonb", OP_ALL, greet, parse_greeting,
	encode, parse, NULL, check };
