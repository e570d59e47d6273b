/*
 * violation -- what is wrong with a request, all of it, not only the first.
 *
 * A list with room for VIOLATIONS_MAX entries; what comes after that is counted
 * and dropped.  A path names the culprit: "email", "contacts.2.type",
 * "updates.3.set.email".  Paths are built with a prefix that grows and shrinks as
 * the check walks down and up.  A path may hold what a peer sent: printable ASCII is
 * kept, every other byte becomes '?'.
 *
 * Memory.  Paths are copied into the struct; nothing to free.
 */

#ifndef DOMAIN_VIOLATION_H
#define DOMAIN_VIOLATION_H

#include "proto/buf.h"
#include "proto/limits.h"
#include "proto/status.h"

#define VIOLATION_PATH_BYTES_MAX 120u /* longer paths are cut */

struct violation {
	enum rule rule;
	char      path[VIOLATION_PATH_BYTES_MAX + 1];
};

struct violations {
	unsigned         count;   /* entries in list */
	unsigned         dropped; /* further ones, for which no room was left */
	size_t           prefix_len;
	char             prefix[VIOLATION_PATH_BYTES_MAX + 1];
	struct violation list[VIOLATIONS_MAX];
};

void violations_init(struct violations *violations);

/* Note that the value at the prefix, then KEY (empty: the prefix itself), breaks RULE.
 */
void violations_add(struct violations *violations, struct slice key, enum rule rule);

/* Go down into KEY, or item INDEX, of the prefix; returns what violations_up() takes.
 */
size_t violations_down(struct violations *violations, struct slice key);
size_t violations_down_index(struct violations *violations, unsigned index);
void   violations_up(struct violations *violations, size_t mark);

static inline bool
violations_any(const struct violations *violations)
{
	return violations->count > 0;
}

/* Append them as an array of {path, code, message}. */
void violations_pack(const struct violations *violations, struct buf *buf);

#endif
