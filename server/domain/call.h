/*
 * call -- one request on its way through the domain.
 *
 * The net fills in who asks and what; domain_check() decodes and judges it; then a
 * read runs on the loop, a write on the writer thread.  Exactly one thread has the
 * call at a time; it is handed over, never shared (but for CANCELLED, an atomic).
 *
 * Memory.  Slices point into the request's bytes or into ARENA; both live until
 * the answer is sent.  Nothing of a call is freed on its own.
 */

#ifndef DOMAIN_CALL_H
#define DOMAIN_CALL_H

#include <stdatomic.h>

#include "proto/message.h"
#include "proto/method.h"
#include "server/base/arena.h"
#include "server/domain/args.h"
#include "server/domain/violation.h"
#include "server/kv/kv.h"

struct domain;
struct patch;

/* What one call may take: a hundred of the largest records, merged. */
#define CALL_ARENA_BYTES_MAX (32u * 1024 * 1024)
#define CALL_SCRATCH_BYTES_MAX (2u * FRAME_BYTES_MAX)

/* Who asks.  Read from the token; see domain_identify(). */
#define IDENTITY_KEY_BYTES 32u /* SHA-256 of a public key */

struct identity {
	uint64_t      token;  /* its id; 0: an operator on the unix socket, or nobody */
	uint32_t      store;  /* the one that exists for this call; 0: none */
	uint64_t      scopes; /* SCOPE_BIT()s */
	uint64_t      customer;          /* bound to this one; 0: any of the store */
	int64_t       expires_at;        /* wall clock, ms; 0: never */
	uint64_t      epoch;             /* domain_token_epoch() when this was read */
	bool          knows_store;       /* STORE's record was read, and … */
	bool          revision_required; /* … says that updates must name theirs */
	bool          has_key;           /* is who it is by KEY, not by a secret */
	unsigned char key[IDENTITY_KEY_BYTES];
};

enum password_todo {
	PASSWORD_NOTHING,
	PASSWORD_HASH,   /* CLEAR into HASH, before the write is queued */
	PASSWORD_VERIFY, /* CLEAR against HASH into MATCHES, after the read */
};

#define PASSWORD_HASH_BYTES 128u /* crypto_pwhash_STRBYTES */

/* Work for the password pool, which nobody else may do. */
struct password_job {
	struct password_job *next; /* of the same call */
	enum password_todo   todo;
	struct slice         clear;
	char                 hash[PASSWORD_HASH_BYTES]; /* terminated PHC string */
	bool                 matches;
};

struct call {
	/* Set by the net. */
	struct domain       *domain;
	const struct method *method;
	struct identity      who;
	struct meta          meta;
	struct slice         args_bytes;  /* one map, or empty */
	int64_t              now_ms;      /* wall clock at receipt */
	int64_t              deadline_ms; /* monotonic clock; 0: none */
	atomic_bool          cancelled;   /* set by the loop at any time */
	struct arena        *arena;       /* see CALL_ARENA_BYTES_MAX */
	struct buf *scratch; /* working space, meaningless between two functions */
	struct buf *result;  /* gets one MessagePack value on OK; of a write: empty */

	/* Set by domain_check(). */
	struct args          args;
	struct patch        *patches; /* what to change, one for each record */
	unsigned             patch_count;
	struct password_job *passwords; /* to be run next, or NULL: see domain.h */

	/* Set along the way, for the answer. */
	struct violations violations;
	const char       *detail; /* a sentence in place of the status's own, or NULL */
	int64_t           revision;     /* with REVISION_MISMATCH: the current one */
	uint64_t          oldest, last; /* with CHANGES_GONE: what there is instead */
	struct slice      login; /* verify_password: the customer's record, or empty */
	uint64_t         *noted; /* customers whose records the answer holds */
	unsigned          noted_count;
};

/* Make CALL empty; the net sets its part afterwards. */
void call_init(struct call *call);

static inline bool
call_may(const struct call *call, enum scope scope)
{
	return scope == SCOPE_NONE || (call->who.scopes & SCOPE_BIT(scope)) != 0;
}

/*
 * Append the error map of STATUS, which is not OK: code, message, retryable, and
 * where they exist errors and revision.  See PROTOCOL.md, "Errors".
 */
void call_pack_error(const struct call *call, enum status status, struct buf *buf);

#endif
