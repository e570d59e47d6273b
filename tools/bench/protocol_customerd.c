/*
 * MessagePack-RPC, as proto/PROTOCOL.md tells it.  Requests are written byte by byte:
 * the generator must not be what is measured.
 */

#include "proto/message.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/bench/option.h"
#include "tools/bench/protocol.h"
#include "tools/bench/record.h"

/* An integer as uint32: not the shortest form, but of one length. */
static void
put_u32(struct buf *out, uint64_t number)
{
	buf_put(out, "\xce", 1);
	protocol_put_u32(out, (uint32_t)number);
}

static void
greet(const struct bench_options *options, struct buf *out)
{
	message_pack_request(out, 0, SLICE("hello"));
	pack_array(out, 1);
	pack_map(out, options->token[0] != '\0');
	if (options->token[0] == '\0')
		return;
	pack_literal(out, "token");
	pack_text(out, slice_text(options->token));
}

/* [0, number, method, [{ ... PAIRS pairs, of which the first is the id. */
static void
begin(struct buf *out, const struct ask *ask, struct slice method, unsigned pairs)
{
	buf_put(out, "\x94\x00", 2);
	put_u32(out, ask->number);
	pack_text(out, method);
	pack_array(out, 1);
	pack_map(out, pairs);
	pack_literal(out, "id");
	put_u32(out, ask->key + 1);
}

static void
encode(const struct bench_options *options, const struct ask *ask, struct buf *out)
{
	size_t bytes = (size_t)options->record_bytes;

	switch (ask->op) {
	case OP_READ: begin(out, ask, SLICE("customer.get"), 1); break;
	case OP_UPDATE:
		begin(out, ask, SLICE("customer.update"), 2);
		pack_literal(out, "set");
		pack_map(out, RECORD_UPDATED_COUNT);
		record_pack(out, RECORD_UPDATED_FIRST, RECORD_UPDATED_COUNT, ask->key,
		    ask->number, bytes);
		break;
	default:
		begin(out, ask, SLICE("customer.create"), 3);
		record_pack(out, RECORD_UID, 1, ask->key, 0, bytes);
		pack_literal(out, "set");
		pack_map(out, RECORD_FIELD_COUNT - 1);
		record_pack(
		    out, RECORD_UID + 1, RECORD_FIELD_COUNT - 1, ask->key, 0, bytes);
		break;
	}
}

static size_t
parse(struct slice bytes)
{
	struct reader reader;

	reader_init(&reader, bytes);
	reader_value(&reader);
	return reader.status == STATUS_OK ? (size_t)(reader.at - bytes.data) : 0;
}

/* Take what stands before the error of an answer; its number. */
static uint32_t
read_head(struct reader *reader, struct slice answer)
{
	int64_t type = -1, number = -1;

	reader_init(reader, answer);
	reader_array(reader);
	reader_integer(reader, &type);
	reader_integer(reader, &number);
	return type == MESSAGE_RESPONSE ? (uint32_t)number : UINT32_MAX;
}

static uint32_t
number(struct slice answer)
{
	struct reader reader;

	return read_head(&reader, answer);
}

static bool
check(const struct bench_options *options, const struct ask *ask, struct slice answer)
{
	struct reader reader;

	(void)options;
	read_head(&reader, answer);
	reader_nil(&reader); /* no error */
	return reader.status == STATUS_OK && protocol_names(answer, ask->key);
}

const struct protocol protocol_customerd = { "customerd",
	"customer.get, customer.update of two fields", OP_ALL, greet, parse, encode,
	parse, number, check };
