/*
 * What value_check() accepts is canonical: it passes again and comes out the same.
 *
 * The first byte chooses the field, the rest is the value.
 */

#include <assert.h>

#include "proto/limits.h"
#include "proto/scan.h"
#include "tests/support/value_fixture.h"

#define OUT_BYTES_MAX (4u * FRAME_BYTES_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct field *
choose(unsigned number)
{
	unsigned count = 0;

	for (size_t i = 0; i < ALL_SHAPES_COUNT; i++)
		count += all_shapes[i]->count;
	number %= count;
	for (size_t i = 0;; i++) {
		if (number < all_shapes[i]->count)
			return &all_shapes[i]->fields[number];
		number -= all_shapes[i]->count;
	}
}

static bool
is_one_value(struct slice bytes)
{
	const struct scan_limits limits = { FRAME_BYTES_MAX, FRAME_DEPTH_MAX,
		FRAME_ELEMENTS_MAX };
	struct scan              scan;
	size_t                   len;

	scan_init(&scan, &limits);
	return scan_feed(&scan, bytes, &len) == SCAN_DONE && len == bytes.len;
}

/* Check VALUE into OUT and compare what it says with what it has done. */
static bool
check(const struct field *field, struct slice value, struct buf *out)
{
	struct violations violations;
	struct reader     reader;
	bool              good;

	violations_init(&violations);
	reader_init(&reader, value);
	good = value_check(field, &reader, &violations, out);
	assert(!out->failed);
	assert(reader.status == STATUS_OK && reader_peek(&reader) == VALUE_END);
	assert(good == !violations_any(&violations));
	assert(good == (out->len > 0));
	assert(violations.depth == 0);
	for (unsigned i = 0; i < violations.count; i++)
		assert(strlen(violations.list[i].path) <= VIOLATION_PATH_BYTES_MAX);
	return good;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct field *field;
	struct slice        value;
	struct buf          out, again;

	if (size == 0)
		return 0;
	field = choose(data[0]);
	value = slice_of(data + 1, size - 1);
	if (!is_one_value(value))
		return 0;
	buf_init(&out, OUT_BYTES_MAX);
	buf_init(&again, OUT_BYTES_MAX);
	if (check(field, value, &out)) {
		assert(is_one_value(buf_slice(&out)));
		assert(check(field, buf_slice(&out), &again));
		assert(slice_equal(buf_slice(&out), buf_slice(&again)));
	}
	buf_fini(&out);
	buf_fini(&again);
	return 0;
}
