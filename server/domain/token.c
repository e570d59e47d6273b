#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/domain_private.h"
#include "server/domain/random.h"
#include "server/domain/store.h"
#include "server/domain/token.h"

#define TOKEN_PREFIX "cst_"
#define TOKEN_RANDOM_CHARS 43u /* 62^43 > 2^256 */
#define TOKEN_CHECK_CHARS 6u   /* of a hash, for scanners and typing errors */
#define EXPIRED_PER_STEP 64u   /* tokens deleted in one step */
#define TOKEN_CHARS (sizeof(TOKEN_PREFIX) - 1 + TOKEN_RANDOM_CHARS + TOKEN_CHECK_CHARS)

static const char alphabet[] = RANDOM_DIGITS_AND_LETTERS;

static void
make_secret(char secret[TOKEN_CHARS])
{
	unsigned char check[crypto_generichash_BYTES_MIN];
	size_t        at = sizeof(TOKEN_PREFIX) - 1;

	memcpy(secret, TOKEN_PREFIX, at);
	random_text(secret + at, TOKEN_RANDOM_CHARS, alphabet);
	at += TOKEN_RANDOM_CHARS;
	crypto_generichash(
	    check, sizeof(check), (const unsigned char *)secret, at, NULL, 0);
	for (unsigned i = 0; i < TOKEN_CHECK_CHARS; i++)
		secret[at++] = alphabet[check[i] % (sizeof(alphabet) - 1)];
}

enum status
token_complete(struct call *call)
{
	char   secret[TOKEN_CHARS];
	size_t bytes_max = call->scratch->bytes_max;

	call->arena->secret = true;
	if (args_have(&call->args, ARG_TOKEN))
		return STATUS_OK;
	make_secret(secret);
	buf_clear(call->scratch, bytes_max);
	pack_text(call->scratch, slice_of(secret, sizeof(secret)));
	call->args.value[ARG_TOKEN] = arena_copy(call->arena, buf_slice(call->scratch));
	call->args.present |= ARG_BIT(ARG_TOKEN);
	sodium_memzero(secret, sizeof(secret));
	if (call->scratch->failed || call->arena->failed)
		return STATUS_NO_MEMORY;
	sodium_memzero(call->scratch->data, call->scratch->len);
	return STATUS_OK;
}

static void
hash_key(struct edit *edit, struct key *key)
{
	unsigned char hash[TOKEN_HASH_BYTES];

	domain_hash(edit->call->domain, args_text(&edit->call->args, ARG_TOKEN), hash);
	key_init_bare(key);
	key_bytes(key, slice_of(hash, sizeof(hash)));
}

/* A token is for a store, and for a customer of it, that exist. */
static void
check_bindings(struct edit *edit)
{
	struct violations  *violations = &edit->call->violations;
	const struct field *fields = edit->shape->fields;
	uint32_t            store = (uint32_t)record_integer(&edit->new, TOKEN_STORE);
	struct record       record;

	if (!store_get(edit->txn, store, &record))
		violations_add(violations, fields[TOKEN_STORE].name, RULE_MISSING);
	if (!record_has(&edit->new, TOKEN_CUSTOMER))
		return;
	if (!kind_has(edit->txn, kind_of(RECORD_CUSTOMER), store,
		(uint64_t)record_integer(&edit->new, TOKEN_CUSTOMER)))
		violations_add(violations, fields[TOKEN_CUSTOMER].name, RULE_MISSING);
}

/* Only those who reach the unix socket operate the server. */
static void
check_scopes(struct edit *edit)
{
	struct identity who;

	identity_read(&edit->new, &who);
	if ((who.scopes & SCOPE_BIT(SCOPE_OPERATE)) != 0)
		violations_add(&edit->call->violations,
		    edit->shape->fields[TOKEN_SCOPES].name, RULE_FORBIDDEN);
}

