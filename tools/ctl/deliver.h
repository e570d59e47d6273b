/*
 * deliver -- hand one change over: to standard output, to a command, to a webhook.
 *
 * A change counts as taken when the command ends with 0, or the webhook answers with
 * a 2xx.  The body is the change as JSON.  A webhook's request is signed:
 *
 *	Customerd-Signature: t=SECONDS,v1=HEX
 *
 * HEX is the HMAC-SHA256 of "SECONDS.BODY" under the secret, and SECONDS is the time.
 */

#ifndef CTL_DELIVER_H
#define CTL_DELIVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define DELIVER_WHY_BYTES 320u

struct webhook;

/* SECRET is LEN bytes, which are copied.  NULL when that cannot be. */
struct webhook *webhook_new(const char *url, const char *secret, size_t len);
void            webhook_free(struct webhook *webhook);

/* POST BODY, the change number SEQ.  False, with a sentence in WHY, when it was not
 * taken. */
bool webhook_post(struct webhook *webhook, const char *body, json_int_t seq,
    char why[DELIVER_WHY_BYTES]);

/* Run COMMAND by the shell, with BODY and a line feed as its standard input and SEQ in
 * CUSTOMERD_SEQ. */
bool deliver_exec(
    const char *command, const char *body, json_int_t seq, char why[DELIVER_WHY_BYTES]);

#endif
