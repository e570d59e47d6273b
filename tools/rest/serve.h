/*
 * serve -- what routes do, for every format.
 *
 * Each function answers its request, from the first line again after each round of
 * calls; see work.h.
 */

#ifndef REST_SERVE_H
#define REST_SERVE_H

#include "tools/rest/codec.h"

serve_function serve_get;    /* the record of the path */
serve_function serve_update; /* it, by the object in the body */
serve_function serve_create;
serve_function serve_delete;

/* BODY, which must be an object; else it is refused as WHAT it is, and NULL. */
const json_t *serve_object(struct work *work, const json_t *body, struct slice what);

/* The record of the path; NULL: not yet, or refused. */
const struct answer *serve_read(struct work *work);

/*
 * Let IN be a change of the record of the path as it is now: a newer one is not
 * written over.  False: not yet, or refused.
 */
bool serve_read_first(struct work *work, struct decoding *in);

/*
 * Read the object in the body into IN, which is then to be ended by decode_end().
 * False: refused, or something has to be looked up first; IN is ended then.
 */
bool serve_decode(struct work *work, struct decoding *in, bool is_create);

/*
 * Carry out METHOD with IN and, unless ID is empty, the record of that id.  NULL: not
 * yet, or refused.  Ends IN.
 */
const struct answer *serve_change(
    struct work *work, struct decoding *in, enum method_number method, struct slice id);

#define LISTING_ORDERS_MAX 3u

struct order {
	unsigned field;
	bool     is_descending;
};

/*
 * What serve_list() shall list, and what it has found.
 *
 * A list with `match` may have to look at many records for few: it looks at
 * LISTING_CALLS_MAX times what the server does in one call, and then is cut.
 */
struct listing {
	enum method_number  method;
	int64_t             offset, limit;
	bool                is_descending;
	int64_t             place;    /* an id to begin behind; 0: the first there is */
	const char         *argument; /* that narrows it, or NULL */
	const struct slice *value;    /* of it, in MessagePack */
	struct slice        match;    /* likewise; empty: all */
	bool                counts;   /* TOTAL is wanted with `match`, too */

	/* What neither an index nor `match` gives, and is searched for; see search.h.
	 */
	bool (*takes)(const struct listing *listing, const struct parts *record);
	const void  *terms; /* of takes() */
	struct order order[LISTING_ORDERS_MAX];
	unsigned     order_count;

	struct slice *records; /* in the arena */
	unsigned      count;
	int64_t       total;  /* on all pages */
	int64_t       all;    /* of them and of those that takes() did not want */
	int64_t       next;   /* PLACE of what follows; 0: nothing */
	bool          is_cut; /* not all was looked at that should have been */
};

#define LISTING_CALLS_MAX 16u

/* Fill LISTING.  False: not yet, or refused. */
bool serve_list(struct work *work, struct listing *listing);

#endif
