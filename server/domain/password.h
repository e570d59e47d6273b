/*
 * password -- argon2id, through libsodium.
 *
 * Slow by design (about 20 ms and 19 MiB each, the least that OWASP advises):
 * only for the password pool, never on a loop or the writer.
 */

#ifndef DOMAIN_PASSWORD_H
#define DOMAIN_PASSWORD_H

#include "server/domain/call.h"

#define PASSWORD_OPS 2u
#define PASSWORD_MEMORY_BYTES (19456u * 1024u)

/* Do what JOB->todo says and wipe the password.  False: out of memory. */
bool password_run(struct password_job *job);

/* Put a hash into JOB that no password matches: a missing customer costs as much time. */
void password_decoy(struct password_job *job);

#endif
