/*
 * format -- what a REST format consists of: tables.
 *
 * A format says which routes it has, how the fields of its JSON relate to those of
 * the records (field_table.h), how a request is refused, and in which order it is
 * checked.  The engine walks these tables and never asks which format it serves: where
 * it would have to, a column is missing here.  DESIGN.md tells how to add a format.
 */

#ifndef REST_FORMAT_H
#define REST_FORMAT_H

#include <jansson.h>

#include "proto/field.h"
#include "proto/method.h"
#include "proto/status.h"
#include "tools/rest/http.h"
#include "tools/rest/json.h"
#include "tools/rest/out.h"

struct parts;
struct work;
struct format;
struct resource;
struct nested;

/* ------------------------------------------------------------------------
 * Refusing
 */

/* Everything that the engine can refuse.  X(NAME, HTTP status, code, title) */
// clang-format off
#define REST_REASONS(X)                                                                    \
	X(BAD_REQUEST,        400, "BAD_REQUEST",        "The request cannot be understood")  \
	X(BODY_MALFORMED,     400, "BODY_MALFORMED",     "The body is not valid JSON")       \
	X(FORM_MALFORMED,     400, "FORM_MALFORMED",     "The form cannot be read")          \
	X(BODY_WRONG_TYPE,    400, "BODY_WRONG_TYPE",    "The body has the wrong type")      \
	X(BAD_PARAMETER,      400, "BAD_PARAMETER",      "A parameter is not permitted")     \
	X(TOO_MANY_RECORDS,   400, "TOO_MANY_RECORDS",   "There are too many records to search in") \
	X(NO_CREDENTIALS,     401, "NO_CREDENTIALS",     "Credentials are missing")          \
	X(BAD_CREDENTIALS,    401, "BAD_CREDENTIALS",    "The credentials are malformed")    \
	X(BAD_TOKEN,          401, "INVALID_TOKEN",      "The token is not valid")           \
	X(BAD_LOGIN,          401, "BAD_LOGIN",          "No account has these credentials") \
	X(FORBIDDEN,          403, "FORBIDDEN",          "The token does not permit this")   \
	X(NO_ROUTE,           404, "NOT_FOUND",          "There is nothing here")            \
	X(NO_STORE,           404, "NO_STORE",           "There is no such store")           \
	X(NO_RECORD,          404, "NO_RECORD",          "There is no such record")          \
	X(METHOD_NOT_ALLOWED, 405, "METHOD_NOT_ALLOWED", "The method is not allowed here")   \
	X(NOT_ACCEPTABLE,     406, "NOT_ACCEPTABLE",     "Not acceptable")                   \
	X(REVISION_MISMATCH,  412, "REVISION_MISMATCH",  "The record has another revision")  \
	X(TOO_LARGE,          413, "TOO_LARGE",          "The request is too large")         \
	X(TOO_MANY_ITEMS,     413, "TOO_MANY_ITEMS",     "Too many items in one call")       \
	X(UNSUPPORTED_MEDIA_TYPE, 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type")   \
	X(INVALID,            422, "INVALID",            "Some fields break a rule")         \
	X(KEY_REUSED,         422, "KEY_REUSED",         "The idempotency key came with another request") \
	X(LOCKED,             423, "LOCKED",             "The state of the record does not permit this") \
	X(REVISION_REQUIRED,  428, "REVISION_REQUIRED",  "This store wants If-Match")        \
	X(RATE_LIMITED,       429, "RATE_LIMITED",       "Too many requests")                \
	X(FAILED,             500, "INTERNAL_ERROR",     "The outcome is not known")         \
	X(UNAVAILABLE,        503, "UNAVAILABLE",        "The service is not available now") \
	X(TIMEOUT,            504, "TIMEOUT",            "The request took too long")        \
	X(STORAGE_FULL,       507, "STORAGE_FULL",       "No room is left; nothing was changed")

/* Faults of a field beyond the server's rules, all found in the JSON.  X(NAME, text) */
#define REST_FAULTS(X)                                                                     \
	X(NULL_VALUE,  "may not be null")                                                   \
	X(BLANK,       "may not be blank")                                                  \
	X(NOT_OBJECT,  "must be an object")                                                 \
	X(NOT_LIST,    "must be a list")                                                    \
	X(NOT_NUMBER,  "must be a number")

enum reason {
#define X(name, http, code, title) REASON_##name,
	REST_REASONS(X)
#undef X
	REASON_COUNT
};

/* Begins with enum rule, so that what the server refuses is a fault as it is. */
enum fault {
#define X(name, text) FAULT_##name,
	PROTO_RULES(X)
	REST_FAULTS(X)
#undef X
	FAULT_COUNT
};
// clang-format on

/* What a format says for a reason.  "{}" in DETAIL stands for the subject. */
struct reason_text {
	enum reason reason;
	unsigned    http;
	const char *code, *title, *detail;
};

/* What a format says for a fault.  "{}" stands for the bound.  The first row fits
 * whose FAULT is the same and whose NAME, if any, is the field's. */
struct fault_text {
	enum fault  fault;
	const char *name; /* in JSON, or NULL for any */
	const char *code, *text;
	unsigned    http; /* when it is not the one of INVALID */
};

#define FAULT_PATH_BYTES 128u
#define FAULTS_MAX 64u

struct mapping;

/* One field that was refused. */
struct field_fault {
	enum fault            fault;
	const struct mapping *row;   /* NULL when the path leads to none */
	const struct shape   *shape; /* of the row, for the server's bounds, or NULL */
	const json_t         *value; /* as sent, or NULL */
	char path[FAULT_PATH_BYTES]; /* names of the JSON and indexes, between dots */
};

/* How a format tells clients to pace themselves. */
enum rate_value {
	RATE_LIMIT,
	RATE_LEFT,
	RATE_WINDOW_S,
	RATE_WINDOW_MS,
	RATE_RESET_MS,
	RATE_RETRY_S, /* only with 429 and 503 */
};

struct rate_header {
	const char     *name; /* ends with NULL */
	enum rate_value value;
};

/* What a format's write_error() has to say. */
struct complaint {
	enum reason               reason;
	unsigned                  http;
	const char               *code, *title, *detail; /* of the format's row */
	struct slice              subject;
	const struct field_fault *faults;
	unsigned                  fault_count;
};

/* ------------------------------------------------------------------------
 * Fields
 */

struct decoding;
struct encoding;

/* How a value goes from one side to the other; see codec.h. */
struct codec {
	/* Append VALUE, which is not null, in MessagePack.  False when refused. */
	bool (*decode)(
	    struct decoding *in, const struct mapping *row, const json_t *value);
	/* In place of it, for what is not one value of one field: append pairs. */
	void (*decode_pairs)(
	    struct decoding *in, const struct mapping *row, const json_t *value);
	void (*encode)(struct out *out, const struct encoding *in,
	    const struct mapping *row, struct slice value);
	/* For documents: types of JSON Schema, with spaces between, and its format.
	 * NULL: the type that the field's kind or `absent` has; no format. */
	const char *type, *format;
};

enum mapping_flag {
	MAP_READ_ONLY = 1 << 0,  /* not taken from a request */
	MAP_WRITE_ONLY = 1 << 1, /* not in answers */
	MAP_NOT_NULL = 1 << 2,   /* null is refused; otherwise it clears the field */
	MAP_REQUIRED = 1 << 3,  /* in each object that is sent; at the top: to create */
	MAP_NOT_BLANK = 1 << 4, /* "" is refused */
	MAP_NULL_KEEPS = 1 << 5,  /* null is as if it were absent */
	MAP_ON_REQUEST = 1 << 6,  /* in answers only when the request asks by name */
	MAP_READS_FIRST = 1 << 8, /* its codec wants to see the record as it is */
	MAP_STRICT =
	    1 << 7, /* required in updates, too, when the option strict is on */
	MAP_TRIGGER = 1 << 9, /* true asks for a step that the state may not permit */
};

#define FIELD_NONE (-1)

struct mapping {
	const char          *name;  /* in JSON; the table ends with NULL */
	int                  field; /* place in the record's shape, or FIELD_NONE */
	const struct codec  *codec;
	unsigned             flags;
	const char          *absent; /* JSON for a field without value; NULL: no key */
	int64_t              min, max; /* the format's own, in characters or value */
	const struct nested *nested;   /* of as_object and as_objects */
	const char          *argument; /* with FIELD_NONE: what it feeds beside `set` */
	const char          *meaning;  /* for people; NULL: as meaning.h has it */
};

/* The inside of an object. */
struct nested {
	const struct shape   *shape;
	const struct mapping *fields;
	/* Append pairs that are not in the JSON, and say how many; or NULL. */
	uint32_t (*append)(struct decoding *in, const json_t *value);
};

/* ------------------------------------------------------------------------
 * Resources, routes, formats
 */

/* A relationship of JSON:API: its name, and JSON of the name and the two links behind
 * it, still open; the link to the record goes between the pieces. */
struct relation {
	const char               *name;
	struct slice              links[3];
	const struct destination *to; /* NULL: to nothing that is kept here */
};

/* What a relationship leads to, and how that is written for a record. */
struct destination {
	void (*write_linkage)(
	    struct out *out, struct work *work, const struct parts *record);
	/* Write the records, into the open list, each once; NULL: there is none. */
	void (*include)(struct out *out, struct work *work, const struct parts *record);
};

struct resource {
	enum record_kind      kind;
	const char           *type; /* the word in paths and bodies: "customers" */
	const struct mapping *fields;
	/* JSON:API's relationships that can be written, or NULL */
	const struct mapping  *links;
	const struct relation *relations; /* all of them, ending with a NULL, or NULL */
	bool                   is_brief;  /* fewer words in meta */
	const char            *noun;      /* in sentences: "Customer group" */
	/* Of the items, when they are no records but those of a list in one; or NULL.
	 */
	const struct shape *shape;
	bool is_bounded; /* few requests at once; see struct engine_settings */
};

/* What RESOURCE's fields are places of. */
static inline const struct shape *
resource_shape(const struct resource *resource)
{
	return resource->shape != NULL ? resource->shape
				       : &record_shapes[resource->kind];
}

typedef void serve_function(struct work *work);

struct route {
	enum http_method method;
	/* ":store", ":id", ":item" and ":name" stand for segments. */
	const char            *path;
	serve_function        *serve;
	const struct resource *resource;
	unsigned               status;    /* of success; 0: 200 */
	bool                   is_public; /* needs no credentials */
};

enum credential_kind {
	CREDENTIAL_END,
	CREDENTIAL_BEARER, /* Authorization: Bearer TOKEN */
	CREDENTIAL_HEADER,
	CREDENTIAL_PARAMETER,
};

struct credential {
	enum credential_kind kind;
	const char          *name;
};

/* The steps that come before serving; a format lists them in its order. */
enum check {
	CHECK_END,
	CHECK_METHOD,      /* 405 */
	CHECK_CREDENTIALS, /* 401 */
	CHECK_MEDIA_TYPE,  /* 415 */
	CHECK_ACCEPT,      /* 406 */
	CHECK_RECORD,      /* existence comes before the body's errors */
	CHECK_BODY,        /* 400 */
};

#define FORMAT_PREFIXES_MAX 4u

struct format {
	const char *name;
	const char *prefixes[FORMAT_PREFIXES_MAX]; /* of paths that are its business */
	const struct route      *routes;           /* ends with a NULL path */
	const struct credential *credentials;
	const enum check        *checks;
	const char *const       *request_types; /* media types that it reads */
	const char              *response_type;
	const struct reason_text
				*reasons; /* ends with http 0; others as REST_REASONS */
	const struct fault_text *faults;  /* ends with a NULL text */
	/* Headers of every answer: pairs, ending with an empty name. */
	const struct http_pair *headers;
	/* Further ones, and the limit that they tell while nothing is counted. */
	const struct rate_header *rate_headers;
	unsigned                  rate_limit, rate_window_s;

	bool        ids_are_uids;
	enum reason bad_id;           /* the reason when a path's id cannot be one */
	bool        wants_slash;      /* paths end with one; without it, 301 */
	bool        reads_forms;      /* those of HTML, too; and nothing is {} */
	bool        allow_always;     /* Allow in every answer */
	bool        options_by_route; /* OPTIONS only where a row says so */
	bool        shows_store; /* answers tell of it: asked for with the record */

	/* Whether the store in the path, if any, is STORE, a record. */
	bool (*owns)(const struct work *work, struct slice store);
	/* The object of the fields in BODY; NULL: refused. */
	const json_t *(*unwrap)(struct work *work, const json_t *body);
	/* The whole body of an answer for one record. */
	void (*write_one)(struct out *out, struct work *work, struct slice record);
	/* The answer to a delete; NULL: 204. */
	void (*write_deleted)(struct work *work);
	void (*write_error)(
	    struct out *out, struct work *work, const struct complaint *complaint);
	/* What is not JSON: the text of an error for humans, or NULL. */
	const char *(*error_page)(const struct complaint *complaint);
};

/* All of them, ending with NULL; the first whose prefix fits is taken. */
extern const struct format *const formats[];

extern const struct format format_commercelayer, format_django, format_bigcommerce,
    format_ecwid;

/* The format whose business PATH is, or NULL. */
const struct format *format_find(const struct format *const *list, struct slice path);

/* FORMAT's words for REASON, or the default ones; FORMAT may be NULL. */
struct reason_text format_reason(const struct format *format, enum reason reason);

/* FORMAT's row for FAULT of the field NAME, or a default one. */
struct fault_text format_fault(
    const struct format *format, enum fault fault, const char *name);

#endif
