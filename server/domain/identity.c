/*
 * Who asks: from the secret of a token to an identity, and when what is known about
 * one must be looked up again.
 */

#include <sodium.h>

#include "proto/reader.h"
#include "server/domain/domain_private.h"
#include "server/domain/kind.h"
#include "server/domain/record.h"
#include "server/domain/store.h"

#define TOKEN_EPOCH SLICE("token epoch")

void
domain_hash(const struct domain *domain, struct slice secret, unsigned char *hash)
{
	crypto_generichash(hash, TOKEN_HASH_BYTES, (const unsigned char *)secret.data,
	    secret.len, domain->key, sizeof(domain->key));
}

uint64_t
domain_token_epoch(const struct domain *domain)
{
	return atomic_load_explicit(&domain->token_epoch, memory_order_acquire);
}

void
domain_load_token_epoch(struct domain *domain, struct kv_txn *txn)
{
	domain->token_epoch_next = counter_get(txn, 0, TOKEN_EPOCH);
	atomic_init(&domain->token_epoch, domain->token_epoch_next);
}

void
domain_step_token_epoch(struct domain *domain, struct kv_txn *txn)
{
	uint64_t epoch = counter_get(txn, 0, TOKEN_EPOCH) + 1;

	counter_put(txn, 0, TOKEN_EPOCH, epoch);
	/* A batch that is taken back leaves this too high: one look-up more, no harm.
	 */
	if (domain->token_epoch_next < epoch)
		domain->token_epoch_next = epoch;
}

void
domain_committed(struct domain *domain)
{
	atomic_store_explicit(
	    &domain->token_epoch, domain->token_epoch_next, memory_order_release);
}

/* The bit of the scope called WORD, or none if this server does not know it. */
static uint64_t
scope_bit(struct slice word)
{
	for (unsigned i = 0; i < SCOPE_COUNT; i++)
		if (slice_equal(word, slice_text(scope_words[i])))
			return SCOPE_BIT(i);
	return 0;
}

void
identity_read(const struct record *record, struct identity *who)
{
	struct reader reader;

	*who = (struct identity){
		.token = (uint64_t)record_integer(record, COMMON_ID),
		.store = (uint32_t)record_integer(record, TOKEN_STORE),
		.customer = (uint64_t)record_integer(record, TOKEN_CUSTOMER),
		.expires_at = record_integer(record, TOKEN_EXPIRES_AT),
	};
	if (!record_has(record, TOKEN_SCOPES))
		return;
	reader_init(&reader, record->field[TOKEN_SCOPES]);
	for (uint32_t left = reader_array(&reader); left > 0; left--)
		who->scopes |= scope_bit(reader_text(&reader));
}

/* Note what WHO's store says about every update.  One that is damaged is no news here:
 * whoever needs more of it will find out. */
static void
read_store(struct kv_txn *txn, struct identity *who)
{
	who->revision_required = store_wants_revision(txn, who->store);
	who->knows_store = txn->status == STATUS_OK;
	if (txn->status == STATUS_DAMAGED)
		txn->status = STATUS_OK;
}

/* Who is behind the token with that ID?  NOT_FOUND, UNAUTHENTICATED. */
static enum status
identify_id(struct kv_txn *txn, uint64_t id, int64_t now_ms, struct identity *who)
{
	struct record record;
	struct slice  value;

	if (!kind_get(txn, kind_of(RECORD_TOKEN), 0, id, &value, NULL))
		return txn->status != STATUS_OK ? txn->status : STATUS_NOT_FOUND;
	if (!record_split(&record, &record_shapes[RECORD_TOKEN], value))
		return STATUS_DAMAGED;
	identity_read(&record, who);
	/* From the same snapshot as the token: so it cannot vouch for a newer one. */
	who->epoch = counter_get(txn, 0, TOKEN_EPOCH);
	if (who->expires_at != 0 && who->expires_at <= now_ms) {
		*who = (struct identity){ 0 };
		return STATUS_UNAUTHENTICATED;
	}
	if (txn->status == STATUS_OK)
		read_store(txn, who);
	return txn->status;
}

enum status
domain_identify(struct domain *domain, struct kv_txn *txn, struct slice token,
    int64_t now_ms, struct identity *who)
{
	unsigned char hash[TOKEN_HASH_BYTES];
	struct slice  value;
	enum status   status;
	uint64_t      id = 0;

	*who = (struct identity){ 0 };
	domain_hash(domain, token, hash);
	if (!kv_get(txn, KV_TOKEN_HASH, slice_of(hash, sizeof(hash)), &value))
		return txn->status != STATUS_OK ? txn->status : STATUS_UNAUTHENTICATED;
	if (!key_take_u64(&value, &id))
		return STATUS_DAMAGED;
	status = identify_id(txn, id, now_ms, who);
	return status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status;
}

enum status
domain_identify_key(struct kv_txn *txn, const unsigned char hash[IDENTITY_KEY_BYTES],
    int64_t now_ms, struct identity *who)
{
	const struct field *field =
	    &record_shapes[RECORD_TOKEN].fields[TOKEN_PUBLIC_KEY];
	char         digits[2 * IDENTITY_KEY_BYTES + 1];
	struct slice value;
	struct key   key;
	enum status  status;
	uint64_t     id = 0;

	*who = (struct identity){ 0 };
	sodium_bin2hex(digits, sizeof(digits), hash, IDENTITY_KEY_BYTES);
	key_init(&key, 0); /* as index_key() makes it */
	key_text(&key, field->name);
	key_text(&key, slice_text(digits));
	if (!kv_get(txn, KV_TOKEN_UNIQUE, key_slice(&key), &value))
		return txn->status != STATUS_OK ? txn->status : STATUS_UNAUTHENTICATED;
	if (!key_take_u64(&value, &id))
		return STATUS_DAMAGED;
	status = identify_id(txn, id, now_ms, who);
	who->has_key = true;
	memcpy(who->key, hash, sizeof(who->key));
	return status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status;
}

enum status
domain_renew(
    struct domain *domain, struct kv_txn *txn, int64_t now_ms, struct identity *who)
{
	unsigned char key[IDENTITY_KEY_BYTES];
	enum status   status;

	if (who->token == 0)
		return STATUS_OK; /* an operator */
	if (who->epoch == domain_token_epoch(domain) &&
	    (who->expires_at == 0 || now_ms < who->expires_at))
		return STATUS_OK;
	if (who->has_key) { /* which may be another's now, or nobody's */
		memcpy(key, who->key, sizeof(key));
		return domain_identify_key(txn, key, now_ms, who);
	}
	status = identify_id(txn, who->token, now_ms, who);
	return status == STATUS_NOT_FOUND ? STATUS_UNAUTHENTICATED : status;
}

void
domain_identify_operator(struct identity *who)
{
	*who = (struct identity){
		.scopes = SCOPE_BIT(SCOPE_OPERATE) | SCOPE_BIT(SCOPE_STORE_READ) |
			  SCOPE_BIT(SCOPE_CHANGES_READ) | SCOPE_BIT(SCOPE_IMPORT),
	};
}
