/*
 * subscribe -- subscriptions to the change feed: changes are sent to who asked for
 * them, as they are made and as far as the credit goes.
 *
 * Of a subscriber nothing is kept but its place in the log.  What it has not had yet
 * is read from the database, whether it was committed a moment ago or a week ago:
 * catching up and following are the same.  So nothing piles up for a slow subscriber,
 * and nothing is lost when either side crashes.
 *
 * A subscription gets a share of the loop's turn, bounded in changes and bytes.  Then
 * it is due again in the next turn while there is more; it is idle when it has
 * everything or no credit, until the next commit wakes it; and it rests, in neither
 * list, while its connection has much to send.
 *
 * It ends with its connection, when its token ends or may no longer read the feed,
 * and when its place in the log was dropped; of which the notice "error" tells, with
 * the key "subscription".
 *
 * Threads.  The connection's loop.
 */

#ifndef NET_SUBSCRIBE_H
#define NET_SUBSCRIBE_H

#include "server/domain/feed.h"
#include "server/net/conn.h"

/* What one subscription may take of a turn. */
#define SUBSCRIBE_SHARE_ITEMS 100u
#define SUBSCRIBE_SHARE_BYTES ((size_t)64 * 1024)

/* No more is sent while so much waits; answers have room above it. */
#define SUBSCRIBE_OUTPUT_BYTES (CONN_OUTPUT_PAUSE_BYTES / 2)

/* Without a change for it, a subscriber learns its place after so many of others. */
#define SUBSCRIBE_PLACE_EVERY 1000u

struct subscription {
	struct link      link; /* of its connection */
	struct link      turn; /* in the loop's list of those due, or of the idle */
	struct conn     *conn;
	uint32_t         number; /* what the peer calls it */
	struct identity  who;
	struct feed_view view;
	uint64_t         after; /* its place in the log … */
	uint64_t         told;  /* … and as far as the peer knows */
	uint64_t         lag;   /* how many were behind it when it was last looked */
	uint32_t         credit;
};

/* change.subscribe, change.credit and change.unsubscribe: as in control_run(). */
enum status subscribe_begin(struct conn *conn, struct call *call);
enum status subscribe_credit(struct conn *conn, struct call *call);
enum status subscribe_end(struct conn *conn, struct call *call);

/* End all subscriptions of CONN, without a word. */
void subscribe_end_all(struct conn *conn);

/* CONN has sent: let its subscriptions go on if they rested for it. */
void subscribe_settle(struct conn *conn);

/* Something was committed: the idle ones are due. */
void subscribe_wake(struct loop *loop);

/* Give each subscription that is due its share of this turn. */
void subscribe_run(struct loop *loop);

#endif
