#include "server/net/subscribe.h"

#include <stdlib.h>

#include "proto/message.h"
#include "proto/pack.h"
#include "server/base/clock.h"
#include "server/net/notice.h"
#include "server/net/server.h"

/* ---- where a subscription stands ---- */

/* Whether CONN has room for changes. */
static bool
has_room(const struct conn *conn)
{
	return conn->state == CONN_OPEN && !conn->loop->is_stopping &&
	       conn_output(conn) < SUBSCRIBE_OUTPUT_BYTES;
}

/* Give SUBSCRIPTION, which is in no list, a share of the next turn or let it rest. */
static void
make_due(struct subscription *subscription)
{
	if (has_room(subscription->conn))
		link_append(&subscription->conn->loop->feed_due, &subscription->turn);
}

static void
make_idle(struct subscription *subscription)
{
	link_append(&subscription->conn->loop->feed_idle, &subscription->turn);
}

void
subscribe_settle(struct conn *conn)
{
	struct link *ring = &conn->subscriptions;

	for (struct link *at = ring->next; at != ring; at = at->next) {
		struct subscription *subscription =
		    CONTAINER_OF(at, struct subscription, link);

		if (link_is_alone(&subscription->turn))
			make_due(subscription);
	}
}

void
subscribe_wake(struct loop *loop)
{
	struct link *link;

	while ((link = link_first(&loop->feed_idle))) {
		link_remove(link);
		make_due(CONTAINER_OF(link, struct subscription, turn));
	}
}

/* ---- beginning and end ---- */

static struct subscription *
find(const struct conn *conn, int64_t number)
{
	const struct link *ring = &conn->subscriptions;

	for (struct link *at = ring->next; at != ring; at = at->next) {
		struct subscription *subscription =
		    CONTAINER_OF(at, struct subscription, link);

		if (subscription->number == number)
			return subscription;
	}
	return NULL;
}

static struct subscription *
open_subscription(struct conn *conn, const struct call *call,
    const struct feed_view *view, uint64_t after)
{
	struct subscription *subscription = calloc(1, sizeof(*subscription));

	if (subscription == NULL)
		return NULL;
	subscription->conn = conn;
	subscription->number = ++conn->subscription_last;
	subscription->who = call->who;
	subscription->view = *view;
	subscription->after = subscription->told = after;
	subscription->credit = (uint32_t)args_integer(&call->args, ARG_CREDIT);
	link_init(&subscription->link);
	link_init(&subscription->turn);
	link_append(&conn->subscriptions, &subscription->link);
	conn->subscription_count++;
	atomic_fetch_add(&conn->loop->feed_count, 1);
	metric_add(conn->loop->metrics, METRIC_SUBSCRIPTIONS_OPEN, 1);
	make_due(subscription);
	return subscription;
}

static void
set_lag(struct subscription *subscription, uint64_t lag)
{
	struct metric_set *metrics = subscription->conn->loop->metrics;

	metric_add(metrics, METRIC_FEED_LAG, lag);
	metric_sub(metrics, METRIC_FEED_LAG, subscription->lag);
	subscription->lag = lag;
}

static void
close_subscription(struct subscription *subscription)
{
	struct conn *conn = subscription->conn;

	set_lag(subscription, 0);
	link_remove(&subscription->link);
	link_remove(&subscription->turn);
	conn->subscription_count--;
	atomic_fetch_sub(&conn->loop->feed_count, 1);
	metric_sub(conn->loop->metrics, METRIC_SUBSCRIPTIONS_OPEN, 1);
	free(subscription);
}

void
subscribe_end_all(struct conn *conn)
{
	struct link *link;

	while ((link = link_first(&conn->subscriptions)))
		close_subscription(CONTAINER_OF(link, struct subscription, link));
}

/* ---- methods ---- */

/* Note those of ARGS (ARG_BIT()s) that are missing. */
static enum status
need(struct call *call, uint64_t args)
{
	for (args &= ~call->args.present; args != 0; args &= args - 1)
		violations_add(&call->violations,
		    argument_shape.fields[__builtin_ctzll(args)].name, RULE_REQUIRED);
	return violations_any(&call->violations) ? STATUS_INVALID : STATUS_OK;
}

