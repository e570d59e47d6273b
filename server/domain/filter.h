/*
 * filter -- the argument `match`: which records of a list are wanted.
 *
 * A condition that is a list holds when one of its items fits; all conditions must
 * hold.  Texts are compared folded (text.h).
 *
 * Memory.  A filter lies in the arena of its call.
 */

#ifndef DOMAIN_FILTER_H
#define DOMAIN_FILTER_H

#include "server/domain/call.h"
#include "server/domain/record.h"

struct filter {
	struct record wanted; /* of match_shape */
	struct {
		struct slice *list; /* folded */
		uint32_t      count;
	} texts[MATCH_FIELD_COUNT];
};

/* Make FILTER of CALL's `match`.  Failure shows in the arena. */
void filter_read(struct filter *filter, struct call *call);

/* Whether RECORD, a customer, is wanted.  Running out of memory shows in SCRATCH. */
bool filter_passes(
    const struct filter *filter, const struct record *record, struct buf *scratch);

#endif
