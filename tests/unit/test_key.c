#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/kv/key.h"

static int
order(const struct key *a, const struct key *b)
{
	struct slice x = key_slice(a), y = key_slice(b);
	int          head = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);

	return head != 0 ? head : (x.len > y.len) - (x.len < y.len);
}

static void
numbers_are_ordered_as_their_bytes(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 255, 256, 65535, 1u << 31, UINT32_MAX,
		(uint64_t)1 << 53, UINT64_MAX };
	struct key            low, high;
	size_t                i;

	(void)state;
	for (i = 1; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		key_init(&low, 7);
		key_u64(&low, numbers[i - 1]);
		key_init(&high, 7);
		key_u64(&high, numbers[i]);
		assert_true(order(&low, &high) < 0);
	}
	key_init(&low, 7);
	key_u64(&low, UINT64_MAX);
	key_init(&high, 8);
	assert_true(order(&low, &high) < 0); /* the store comes first */
}

static void
no_text_runs_into_what_follows_it(void **state)
{
	struct key low, high;

	(void)state;
	key_init(&low, 1);
	key_text(&low, SLICE("ada"));
	key_u64(&low, UINT64_MAX);
	key_init(&high, 1);
	key_text(&high, SLICE("adam"));
	key_u64(&high, 0);
	assert_true(order(&low, &high) < 0);
}

static void
what_was_put_can_be_taken_off(void **state)
{
	struct key   key;
	struct slice rest;
	uint64_t     wide;
	uint32_t     narrow;

	(void)state;
	key_init(&key, 0x01020304);
	key_u64(&key, 0x0102030405060708);
	key_u8(&key, 9);
	key_bytes(&key, SLICE("rest"));
	key_u64(&key, UINT64_MAX - 1);
	rest = key_slice(&key);
	assert_true(key_take_u32(&rest, &narrow));
	assert_int_equal(narrow, 0x01020304);
	assert_true(key_take_u64(&rest, &wide));
	assert_true(wide == 0x0102030405060708);
	assert_true(key_take_last_u64(&rest, &wide));
	assert_true(wide == UINT64_MAX - 1);
	assert_true(slice_equal(rest, SLICE("\x09rest")));
}

static void
nothing_is_taken_off_a_key_that_is_too_short(void **state)
{
	struct slice key = SLICE("1234567");
	uint64_t     wide;
	uint32_t     narrow;

	(void)state;
	assert_false(key_take_u64(&key, &wide));
	assert_false(key_take_last_u64(&key, &wide));
	assert_int_equal(key.len, 7);
	assert_true(key_take_u32(&key, &narrow));
	assert_false(key_take_u32(&key, &narrow));
	assert_true(slice_equal(key, SLICE("567")));
}

static void
a_key_that_does_not_fit_says_so(void **state)
{
	static const char long_text[KV_KEY_BYTES_MAX];
	struct key        key;

	(void)state;
	key_init_bare(&key);
	key_bytes(&key, slice_of(long_text, sizeof(long_text)));
	assert_false(key.overflow);
	assert_int_equal(key_slice(&key).len, KV_KEY_BYTES_MAX);
	key_u8(&key, 1);
	assert_true(key.overflow);

	key_init(&key, 1);
	key_bytes(&key, slice_of(long_text, sizeof(long_text) - 3));
	assert_true(key.overflow);
	key_u8(&key, 1); /* though this would fit */
	assert_true(key.overflow);
	assert_int_equal(key.len, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_ordered_as_their_bytes),
		cmocka_unit_test(no_text_runs_into_what_follows_it),
		cmocka_unit_test(what_was_put_can_be_taken_off),
		cmocka_unit_test(nothing_is_taken_off_a_key_that_is_too_short),
		cmocka_unit_test(a_key_that_does_not_fit_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
