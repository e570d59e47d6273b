#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/rest/engine.h"
#include "tools/rest/text.h"
#include "tools/rest/work_internal.h"

#define TEXT_BYTES_MAX (HTTP_TARGET_BYTES_MAX + 1024u) /* a link keeps its query */

/* ---- memory ---- */

void
work_buf(struct work *work, struct buf *buf)
{
	buf_init(buf, FRAME_BYTES_MAX);
	buf->secret = true; /* perhaps */
	buf_borrow(buf, &work->engine->spare_buf);
}

struct slice
work_keep(struct work *work, struct buf *buf)
{
	struct slice kept = arena_copy(work_arena(work), buf_slice(buf));

	if (buf->failed)
		work_arena(work)->failed = true;
	buf_return(buf, &work->engine->spare_buf, ENGINE_BYTES_KEPT);
	return kept;
}

struct slice
work_args_text(struct work *work, const char *key, struct slice value)
{
	struct buf buf;

	work_buf(work, &buf);
	pack_map(&buf, 1);
	pack_text(&buf, slice_text(key));
	pack_text(&buf, value);
	return work_keep(work, &buf);
}

struct slice
work_args_integer(struct work *work, const char *key, int64_t value)
{
	struct buf buf;

	work_buf(work, &buf);
	pack_map(&buf, 1);
	pack_text(&buf, slice_text(key));
	pack_integer(&buf, value);
	return work_keep(work, &buf);
}

const char *
work_text(struct work *work, const char *format, ...)
{
	char        text[TEXT_BYTES_MAX];
	va_list     arguments;
	const char *kept;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	kept = arena_text(work_arena(work), slice_text(text));
	return kept != NULL ? kept : "";
}

const char *
work_join(struct work *work, unsigned count, const struct slice *pieces)
{
	size_t len = 0;
	char  *text, *end;

	for (unsigned i = 0; i < count; i++)
		len += pieces[i].len;
	text = end = arena_alloc(work_arena(work), len + 1);
	if (text == NULL)
		return "";
	for (unsigned i = 0; i < count; i++)
		if (pieces[i].len > 0)
			end = mempcpy(end, pieces[i].data, pieces[i].len);
	*end = '\0';
	return text;
}

const char *
work_decimal(struct work *work, const char *a, int64_t value, const char *b)
{
	char               room[TEXT_DECIMAL_BYTES];
	const struct slice pieces[] = { slice_text(a), text_decimal(room, value),
		slice_text(b) };

	return work_join(work, 3, pieces);
}

const char *
work_query_beside(struct work *work, bool (*is_place)(struct slice name))
{
	struct slice left = work->exchange->request.query;
	const char  *rest = "";

	while (left.len > 0) {
		const char *end = memchr(left.data, '&', left.len);
		size_t      len = end != NULL ? (size_t)(end - left.data) : left.len;
		const char *equals = memchr(left.data, '=', len);
		size_t name_len = equals != NULL ? (size_t)(equals - left.data) : len;

		if (len > 0 && !is_place(slice_of(left.data, name_len)))
			rest = work_text(work, "%s&%.*s", rest, (int)len, left.data);
		len += end != NULL;
		left = slice_of(left.data + len, left.len - len);
	}
	return rest;
}

const char *
work_secret(struct work *work)
{
	unsigned char bytes[(WORK_SECRET_BYTES - 1) / 2];

	if (work->secret[0] == '\0') {
		if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
			abort(); /* a guessable secret must never leave */
		for (size_t i = 0; i < sizeof(bytes); i++)
			snprintf(work->secret + 2 * i, 3, "%02x", bytes[i]);
	}
	return work->secret;
}

void
work_header(struct work *work, const char *name, const char *value)
{
	assert(work->header_count < HTTP_RESPONSE_HEADERS_MAX);
	work->headers[work->header_count++] =
	    (struct http_pair){ slice_text(name), slice_text(value) };
}

/* ---- ids and methods ---- */

