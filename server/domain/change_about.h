/*
 * change_about -- the index through which the changes of one record are found.
 *
 * It is an index of so many changes each, an era: so what a checkpoint adds to it, and
 * what trimming takes out, lies close together.  With one index for the whole log each
 * of them went to a page of its own, which cost as much as the record.  In return who
 * looks for a record's changes looks into each era that there is, about forty if the
 * feed keeps its ten million.
 */

#ifndef DOMAIN_CHANGE_ABOUT_H
#define DOMAIN_CHANGE_ABOUT_H

#include "server/domain/kind.h"
#include "server/kv/key.h"

#define CHANGE_ERA_BITS 18u /* 262,144 changes */
#define CHANGE_ERAS_MAX 64u /* looked into in one walk */

/* Where the index has the entry SEQUENCE, which is about that record. */
void change_about_key(struct key *key, uint32_t store, const struct kind *kind,
    uint64_t id, uint64_t sequence);

/*
 * A walk over the entries about one record, through CHANGE_ERAS_MAX eras at most.
 * No put or del may happen in TXN between its begin and its end.
 *
 *	struct change_walk walk = { .txn = …, .store = …, .kind = …, .id = …,
 *	    .at = …, .end = …, .backwards = … };
 *	while (change_walk_next(&walk, &sequence))
 *		…
 *	change_walk_end(&walk);
 *
 * Where next() has returned false, all from the old to the new AT has been looked at:
 * it is beyond END, unless there were too many eras, or TXN has failed.
 */
struct change_walk {
	struct kv_txn     *txn;
	uint32_t           store;
	const struct kind *kind;
	uint64_t           id;
	bool               backwards;
	uint64_t at;  /* upwards: from this one on; backwards: those below it */
	uint64_t end; /* upwards: the last one; backwards: the first one */
	/* Its own; 0 at first. */
	unsigned       eras;
	bool           in_era;
	struct key     prefix, from;
	struct kv_scan scan;
};

bool change_walk_next(struct change_walk *walk, uint64_t *sequence);
void change_walk_end(struct change_walk *walk);

/* Where a database from before the eras has what is at ABOUT today. */
void change_about_key_before(struct key *key, const struct key *about);

/*
 * Bring some of the index of a database from before the eras into that of today, from
 * *PLACE on, which is empty at first.  True when none is left.
 */
bool change_about_upgrade(struct kv_txn *txn, struct key *place);

#endif
