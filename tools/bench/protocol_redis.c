/* RESP: records as one value (GET, SET), or as hashes (HGETALL, HSET of two fields). */

#include "proto/pack.h"
#include "tools/bench/option.h"
#include "tools/bench/protocol.h"
#include "tools/bench/record.h"

static void
put_array(struct buf *out, uint64_t count)
{
	buf_put(out, "*", 1);
	protocol_put_number(out, count);
	buf_put(out, "\r\n", 2);
}

static void
put_bulk(struct buf *out, struct slice text)
{
	buf_put(out, "$", 1);
	protocol_put_number(out, text.len);
	buf_put(out, "\r\n", 2);
	buf_put(out, text.data, text.len);
	buf_put(out, "\r\n", 2);
}

/* Hashes have names of their own, so that both kinds fit into one server. */
static void
put_key(struct buf *out, bool is_hash, uint64_t key)
{
	protocol_put(out, is_hash ? "$12\r\nh:" : "$10\r\n");
	protocol_put_uid(out, key);
	buf_put(out, "\r\n", 2);
}

static void
encode(const struct bench_options *options, const struct ask *ask, struct buf *out)
{
	char       bytes[2 * RECORD_TEXT_BYTES_MAX];
	struct buf value;

	put_array(out, ask->op == OP_READ ? 2 : 3);
	put_bulk(out, ask->op == OP_READ ? SLICE("GET") : SLICE("SET"));
	put_key(out, false, ask->key);
	if (ask->op == OP_READ)
		return;
	buf_init_fixed(&value, bytes, sizeof(bytes));
	pack_map(&value, RECORD_FIELD_COUNT);
	record_pack(&value, RECORD_UID, RECORD_FIELD_COUNT, ask->key, ask->number,
	    (size_t)options->record_bytes);
	put_bulk(out, buf_slice(&value));
}

static void
encode_hash(const struct bench_options *options, const struct ask *ask, struct buf *out)
{
	bool     fills = ask->op == OP_FILL;
	unsigned first = fills ? RECORD_UID : RECORD_UPDATED_FIRST;
	unsigned count = fills ? RECORD_FIELD_COUNT : RECORD_UPDATED_COUNT;
	char     text[RECORD_TEXT_BYTES_MAX];

	put_array(out, ask->op == OP_READ ? 2 : 2 + 2 * count);
	put_bulk(out, ask->op == OP_READ ? SLICE("HGETALL") : SLICE("HSET"));
	put_key(out, true, ask->key);
	for (unsigned field = first; ask->op != OP_READ && field < first + count;
	     field++) {
		put_bulk(out, slice_text(record_keys[field]));
		put_bulk(out, record_text(field, ask->key, ask->number,
				  (size_t)options->record_bytes, text));
	}
}

/* The length of the line at the front of BYTES, with its end; 0 unless it is whole. */
static size_t
line_len(struct slice bytes)
{
	const char *end = bytes.len > 0 ? memchr(bytes.data, '\n', bytes.len) : NULL;

	return end == NULL ? 0 : (size_t)(end - bytes.data) + 1;
}

/* A value that is no array. */
static size_t
parse_value(struct slice bytes)
{
	size_t  line = line_len(bytes);
	int64_t len;

	if (line == 0 || bytes.data[0] != '$')
		return line;
	len = protocol_number(slice_of(bytes.data + 1, line - 1));
	if (len < 0)
		return line;
	line += (size_t)len + 2;
	return line <= bytes.len ? line : 0;
}

static size_t
parse(struct slice bytes)
{
	size_t  at = line_len(bytes), len = 1;
	int64_t count;

	if (at == 0 || bytes.data[0] != '*')
		return parse_value(bytes);
	for (count = protocol_number(slice_of(bytes.data + 1, at - 1));
	     count > 0 && len > 0; count--) {
		len = parse_value(slice_of(bytes.data + at, bytes.len - at));
		at += len;
	}
	return len > 0 ? at : 0;
}

/* A read answers with the record, an update with OK or that no field is new. */
static bool
check(const struct bench_options *options, const struct ask *ask, struct slice answer)
{
	(void)options;
	if (ask->op == OP_READ)
		return (answer.data[0] == '$' || answer.data[0] == '*') &&
		       protocol_names(answer, ask->key);
	if (ask->op == OP_UPDATE)
		return slice_equal(answer, SLICE("+OK\r\n")) ||
		       slice_equal(answer, SLICE(":0\r\n"));
	return answer.data[0] == '+' || answer.data[0] == ':';
}

const struct protocol protocol_redis = { "redis", "GET, SET of the whole record",
	OP_ALL, NULL, NULL, encode, parse, NULL, check };

const struct protocol protocol_redis_hash = { "redis-hash",
	"HGETALL, HSET of two fields", OP_ALL, NULL, NULL, encode_hash, parse, NULL,
	check };
