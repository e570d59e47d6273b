/*
 * HTTP/1.1 with JSON: GET and PATCH of --path, where {uid} stands for the record's.
 * "rest" is customerd-rest in the format of Commerce Layer, "http" any other server,
 * which takes and answers the fields alone.
 */

#include <strings.h>

#include "tools/bench/option.h"
#include "tools/bench/protocol.h"
#include "tools/bench/record.h"

#define PLACE "{uid}"
#define BODY_BYTES_MAX 1024u

static void
put_path(struct buf *out, const char *path, uint64_t key)
{
	const char *place = strstr(path, PLACE);

	if (place == NULL) {
		protocol_put(out, path);
		return;
	}
	buf_put(out, path, (size_t)(place - path));
	protocol_put_uid(out, key);
	protocol_put(out, place + sizeof(PLACE) - 1);
}

/* Everything but the end of the headers. */
static void
put_head(const struct bench_options *options, const struct ask *ask, const char *type,
    struct buf *out)
{
	protocol_put(out, ask->op == OP_READ ? "GET " : "PATCH ");
	put_path(out, options->path, ask->key);
	protocol_put(out, " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: ");
	protocol_put(out, type);
	if (options->token[0] != '\0') {
		protocol_put(out, "\r\nAuthorization: Bearer ");
		protocol_put(out, options->token);
	}
	if (ask->op == OP_READ)
		return;
	protocol_put(out, "\r\nContent-Type: ");
	protocol_put(out, type);
}

static void
put_fields(const struct bench_options *options, const struct ask *ask, struct buf *out)
{
	protocol_put(out, "{");
	record_print(out, RECORD_UPDATED_FIRST, RECORD_UPDATED_COUNT, ask->key,
	    ask->number, (size_t)options->record_bytes);
	protocol_put(out, "}");
}

/* A body, behind the last header. */
static void
put_body(struct buf *out, struct slice body)
{
	protocol_put(out, "\r\nContent-Length: ");
	protocol_put_number(out, body.len);
	protocol_put(out, "\r\n\r\n");
	buf_put(out, body.data, body.len);
}

static void
encode(const struct bench_options *options, const struct ask *ask, struct buf *out)
{
	char       bytes[BODY_BYTES_MAX];
	struct buf body;

	put_head(options, ask, "application/json", out);
	if (ask->op == OP_READ) {
		protocol_put(out, "\r\n\r\n");
		return;
	}
	buf_init_fixed(&body, bytes, sizeof(bytes));
	put_fields(options, ask, &body);
	put_body(out, buf_slice(&body));
}

static void
encode_rest(const struct bench_options *options, const struct ask *ask, struct buf *out)
{
	char       bytes[BODY_BYTES_MAX];
	struct buf body;

	put_head(options, ask, "application/vnd.api+json", out);
	if (ask->op == OP_READ) {
		protocol_put(out, "\r\n\r\n");
		return;
	}
	buf_init_fixed(&body, bytes, sizeof(bytes));
	protocol_put(&body, "{\"data\":{\"type\":\"customers\",\"id\":\"");
	protocol_put_uid(&body, ask->key);
	protocol_put(&body, "\",\"attributes\":");
	put_fields(options, ask, &body);
	protocol_put(&body, "}}");
	put_body(out, buf_slice(&body));
}

/* The value of Content-Length in HEAD; 0 without one. */
static size_t
content_length(struct slice head)
{
	static const char name[] = "content-length:";
	const char       *at = head.data, *end = head.data + head.len;

	while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		at++;
		if ((size_t)(end - at) < sizeof(name))
			break;
		if (strncasecmp(at, name, sizeof(name) - 1) != 0)
			continue;
		at += sizeof(name) - 1;
		while (at < end && *at == ' ')
			at++;
		return (size_t)protocol_number(slice_of(at, (size_t)(end - at)));
	}
	return 0;
}

static size_t
parse(struct slice bytes)
{
	const char *end = memmem(bytes.data, bytes.len, "\r\n\r\n", 4);
	size_t      len;

	if (end == NULL)
		return 0;
	len = (size_t)(end - bytes.data) + 4;
	len += content_length(slice_of(bytes.data, len));
	return len <= bytes.len ? len : 0;
}

static bool
check(const struct bench_options *options, const struct ask *ask, struct slice answer)
{
	static const char ok[] = "HTTP/1.1 200";
	bool              is_named = strstr(options->path, PLACE) != NULL;

	return answer.len >= sizeof(ok) &&
	       memcmp(answer.data, ok, sizeof(ok) - 1) == 0 &&
	       (!is_named || protocol_names(answer, ask->key));
}

const struct protocol protocol_rest = { "rest",
	"customerd-rest: GET, PATCH of two fields", OP_BIT(OP_READ) | OP_BIT(OP_UPDATE),
	NULL, NULL, encode_rest, parse, NULL, check };

const struct protocol protocol_http = { "http", "GET, PATCH of two fields as JSON",
	OP_BIT(OP_READ) | OP_BIT(OP_UPDATE), NULL, NULL, encode, parse, NULL, check };
