/*
 * auth -- who speaks on a connection.
 *
 * hello gives a connection its token; a token in meta counts for one request.  What
 * is known about a token is kept, but is looked up again as soon as any token has
 * changed (the domain's epoch), and its end is compared with the clock at every
 * request: so a revoked token is of no use on connections already open.
 *
 * Without a token a peer is nobody, unless it sits on the unix socket and runs as
 * somebody who operates this server, or has shown a certificate whose public key a
 * token names.
 *
 * Threads.  A struct auth belongs to its connection's loop.
 *
 * Memory.  The connection's token is kept in clear, to be looked up again; it is
 * wiped by auth_fini().  A token in meta leaves its keyed hash only.
 */

#ifndef NET_AUTH_H
#define NET_AUTH_H

#include <sys/types.h>

#include "server/domain/domain.h"

#define AUTH_HASH_BYTES 16u
#define AUTH_KEY_BYTES 16u
/* Wrong tokens in a row from nobody, before it is cut off. */
#define AUTH_WRONG_MAX 16u

/* What looking a token up takes. */
struct auth_source {
	struct domain       *domain;
	struct kv_snapshot  *snapshot;
	const unsigned char *key; /* AUTH_KEY_BYTES, random for each process */
};

struct auth {
	bool            is_operator; /* while there is no token */
	struct identity who;         /* of the connection; no scopes: nobody */
	char           *token;       /* what hello brought, or NULL */
	size_t          token_len;
	bool            has_key;  /* the peer has shown a certificate … */
	bool            uses_key; /* … and is who that says, for there is no token */
	unsigned char   key[IDENTITY_KEY_BYTES]; /* … with this public one, hashed */
	unsigned        wrong_count; /* tokens in a row that were nobody's */
	/* The last token that came in meta. */
	bool            has_recent;
	unsigned char   recent_hash[AUTH_HASH_BYTES];
	struct identity recent;
};

/* Begin with an operator, or with nobody. */
void auth_init(struct auth *auth, bool is_operator);
void auth_fini(struct auth *auth);

/* The peer has shown that it holds the key whose public one has the hash KEY. */
void auth_show_key(struct auth *auth, const unsigned char key[IDENTITY_KEY_BYTES]);

/* Be nobody from now on. */
void auth_forget(struct auth *auth);

/* Whether the peer of the unix socket FD runs as root, as us or as ADMIN_UID. */
bool auth_peer_operates(int fd, uid_t admin_uid);

/*
 * Make TOKEN the connection's; empty: be again who it was at the beginning.  On any
 * failure, like UNAUTHENTICATED, the connection has no identity any more.
 */
enum status auth_hello(struct auth *auth, const struct auth_source *source,
    struct slice token, int64_t now_ms);

/*
 * Who asks, given TOKEN from meta (empty: none)?  OK also for nobody, who may do
 * what needs no scope.  UNAUTHENTICATED when TOKEN is nobody's.
 */
enum status auth_resolve(struct auth *auth, const struct auth_source *source,
    struct slice token, int64_t now_ms, struct identity *who);

/* Whether the connection has an identity, as far as is known. */
static inline bool
auth_is_known(const struct auth *auth)
{
	return auth->who.scopes != 0;
}

/*
 * Whether the peer only guesses.  One that has an identity of its own may pass on the
 * wrong tokens of others, as the shim does.
 */
static inline bool
auth_guesses(const struct auth *auth)
{
	return auth->wrong_count >= AUTH_WRONG_MAX && !auth_is_known(auth);
}

#endif
