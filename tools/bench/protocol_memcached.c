/* memcached's text protocol: get and set of whole records. */

#include "proto/pack.h"
#include "tools/bench/option.h"
#include "tools/bench/protocol.h"
#include "tools/bench/record.h"

static void
encode(const struct bench_options *options, const struct ask *ask, struct buf *out)
{
	char       bytes[2 * RECORD_TEXT_BYTES_MAX];
	struct buf value;

	protocol_put(out, ask->op == OP_READ ? "get " : "set ");
	protocol_put_uid(out, ask->key);
	if (ask->op == OP_READ) {
		protocol_put(out, "\r\n");
		return;
	}
	buf_init_fixed(&value, bytes, sizeof(bytes));
	pack_map(&value, RECORD_FIELD_COUNT);
	record_pack(&value, RECORD_UID, RECORD_FIELD_COUNT, ask->key, ask->number,
	    (size_t)options->record_bytes);
	protocol_put(out, " 0 0 ");
	protocol_put_number(out, value.len);
	protocol_put(out, "\r\n");
	buf_put(out, value.data, value.len);
	protocol_put(out, "\r\n");
}

/* "VALUE key flags length", the value, "END"; or one line. */
static size_t
parse(struct slice bytes)
{
	const char *line = bytes.len > 0 ? memchr(bytes.data, '\n', bytes.len) : NULL;
	const char *space;
	size_t      len;

	if (line == NULL)
		return 0;
	len = (size_t)(line - bytes.data) + 1;
	if (bytes.data[0] != 'V')
		return len;
	space = memrchr(bytes.data, ' ', len);
	if (space == NULL)
		return PROTOCOL_BROKEN;
	len += (size_t)protocol_number(slice_of(space + 1, (size_t)(line - space))) +
	       sizeof("\r\nEND\r\n") - 1;
	return len <= bytes.len ? len : 0;
}

static bool
check(const struct bench_options *options, const struct ask *ask, struct slice answer)
{
	(void)options;
	if (ask->op == OP_READ)
		return answer.data[0] == 'V' && protocol_names(answer, ask->key);
	return slice_equal(answer, SLICE("STORED\r\n"));
}

const struct protocol protocol_memcached = { "memcached",
	"get, set of the whole record", OP_ALL, NULL, NULL, encode, parse, NULL,
	check };
