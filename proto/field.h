/*
 * field -- what records, arguments and nested values consist of.
 *
 * One table (field.c) lists every field with its kind, its bounds and its flags.
 * Decoding, validation, storing, anonymisation, the command line, the shim and the
 * documents walk it.  A new field is one row.
 *
 * A shape is a map with known keys: a record, the arguments of a method, an
 * address.  Its fields stand in the order in which records store them.
 */

#ifndef PROTO_FIELD_H
#define PROTO_FIELD_H

#include <stdint.h>

#include "proto/slice.h"

/* X(NAME, name for documents).  Bounds (min, max) count what the comment says. */
// clang-format off
#define PROTO_KINDS(X)                                                                     \
	X(LINE,     "text")        /* one line; characters */                             \
	X(TEXT,     "text")        /* may hold line breaks and tabs; characters */        \
	X(EMAIL,    "email")       /* bytes */                                            \
	X(DATE,     "date")        /* YYYY-MM-DD, a day of the calendar */                \
	X(UID,      "uid")         /* 10 letters and digits */                            \
	X(SHA256,   "sha256")      /* 64 hexadecimal digits, in lower case */             \
	X(IP,       "ip")          /* an IPv4 or IPv6 address, or empty; bytes */         \
	X(COUNTRY,  "country")     /* ISO 3166-1 alpha-2, capitals */                     \
	X(LANGUAGE, "language")    /* en, pt_BR, zh-Hans: letters, digits; bytes */       \
	X(TAG,      "tag")         /* letters, digits, _ - : (stored in lower case) */    \
	X(WORD,     "word")        /* one of FIELD->words */                              \
	X(BOOL,     "boolean")                                                            \
	X(INTEGER,  "integer")     /* value */                                            \
	X(TIME,     "time")        /* integer, milliseconds since the epoch; value */     \
	X(NUMBER,   "number")      /* integer or finite float; value */                   \
	X(MAP,      "map")         /* text keys, values without ext or bin; bytes */      \
	X(SCALARS,  "text, number or list of text") /* of a form field; bytes, items */   \
	X(OBJECT,   "object")      /* FIELD->shape */                                     \
	X(OBJECTS,  "list of objects")  /* FIELD->shape; items */                         \
	X(LINES,    "list of text")     /* items, each a line of <= 255 characters */     \
	X(TAGS,     "list of tags")     /* items */                                       \
	X(WORDS,    "list of words")    /* of FIELD->words; items */                      \
	X(LANGUAGES, "list of languages") /* items */                                     \
	X(INTEGERS, "list of integers") /* items, each 0..2^53-1 */                        \
	X(PATCH,    "fields of the record") /* an argument: what to set */                \
	X(PATCHES,  "list of changes")  /* an argument; items */

/* X(NAME, bit, text for documents) */
#define PROTO_FIELD_FLAGS(X)                                                               \
	X(READ_ONLY,   0, "set by the server")                                            \
	X(CREATE_ONLY, 1, "set at creation only")                                         \
	X(REQUIRED,    2, "must be there, not empty, and cannot be cleared")              \
	X(UNIQUE,      3, "no two records of a store share it")                           \
	X(INDEXED,     4, "the server has an index of it")                                \
	X(PERSONAL,    5, "erased by anonymisation")                                      \
	X(PRIVATE,     6, "only for tokens with the scope customers.private")             \
	X(SECRET,      7, "never answered, kept or logged in clear")                      \
	X(FOLDED,      8, "compared without regard to case")

enum field_kind {
#define X(name, text) FIELD_##name,
	PROTO_KINDS(X)
#undef X
	FIELD_KIND_COUNT
};
// clang-format on

enum field_flag {
#define X(name, bit, text) name = 1 << (bit),
	PROTO_FIELD_FLAGS(X)
#undef X
};

struct shape;

struct field {
	const char         *key; /* on the wire */
	enum field_kind     kind;
	int64_t             min, max; /* inclusive; see the kinds */
	unsigned            flags;
	const struct shape *shape; /* of OBJECT and OBJECTS */
	const char *const  *words; /* of WORD and WORDS; ends with NULL */
	struct slice        name;  /* the key again, as a slice */
	unsigned char       head;  /* FIELD_HEAD() of its length */
};

/* The first byte of a packed key: of a fixstr, or of a str8, which has LEN behind. */
#define FIELD_HEAD(len) ((len) <= 31 ? 0xa0 | (len) : 0xd9)

struct shape {
	const char         *name; /* in documents */
	const struct field *fields;
	unsigned            count; /* at most SHAPE_FIELDS_MAX */
};

/* So that a set of fields is the bits of a uint64_t. */
#define SHAPE_FIELDS_MAX 48u

/* The kinds of records.  X(NAME, noun on the wire) */
#define PROTO_RECORDS(X)        \
	X(STORE, "store")       \
	X(TOKEN, "token")       \
	X(CUSTOMER, "customer") \
	X(GROUP, "group")       \
	X(TAG, "tag")

// clang-format off
enum record_kind {
#define X(name, noun) RECORD_##name,
	PROTO_RECORDS(X)
#undef X
	RECORD_KIND_COUNT
};
// clang-format on

/* The fields that every record has, in this order, at the front of its shape. */
enum {
	COMMON_ID,
	COMMON_UID,
	COMMON_REVISION,
	COMMON_CREATED_AT,
	COMMON_UPDATED_AT,
	COMMON_FIELD_COUNT
};

/*
 * The places of the fields in their shapes, for code that needs one by name.
 * Generated from the table: CUSTOMER_EMAIL, GROUP_NAME, ADDRESS_STREET, …
 */
#include "proto/field_table.h"

extern const struct shape record_shapes[RECORD_KIND_COUNT];
extern const struct shape address_shape, saved_address_shape, contact_shape,
    person_shape, anonymization_shape, form_field_shape, credit_shape, match_shape;

/* The noun of a record kind: "customer". */
const char *record_noun(enum record_kind kind);

/* The words for documents. */
const char *field_kind_name(enum field_kind kind);

/* The place of KEY in SHAPE if it is before END; otherwise -1. */
int shape_find_before(const struct shape *shape, struct slice key, unsigned end);

/*
 * The place of KEY in SHAPE, or -1.  HINT is where to look first: the place behind
 * the last one found, when keys come in order.
 */
static inline int
shape_find(const struct shape *shape, struct slice key, unsigned hint)
{
	for (unsigned i = hint; i < shape->count; i++)
		if (shape->fields[i].name.len == key.len &&
		    slice_same(shape->fields[i].name.data, key.data, key.len))
			return (int)i;
	return shape_find_before(shape, key, hint);
}

#endif
