#include "tools/bench/record.h"

#include <assert.h>

#include "proto/pack.h"
#include "tools/bench/keys.h"

/* What a record takes without the text of its notes. */
#define BYTES_WITHOUT_NOTES 400u

const char *const record_keys[RECORD_FIELD_COUNT] = {
#define X(NAME, key, beginning) key,
	RECORD_FIELDS(X)
#undef X
};

static const struct slice beginnings[RECORD_FIELD_COUNT] = {
#define X(NAME, key, beginning) { beginning, sizeof(beginning) - 1 },
	RECORD_FIELDS(X)
#undef X
};

static char *
put_hex(char *at, uint32_t number, unsigned digits)
{
	while (digits-- > 0)
		*at++ = "0123456789abcdef"[number >> (4 * digits) & 15];
	return at;
}

static char *
put(char *at, struct slice text)
{
	memcpy(at, text.data, text.len);
	return at + text.len;
}

static bool
is_updated(enum record_field field)
{
	return field - RECORD_UPDATED_FIRST < RECORD_UPDATED_COUNT;
}

struct slice
record_text(enum record_field field, uint64_t key, uint32_t version,
    size_t record_bytes, char text[RECORD_TEXT_BYTES_MAX])
{
	char    *end = text;
	uint32_t differs = (uint32_t)(key * 2654435761u + field) & 0xffffffu;

	assert(record_bytes >= BYTES_WITHOUT_NOTES &&
	       record_bytes - BYTES_WITHOUT_NOTES <= RECORD_TEXT_BYTES_MAX);
	switch (field) {
	case RECORD_UID:
	case RECORD_EMAIL:
		key_uid(key, text);
		end += KEY_UID_LEN;
		if (field == RECORD_EMAIL)
			end = put(end, SLICE(".example@example.com"));
		break;
	case RECORD_NOTES:
		end += record_bytes - BYTES_WITHOUT_NOTES;
		memset(text, 'n', (size_t)(end - text));
		break;
	default:
		end = put_hex(put(end, beginnings[field]), differs, 6);
		if (is_updated(field))
			end = put_hex(end, version, 8);
		break;
	}
	return slice_of(text, (size_t)(end - text));
}

void
record_pack(struct buf *out, enum record_field first, unsigned count, uint64_t key,
    uint32_t version, size_t record_bytes)
{
	char text[RECORD_TEXT_BYTES_MAX];

	for (unsigned field = first; field < first + count; field++) {
		pack_text(out, slice_text(record_keys[field]));
		pack_text(out, record_text(field, key, version, record_bytes, text));
	}
}

void
record_print(struct buf *out, enum record_field first, unsigned count, uint64_t key,
    uint32_t version, size_t record_bytes)
{
	char text[RECORD_TEXT_BYTES_MAX];

	for (unsigned field = first; field < first + count; field++) {
		struct slice value =
		    record_text(field, key, version, record_bytes, text);

		buf_put(out, ",", field == first ? 0 : 1);
		buf_put(out, "\"", 1);
		buf_put(out, record_keys[field], strlen(record_keys[field]));
		buf_put(out, "\":\"", 3);
		buf_put(out, value.data, value.len);
		buf_put(out, "\"", 1);
	}
}
