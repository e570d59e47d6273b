#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/pack.h"
#include "tests/support/client_feed.h"

struct customerd_feed *feed;
struct seen            seen;

/* ---- The server's side ---- */

void
must_send(const char *method)
{
	take_sent();
	assert_int_equal(sent_count, 1);
	assert_true(slice_equal(sent[0].method, slice_text(method)));
}

void
must_send_nothing(void)
{
	take_sent();
	assert_int_equal(sent_count, 0);
}

int64_t
sent_integer(const char *key)
{
	const struct customerd_slice args = { sent[0].args.data, sent[0].args.len };
	int64_t                      value = -2;

	customerd_get_integer(args, key, &value);
	return value;
}

bool
deliver(void)
{
	struct customerd_error error;
	bool                   is_good = feed_wire(&error);

	if (!is_good)
		assert_string_equal(error.code, "PROTOCOL");
	return is_good;
}

void
answer_subscribe(int64_t number, int64_t next)
{
	message_pack_result(&wire, sent[0].msgid);
	pack_map(&wire, 3);
	pack_literal(&wire, "subscription");
	pack_integer(&wire, number);
	pack_literal(&wire, "next");
	pack_integer(&wire, next);
	pack_literal(&wire, "last");
	pack_integer(&wire, 100);
	assert_true(deliver());
}

void
pack_changes(int64_t number, int64_t first, int64_t last, int64_t next)
{
	message_pack_notification(&wire, SLICE("change"));
	pack_array(&wire, 1);
	pack_map(&wire, 4);
	pack_literal(&wire, "subscription");
	pack_integer(&wire, number);
	pack_literal(&wire, "items");
	pack_array(&wire, (uint32_t)(last - first + 1));
	for (int64_t sequence = first; sequence <= last; sequence++) {
		pack_map(&wire, 1);
		pack_literal(&wire, "seq");
		pack_integer(&wire, sequence);
	}
	pack_literal(&wire, "next");
	pack_integer(&wire, next);
	pack_literal(&wire, "last");
	pack_integer(&wire, 100);
}

bool
send_changes(int64_t number, int64_t first, int64_t last)
{
	pack_changes(number, first, last, last);
	return deliver();
}

void
pack_error(const char *code, int64_t number)
{
	pack_map(&wire, 3);
	pack_literal(&wire, "code");
	pack_text(&wire, slice_text(code));
	pack_literal(&wire, "subscription");
	pack_integer(&wire, number);
	pack_literal(&wire, "oldest");
	pack_integer(&wire, 50);
}

/* ---- The user's side ---- */

void
on_change(void *user, struct customerd_slice change)
{
	struct seen *to = user;
	int64_t      sequence = 0;

	assert_true(customerd_get_integer(change, "seq", &sequence));
	if (to->count++ == 0)
		to->first = sequence;
	else
		assert_int_equal(sequence, to->last + 1);
	to->last = sequence;
	if (to->to_free == NULL)
		assert_int_equal(customerd_feed_position(feed), sequence);
	customerd_core_free(to->to_free);
	customerd_feed_close(to->to_close);
	to->to_close = NULL;
}

void
on_feed_end(
    void *user, enum customerd_status status, const struct customerd_error *error)
{
	struct seen *to = user;

	to->endings++;
	to->status = status;
	to->error = *error;
	customerd_feed_close(to->to_close);
	to->to_close = NULL;
}

void
open_feed(int64_t after)
{
	const struct customerd_feed_options options = { .after = after,
		.window = WINDOW };

	assert_int_equal(customerd_feed_open_core(&feed, core, &options, on_change,
			     on_feed_end, &seen, NULL),
	    CUSTOMERD_OK);
}

int
feed_set_up(void **state)
{
	seen = (struct seen){ .count = 0 };
	feed = NULL;
	return core_set_up(state);
}

int
feed_tear_down(void **state)
{
	core_tear_down(state);
	customerd_feed_close(feed);
	return 0;
}

int
feed_set_up_subscribed(void **state)
{
	feed_set_up(state);
	greet(128);
	open_feed(0);
	must_send("change.subscribe");
	answer_subscribe(1, 0);
	return 0;
}