enum status
token_before(struct edit *edit)
{
	unsigned     mark = violations_down(&edit->call->violations, SLICE("set"));
	struct slice value;
	struct key   key;

	check_scopes(edit);
	if (edit->op == EDIT_CREATE)
		check_bindings(edit);
	violations_up(&edit->call->violations, mark);
	if (edit->op == EDIT_CREATE) {
		hash_key(edit, &key);
		if (kv_get(edit->txn, KV_TOKEN_HASH, key_slice(&key), &value))
			violations_add(
			    &edit->call->violations, SLICE("token"), RULE_TAKEN);
	}
	return STATUS_OK;
}

void
token_after(struct edit *edit)
{
	struct key hash, id, key;

	if (edit->op == EDIT_CREATE) {
		hash_key(edit, &hash);
		key_init_bare(&id);
		key_u64(&id, edit->id);
		kv_put(edit->txn, KV_TOKEN_HASH, key_slice(&hash), key_slice(&id));
		kind_record_key(&key, 0, edit->id);
		kv_put(edit->txn, KV_SECRET, key_slice(&key), key_slice(&hash));
	}
	domain_step_token_epoch(edit->call->domain, edit->txn);
}

void
token_after_delete(struct edit *edit)
{
	struct slice value;
	struct key   key, hash;

	kind_record_key(&key, 0, edit->id);
	if (kv_get(edit->txn, KV_SECRET, key_slice(&key), &value)) {
		key_init_bare(&hash);
		key_bytes(&hash, value);
		kv_del(edit->txn, KV_TOKEN_HASH, key_slice(&hash));
		kv_del(edit->txn, KV_SECRET, key_slice(&key));
	}
	domain_step_token_epoch(edit->call->domain, edit->txn);
}

/* ---- tokens that are over ---- */

static unsigned
collect_expired(struct call *call, struct kv_txn *txn, uint64_t *ids)
{
	struct kv_scan scan;
	struct slice   key, value;
	struct key     prefix, from;
	uint64_t       expires_at;
	unsigned       count = 0;

	key_init(&prefix, 0);
	key_text(&prefix, record_shapes[RECORD_TOKEN].fields[TOKEN_EXPIRES_AT].name);
	from = prefix;
	key_u64(&from, 1); /* 0 stands for never */
	kv_scan_begin(&scan, txn, KV_TOKEN_INDEX, key_slice(&prefix), key_slice(&from));
	while (count < EXPIRED_PER_STEP && kv_scan_next(&scan, &key, &value)) {
		/* Above FROM: so it has more than the prefix. */
		assert(key.len >= sizeof(ids[count]) + sizeof(expires_at));
		key_take_last_u64(&key, &ids[count]);
		key_take_last_u64(&key, &expires_at);
		if (expires_at > (uint64_t)call->now_ms)
			break;
		count++;
	}
	kv_scan_end(&scan);
	return count;
}

static enum status
expire_one(struct call *call, struct kv_txn *txn, uint64_t id)
{
	struct edit edit;
	enum status status;

	status = edit_load(
	    &edit, call, txn, kind_of(RECORD_TOKEN), id, SLICE(""), EDIT_DELETE);
	if (status == STATUS_OK)
		status = edit_check(&edit);
	if (status == STATUS_OK)
		edit_write(&edit);
	return status != STATUS_OK ? status : txn->status;
}

enum status
token_expire(struct call *call, struct kv_txn *txn, bool *more)
{
	uint64_t ids[EXPIRED_PER_STEP];
	unsigned count = collect_expired(call, txn, ids);

	*more = false;
	for (unsigned i = 0; i < count && txn->status == STATUS_OK; i++) {
		struct kv_txn child;

		/* One damaged token must not keep the others. */
		kv_nest(txn, &child);
		if (expire_one(call, &child, ids[i]) == STATUS_OK) {
			kv_nest_keep(txn, &child);
			*more = count == EXPIRED_PER_STEP;
		} else {
			kv_nest_drop(txn, &child);
		}
	}
	return txn->status;
}
