/*
 * violation -- what is wrong with a request, all of it, not only the first.
 *
 * A list with room for VIOLATIONS_MAX entries; what comes after that is counted
 * and dropped.  A path names the culprit: "email", "contacts.2.type",
 * "updates.3.set.email".  It begins with a prefix that grows and shrinks as the check
 * walks down and up, and is only written out when something is wrong.  A path may hold
 * what a peer sent: printable ASCII is kept, every other byte becomes '?'.
 *
 * Memory.  Paths are copied into the struct; nothing to free.  The keys of the prefix
 * are the caller's until it has gone up again.
 */

#ifndef DOMAIN_VIOLATION_H
#define DOMAIN_VIOLATION_H

#include "proto/buf.h"
#include "proto/limits.h"
#include "proto/status.h"

#define VIOLATION_PATH_BYTES_MAX 120u /* longer paths are cut */
#define VIOLATION_STEPS_MAX 20u       /* and deeper ones; no message has so many */

struct violation {
	enum rule rule;
	char      path[VIOLATION_PATH_BYTES_MAX + 1];
};

struct violations {
	unsigned         count;   /* entries in list */
	unsigned         dropped; /* further ones, for which no room was left */
	unsigned         depth;   /* steps of the prefix */
	struct slice     prefix[VIOLATION_STEPS_MAX]; /* an index: data NULL, len it */
	struct violation list[VIOLATIONS_MAX];
};

void violations_init(struct violations *violations);

/* Note that the value at the prefix, then KEY (empty: the prefix itself), breaks RULE.
 */
void violations_add(struct violations *violations, struct slice key, enum rule rule);

/* Go down into KEY, or item INDEX, of the prefix; returns what violations_up() takes.
 */
static inline unsigned
violations_down(struct violations *violations, struct slice key)
{
	if (violations->depth < VIOLATION_STEPS_MAX)
		violations->prefix[violations->depth] = key;
	return violations->depth++;
}

static inline unsigned
violations_down_index(struct violations *violations, unsigned index)
{
	return violations_down(violations, (struct slice){ NULL, index });
}

static inline void
violations_up(struct violations *violations, unsigned mark)
{
	violations->depth = mark;
}

static inline bool
violations_any(const struct violations *violations)
{
	return violations->count > 0;
}

/* Append them as an array of {path, code, message}. */
void violations_pack(const struct violations *violations, struct buf *buf);

#endif
