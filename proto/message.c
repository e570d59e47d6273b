#include "proto/message.h"
#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/reader.h"

/* How many elements each type of message has. */
enum {
	REQUEST_COUNT = 4,
	RESPONSE_COUNT = 4,
	NOTIFICATION_COUNT = 3,
};

/* Take nil, if that is what comes. */
static bool
take_nil(struct reader *reader)
{
	if (reader_peek(reader) != VALUE_NIL)
		return false;
	reader_nil(reader);
	return true;
}

/* Take text of 1 to BYTES_MAX bytes. */
static bool
take_text(struct reader *reader, size_t bytes_max, struct slice *text)
{
	if (reader_peek(reader) != VALUE_TEXT)
		return false;
	*text = reader_text(reader);
	return text->len > 0 && text->len <= bytes_max;
}

static bool
take_token(struct reader *reader, struct meta *meta)
{
	return take_text(reader, TOKEN_BYTES_MAX, &meta->token);
}

static bool
take_idempotency_key(struct reader *reader, struct meta *meta)
{
	return take_text(reader, IDEMPOTENCY_KEY_BYTES_MAX, &meta->idempotency_key);
}

static bool
take_timeout_ms(struct reader *reader, struct meta *meta)
{
	return reader_peek(reader) == VALUE_INTEGER &&
	       reader_integer(reader, &meta->timeout_ms) && meta->timeout_ms > 0 &&
	       meta->timeout_ms <= TIMEOUT_MS_MAX;
}

static bool
take_dry_run(struct reader *reader, struct meta *meta)
{
	if (reader_peek(reader) != VALUE_BOOL)
		return false;
	meta->dry_run = reader_bool(reader);
	return true;
}

