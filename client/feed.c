#include <stdlib.h>

#include "client/feed.h"
#include "proto/pack.h"

/* ---- Ending ---- */

void
feed_release(struct customerd_feed *feed)
{
	buf_fini(&feed->kept);
	buf_fini(&feed->details);
	free(feed);
}

static void
feed_enter(struct customerd_feed *feed)
{
	feed->busy++;
}

/* Callbacks have run; false when the feed is no more, or has no core. */
static bool
feed_leave(struct customerd_feed *feed)
{
	bool is_alive = !feed->doomed && feed->core != NULL;

	if (--feed->busy == 0 && feed->doomed)
		feed_release(feed);
	return is_alive;
}

/* FEED is over.  The callback may do anything. */
static void
end(struct customerd_feed *feed, enum customerd_status status,
    const struct customerd_error *error)
{
	feed->is_over = true;
	feed->number = 0;
	feed->status = status;
	feed->error = *error;
	buf_put(&feed->details, error->details.data, error->details.len);
	feed->error.details = slice_out(buf_slice(&feed->details));
	if (feed->ended == NULL)
		return;
	feed_enter(feed);
	feed->ended(feed->user, status, &feed->error);
	feed_leave(feed);
}

/* Without a subscription NUMBER.  If this fails, its credit runs out instead. */
static void
unsubscribe(struct customerd_core *core, int64_t number)
{
	struct customerd_call call = { .method = "change.unsubscribe",
		.timeout_ms = -1 };
	struct call          *begun;
	struct buf            args;

	buf_init(&args, FRAME_BYTES_MAX);
	pack_map(&args, 1);
	pack_literal(&args, "subscription");
	pack_integer(&args, number);
	call.args = slice_out(buf_slice(&args));
	if (!args.failed)
		core_begin(core, &call, 0, NULL, NULL, &begun, NULL);
	buf_fini(&args);
}

/* The feed was closed before its subscription was there. */
static void
on_late_subscription(void *user, enum customerd_status status,
    struct customerd_slice result, const struct customerd_error *error)
{
	struct customerd_core *core = user;
	int64_t                number;

	(void)error;
	if (status == CUSTOMERD_OK && !core->doomed &&
	    customerd_get_integer(result, "subscription", &number))
		unsubscribe(core, number);
}

void
feed_detach(struct customerd_feed *feed)
{
	LIST_REMOVE(feed, link);
	feed->core->feed_count--;
	if (feed->call != NULL) {
		feed->call->callback = feed->number == 0 ? on_late_subscription : NULL;
		feed->call->user = feed->core;
		feed->call = NULL;
	}
	if (feed->number != 0)
		unsubscribe(feed->core, feed->number);
	feed->core = NULL;
	if (feed->async != NULL)
		async_changed(feed->async);
}

/* ---- Asking ---- */

/* For how much credit to ask now; 0: no call is needed. */
uint32_t
feed_wanted_credit(const struct customerd_feed *feed)
{
	uint32_t room = feed->window - feed->kept_count - feed->granted;

	if (feed->is_over || feed->call != NULL)
		return 0;
	return feed->number != 0 && room < (feed->window + 1) / 2 ? 0 : room;
}

bool
feed_has_work(const struct customerd_core *core)
{
	const struct customerd_feed *feed;

	if (core->greeted)
		LIST_FOREACH(feed, &core->feeds, link)
	if (feed_wanted_credit(feed) > 0)
		return true;
	return false;
}

static void
on_answer(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct customerd_feed *feed = user;
	struct customerd_error broken;

	feed->call = NULL;
	if (feed->is_over)
		return;
	if (status == CUSTOMERD_REFUSED) {
		end(feed, status, error);
		return;
	}
	/* Without an answer the connection is gone; the next one begins anew. */
	if (status != CUSTOMERD_OK || feed->number != 0)
		return;
	customerd_get_integer(result, "subscription", &feed->number);
	customerd_get_integer(result, "last", &feed->last);
	if (feed->received < 0) {
		customerd_get_integer(result, "next", &feed->received);
		feed->position = feed->received;
	}
	if (feed->number > 0 && feed->received >= 0)
		return;
	error_set(&broken, "PROTOCOL", false, "the server's answer is no subscription");
	end(feed, CUSTOMERD_UNKNOWN, &broken);
}

static void
pack_subscribe(struct buf *args, const struct customerd_feed *feed)
{
	pack_map(args, 1u + (feed->received >= 0) + (feed->kind[0] != '\0') +
			   (feed->id != 0) + (feed->store != 0));
	if (feed->received >= 0) {
		pack_literal(args, "after");
		pack_integer(args, feed->received);
	}
	if (feed->kind[0] != '\0') {
		pack_literal(args, "kind");
		pack_text(args, slice_text(feed->kind));
	}
	if (feed->id != 0) {
		pack_literal(args, "id");
		pack_integer(args, feed->id);
	}
	if (feed->store != 0) {
		pack_literal(args, "store");
		pack_integer(args, feed->store);
	}
}

