#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/pack.h"
#include "proto/scan.h"
#include "tests/support/client_core.h"

struct customerd_core *core;
struct buf             wire; /* what the server sends next */
struct message         sent[REQUESTS_MAX];
unsigned               sent_count;
struct buf             sent_bytes;
static bool            is_over; /* the endings of the test are gone */

void
on_end(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct ending *ending = user;

	if (is_over)
		return;
	ending->count++;
	ending->status = status;
	customerd_get_integer(result, "", &ending->result);
	if (error != NULL)
		ending->error = *error;
}

struct ending
no_ending(void)
{
	return (struct ending){ .result = -1 };
}

void
take_sent(void)
{
	const struct scan_limits limits = { 2 << 20, 16, 65536 };
	struct customerd_slice   out;
	size_t                   at = 0, len;

	buf_clear(&sent_bytes, 0);
	sent_count = 0;
	while ((out = customerd_core_output(core)).len > 0) {
		buf_put(&sent_bytes, out.data, out.len);
		customerd_core_sent(core, out.len);
	}
	while (at < sent_bytes.len) {
		struct scan scan;

		scan_init(&scan, &limits);
		assert_int_equal(
		    scan_feed(&scan,
			slice_of(sent_bytes.data + at, sent_bytes.len - at), &len),
		    SCAN_DONE);
		assert_true(sent_count < REQUESTS_MAX);
		assert_int_equal(message_decode(&sent[sent_count++],
				     slice_of(sent_bytes.data + at, len)),
		    STATUS_OK);
		at += len;
	}
}

bool
feed_wire(struct customerd_error *error)
{
	bool is_good = customerd_core_feed(core, wire.data, wire.len, error);

	buf_clear(&wire, 0);
	return is_good;
}

void
answer(uint32_t msgid, int64_t value)
{
	message_pack_result(&wire, msgid);
	pack_integer(&wire, value);
	assert_true(feed_wire(NULL));
}

void
hang_up(void)
{
	struct customerd_error error = { "CONNECTION_LOST", "the cable",
		.retryable = true };

	customerd_core_disconnected(core, &error);
}

void
greet(unsigned window)
{
	struct ending hello = no_ending();

	assert_int_equal(
	    customerd_core_hello(core, "token", NULL, on_end, &hello, NULL),
	    CUSTOMERD_OK);
	take_sent();
	assert_int_equal(sent_count, 1);
	assert_true(slice_equal(sent[0].method, SLICE("hello")));
	message_pack_result(&wire, sent[0].msgid);
	pack_map(&wire, 1);
	pack_literal(&wire, "limits");
	pack_map(&wire, 1);
	pack_literal(&wire, "inflight_max");
	pack_integer(&wire, window);
	assert_true(feed_wire(NULL));
	assert_int_equal(hello.status, CUSTOMERD_OK);
}

int
core_set_up(void **state)
{
	const struct customerd_options options = { .call_timeout_ms = 1000,
		.answer_bytes_max = 1 << 20 };

	(void)state;
	is_over = false;
	buf_init(&wire, 4 << 20);
	buf_init(&sent_bytes, 4 << 20);
	return customerd_core_new(&core, &options, NULL) == CUSTOMERD_OK ? 0 : -1;
}

int
core_set_up_greeted(void **state)
{
	core_set_up(state);
	greet(128);
	return 0;
}

int
core_tear_down(void **state)
{
	(void)state;
	is_over = true;
	customerd_core_free(core);
	buf_fini(&wire);
	buf_fini(&sent_bytes);
	return 0;
}

uint32_t
call_at(int64_t now_ms, const char *method, struct ending *ending)
{
	const struct customerd_call call = { .method = method };
	uint32_t                    id = 0;

	*ending = no_ending();
	assert_int_equal(
	    customerd_core_call(core, &call, now_ms, on_end, ending, &id, NULL),
	    CUSTOMERD_OK);
	return id;
}
