/*
 * rlimit -- what the system grants the process: descriptors for its connections, and no
 * core dumps, in which records and tokens would be.
 *
 * Threads.  Called before there are any.
 */

#ifndef BASE_RLIMIT_H
#define BASE_RLIMIT_H

#include "server/base/log.h"

/* Descriptors that are not connections: the database, listeners, loops, log. */
#define RLIMIT_DESCRIPTORS_KEPT 64u

/* From now on there are no core dumps, and nobody but root looks into the memory. */
void rlimit_no_core_dumps(void);

/*
 * Have the descriptors that CONNECTIONS want, as far as the hard limit goes.  How many
 * connections they are enough for; LOG is told when these are fewer.
 */
unsigned rlimit_fit_connections(unsigned connections, struct log *log);

#endif
