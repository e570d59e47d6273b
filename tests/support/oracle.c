#include <mpack.h>
#include <msgpack.h>

#include "tests/support/oracle.h"

static void
on_node(mpack_parser_t *parser, mpack_node_t *node)
{
	(void)parser;
	(void)node;
}

enum scan_result
oracle_mpack(struct slice bytes, size_t *len)
{
	mpack_parser_t parser;
	const char    *at = bytes.data;
	size_t         left = bytes.len;
	int            result = MPACK_EOF;

	mpack_parser_init(&parser, 0);
	while (left > 0 && result == MPACK_EOF)
		result = mpack_parse(&parser, &at, &left, on_node, on_node);
	*len = bytes.len - left;
	if (result == MPACK_OK)
		return SCAN_DONE;
	return result == MPACK_EOF ? SCAN_MORE : SCAN_BAD;
}

enum scan_result
oracle_msgpack(struct slice bytes, size_t *len)
{
	msgpack_unpacked      unpacked;
	msgpack_unpack_return result;

	*len = 0;
	msgpack_unpacked_init(&unpacked);
	result = msgpack_unpack_next(&unpacked, bytes.data, bytes.len, len);
	msgpack_unpacked_destroy(&unpacked);
	if (result == MSGPACK_UNPACK_SUCCESS || result == MSGPACK_UNPACK_EXTRA_BYTES)
		return SCAN_DONE;
	return result == MSGPACK_UNPACK_CONTINUE ? SCAN_MORE : SCAN_BAD;
}
