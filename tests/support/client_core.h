/*
 * client_core -- a core of the client without any socket: bytes in, bytes out.
 *
 * The test is the server: it looks at what the core has SENT, packs what it says into
 * WIRE and feeds that to the core.  What fails here fails the test.
 */

#ifndef SUPPORT_CLIENT_CORE_H
#define SUPPORT_CLIENT_CORE_H

#include "client/customerd.h"
#include "proto/message.h"

#define REQUESTS_MAX 2048u

extern struct customerd_core *core;
extern struct buf             wire; /* what the server sends next */
extern struct message         sent[REQUESTS_MAX];
extern unsigned               sent_count;
extern struct buf             sent_bytes; /* what SENT points into */

/* How one call ended. */
struct ending {
	unsigned               count; /* how often, which must be once */
	enum customerd_status  status;
	int64_t                result; /* when it is an integer */
	struct customerd_error error;
};

/* For cmocka: a core, with or without a connection that stands. */
int core_set_up(void **state);
int core_set_up_greeted(void **state);
int core_tear_down(void **state);

/* ---- The server's side ---- */

/* Take what the core sends, and note the messages in it. */
void take_sent(void);

/* Feed what is on the wire to the core. */
bool feed_wire(struct customerd_error *error);

/* The server answers MSGID with VALUE. */
void answer(uint32_t msgid, int64_t value);

/* A new connection, on which the server greets back; it takes WINDOW calls at once. */
void greet(unsigned window);

void hang_up(void);

/* ---- The user's side ---- */

struct ending no_ending(void);

/* Note in the struct ending USER how a call ended. */
void on_end(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error);

/* Begin a call of METHOD at NOW_MS; its id. */
uint32_t call_at(int64_t now_ms, const char *method, struct ending *ending);

#endif
