/* client: feeds, on a core without any socket. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/pack.h"
#include "tests/support/client_feed.h"

/* ---- Following ---- */

static void
a_feed_subscribes_when_the_server_has_greeted(void **state)
{
	(void)state;
	open_feed(7);
	must_send_nothing();
	greet(128);
	must_send("change.subscribe");
	assert_int_equal(sent_integer("after"), 7);
	assert_int_equal(sent_integer("credit"), WINDOW);
	assert_int_equal(sent_integer("id"), -2);
	answer_subscribe(1, 7);
	assert_true(send_changes(1, 8, 9));
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.first, 8);
	assert_int_equal(customerd_feed_position(feed), 9);
	assert_int_equal(customerd_feed_last(feed), 100);
}

static void
without_a_place_a_feed_begins_where_the_server_says(void **state)
{
	(void)state;
	open_feed(-1);
	assert_int_equal(customerd_feed_position(feed), -1);
	greet(128);
	must_send("change.subscribe");
	assert_int_equal(sent_integer("after"), -2);
	answer_subscribe(1, 41);
	assert_int_equal(customerd_feed_position(feed), 41);
	hang_up();
	greet(128);
	must_send("change.subscribe");
	assert_int_equal(sent_integer("after"), 41);
}

static void
a_feed_of_one_record_says_so(void **state)
{
	const struct customerd_feed_options options = { .kind = "customer", .id = 123 };

	(void)state;
	greet(128);
	assert_int_equal(customerd_feed_open_core(
			     &feed, core, &options, on_change, NULL, &seen, NULL),
	    CUSTOMERD_OK);
	must_send("change.subscribe");
	assert_int_equal(sent_integer("id"), 123);
	assert_int_equal(sent_integer("credit"), 256);
	assert_non_null(memmem(sent_bytes.data, sent_bytes.len,
	    "\xa8"
	    "customer",
	    9));
}

static void
an_operators_feed_names_its_store(void **state)
{
	const struct customerd_feed_options options = { .store = 7 };

	(void)state;
	greet(128);
	assert_int_equal(customerd_feed_open_core(
			     &feed, core, &options, on_change, NULL, &seen, NULL),
	    CUSTOMERD_OK);
	must_send("change.subscribe");
	assert_int_equal(sent_integer("store"), 7);
}

static void
credit_is_given_when_half_of_it_is_used(void **state)
{
	(void)state;
	assert_true(send_changes(1, 1, 1));
	must_send_nothing();
	assert_true(send_changes(1, 2, 3));
	must_send("change.credit");
	assert_int_equal(sent_integer("subscription"), 1);
	assert_int_equal(sent_integer("credit"), 3);
	/* Not again before that was answered. */
	assert_true(send_changes(1, 4, 6));
	message_pack_result(&wire, sent[0].msgid);
	pack_map(&wire, 0);
	must_send_nothing();
	assert_true(deliver());
	must_send("change.credit");
	assert_int_equal(sent_integer("credit"), 3);
	assert_int_equal(seen.count, 6);
}

static void
a_place_moves_without_changes_too(void **state)
{
	(void)state;
	pack_changes(1, 1, 0, 1000);
	assert_true(deliver());
	assert_int_equal(seen.count, 0);
	assert_int_equal(customerd_feed_position(feed), 1000);
	hang_up();
	greet(128);
	must_send("change.subscribe");
	assert_int_equal(sent_integer("after"), 1000);
}

static void
after_a_lost_connection_a_feed_goes_on_where_it_was(void **state)
{
	(void)state;
	assert_true(send_changes(1, 1, 3));
	must_send("change.credit"); /* which is lost, and not repeated elsewhere */
	hang_up();
	hang_up();
	greet(128);
	must_send("change.subscribe");
	assert_int_equal(sent_integer("after"), 3);
	assert_int_equal(sent_integer("credit"), WINDOW);
	answer_subscribe(9, 3);
	assert_true(send_changes(1, 4, 4)); /* the old number means nothing */
	assert_int_equal(seen.count, 3);
	assert_true(send_changes(9, 4, 7));
	assert_int_equal(seen.count, 7);
	assert_int_equal(seen.endings, 0);
}

static void
a_subscription_that_was_lost_on_its_way_is_asked_for_once(void **state)
{
	(void)state;
	open_feed(0);
	greet(128);
	must_send("change.subscribe");
	hang_up();
	greet(128);
	must_send("change.subscribe");
	answer_subscribe(1, 0);
	must_send_nothing();
}