/* Whether TEXT[FROM..FROM+LEN) are lower-case hex digits, not all of them zero. */
static bool
is_hex(struct slice text, size_t from, size_t len, bool zero_permitted)
{
	bool is_zero = true;

	for (size_t i = from; i < from + len; i++) {
		char c = text.data[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		is_zero = is_zero && c == '0';
	}
	return zero_permitted || !is_zero;
}

/* 00-<trace, 32 digits>-<span, 16 digits>-<flags, 2 digits> */
static bool
is_traceparent(struct slice text)
{
	return text.len == TRACEPARENT_BYTES_MAX && memcmp(text.data, "00-", 3) == 0 &&
	       is_hex(text, 3, 32, false) && text.data[35] == '-' &&
	       is_hex(text, 36, 16, false) && text.data[52] == '-' &&
	       is_hex(text, 53, 2, true);
}

/* W3C: what cannot be understood is ignored, so that tracing never fails a call. */
static bool
take_traceparent(struct reader *reader, struct meta *meta)
{
	struct slice text = { NULL, 0 };

	if (reader_peek(reader) == VALUE_TEXT)
		text = reader_text(reader);
	else
		reader_value(reader);
	if (is_traceparent(text))
		meta->traceparent = text;
	return true;
}

/* What a request may say about itself: the key, and how to take its value. */
static const struct {
	const char *key;
	bool (*take)(struct reader *reader, struct meta *meta);
} meta_keys[] = {
	{ "token", take_token },
	{ "idempotency_key", take_idempotency_key },
	{ "traceparent", take_traceparent },
	{ "timeout_ms", take_timeout_ms },
	{ "dry_run", take_dry_run },
};

#define META_KEY_COUNT (sizeof(meta_keys) / sizeof(meta_keys[0]))
_Static_assert(META_KEY_COUNT <= 32, "meta keys are bits of an unsigned");

/* The place of KEY, which READER takes, in meta_keys; META_KEY_COUNT if unknown. */
static size_t
take_meta_key(struct reader *reader)
{
	struct slice key;
	size_t       place;

	if (reader_peek(reader) != VALUE_TEXT) {
		reader_value(reader);
		return META_KEY_COUNT;
	}
	key = reader_text(reader);
	for (place = 0; place < META_KEY_COUNT; place++)
		if (slice_equal(slice_text(meta_keys[place].key), key))
			break;
	return place;
}

static enum status
refuse(struct message *message, const char *meta_key)
{
	message->meta_key = meta_key;
	return STATUS_INVALID;
}

static enum status
decode_meta(struct message *message, struct reader *reader)
{
	uint32_t count = reader_map(reader);
	unsigned seen = 0;

	while (count-- > 0) {
		size_t place = take_meta_key(reader);

		if (place == META_KEY_COUNT) {
			reader_value(reader);
			continue;
		}
		if (seen & 1u << place)
			return refuse(message, meta_keys[place].key);
		seen |= 1u << place;
		/* nil is as if the key were not there */
		if (!take_nil(reader) && !meta_keys[place].take(reader, &message->meta))
			return refuse(message, meta_keys[place].key);
	}
	return reader->status;
}

/*
 * The value at READER, which ends where the message ends, as the scan has seen: there
 * is no need to walk over it once more.
 */
static struct slice
take_rest(struct reader *reader)
{
	struct slice rest = slice_of(reader->at, (size_t)(reader->end - reader->at));

	reader->at = reader->end;
	return rest;
}

/* params = [], [args] or [args, meta], each a map or nil */
static enum status
decode_params(struct message *message, struct reader *reader)
{
	uint32_t count;

	if (reader_peek(reader) != VALUE_ARRAY)
		return refuse(message, "params");
	count = reader_array(reader);
	if (count > 2)
		return refuse(message, "params");
	if (count == 1 && reader_peek(reader) == VALUE_MAP)
		message->args = take_rest(reader);
	else if (count > 0 && reader_peek(reader) == VALUE_MAP)
		message->args = reader_value(reader);
	else if (count > 0 && !take_nil(reader))
		return refuse(message, "params");
	if (count > 1 && reader_peek(reader) == VALUE_MAP)
		return decode_meta(message, reader);
	if (count > 1 && !take_nil(reader))
		return refuse(message, "params");
	return reader->status;
}

static bool
take_msgid(struct reader *reader, uint32_t *msgid)
{
	int64_t value;

	if (!reader_integer(reader, &value) || value < 0 || value > UINT32_MAX)
		return false;
	*msgid = (uint32_t)value;
	return true;
}

static enum status
decode_request(struct message *message, struct reader *reader)
{
	struct reader params;
	enum status   status;

	if (!take_msgid(reader, &message->msgid))
		return STATUS_MALFORMED;
	message->method = reader_bytes(reader);
	params = *reader;
	status = decode_params(message, reader);
	if (status == STATUS_INVALID) {
		/* It stopped somewhere inside; the frame must be whole all the same. */
		*reader = params;
		reader_value(reader);
	}
	return reader->status == STATUS_OK ? status : reader->status;
}

static enum status
decode_response(struct message *message, struct reader *reader)
{
	if (!take_msgid(reader, &message->msgid))
		return STATUS_MALFORMED;
	message->error = reader_value(reader);
	message->result = reader_value(reader);
	return reader->status;
}

static enum status
decode_notification(struct message *message, struct reader *reader)
{
	struct slice  params;
	struct reader inner;

	message->method = reader_bytes(reader);
	params = reader_value(reader);
	reader_init(&inner, params);
	if (reader_peek(&inner) == VALUE_ARRAY && reader_array(&inner) > 0)
		message->args = reader_value(&inner);
	return reader->status;
}

enum status
message_decode(struct message *message, struct slice frame)
{
	struct reader reader;
	enum status   status = STATUS_MALFORMED;
	uint32_t      count;
	int64_t       type;

	*message = (struct message){ 0 };
	reader_init(&reader, frame);
	count = reader_array(&reader);
	if (!reader_integer(&reader, &type))
		return STATUS_MALFORMED;
	if (type == MESSAGE_REQUEST && count == REQUEST_COUNT) {
		message->type = MESSAGE_REQUEST;
		status = decode_request(message, &reader);
	} else if (type == MESSAGE_RESPONSE && count == RESPONSE_COUNT) {
		message->type = MESSAGE_RESPONSE;
		status = decode_response(message, &reader);
	} else if (type == MESSAGE_NOTIFICATION && count == NOTIFICATION_COUNT) {
		message->type = MESSAGE_NOTIFICATION;
		status = decode_notification(message, &reader);
	}
	if (reader_peek(&reader) != VALUE_END)
		return STATUS_MALFORMED;
	return status;
}

void
message_move(struct message *message, const char *from, const char *to)
{
	struct slice *const slices[] = { &message->method, &message->args,
		&message->meta.token, &message->meta.idempotency_key,
		&message->meta.traceparent, &message->error, &message->result };

	for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++)
		if (slices[i]->len > 0)
			slices[i]->data = to + (slices[i]->data - from);
}

void
message_pack_request(struct buf *buf, uint32_t msgid, struct slice method)
{
	pack_array(buf, REQUEST_COUNT);
	pack_integer(buf, MESSAGE_REQUEST);
	pack_integer(buf, msgid);
	pack_text(buf, method);
}

void
message_pack_result(struct buf *buf, uint32_t msgid)
{
	message_pack_error(buf, msgid);
	pack_nil(buf);
}

void
message_pack_error(struct buf *buf, uint32_t msgid)
{
	pack_array(buf, RESPONSE_COUNT);
	pack_integer(buf, MESSAGE_RESPONSE);
	pack_integer(buf, msgid);
}

void
message_pack_notification(struct buf *buf, struct slice method)
{
	pack_array(buf, NOTIFICATION_COUNT);
	pack_integer(buf, MESSAGE_NOTIFICATION);
	pack_text(buf, method);
}
