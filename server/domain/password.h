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

#define PASSWORDS_PER_CALL_MAX                                \
	10u /* so that one call cannot hold the pool for long \
	     */

/*
 * Do what JOB and the jobs behind it (next) ask for, and wipe the passwords: CLEAR
 * must lie in memory that may be written.  False: out of memory.
 */
bool password_run(struct password_job *job);

/* Put a hash into JOB that no password matches: a missing customer costs as much time.
 */
void password_decoy(struct password_job *job);

#endif
