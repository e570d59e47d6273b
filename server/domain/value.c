#include <assert.h>
#include <float.h>
#include <math.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "server/domain/text.h"
#include "server/domain/value_internal.h"

/*
 * Texts
 */

static size_t
length_in_bytes(struct slice text)
{
	return text.len;
}

static bool
is_ip_or_empty(struct slice text)
{
	return text.len == 0 || text_is_ip(text);
}

static const struct text_kind {
	/* What the bounds count; NULL: the form has but one length. */
	size_t (*length)(struct slice text);
	bool is_multiline;
	/* NULL: any will do.  What is not formed so breaks the rule behind it. */
	bool (*has_form)(struct slice text);
	enum rule broken;
} text_kinds[FIELD_KIND_COUNT] = {
	// clang-format off
	[FIELD_LINE]     = { text_length,     false, NULL,             0 },
	[FIELD_TEXT]     = { text_length,     true,  NULL,             0 },
	[FIELD_SCALARS]  = { text_length,     true,  NULL,             0 },
	[FIELD_EMAIL]    = { length_in_bytes, false, NULL,             RULE_BAD_FORMAT },
	[FIELD_IP]       = { length_in_bytes, false, is_ip_or_empty,   RULE_BAD_FORMAT },
	[FIELD_LANGUAGE] = { length_in_bytes, false, text_is_language, RULE_BAD_FORMAT },
	[FIELD_TAG]      = { length_in_bytes, false, text_is_tag,      RULE_BAD_FORMAT },
	[FIELD_DATE]     = { NULL,            false, text_is_date,     RULE_BAD_FORMAT },
	[FIELD_UID]      = { NULL,            false, text_is_uid,      RULE_BAD_FORMAT },
	[FIELD_SHA256]   = { NULL,            false, text_is_sha256,   RULE_BAD_FORMAT },
	[FIELD_COUNTRY]  = { NULL,            false, text_is_country,  RULE_NOT_IN_LIST },
	// clang-format on
};

/* There are at most as many characters as bytes, and one if there is a byte. */
static bool
is_surely_within(const struct field *field, struct slice text)
{
	return (int64_t)text.len <= field->max && field->min <= (int64_t)(text.len > 0);
}

/* Does TEXT break a rule of FIELD, and which one?  SCRATCH may fail, as for emails. */
static inline bool
text_breaks(
    const struct field *field, struct slice text, enum rule *rule, struct buf *scratch)
{
	const struct text_kind *kind = &text_kinds[field->kind];
	int64_t                 length;

	*rule = RULE_BAD_TEXT;
	if (!text_is_clean(text, kind->is_multiline))
		return true;
	if (kind->length != NULL && !is_surely_within(field, text)) {
		length = (int64_t)kind->length(text);
		*rule = too_short(field, text.len);
		if (length < field->min)
			return true;
		*rule = RULE_TOO_LONG;
		if (length > field->max)
			return true;
	}
	*rule = kind->broken;
	if (field->kind == FIELD_EMAIL)
		return !text_is_email(text, scratch);
	return kind->has_form != NULL && !kind->has_form(text);
}

/* Take a text, *TEXT, that is good as FIELD.  SCRATCH may fail, as for emails. */
static inline bool
take_text(const struct field *field, struct reader *reader,
    struct violations *violations, struct slice *text, struct buf *scratch)
{
	enum rule rule = RULE_WRONG_TYPE;

	if (reader_peek(reader) == VALUE_TEXT) {
		*text = reader_text(reader);
		if (!text_breaks(field, *text, &rule, scratch))
			return true;
	}
	refuse(violations, rule);
	return false;
}

void
value_check_text(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	struct slice text;

	if (take_text(field, reader, violations, &text, out))
		pack_text(out, text);
}

static void
check_tag(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	size_t start = out->len;

	assert(field->max < 32); /* so that the head of the text is no letter */
	value_check_text(field, reader, violations, out);
	for (size_t i = start; i < out->len; i++)
		if (out->data[i] >= 'A' && out->data[i] <= 'Z')
			out->data[i] = (char)(out->data[i] + ('a' - 'A'));
}

static void
check_word(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	struct slice word;

	if (reader_peek(reader) != VALUE_TEXT) {
		refuse(violations, RULE_WRONG_TYPE);
		return;
	}
	word = reader_text(reader);
	for (const char *const *words = field->words; *words != NULL; words++)
		if (slice_equal(word, slice_text(*words))) {
			pack_text(out, word);
			return;
		}
	refuse(violations, word.len == 0 ? too_short(field, 0) : RULE_NOT_IN_LIST);
}

/*
 * Numbers
 */

void
value_check_bool(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	(void)field;
	if (reader_peek(reader) != VALUE_BOOL)
		refuse(violations, RULE_WRONG_TYPE);
	else
		pack_bool(out, reader_bool(reader));
}

/* 1.0 is no integer: who sends it may as well send 1.5 one day. */
void
value_check_integer(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	int64_t value;

	if (reader_peek(reader) != VALUE_INTEGER)
		refuse(violations, RULE_WRONG_TYPE);
	else if (!reader_integer(reader, &value) || value > field->max)
		refuse(violations, RULE_TOO_LARGE);
	else if (value < field->min)
		refuse(violations, RULE_TOO_SMALL);
	else
		pack_integer(out, value);
}

