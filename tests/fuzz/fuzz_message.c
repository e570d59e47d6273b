/*
 * Whatever the scanner accepts can be taken apart: message_decode() keeps its
 * promises, and every slice that it hands out can be read to its end.
 */

#include <assert.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/message.h"
#include "proto/reader.h"
#include "proto/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct reader *reader, unsigned depth);

static void
walk_items(struct reader *reader, uint64_t count, unsigned depth)
{
	assert(depth < FRAME_DEPTH_MAX);
	while (count-- > 0)
		walk(reader, depth + 1);
}

/* Take one value with the call for its type. */
static void
walk(struct reader *reader, unsigned depth)
{
	int64_t integer;

	switch (reader_peek(reader)) {
	case VALUE_NIL: reader_nil(reader); break;
	case VALUE_BOOL: reader_bool(reader); break;
	case VALUE_INTEGER: reader_integer(reader, &integer); break;
	case VALUE_NUMBER: reader_number(reader); break;
	case VALUE_TEXT: reader_text(reader); break;
	case VALUE_BYTES: reader_bytes(reader); break;
	case VALUE_ARRAY: walk_items(reader, reader_array(reader), depth); break;
	case VALUE_MAP:
		walk_items(reader, 2 * (uint64_t)reader_map(reader), depth);
		break;
	case VALUE_END:
	case VALUE_OTHER: assert(!"accepted by the scanner"); break;
	}
	assert(reader->status == STATUS_OK);
}

/* VALUE is one value within FRAME, or absent. */
static void
check_value(struct slice frame, struct slice value)
{
	struct reader reader;

	if (value.len == 0)
		return;
	assert(value.data >= frame.data);
	assert(value.data + value.len <= frame.data + frame.len);
	reader_init(&reader, value);
	walk(&reader, 0);
	assert(reader_peek(&reader) == VALUE_END);
}

static void
check_text(struct slice frame, struct slice text, size_t bytes_max)
{
	assert(text.len <= bytes_max);
	if (text.len == 0)
		return;
	assert(text.data > frame.data);
	assert(text.data + text.len <= frame.data + frame.len);
}

static void
check_message(const struct message *message, enum status status, struct slice frame)
{
	assert(message->type <= MESSAGE_NOTIFICATION);
	assert((status == STATUS_INVALID) == (message->meta_key != NULL));
	check_value(frame, message->args);
	check_value(frame, message->error);
	check_value(frame, message->result);
	check_text(frame, message->method, frame.len);
	if (status != STATUS_OK)
		return;
	check_text(frame, message->meta.token, TOKEN_BYTES_MAX);
	check_text(frame, message->meta.idempotency_key, IDEMPOTENCY_KEY_BYTES_MAX);
	check_text(frame, message->meta.traceparent, TRACEPARENT_BYTES_MAX);
	assert(message->meta.timeout_ms >= 0);
	assert(message->meta.timeout_ms <= TIMEOUT_MS_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct scan_limits limits = { FRAME_BYTES_MAX, FRAME_DEPTH_MAX,
		FRAME_ELEMENTS_MAX };
	struct message           message;
	struct scan              scan;
	enum status              status;
	size_t                   len;

	scan_init(&scan, &limits);
	if (scan_feed(&scan, slice_of(data, size), &len) != SCAN_DONE)
		return 0;
	status = message_decode(&message, slice_of(data, len));
	assert(status == STATUS_OK || status == STATUS_INVALID ||
	       status == STATUS_MALFORMED);
	if (status != STATUS_MALFORMED)
		check_message(&message, status, slice_of(data, len));
	return 0;
}
