/*
 * client_script -- a client over real sockets, against a server that follows a script.
 *
 * The server is a child process; it ends with 1 when the client departs from the
 * script, and script_tear_down() looks at that.
 */

#ifndef SUPPORT_CLIENT_SCRIPT_H
#define SUPPORT_CLIENT_SCRIPT_H

#include <sys/types.h>

#include "client/customerd.h"
#include "proto/message.h"

extern char  address[128]; /* of the server, for the client */
extern int   listener;
extern pid_t server; /* 0: none */

/* For cmocka.  Nobody serves yet, but connections wait. */
int script_set_up(void **state);
int script_tear_down(void **state);

/* ---- The server's side ---- */

struct peer {
	int            fd;
	struct buf     in;
	size_t         len; /* of the current message at the front of IN */
	struct message message;
};

/* Run SCRIPT in a process of its own. */
void serve(void (*script)(void));

/* End the script: the client has not done what it should. */
void depart(const char *why);

struct peer must_accept(void);

/* Take the next message, which must be METHOD; its msgid. */
uint32_t must_get(struct peer *peer, const char *method);

void must_send_bytes(struct peer *peer, struct slice bytes);

/* Answer with {"time": VALUE}. */
void reply(struct peer *peer, uint32_t msgid, int64_t value);

/* Accept a connection and greet back. */
struct peer must_greet(void);

/* Let wait_until_told() go on. */
void tell(void);

/* A script: greet, and answer one ping. */
void script_ping(void);

/* A script: refuse the token. */
void script_refuse_token(void);

/* ---- The test's side ---- */

void    wait_until_told(void);
int64_t clock_now_ms(void);

/* A blocking handle, connected to the script. */
struct customerd *must_connect(void);

#endif