/* The subscription that CALL names. */
static enum status
get(struct conn *conn, struct call *call, struct subscription **out)
{
	*out = find(conn, args_integer(&call->args, ARG_SUBSCRIPTION));
	if (*out)
		return STATUS_OK;
	call->detail = "the connection has no such subscription";
	return STATUS_NOT_FOUND;
}

enum status
subscribe_begin(struct conn *conn, struct call *call)
{
	struct subscription *subscription;
	struct feed_page     page = { 0 };
	struct feed_view     view;
	struct kv_txn        txn;
	enum status          status = need(call, ARG_BIT(ARG_CREDIT));

	if (status == STATUS_OK)
		status = feed_check_read(call);
	if (status != STATUS_OK)
		return status;
	if (conn->subscription_count == SUBSCRIPTIONS_MAX) {
		call->detail = "the connection has subscriptions_max of them already";
		return STATUS_TOO_LARGE;
	}
	kv_read(conn->loop->snapshot, &txn);
	status = feed_view_init(&view, call, &txn);
	if (status != STATUS_OK)
		return status;
	page.after = feed_begin(&view, call, &txn);
	status = feed_look(&view, &txn, &page);
	call->oldest = page.oldest;
	call->last = page.last;
	if (status != STATUS_OK)
		return status;
	subscription = open_subscription(conn, call, &view, page.after);
	if (subscription == NULL)
		return STATUS_NO_MEMORY;
	pack_map(call->result, 3);
	pack_literal(call->result, "subscription");
	pack_integer(call->result, subscription->number);
	pack_literal(call->result, "next");
	pack_integer(call->result, (int64_t)page.after);
	pack_literal(call->result, "last");
	pack_integer(call->result, (int64_t)page.last);
	return STATUS_OK;
}

enum status
subscribe_credit(struct conn *conn, struct call *call)
{
	struct subscription *subscription;
	enum status          status =
	    need(call, ARG_BIT(ARG_SUBSCRIPTION) | ARG_BIT(ARG_CREDIT));
	uint32_t more = (uint32_t)args_integer(&call->args, ARG_CREDIT);

	if (status == STATUS_OK)
		status = get(conn, call, &subscription);
	if (status != STATUS_OK)
		return status;
	if (more > FEED_CREDIT_MAX - subscription->credit) {
		violations_add(&call->violations, SLICE("credit"), RULE_TOO_LARGE);
		return STATUS_INVALID;
	}
	subscription->credit += more;
	link_remove(&subscription->turn);
	make_due(subscription);
	pack_map(call->result, 1);
	pack_literal(call->result, "credit");
	pack_integer(call->result, subscription->credit);
	return STATUS_OK;
}

enum status
subscribe_end(struct conn *conn, struct call *call)
{
	struct subscription *subscription;
	enum status          status = need(call, ARG_BIT(ARG_SUBSCRIPTION));

	if (status == STATUS_OK)
		status = get(conn, call, &subscription);
	if (status != STATUS_OK)
		return status;
	pack_map(call->result, 1);
	pack_literal(call->result, "next");
	pack_integer(call->result, (int64_t)subscription->after);
	close_subscription(subscription);
	return STATUS_OK;
}

/* ---- sending ---- */

/* Whether the token still permits SUBSCRIPTION. */
static enum status
check(struct subscription *subscription, struct kv_txn *txn)
{
	struct identity *who = &subscription->who;
	enum status      status = domain_renew(
		 subscription->conn->loop->server->domain, txn, clock_wall_ms(), who);

	if (status != STATUS_OK)
		return status;
	if ((who->scopes & SCOPE_BIT(SCOPE_CHANGES_READ)) == 0)
		return STATUS_FORBIDDEN;
	subscription->view.sees_private =
	    (who->scopes & SCOPE_BIT(SCOPE_CUSTOMERS_PRIVATE)) != 0;
	return STATUS_OK;
}