const struct record_methods *
methods_of(enum record_kind kind)
{
#define ROW(noun)                                                                  \
	{                                                                          \
		METHOD_##noun##_GET, METHOD_##noun##_LIST, METHOD_##noun##_CREATE, \
		    METHOD_##noun##_UPDATE, METHOD_##noun##_DELETE                 \
	}
	static const struct record_methods rows[RECORD_KIND_COUNT] = {
		[RECORD_CUSTOMER] = ROW(CUSTOMER),
		[RECORD_GROUP] = ROW(GROUP),
		[RECORD_TAG] = ROW(TAG),
		[RECORD_TOKEN] = ROW(TOKEN),
	};
#undef ROW

	return &rows[kind];
}

const struct record_methods *
work_methods(const struct work *work)
{
	return methods_of(work->route->resource->kind);
}

bool
text_to_id(struct slice text, int64_t *id)
{
	*id = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9' || *id > INTEGER_MAX / 10)
			return false;
		*id = *id * 10 + (text.data[i] - '0');
	}
	return text.len > 0 && *id <= INTEGER_MAX;
}

bool
next_item(struct slice *list, struct slice *item)
{
	const char *comma;
	size_t      len;

	if (list->len == 0)
		return false;
	comma = memchr(list->data, ',', list->len);
	len = comma != NULL ? (size_t)(comma - list->data) : list->len;
	*item = slice_of(list->data, len);
	len += comma != NULL;
	*list = slice_of(list->data + len, list->len - len);
	return true;
}

static bool
is_uid(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z')))
			return false;
	}
	return text.len == 10;
}

struct slice
work_args_id(struct work *work, struct slice id)
{
	int64_t number;

	if (work->format->ids_are_uids && is_uid(id))
		return work_args_text(work, "uid", id);
	if (!work->format->ids_are_uids && text_to_id(id, &number) && number > 0)
		return work_args_integer(work, "id", number);
	work_refuse(work, work->format->bad_id, id);
	return slice_of(NULL, 0);
}

/* ---- answers ---- */

struct out
work_json(struct work *work)
{
	buf_clear(&work->engine->out, HTTP_RESPONSE_BYTES_MAX);
	return (struct out){ .out = &work->engine->out };
}

void
work_respond(struct work *work, unsigned status, struct out *json)
{
	assert(!work->is_answered);
	if (json->out->failed) {
		work_refuse(work, REASON_FAILED, SLICE("the answer is too long"));
		return;
	}
	work->is_answered = true;
	work->response = (struct http_response){
		.status = status,
		.content_type = work->format->response_type,
		.body = buf_slice(json->out),
	};
}

void
work_respond_empty(struct work *work, unsigned status)
{
	assert(!work->is_answered);
	work->is_answered = true;
	work->response = (struct http_response){ .status = status };
}

void
work_respond_record(struct work *work, unsigned status, struct slice record)
{
	struct out             json = work_json(work);
	struct customerd_slice slice = { record.data, record.len };

	work->revision = 0;
	customerd_get_integer(slice, "revision", &work->revision);
	work->format->write_one(&json, work, record);
	if (work->pending == 0 && !work->is_answered)
		work_respond(work, status, &json);
}

/* ---- records ---- */

void
parts_split(struct parts *parts, const struct shape *shape, struct slice record)
{
	struct reader reader;
	int           place = -1;

	*parts = (struct parts){ .shape = shape };
	reader_init(&reader, record);
	for (uint32_t count = reader_map(&reader); count > 0; count--) {
		struct slice key = reader_text(&reader);
		struct slice value = reader_value(&reader);

		place = shape_find(shape, key, (unsigned)(place + 1));
		if (place >= 0)
			parts->field[place] = value;
	}
}

int64_t
parts_integer(const struct parts *parts, unsigned field)
{
	struct customerd_slice slice = { parts->field[field].data,
		parts->field[field].len };
	int64_t                integer = 0;

	customerd_get_integer(slice, "", &integer);
	return integer;
}

struct slice
parts_text(const struct parts *parts, unsigned field)
{
	struct customerd_slice slice = { parts->field[field].data,
		parts->field[field].len };
	struct customerd_slice text = { NULL, 0 };

	customerd_get_text(slice, "", &text);
	return from_client(text);
}
