#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tests/support/value_fixture.h"

#define IN_BYTES_MAX (16u * 1024 * 1024)

const struct shape *const all_shapes[] = { &record_shapes[RECORD_STORE],
	&record_shapes[RECORD_TOKEN], &record_shapes[RECORD_CUSTOMER],
	&record_shapes[RECORD_GROUP], &record_shapes[RECORD_TAG], &argument_shape,
#define X(name, text, variable) &variable,
	PROTO_SHAPES(X)
#undef X
};

_Static_assert(sizeof(all_shapes) / sizeof(all_shapes[0]) == ALL_SHAPES_COUNT,
    "as the header says");

int
value_begin(void **state)
{
	static struct value_fixture fixture;

	buf_init(&fixture.in, IN_BYTES_MAX);
	buf_init(&fixture.out, IN_BYTES_MAX);
	fixture.out.secret = true; /* as the server has it */
	buf_init(&fixture.again, IN_BYTES_MAX);
	*state = &fixture;
	return 0;
}

int
value_end(void **state)
{
	struct value_fixture *f = *state;

	buf_fini(&f->in);
	buf_fini(&f->out);
	buf_fini(&f->again);
	return 0;
}

void
for_each_field(
    struct value_fixture *f, void (*run)(struct value_fixture *, const struct field *))
{
	for (size_t i = 0; i < ALL_SHAPES_COUNT; i++)
		for (unsigned j = 0; j < all_shapes[i]->count; j++)
			run(f, &all_shapes[i]->fields[j]);
}

struct buf *
input(struct value_fixture *f)
{
	buf_clear(&f->in, IN_BYTES_MAX);
	return &f->in;
}

bool
judge(struct value_fixture *f, const struct field *field, struct slice in,
    struct buf *out)
{
	struct reader reader;
	bool          good;

	buf_clear(out, IN_BYTES_MAX);
	reader_init(&reader, in);
	violations_init(&f->violations);
	good = value_check(field, &reader, &f->violations, out);
	assert_int_equal(good, !violations_any(&f->violations));
	assert_int_equal(reader_peek(&reader), VALUE_END);
	assert_false(out->failed);
	if (!good)
		assert_int_equal(out->len, 0);
	return good;
}

/* What is canonical, as OUT is, is taken as it lies there; all else is copied. */
static void
must_take(struct value_fixture *f, const struct field *field, struct slice in)
{
	struct reader reader;
	struct arena  arena;
	struct slice  value, out = buf_slice(&f->out);

	arena_init(&arena, 2 * IN_BYTES_MAX);
	reader_init(&reader, in);
	violations_init(&f->violations);
	assert_true(
	    value_take(field, &reader, &f->violations, &f->again, &arena, &value));
	assert_true(slice_equal(value, out));
	assert_int_equal(value.data == in.data, slice_equal(in, out));
	assert_int_equal(reader_peek(&reader), VALUE_END);
	arena_fini(&arena);
}

void
expect_good(struct value_fixture *f, const struct field *field)
{
	if (!judge(f, field, buf_slice(&f->in), &f->out))
		fail_msg("%s: %s at '%s'", field->key,
		    rule_info(f->violations.list[0].rule)->name,
		    f->violations.list[0].path);
	assert_true(judge(f, field, buf_slice(&f->out), &f->again));
	assert_true(slice_equal(buf_slice(&f->out), buf_slice(&f->again)));
	must_take(f, field, buf_slice(&f->in));
	must_take(f, field, buf_slice(&f->out));
}

void
expect_at(struct value_fixture *f, const struct field *field, const char *path,
    enum rule rule)
{
	const struct violation *first = &f->violations.list[0];

	if (judge(f, field, buf_slice(&f->in), &f->out))
		fail_msg("%s: accepted, not %s", field->key, rule_info(rule)->name);
	if (first->rule != rule)
		fail_msg("%s: %s, not %s", field->key, rule_info(first->rule)->name,
		    rule_info(rule)->name);
	assert_string_equal(first->path, path);
	assert_int_equal(f->violations.count, 1);
}

void
expect(struct value_fixture *f, const struct field *field, enum rule rule)
{
	expect_at(f, field, "", rule);
}

void
put_repeated(struct buf *buf, const char *text, size_t count)
{
	size_t len = strlen(text);
	char  *all = test_malloc(count * len + 1);

	for (size_t i = 0; i < count; i++)
		memcpy(all + i * len, text, len);
	pack_text(buf, slice_of(all, count * len));
	test_free(all);
}

const struct field *
customer_field(unsigned place)
{
	return &record_shapes[RECORD_CUSTOMER].fields[place];
}

void
expect_output(struct value_fixture *f, const struct field *field, struct slice bytes)
{
	expect_good(f, field);
	assert_int_equal(f->out.len, bytes.len);
	assert_memory_equal(f->out.data, bytes.data, bytes.len);
}

/*
 * The longest legal values
 */

static unsigned
word_count(const struct field *field)
{
	unsigned count = 0;

	while (field->words[count] != NULL)
		count++;
	return count;
}

