/*
 * feed -- feeds of changes, as the core sees them.
 *
 * A feed has its place in the log and a window of changes that it is ready to take.
 * From these follows, at any time, what has to be asked of the server: a subscription
 * when it has none, more credit when half of the window is free.  feed_poke() asks for
 * it; so a lost connection, or a lack of memory, needs no special care.
 */

#ifndef CLIENT_FEED_H
#define CLIENT_FEED_H

#include "client/core.h"
#include "proto/message.h"

#define FEED_KIND_BYTES_MAX 15u

struct customerd_feed {
	LIST_ENTRY(customerd_feed) link;
	struct customerd_core  *core;  /* NULL: freed */
	struct customerd_async *async; /* its owner, unless NULL */

	/* What is asked for. */
	char     kind[FEED_KIND_BYTES_MAX + 1]; /* empty: all */
	int64_t  id;                            /* 0: all */
	int64_t  store;                         /* 0: that of the token */
	uint32_t window;

	/* The subscription. */
	struct call *call;     /* subscribes or gives credit, unless NULL */
	int64_t      number;   /* 0: there is none */
	uint32_t     granted;  /* so many changes may the server still send */
	int64_t      received; /* all up to this place has come; -1: unknown */
	int64_t      position; /* … and was handed on */
	int64_t      last;     /* the newest change of the log, as far as we know */

	/* Handing on: by a callback, or kept for customerd_feed_next(). */
	customerd_changed    *changed; /* NULL: kept */
	customerd_feed_ended *ended;
	void                 *user;
	struct buf            kept;
	size_t                kept_taken; /* bytes at its front that were handed out */
	uint32_t              kept_count;

	bool                   is_over;
	enum customerd_status  status; /* … and why */
	struct customerd_error error;
	struct buf             details; /* of the error */
	unsigned               busy;    /* callbacks that are running */
	bool                   doomed;  /* to be freed when they return */
};

/* For how much credit to ask now; 0: no call is needed. */
uint32_t feed_wanted_credit(const struct customerd_feed *feed);

enum feed_taken {
	FEED_TAKEN,
	FEED_FOREIGN, /* it belongs to no feed */
	FEED_BAD,     /* the server breaks its word, or memory is out */
};

/* Is there anything to ask for? */
bool feed_has_work(const struct customerd_core *core);

/* Begin the calls that feeds need. */
void feed_poke(struct customerd_core *core);

/* Take NOTIFICATION if it is for a feed.  Callbacks may come. */
enum feed_taken feed_notify(
    struct customerd_core *core, const struct message *notification);

/* The connection is gone because of ERROR, which ends feeds unless it is retryable. */
void feed_disconnected(
    struct customerd_core *core, const struct customerd_error *error);

/* Take FEED from its core, and end its subscription. */
void feed_detach(struct customerd_feed *feed);

/* Free FEED. */
void feed_release(struct customerd_feed *feed);

/* The core is being freed; feeds go on without it, until they are closed. */
void feed_abandon(struct customerd_core *core, const struct customerd_error *error);

#endif
