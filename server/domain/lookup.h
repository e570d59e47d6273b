/*
 * lookup -- the arguments by which find and list look records up in an index.
 */

#ifndef DOMAIN_LOOKUP_H
#define DOMAIN_LOOKUP_H

#include "server/domain/kind.h"
#include "server/kv/key.h"

struct lookup {
	enum record_kind record;
	enum argument    argument;
	unsigned         place; /* of the field */
};

/* The lookup that CALL asks for, or NULL; a second one is a violation. */
const struct lookup *lookup_find(struct call *call);

/*
 * Make PREFIX what the entries for LOOKUP's value begin with; the id follows.  False
 * when no record can have the value, or when memory ran out, which shows in
 * CALL->scratch.
 */
bool lookup_prefix(struct call *call, const struct lookup *lookup, struct key *prefix);

#endif
