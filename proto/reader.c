#include <endian.h>

#include "proto/reader.h"

/* What the first byte of a value says; see head_read(). */
struct head {
	enum value_type type;
	unsigned char   first;
	/* The length, the count, or the bits of an integer (in two's complement). */
	uint64_t number;
};

const struct reader_form reader_forms[32] = {
	// clang-format off
	/* c0 */ { VALUE_NIL, 0 },     { VALUE_OTHER, 0 },   { VALUE_BOOL, 0 },    { VALUE_BOOL, 0 },
	/* c4 */ { VALUE_BYTES, 1 },   { VALUE_BYTES, 2 },   { VALUE_BYTES, 4 },   { VALUE_OTHER, 0 },
	/* c8 */ { VALUE_OTHER, 0 },   { VALUE_OTHER, 0 },   { VALUE_NUMBER, 4 },  { VALUE_NUMBER, 8 },
	/* cc */ { VALUE_INTEGER, 1 }, { VALUE_INTEGER, 2 }, { VALUE_INTEGER, 4 }, { VALUE_INTEGER, 8 },
	/* d0 */ { VALUE_INTEGER, 1 }, { VALUE_INTEGER, 2 }, { VALUE_INTEGER, 4 }, { VALUE_INTEGER, 8 },
	/* d4 */ { VALUE_OTHER, 0 },   { VALUE_OTHER, 0 },   { VALUE_OTHER, 0 },   { VALUE_OTHER, 0 },
	/* d8 */ { VALUE_OTHER, 0 },   { VALUE_TEXT, 1 },    { VALUE_TEXT, 2 },    { VALUE_TEXT, 4 },
	/* dc */ { VALUE_ARRAY, 2 },   { VALUE_ARRAY, 4 },   { VALUE_MAP, 2 },     { VALUE_MAP, 4 },
	// clang-format on
};

#define FOUR(n) n, n, n, n
#define SIXTEEN(n) FOUR(n), FOUR(n), FOUR(n), FOUR(n)

const unsigned char reader_short_bytes[256] = {
	// clang-format off
	/* 00 to 3f */ SIXTEEN(1), SIXTEEN(1), SIXTEEN(1), SIXTEEN(1),
	/* 40 to 7f */ SIXTEEN(1), SIXTEEN(1), SIXTEEN(1), SIXTEEN(1),
	/* 80 to 9f */ SIXTEEN(0), SIXTEEN(0),
	/* a0 */ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	/* b0 */ 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
	/* c0 */ 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 5, 9, 2, 3, 5, 9,
	/* d0 */ 2, 3, 5, 9, FOUR(0), FOUR(0), FOUR(0),
	/* e0 to ff */ SIXTEEN(1), SIXTEEN(1),
	// clang-format on
};

enum {
	FIRST_FLOAT32 = 0xca,
	FIRST_UINT64 = 0xcf,
	FIRST_INT8 = 0xd0,
	FIRST_INT16 = 0xd1,
	FIRST_INT32 = 0xd2,
};

/* The big-endian number of WIDTH bytes at AT. */
static inline uint64_t
load(const char *at, unsigned width)
{
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (width) {
	case 1: return (unsigned char)*at;
	case 2: memcpy(&u16, at, sizeof(u16)); return be16toh(u16);
	case 4: memcpy(&u32, at, sizeof(u32)); return be32toh(u32);
	case 8: memcpy(&u64, at, sizeof(u64)); return be64toh(u64);
	default: return 0;
	}
}

/* Spread the sign of the signed integer forms over the whole number. */
static inline uint64_t
with_sign(unsigned char first, uint64_t number)
{
	switch (first) {
	case FIRST_INT8: return (uint64_t)(int8_t)number;
	case FIRST_INT16: return (uint64_t)(int16_t)number;
	case FIRST_INT32: return (uint64_t)(int32_t)number;
	default: return number;
	}
}

