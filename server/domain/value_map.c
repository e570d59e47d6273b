#include "proto/limits.h"
#include "proto/pack.h"
#include "server/domain/text.h"
#include "server/domain/value_internal.h"

/* Metadata and its like: maps of the users' own making. */
#define MAP_KEYS_MAX 100u      /* in one map, those inside it not counted */
#define MAP_KEY_BYTES_MAX 255u /* in one key */

static const struct field any_text = { .kind = FIELD_TEXT, .max = INT64_MAX };

bool
value_take_key(struct reader *reader, struct violations *violations, struct slice *key)
{
	if (reader_peek(reader) == VALUE_TEXT) {
		*key = reader_text(reader);
		return true;
	}
	refuse(violations, RULE_WRONG_TYPE);
	*key = slice_of(NULL, 0);
	reader_value(reader);
	reader_value(reader);
	return false;
}

static void check_any(struct reader *reader, unsigned depth,
    struct violations *violations, struct buf *out);

/* Judge the last of COUNT KEYS of a map. */
static void
check_key(const struct slice *keys, uint32_t count, struct violations *violations)
{
	struct slice key = keys[count - 1];

	if (key.len == 0)
		refuse(violations, RULE_TOO_SHORT);
	else if (key.len > MAP_KEY_BYTES_MAX)
		refuse(violations, RULE_TOO_LONG);
	else if (!text_is_clean(key, false))
		refuse(violations, RULE_BAD_TEXT);
	for (uint32_t i = 0; i < count - 1; i++)
		if (slice_equal(keys[i], key)) {
			refuse(violations, RULE_DUPLICATE);
			return;
		}
}

static void
check_any_map(struct reader *reader, unsigned depth, struct violations *violations,
    struct buf *out)
{
	struct slice keys[MAP_KEYS_MAX];
	uint32_t     count = reader_map(reader);
	unsigned     mark;

	if (count > MAP_KEYS_MAX) {
		refuse(violations, RULE_TOO_MANY);
		return;
	}
	pack_map(out, count);
	for (uint32_t i = 0; i < count && reader->status == STATUS_OK; i++) {
		if (!value_take_key(reader, violations, &keys[i]))
			continue;
		mark = violations_down(violations, keys[i]);
		check_key(keys, i + 1, violations);
		pack_text(out, keys[i]);
		check_any(reader, depth, violations, out);
		violations_up(violations, mark);
	}
}

static void
check_any_array(struct reader *reader, unsigned depth, struct violations *violations,
    struct buf *out)
{
	uint32_t count = reader_array(reader);
	unsigned mark;

	pack_array(out, count);
	for (uint32_t i = 0; i < count && reader->status == STATUS_OK; i++) {
		mark = violations_down_index(violations, i);
		check_any(reader, depth, violations, out);
		violations_up(violations, mark);
	}
}

/* Take and judge a value that stands in DEPTH containers. */
static void
check_any(struct reader *reader, unsigned depth, struct violations *violations,
    struct buf *out)
{
	struct reader value;

	reader_init(&value, reader_value(reader));
	switch (reader_peek(&value)) {
	case VALUE_NIL: pack_nil(out); return;
	case VALUE_BOOL: value_check_bool(NULL, &value, violations, out); return;
	case VALUE_TEXT: value_check_text(&any_text, &value, violations, out); return;
	case VALUE_INTEGER:
	case VALUE_NUMBER:
		value_check_any_number(NULL, &value, violations, out);
		return;
	case VALUE_ARRAY:
	case VALUE_MAP: break;
	default: refuse(violations, RULE_WRONG_TYPE); return;
	}
	if (depth == MAP_DEPTH_MAX)
		refuse(violations, RULE_TOO_DEEP);
	else if (reader_peek(&value) == VALUE_MAP)
		check_any_map(&value, depth + 1, violations, out);
	else
		check_any_array(&value, depth + 1, violations, out);
}

void
value_check_map(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	const size_t start = out->len;

	if (reader_peek(reader) != VALUE_MAP)
		refuse(violations, RULE_WRONG_TYPE);
	else if (reader->end - reader->at > field->max)
		refuse(violations, RULE_TOO_LARGE); /* no need to look closer */
	else {
		check_any(reader, 0, violations, out);
		/* A float32 becomes a float64, so what came small may have grown. */
		if (out->len - start > (size_t)field->max)
			refuse(violations, RULE_TOO_LARGE);
	}
}