/* Append the notification "change" with what PAGE can take. */
static enum status
pack_changes(struct subscription *subscription, struct kv_txn *txn,
    struct feed_page *page, struct buf *out)
{
	enum status status;
	size_t      place;

	message_pack_notification(out, SLICE("change"));
	pack_array(out, 1);
	pack_map(out, 4);
	pack_literal(out, "subscription");
	pack_integer(out, subscription->number);
	pack_literal(out, "items");
	place = pack_array_open(out);
	status = feed_fill(&subscription->view, txn, page, out);
	pack_array_close(out, place, page->count);
	pack_literal(out, "next");
	pack_integer(out, (int64_t)page->after);
	pack_literal(out, "last");
	pack_integer(out, (int64_t)page->last);
	return status;
}

/* End SUBSCRIPTION and say why. */
static void
refuse(
    struct subscription *subscription, enum status status, const struct feed_page *page)
{
	struct buf *out = &subscription->conn->out;
	bool        gone = status == STATUS_CHANGES_GONE;

	notice_open(out, status, NULL, gone ? 3 : 1);
	pack_literal(out, "subscription");
	pack_integer(out, subscription->number);
	if (gone) {
		pack_literal(out, "oldest");
		pack_integer(out, (int64_t)page->oldest);
		pack_literal(out, "last");
		pack_integer(out, (int64_t)page->last);
	}
	conn_touch(subscription->conn);
	close_subscription(subscription);
}

/* Note that PAGE was packed.  Whether there was reason to. */
static bool
advance(struct subscription *subscription, const struct feed_page *page)
{
	struct conn *conn = subscription->conn;

	subscription->after = page->after;
	if (page->count == 0 &&
	    page->after - subscription->told < SUBSCRIBE_PLACE_EVERY)
		return false;
	subscription->told = page->after;
	subscription->credit -= page->count;
	metric_add(conn->loop->metrics, METRIC_CHANGES_SENT, page->count);
	conn_touch(conn);
	return true;
}

/* Send the share of one turn into PAGE. */
static enum status
send_share(
    struct subscription *subscription, struct kv_txn *txn, struct feed_page *page)
{
	struct buf *out = &subscription->conn->out;
	size_t      mark = out->len;
	enum status status;

	page->bytes_max = SUBSCRIBE_SHARE_BYTES;
	page->limit = subscription->credit < SUBSCRIBE_SHARE_ITEMS
			  ? subscription->credit
			  : SUBSCRIBE_SHARE_ITEMS;
	status = pack_changes(subscription, txn, page, out);
	if (status != STATUS_OK || !advance(subscription, page))
		buf_truncate(out, mark);
	return status;
}

/* The turn of SUBSCRIPTION, which is in no list. */
static void
run(struct subscription *subscription)
{
	struct feed_page page = { .after = subscription->after };
	struct kv_txn    txn;
	enum status      status;

	kv_read(subscription->conn->loop->snapshot, &txn);
	status = check(subscription, &txn);
	if (status == STATUS_OK)
		status = subscription->credit > 0
			     ? send_share(subscription, &txn, &page)
			     : feed_look(&subscription->view, &txn, &page);
	if (status != STATUS_OK) {
		refuse(subscription, status, &page);
		return;
	}
	set_lag(subscription, page.last - page.after);
	if (subscription->lag > 0 && subscription->credit > 0)
		make_due(subscription);
	else
		make_idle(subscription);
}

void
subscribe_run(struct loop *loop)
{
	struct link *link;

	/* Those that are due again meanwhile wait for the next turn. */
	link_append(&loop->feed_due, &loop->feed_mark);
	while ((link = link_first(&loop->feed_due)) != &loop->feed_mark) {
		struct subscription *subscription =
		    CONTAINER_OF(link, struct subscription, turn);

		link_remove(link);
		if (has_room(subscription->conn))
			run(subscription);
	}
	link_remove(&loop->feed_mark);
}