static void
feeds_share_a_connection_up_to_a_bound(void **state)
{
	const struct customerd_feed_options options = { .after = 0 };
	struct customerd_feed              *feeds[16], *one_more;

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(customerd_feed_open_core(&feeds[i], core, &options,
				     on_change, on_feed_end, &seen, NULL),
		    CUSTOMERD_OK);
	assert_int_equal(customerd_feed_open_core(&one_more, core, &options, on_change,
			     on_feed_end, &seen, NULL),
	    CUSTOMERD_MISUSE);
	assert_null(one_more);
	greet(128);
	take_sent();
	assert_int_equal(sent_count, 16);
	for (unsigned i = 0; i < 16; i++)
		customerd_feed_close(feeds[i]);
	open_feed(0);
}

/* ---- A server that breaks its word ---- */

static void
what_a_feed_did_not_ask_for_breaks_the_connection(void **state)
{
	(void)state;
	assert_true(send_changes(1, 1, 2));
	assert_false(send_changes(1, 2, 3)); /* twice */
	hang_up();
	greet(128);
	must_send("change.subscribe");
	assert_int_equal(sent_integer("after"), 2);
	answer_subscribe(1, 2);
	assert_false(send_changes(1, 3, 3 + WINDOW)); /* more than the credit */
	assert_int_equal(seen.last, 2 + WINDOW);
	hang_up();
	greet(128);
	must_send("change.subscribe");
	answer_subscribe(1, 6);
	pack_changes(1, 7, 8, 7); /* back */
	assert_false(deliver());
	assert_int_equal(seen.count, 8);
}

static void
an_answer_that_is_no_subscription_ends_the_feed(void **state)
{
	(void)state;
	open_feed(0);
	greet(128);
	must_send("change.subscribe");
	message_pack_result(&wire, sent[0].msgid);
	pack_map(&wire, 0);
	assert_true(deliver());
	assert_int_equal(seen.endings, 1);
	assert_string_equal(seen.error.code, "PROTOCOL");
	must_send_nothing();
}

/* ---- The end ---- */

static void
a_refused_subscription_ends_the_feed(void **state)
{
	int64_t oldest;

	(void)state;
	open_feed(0);
	greet(128);
	must_send("change.subscribe");
	message_pack_error(&wire, sent[0].msgid);
	pack_error("CHANGES_GONE", 0);
	pack_nil(&wire);
	assert_true(deliver());
	assert_int_equal(seen.endings, 1);
	assert_int_equal(seen.status, CUSTOMERD_REFUSED);
	assert_string_equal(seen.error.code, "CHANGES_GONE");
	assert_true(customerd_get_integer(seen.error.details, "oldest", &oldest));
	assert_int_equal(oldest, 50);
	must_send_nothing();
	hang_up();
	greet(128);
	must_send_nothing();
}

static void
a_feed_that_the_server_ends_is_over_and_the_connection_is_not(void **state)
{
	struct customerd_call ping = { .method = "ping" };

	(void)state;
	message_pack_notification(&wire, SLICE("error"));
	pack_array(&wire, 1);
	pack_error("UNAUTHENTICATED", 1);
	assert_true(deliver());
	assert_int_equal(seen.endings, 1);
	assert_string_equal(seen.error.code, "UNAUTHENTICATED");
	/* Nor does it explain what happens to the connection later. */
	assert_int_equal(
	    customerd_core_call(core, &ping, 0, NULL, NULL, NULL, NULL), CUSTOMERD_OK);
	must_send("ping");
	hang_up();
	assert_int_equal(customerd_core_pending(core), 1);
}

static void
a_connection_that_will_not_come_back_ends_feeds(void **state)
{
	const struct customerd_error error = { "CONNECTION_LOST", "the cable",
		.retryable = false };

	(void)state;
	seen.to_close = feed;
	customerd_core_disconnected(core, &error);
	feed = NULL;
	assert_int_equal(seen.endings, 1);
	assert_string_equal(seen.error.code, "CONNECTION_LOST");
}

static void
closing_ends_the_subscription(void **state)
{
	(void)state;
	customerd_feed_close(feed);
	feed = NULL;
	must_send("change.unsubscribe");
	assert_int_equal(sent_integer("subscription"), 1);
	assert_true(send_changes(1, 1, 2)); /* they were under way */
	assert_int_equal(seen.count, 0);
	assert_int_equal(seen.endings, 0);
}

static void
closing_before_the_answer_ends_the_subscription_that_comes(void **state)
{
	(void)state;
	open_feed(0);
	greet(128);
	must_send("change.subscribe");
	customerd_feed_close(feed);
	feed = NULL;
	must_send_nothing();
	answer_subscribe(5, 0);
	must_send("change.unsubscribe");
	assert_int_equal(sent_integer("subscription"), 5);
}

static void
a_feed_may_be_closed_by_a_change(void **state)
{
	(void)state;
	seen.to_close = feed;
	assert_true(send_changes(1, 1, 3));
	feed = NULL;
	assert_int_equal(seen.count, 1);
	must_send("change.unsubscribe");
}