static void
put_longest_email(struct buf *buf, const struct field *field)
{
	char email[254];

	assert_int_equal(field->max, sizeof(email));
	memset(email, 'a', sizeof(email));
	email[64] = '@';
	email[64 + 64] = email[64 + 128] = '.';
	pack_text(buf, slice_of(email, sizeof(email)));
}

/* A language in which N takes part. */
static void
put_longest_language(struct buf *buf, const struct field *field, unsigned n)
{
	char language[] = "zho-abcdefgh-abcdefgh-abcdefgh-abcd";

	assert_int_equal(field->max, sizeof(language) - 1);
	language[4] = (char)('a' + n % 26);
	language[5] = (char)('a' + n / 26);
	pack_text(buf, slice_text(language));
}

/* The first characters make texts of different N different. */
static void
put_longest_text(struct buf *buf, const struct field *field, unsigned n)
{
	static const char wide[] = "\xf0\x9f\x98\x80"; /* a character of four bytes */
	size_t            count = (size_t)field->max;
	char             *text = test_malloc(count * 4);

	for (size_t i = 0; i < count; i++)
		memcpy(text + i * 4, wide, 4);
	text[3] = (char)(0x80 + n % 64);
	pack_text(buf, slice_of(text, count * 4));
	test_free(text);
}

static void
put_longest_map(struct buf *buf, const struct field *field)
{
	const size_t head =
	    1 + 2 + 3; /* of the map, the key and a text of some length */

	pack_map(buf, 1);
	pack_literal(buf, "k");
	put_repeated(buf, "a", (size_t)field->max - head);
}

/* As many as the bounds on items and bytes permit. */
static void
put_longest_objects(struct buf *buf, const struct field *field)
{
	const struct field item = { .kind = FIELD_OBJECT, .shape = field->shape };
	struct buf         one;
	uint32_t           count;

	buf_init(&one, IN_BYTES_MAX);
	put_longest(&one, &item, 0);
	count = (uint32_t)((NESTED_BYTES_MAX - 3) / one.len);
	if (count > field->max)
		count = (uint32_t)field->max;
	buf_fini(&one);
	pack_array(buf, count);
	for (unsigned i = 0; i < count; i++)
		put_longest(buf, &item, i);
}

static void
put_longest_list(struct buf *buf, const struct field *field)
{
	struct field item = { .words = field->words };
	uint32_t     count = (uint32_t)field->max;

	switch (field->kind) {
	case FIELD_TAGS: item.kind = FIELD_TAG, item.max = 25; break;
	case FIELD_LANGUAGES: item.kind = FIELD_LANGUAGE, item.max = 35; break;
	case FIELD_INTEGERS: item.kind = FIELD_INTEGER, item.max = INTEGER_MAX; break;
	case FIELD_PATCHES: item.kind = FIELD_PATCH; break;
	case FIELD_WORDS:
		item.kind = FIELD_WORD;
		count = word_count(field);
		break;
	default: item.kind = FIELD_LINE, item.max = 255; break;
	}
	pack_array(buf, count);
	for (unsigned i = 0; i < count; i++)
		put_longest(buf, &item, i);
}

static void
put_longest_tag(struct buf *buf, const struct field *field, unsigned n)
{
	char tag[32];

	memset(tag, 'a', sizeof(tag));
	tag[0] = (char)('a' + n % 26);
	tag[1] = (char)('a' + n / 26);
	pack_text(buf, slice_of(tag, (size_t)field->max));
}

void
put_longest(struct buf *buf, const struct field *field, unsigned n)
{
	switch (field->kind) {
	case FIELD_LINE:
	case FIELD_TEXT:
	case FIELD_SCALARS: put_longest_text(buf, field, n); break;
	case FIELD_EMAIL: put_longest_email(buf, field); break;
	case FIELD_DATE: pack_literal(buf, "9999-12-31"); break;
	case FIELD_UID: pack_literal(buf, "xYZkjABcde"); break;
	case FIELD_SHA256: put_repeated(buf, n == 0 ? "f" : "0", 64); break;
	case FIELD_IP:
		pack_literal(buf, "0000:0000:0000:0000:0000:ffff:255.255.255.255");
		break;
	case FIELD_COUNTRY: pack_literal(buf, "SE"); break;
	case FIELD_LANGUAGE: put_longest_language(buf, field, n); break;
	case FIELD_TAG: put_longest_tag(buf, field, n); break;
	case FIELD_WORD:
		pack_text(buf, slice_text(field->words[n % word_count(field)]));
		break;
	case FIELD_BOOL: pack_bool(buf, n == 0); break;
	case FIELD_INTEGER:
	case FIELD_TIME: pack_integer(buf, field->max - (int64_t)n); break;
	case FIELD_NUMBER: pack_number(buf, (double)field->max); break;
	case FIELD_MAP: put_longest_map(buf, field); break;
	case FIELD_OBJECT:
		pack_map(buf, field->shape->count);
		for (unsigned i = 0; i < field->shape->count; i++) {
			pack_text(buf, field->shape->fields[i].name);
			put_longest(buf, &field->shape->fields[i], n);
		}
		break;
	case FIELD_OBJECTS: put_longest_objects(buf, field); break;
	case FIELD_PATCH: pack_map(buf, 0); break;
	default: put_longest_list(buf, field); break;
	}
}