/* A float from MIN to MAX.  NaN is no number, and the infinities are out of bounds. */
static void
check_float(double min, double max, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	double value = reader_number(reader);

	if (isnan(value))
		refuse(violations, RULE_WRONG_TYPE);
	else if (value > max)
		refuse(violations, RULE_TOO_LARGE);
	else if (value < min)
		refuse(violations, RULE_TOO_SMALL);
	else
		pack_number(out, value + 0.0); /* which makes -0.0 the other zero */
}

static void
check_number(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	if (reader_peek(reader) == VALUE_NUMBER)
		check_float(
		    (double)field->min, (double)field->max, reader, violations, out);
	else
		value_check_integer(field, reader, violations, out);
}

void
value_check_any_number(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	const struct field integer = { .min = -INTEGER_MAX, .max = INTEGER_MAX };

	(void)field;
	if (reader_peek(reader) == VALUE_NUMBER)
		check_float(-DBL_MAX, DBL_MAX, reader, violations, out);
	else
		value_check_integer(&integer, reader, violations, out);
}

/* The fields themselves are judged by whoever knows the record. */
static bool
is_patch(const struct reader *reader, struct violations *violations)
{
	if (reader_peek(reader) == VALUE_MAP)
		return true;
	refuse(violations, RULE_WRONG_TYPE);
	return false;
}

static void
check_patch(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	(void)field;
	if (is_patch(reader, violations))
		pack_raw(out, reader_value(reader));
}

static value_checker *const checkers[FIELD_KIND_COUNT] = {
	[FIELD_LINE] = value_check_text,
	[FIELD_TEXT] = value_check_text,
	[FIELD_EMAIL] = value_check_text,
	[FIELD_DATE] = value_check_text,
	[FIELD_UID] = value_check_text,
	[FIELD_SHA256] = value_check_text,
	[FIELD_IP] = value_check_text,
	[FIELD_COUNTRY] = value_check_text,
	[FIELD_LANGUAGE] = value_check_text,
	[FIELD_TAG] = check_tag,
	[FIELD_WORD] = check_word,
	[FIELD_BOOL] = value_check_bool,
	[FIELD_INTEGER] = value_check_integer,
	[FIELD_TIME] = value_check_integer,
	[FIELD_NUMBER] = check_number,
	[FIELD_MAP] = value_check_map,
	[FIELD_SCALARS] = value_check_scalars,
	[FIELD_OBJECT] = value_check_object,
	[FIELD_OBJECTS] = value_check_objects,
	[FIELD_LINES] = value_check_lines,
	[FIELD_TAGS] = value_check_set,
	[FIELD_WORDS] = value_check_set,
	[FIELD_LANGUAGES] = value_check_set,
	[FIELD_INTEGERS] = value_check_set,
	[FIELD_PATCH] = check_patch,
	[FIELD_PATCHES] = value_check_patches,
};

bool
value_check(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	const unsigned before = violations->count + violations->dropped;
	const size_t   start = out->len;
	struct reader  value;

	/* So that the reader has passed it, good or not. */
	reader_init(&value, reader_value(reader));
	checkers[field->kind](field, &value, violations, out);
	if (violations->count + violations->dropped == before)
		return true;
	out->len = start; /* a failure of OUT stays */
	return false;
}

/* Judge and append the value, and take that if it is not what *VALUE is already. */
static bool
take_canonical(const struct field *field, struct violations *violations,
    struct buf *scratch, struct arena *arena, struct slice *value)
{
	struct reader reader;

	buf_clear(scratch, scratch->bytes_max);
	reader_init(&reader, *value);
	if (!value_check(field, &reader, violations, scratch))
		return false;
	if (!slice_equal(*value, buf_slice(scratch)))
		*value = arena_copy(arena, buf_slice(scratch));
	return true;
}

/* The same for a text, which is nearly always in its shortest form: so it is not copied
 * to find that out. */
static bool
take_short_text(const struct field *field, struct violations *violations,
    struct buf *scratch, struct arena *arena, struct slice *value)
{
	struct reader reader;
	struct slice  text;

	buf_clear(scratch, scratch->bytes_max);
	reader_init(&reader, *value);
	if (!take_text(field, &reader, violations, &text, scratch))
		return false;
	if (value->len == pack_text_bytes(text))
		return true;
	buf_clear(scratch, scratch->bytes_max);
	pack_text(scratch, text);
	*value = arena_copy(arena, buf_slice(scratch));
	return true;
}

bool
value_take(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *scratch, struct arena *arena,
    struct slice *value)
{
	value_checker *const check = checkers[field->kind];
	struct reader        map;
	bool                 is_good;

	*value = reader_value(reader); /* good or not */
	if (check == check_patch) {
		reader_init(&map, *value);
		return is_patch(&map, violations);
	}
	is_good = (check == value_check_text ? take_short_text : take_canonical)(
	    field, violations, scratch, arena, value);
	if (scratch->failed)
		arena->failed = true;
	return is_good;
}