static inline size_t
left(const struct reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

/* With nothing left, every later read fails, too, without a look at the status. */
bool
reader_fail(struct reader *reader)
{
	reader->status = STATUS_MALFORMED;
	reader->at = reader->end;
	return false;
}

/* Take the first byte of a value and the number behind it. */
static inline bool
head_read(struct reader *reader, struct head *head)
{
	unsigned width;

	if (reader->at == reader->end)
		return reader_fail(reader);
	head->first = (unsigned char)*reader->at++;
	head->type = reader_type(head->first);
	if (head->first >= 0xe0)
		head->number = (uint64_t)(int8_t)head->first;
	else if (head->first < 0x80)
		head->number = head->first;
	else if (head->first < 0xa0)
		head->number = head->first & 0x0f;
	else if (head->first < 0xc0)
		head->number = head->first & 0x1f;
	else {
		width = reader_forms[head->first - 0xc0].width;
		if (width > left(reader))
			return reader_fail(reader);
		head->number = with_sign(head->first, load(reader->at, width));
		reader->at += width;
	}
	return true;
}

/* Take the head of a value that must be a TYPE. */
static inline bool
take(struct reader *reader, enum value_type type, struct head *head)
{
	if (!head_read(reader, head))
		return false;
	return head->type == type || reader_fail(reader);
}

/* Take the bytes of a str or bin. */
static inline struct slice
take_body(struct reader *reader, const struct head *head)
{
	const char *body = reader->at;

	if (head->number > left(reader)) {
		reader_fail(reader);
		return slice_of(NULL, 0);
	}
	reader->at += head->number;
	return slice_of(body, (size_t)head->number);
}

void
reader_nil(struct reader *reader)
{
	struct head head;

	take(reader, VALUE_NIL, &head);
}

bool
reader_long_integer(struct reader *reader, int64_t *value)
{
	struct head head;

	if (!take(reader, VALUE_INTEGER, &head))
		return false;
	if (head.first == FIRST_UINT64 && head.number > INT64_MAX)
		return false;
	*value = (int64_t)head.number;
	return true;
}

static double
number_of(const struct head *head)
{
	uint32_t bits = (uint32_t)head->number;
	float    single;
	double   number;

	if (head->first == FIRST_FLOAT32) {
		memcpy(&single, &bits, sizeof(single));
		return (double)single;
	}
	memcpy(&number, &head->number, sizeof(number));
	return number;
}

double
reader_number(struct reader *reader)
{
	struct head head;

	if (!head_read(reader, &head))
		return 0;
	if (head.type == VALUE_NUMBER)
		return number_of(&head);
	if (head.type != VALUE_INTEGER) {
		reader_fail(reader);
		return 0;
	}
	if (head.first == FIRST_UINT64)
		return (double)head.number;
	return (double)(int64_t)head.number;
}

struct slice
reader_long_text(struct reader *reader)
{
	struct head head;

	if (!take(reader, VALUE_TEXT, &head))
		return slice_of(NULL, 0);
	return take_body(reader, &head);
}

struct slice
reader_bytes(struct reader *reader)
{
	struct head head;

	if (!head_read(reader, &head))
		return slice_of(NULL, 0);
	if (head.type != VALUE_BYTES && head.type != VALUE_TEXT) {
		reader_fail(reader);
		return slice_of(NULL, 0);
	}
	return take_body(reader, &head);
}

uint32_t
reader_array(struct reader *reader)
{
	struct head head;

	if (!take(reader, VALUE_ARRAY, &head))
		return 0;
	if (head.number > left(reader)) {
		reader_fail(reader);
		return 0;
	}
	return (uint32_t)head.number;
}

uint32_t
reader_map(struct reader *reader)
{
	struct head head;

	if (!take(reader, VALUE_MAP, &head))
		return 0;
	if (2 * head.number > left(reader)) {
		reader_fail(reader);
		return 0;
	}
	return (uint32_t)head.number;
}

/* Take one value, except what is inside a container: add that to *OWED. */
static inline bool
take_flat(struct reader *reader, uint64_t *owed)
{
	struct head head;

	if (!head_read(reader, &head))
		return false;
	switch (head.type) {
	case VALUE_TEXT:
	case VALUE_BYTES:
		if (head.number > left(reader))
			return reader_fail(reader);
		reader->at += head.number;
		return true;
	case VALUE_ARRAY: *owed += head.number; return true;
	case VALUE_MAP: *owed += 2 * head.number; return true;
	case VALUE_OTHER: return reader_fail(reader);
	default: return true;
	}
}

struct slice
reader_long_value(struct reader *reader)
{
	const char *start = reader->at;
	uint64_t    owed = 1;

	/* Each round takes a byte or fails, so a false promise costs nothing. */
	while (owed-- > 0) {
		size_t len = reader_short_value(reader);

		if (len > 0)
			reader->at += len;
		else if (!take_flat(reader, &owed))
			return slice_of(NULL, 0);
	}
	return slice_of(start, (size_t)(reader->at - start));
}