/* Subscribe, or give more credit. */
static void
ask(struct customerd_feed *feed, uint32_t credit)
{
	struct customerd_call call = { .timeout_ms = -1 };
	struct buf            args;

	buf_init(&args, FRAME_BYTES_MAX);
	if (feed->number == 0) {
		call.method = "change.subscribe";
		pack_subscribe(&args, feed);
	} else {
		call.method = "change.credit";
		pack_map(&args, 2);
		pack_literal(&args, "subscription");
		pack_integer(&args, feed->number);
	}
	pack_literal(&args, "credit");
	pack_integer(&args, credit);
	call.args = slice_out(buf_slice(&args));
	if (!args.failed && core_begin(feed->core, &call, 0, on_answer, feed,
				&feed->call, NULL) == CUSTOMERD_OK)
		feed->granted += credit;
	buf_fini(&args);
}

void
feed_poke(struct customerd_core *core)
{
	struct customerd_feed *feed;

	if (!core->greeted)
		return;
	LIST_FOREACH(feed, &core->feeds, link)
	{
		uint32_t credit = feed_wanted_credit(feed);

		if (credit > 0)
			ask(feed, credit);
	}
}

/* ---- Taking ---- */

static struct customerd_feed *
find(const struct customerd_core *core, int64_t number)
{
	struct customerd_feed *feed;

	LIST_FOREACH(feed, &core->feeds, link)
	if (feed->number == number)
		return feed;
	return NULL;
}

static enum feed_taken
keep(struct customerd_feed *feed, struct customerd_slice change)
{
	size_t len = feed->kept.len;

	buf_put(&feed->kept, change.data, change.len);
	if (feed->kept.failed) {
		buf_truncate(&feed->kept, len);
		feed->core->in.failed = true; /* the reason is memory */
		return FEED_BAD;
	}
	feed->kept_count++;
	return FEED_TAKEN;
}

/* Hand CHANGE on; FEED_FOREIGN when the feed is no more. */
static enum feed_taken
take_change(struct customerd_feed *feed, struct customerd_slice change)
{
	int64_t sequence;

	/* Twice, backwards, or without having been asked: never hand such a thing on.
	 */
	if (!customerd_get_integer(change, "seq", &sequence) ||
	    sequence <= feed->received || feed->granted == 0)
		return FEED_BAD;
	if (feed->changed == NULL && keep(feed, change) != FEED_TAKEN)
		return FEED_BAD;
	feed->granted--;
	feed->received = sequence;
	if (feed->changed == NULL)
		return FEED_TAKEN;
	feed->position = sequence;
	feed_enter(feed);
	feed->changed(feed->user, change);
	return feed_leave(feed) ? FEED_TAKEN : FEED_FOREIGN;
}

static enum feed_taken
take_changes(struct customerd_feed *feed, struct customerd_slice body)
{
	struct customerd_walk  walk;
	struct customerd_slice items, change;
	int64_t                next;

	if (!customerd_get(body, "items", &items) ||
	    !customerd_get_integer(body, "next", &next))
		return FEED_BAD;
	customerd_get_integer(body, "last", &feed->last);
	customerd_walk(&walk, items);
	while (customerd_next(&walk, NULL, &change)) {
		enum feed_taken taken = take_change(feed, change);

		if (taken != FEED_TAKEN)
			return taken == FEED_BAD ? FEED_BAD : FEED_TAKEN;
	}
	if (next < feed->received)
		return FEED_BAD;
	feed->received = next;
	if (feed->kept_count == 0)
		feed->position = next;
	return FEED_TAKEN;
}

enum feed_taken
feed_notify(struct customerd_core *core, const struct message *notification)
{
	struct customerd_slice body = slice_out(notification->args);
	struct customerd_feed *feed;
	struct customerd_error error;
	enum customerd_status  status;
	int64_t                number;

	if (!customerd_get_integer(body, "subscription", &number) || number < 1)
		return FEED_FOREIGN;
	feed = find(core, number);
	if (feed == NULL)
		return FEED_FOREIGN;
	if (slice_equal(notification->method, SLICE("change")))
		return take_changes(feed, body);
	if (!slice_equal(notification->method, SLICE("error")))
		return FEED_FOREIGN;
	status = error_decode(&error, notification->args);
	end(feed, status, &error);
	return FEED_TAKEN;
}

/* ---- The end of connections and cores ---- */

void
feed_disconnected(struct customerd_core *core, const struct customerd_error *error)
{
	struct customerd_feed *feed;

	LIST_FOREACH(feed, &core->feeds, link)
	{
		feed->number = 0;
		feed->granted = 0;
	}
	if (error->retryable)
		return;
again:
	LIST_FOREACH(feed, &core->feeds, link)
	if (!feed->is_over && !core->doomed) {
		/* Its callback may close any feed. */
		end(feed, CUSTOMERD_REFUSED, error);
		goto again;
	}
}

void
feed_abandon(struct customerd_core *core, const struct customerd_error *error)
{
	struct customerd_feed *feed;

	while ((feed = LIST_FIRST(&core->feeds)) != NULL) {
		feed->number = 0; /* nothing more is sent */
		feed->async = NULL;
		feed_detach(feed);
		if (!feed->is_over)
			end(feed, CUSTOMERD_NOT_SENT, error);
	}
}