static void
a_handle_may_be_freed_by_a_change(void **state)
{
	(void)state;
	seen.to_free = core;
	core = NULL;
	pack_changes(1, 1, 3, 3);
	assert_true(customerd_core_feed(seen.to_free, wire.data, wire.len, NULL));
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.endings, 1);
	assert_string_equal(seen.error.code, "CLOSED");
	assert_int_equal(customerd_feed_position(feed), 1);
}

/* ---- Kept changes ---- */

static void
kept_changes_use_up_the_window(void **state)
{
	const struct customerd_feed_options options = { .window = WINDOW };
	struct customerd_slice              change;
	struct customerd_error              error;

	(void)state;
	assert_int_equal(
	    customerd_feed_open_core(&feed, core, &options, NULL, NULL, NULL, NULL),
	    CUSTOMERD_OK);
	greet(128);
	must_send("change.subscribe");
	answer_subscribe(1, 0);
	assert_true(send_changes(1, 1, WINDOW));
	must_send_nothing();
	assert_int_equal(customerd_feed_position(feed), 0);
	hang_up();
	greet(128);
	must_send_nothing(); /* there is no room for a change */
	for (int64_t sequence = 1; sequence <= (int64_t)WINDOW; sequence++) {
		assert_int_equal(
		    customerd_feed_next(feed, 0, &change, NULL), CUSTOMERD_OK);
		assert_int_equal(customerd_feed_position(feed), sequence);
	}
	assert_int_equal(
	    customerd_feed_next(feed, 0, &change, &error), CUSTOMERD_NOT_SENT);
	assert_string_equal(error.code, "TIMEOUT");
	must_send("change.subscribe");
	assert_int_equal(sent_integer("after"), WINDOW);
	customerd_core_free(core);
	core = NULL;
	assert_int_equal(
	    customerd_feed_next(feed, -1, &change, &error), CUSTOMERD_NOT_SENT);
	assert_string_equal(error.code, "CLOSED");
}

static void
mistakes_are_refused_when_opening(void **state)
{
	const struct customerd_feed_options bad[] = { { .after = -2 },
		{ .after = INT64_MAX }, { .kind = "sixteen letters." }, { .id = -1 },
		{ .store = -1 }, { .window = 1000001 } };
	struct customerd_slice              change;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(customerd_feed_open_core(
				     &feed, core, &bad[i], on_change, NULL, NULL, NULL),
		    CUSTOMERD_MISUSE);
		assert_null(feed);
	}
	open_feed(0);
	assert_int_equal(customerd_feed_next(feed, 0, &change, NULL), CUSTOMERD_MISUSE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_feed_subscribes_when_the_server_has_greeted, feed_set_up,
		    feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    without_a_place_a_feed_begins_where_the_server_says, feed_set_up,
		    feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    a_feed_of_one_record_says_so, feed_set_up, feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    an_operators_feed_names_its_store, feed_set_up, feed_tear_down),
		cmocka_unit_test_setup_teardown(credit_is_given_when_half_of_it_is_used,
		    feed_set_up_subscribed, feed_tear_down),
		cmocka_unit_test_setup_teardown(a_place_moves_without_changes_too,
		    feed_set_up_subscribed, feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    after_a_lost_connection_a_feed_goes_on_where_it_was,
		    feed_set_up_subscribed, feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    a_subscription_that_was_lost_on_its_way_is_asked_for_once,
		    feed_set_up, feed_tear_down),
		cmocka_unit_test_setup_teardown(feeds_share_a_connection_up_to_a_bound,
		    feed_set_up, feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    what_a_feed_did_not_ask_for_breaks_the_connection,
		    feed_set_up_subscribed, feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    an_answer_that_is_no_subscription_ends_the_feed, feed_set_up,
		    feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    a_refused_subscription_ends_the_feed, feed_set_up, feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    a_feed_that_the_server_ends_is_over_and_the_connection_is_not,
		    feed_set_up_subscribed, feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    a_connection_that_will_not_come_back_ends_feeds,
		    feed_set_up_subscribed, feed_tear_down),
		cmocka_unit_test_setup_teardown(closing_ends_the_subscription,
		    feed_set_up_subscribed, feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    closing_before_the_answer_ends_the_subscription_that_comes,
		    feed_set_up, feed_tear_down),
		cmocka_unit_test_setup_teardown(a_feed_may_be_closed_by_a_change,
		    feed_set_up_subscribed, feed_tear_down),
		cmocka_unit_test_setup_teardown(a_handle_may_be_freed_by_a_change,
		    feed_set_up_subscribed, feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    kept_changes_use_up_the_window, feed_set_up, feed_tear_down),
		cmocka_unit_test_setup_teardown(
		    mistakes_are_refused_when_opening, feed_set_up, feed_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
