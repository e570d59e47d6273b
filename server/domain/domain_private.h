/*
 * domain_private -- the struct behind domain.h, for the modules of the domain.
 */

#ifndef DOMAIN_DOMAIN_PRIVATE_H
#define DOMAIN_DOMAIN_PRIVATE_H

#include <stdatomic.h>

#include "server/domain/change.h"
#include "server/domain/domain.h"
#include "server/domain/upgrade.h"

#define DOMAIN_KEY_BYTES 32u
#define TOKEN_HASH_BYTES 32u

struct record;

struct domain {
	struct domain_options options;
	unsigned char key[DOMAIN_KEY_BYTES]; /* made at first start; never leaves */
	atomic_uint_fast64_t token_epoch;    /* of what is committed */
	uint64_t
	    token_epoch_next; /* the writer's: of what the open batch would make it */
	uint32_t       trim_store; /* the writer's: whose old changes leave next */
	struct upgrade upgrade;
};

/* The keyed hash of SECRET, TOKEN_HASH_BYTES long: what is kept in its place. */
void domain_hash(const struct domain *domain, struct slice secret, unsigned char *hash);

/* Which identity does the record of a token give? */
void identity_read(const struct record *token, struct identity *who);

/* Read at start how often tokens and stores have changed. */
void domain_load_token_epoch(struct domain *domain, struct kv_txn *txn);

/* Note in TXN, and for domain_committed(), that a token or a store changes. */
void domain_step_token_epoch(struct domain *domain, struct kv_txn *txn);

#endif
