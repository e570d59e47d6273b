/*
 * Feeds as their users see them: opened, closed, and followed by who blocks.
 */

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "client/feed.h"
#include "proto/reader.h"

#define WINDOW_DEFAULT 256u

/* ---- Opening and closing ---- */

static const char *
find_mistake(const struct customerd_feed_options *options)
{
	if (options->after < -1 || options->after > INTEGER_MAX)
		return "a feed begins after a number, or with -1";
	if (options->kind != NULL && strlen(options->kind) > FEED_KIND_BYTES_MAX)
		return "there is no such kind of record";
	if (options->id < 0 || options->id > INTEGER_MAX || options->store < 0 ||
	    options->store > INTEGER_MAX)
		return "ids are positive";
	if (options->window > FEED_CREDIT_MAX)
		return "the window is too large";
	return NULL;
}

static enum customerd_status
feed_new(struct customerd_feed **out, struct customerd_core *core,
    const struct customerd_feed_options *options, struct customerd_error *error)
{
	const char            *mistake = find_mistake(options);
	struct customerd_feed *feed;

	*out = NULL;
	if (mistake == NULL && core->doomed)
		mistake = "the handle is being freed";
	if (mistake == NULL && core->feed_count == FEEDS_MAX)
		mistake = "the handle has as many feeds as a server permits";
	if (mistake != NULL)
		return error_misuse(error, mistake);
	feed = calloc(1, sizeof(*feed));
	if (feed == NULL)
		return error_no_memory(error);
	feed->core = core;
	if (options->kind != NULL)
		memcpy(feed->kind, options->kind, strlen(options->kind));
	feed->id = options->id;
	feed->store = options->store;
	feed->window = options->window == 0 ? WINDOW_DEFAULT : options->window;
	feed->received = feed->position = feed->last = options->after;
	buf_init(&feed->kept, SIZE_MAX / 2);
	buf_init(&feed->details, FRAME_BYTES_MAX);
	LIST_INSERT_HEAD(&core->feeds, feed, link);
	core->feed_count++;
	*out = feed;
	return CUSTOMERD_OK;
}

enum customerd_status
customerd_feed_open_core(struct customerd_feed **out, struct customerd_core *core,
    const struct customerd_feed_options *options, customerd_changed *changed,
    customerd_feed_ended *ended, void *user, struct customerd_error *error)
{
	enum customerd_status status = feed_new(out, core, options, error);

	if (status != CUSTOMERD_OK)
		return status;
	(*out)->changed = changed;
	(*out)->ended = ended;
	(*out)->user = user;
	return CUSTOMERD_OK;
}

enum customerd_status
customerd_feed_open_async(struct customerd_feed **out, struct customerd_async *async,
    const struct customerd_feed_options *options, customerd_changed *changed,
    customerd_feed_ended *ended, void *user, struct customerd_error *error)
{
	enum customerd_status status = customerd_feed_open_core(
	    out, async_core(async), options, changed, ended, user, error);

	if (status != CUSTOMERD_OK)
		return status;
	(*out)->async = async;
	async_changed(async);
	return CUSTOMERD_OK;
}

enum customerd_status
customerd_feed_open(struct customerd_feed **out, struct customerd *c,
    const struct customerd_feed_options *options, struct customerd_error *error)
{
	return customerd_feed_open_async(
	    out, blocking_async(c), options, NULL, NULL, NULL, error);
}

void
customerd_feed_close(struct customerd_feed *feed)
{
	if (feed == NULL || feed->doomed)
		return;
	feed->doomed = true;
	if (feed->core != NULL)
		feed_detach(feed);
	if (feed->busy == 0)
		feed_release(feed);
}

int64_t
customerd_feed_position(const struct customerd_feed *feed)
{
	return feed->position;
}

int64_t
customerd_feed_last(const struct customerd_feed *feed)
{
	return feed->last;
}

/* ---- Blocking ---- */

/* Take the first of the changes that were kept. */
static bool
take_kept(struct customerd_feed *feed, struct customerd_slice *change)
{
	struct slice           rest;
	struct reader          reader;
	struct customerd_slice first;

	if (feed->kept_count == 0)
		return false;
	/* Seldom enough that each byte is moved once, on average. */
	if (feed->kept_taken > feed->kept.len / 2) {
		buf_drop(&feed->kept, feed->kept_taken);
		feed->kept_taken = 0;
	}
	rest = slice_of(
	    feed->kept.data + feed->kept_taken, feed->kept.len - feed->kept_taken);
	reader_init(&reader, rest);
	first = slice_out(reader_value(&reader));
	assert(reader.status == STATUS_OK);
	customerd_get_integer(first, "seq", &feed->position);
	feed->kept_taken += first.len;
	if (--feed->kept_count == 0)
		feed->position = feed->received;
	*change = first;
	return true;
}

/* Give back the memory of changes that were handed out. */
static void
forget_taken(struct customerd_feed *feed)
{
	if (feed->kept_count > 0)
		return;
	buf_clear(&feed->kept, BUF_BYTES_KEPT);
	feed->kept_taken = 0;
}

/* Wait for what may come for FEED, for at most LEFT_MS (negative: for ever). */
static void
wait_for_more(struct customerd_feed *feed, int64_t left_ms)
{
	if (feed->async != NULL)
		customerd_async_wait(
		    feed->async, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
}

static int64_t
remaining_ms(int64_t until_ms)
{
	int64_t now_ms = clock_ms();

	return now_ms < until_ms ? until_ms - now_ms : 0;
}

static enum customerd_status
over(const struct customerd_feed *feed, struct customerd_error *error)
{
	if (error != NULL)
		*error = feed->error;
	return feed->status;
}

enum customerd_status
customerd_feed_next(struct customerd_feed *feed, int64_t timeout_ms,
    struct customerd_slice *change, struct customerd_error *error)
{
	bool    is_endless = option_or(timeout_ms, 0) < 0;
	int64_t until_ms = is_endless ? 0 : clock_ms() + timeout_ms;
	int64_t left_ms = timeout_ms;

	if (feed->changed != NULL)
		return error_misuse(error, "the changes of this feed are called back");
	forget_taken(feed);
	/* Ask for more before the last one is taken, not when nothing is left. */
	if (feed_wanted_credit(feed) > 0)
		wait_for_more(feed, 0);
	while (!take_kept(feed, change)) {
		if (feed->is_over)
			return over(feed, error);
		if (!is_endless && left_ms < 0) {
			error_set(error, "TIMEOUT", true, "no change came in time");
			return CUSTOMERD_NOT_SENT;
		}
		wait_for_more(feed, is_endless ? -1 : left_ms);
		/* Look once more after the last wait. */
		if (!is_endless)
			left_ms = left_ms == 0 ? -1 : remaining_ms(until_ms);
	}
	return CUSTOMERD_OK;
}
