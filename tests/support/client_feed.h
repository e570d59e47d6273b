/*
 * client_feed -- a feed of changes on a core without any socket.
 *
 * As in client_core, the test is the server.  What fails here fails the test.
 */

#ifndef SUPPORT_CLIENT_FEED_H
#define SUPPORT_CLIENT_FEED_H

#include "tests/support/client_core.h"

#define WINDOW 4u

/* What came of a feed. */
struct seen {
	unsigned               count;
	int64_t                first, last; /* of the changes */
	unsigned               endings;
	enum customerd_status  status;
	struct customerd_error error;
	struct customerd_feed *to_close; /* by the next change, or at the end */
	struct customerd_core *to_free;
};

extern struct customerd_feed *feed;
extern struct seen            seen;

/* For cmocka: a core; and one with a connection, and a feed on it as subscription 1. */
int feed_set_up(void **state);
int feed_set_up_subscribed(void **state);
int feed_tear_down(void **state);

/* ---- The server's side ---- */

/* The core must send METHOD, and nothing else. */
void must_send(const char *method);
void must_send_nothing(void);

/* The argument KEY of the request that was sent last; -2 without it. */
int64_t sent_integer(const char *key);

/* Feed what is on the wire; false when the core finds that the server breaks its word.
 */
bool deliver(void);

void answer_subscribe(int64_t number, int64_t next);

/* Pack the changes FIRST to LAST, if any, and NEXT; or send them. */
void pack_changes(int64_t number, int64_t first, int64_t last, int64_t next);
bool send_changes(int64_t number, int64_t first, int64_t last);

void pack_error(const char *code, int64_t number);

/* ---- The user's side ---- */

/* Follow the feed behind AFTER into SEEN, by these callbacks. */
void open_feed(int64_t after);
void on_change(void *user, struct customerd_slice change);
void on_feed_end(
    void *user, enum customerd_status status, const struct customerd_error *error);

#endif
