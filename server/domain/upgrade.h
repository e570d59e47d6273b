/*
 * upgrade -- brings what servers before format 4 of the file have left into the form of
 * today: then each record and each change names the change before (stored.h).
 *
 * On the writer's side, before anybody is served; in steps, each in a batch of its own.
 * What is done stays done when the process ends in between.
 */

#ifndef DOMAIN_UPGRADE_H
#define DOMAIN_UPGRADE_H

#include "server/kv/key.h"
#include "server/kv/kv.h"

struct upgrade { /* all 0 at first */
	unsigned   phase;
	struct key place; /* in the table of that phase */
};

/* The next step.  True when none is left. */
bool upgrade_step(struct upgrade *upgrade, struct kv_txn *txn);

/* Whether there is nothing to be done, in this database. */
bool upgrade_is_done(struct kv_txn *txn);

/* Note that; in one that is new, too. */
void upgrade_set_done(struct kv_txn *txn);

#endif
