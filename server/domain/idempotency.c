#include <sodium.h>

#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/domain_private.h"
#include "server/domain/idempotency.h"
#include "server/kv/key.h"

#define FINGERPRINT_BYTES 16u
#define TRIM_KEYS_MAX 64u /* collected before they are deleted */

/* What every key of an answer ends with. */
static void
key_rest(struct key *key, uint32_t store, uint64_t token, struct slice text)
{
	key_u32(key, store);
	key_u64(key, token);
	key_text(key, text);
}

static void
answer_key(struct key *key, const struct call *call)
{
	key_init_bare(key);
	key_rest(key, call->who.store, call->who.token, call->meta.idempotency_key);
}

static void
fingerprint(const struct call *call, unsigned char out[FINGERPRINT_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(
	    &state, call->domain->key, DOMAIN_KEY_BYTES, FINGERPRINT_BYTES);
	crypto_generichash_update(&state,
	    (const unsigned char *)call->method->name.data, call->method->name.len);
	crypto_generichash_update(
	    &state, (const unsigned char *)call->args_bytes.data, call->args_bytes.len);
	crypto_generichash_final(&state, out, FINGERPRINT_BYTES);
}

/* An answer on disk; customers is a packed list of those whose records it holds. */
struct answer {
	int64_t      due_ms; /* when it is over */
	struct slice fingerprint;
	struct slice result;
	struct slice customers;
};

static bool
answer_split(struct answer *answer, struct slice value)
{
	struct reader reader;

	reader_init(&reader, value);
	if (reader_array(&reader) != 4 || !reader_integer(&reader, &answer->due_ms))
		return false;
	answer->fingerprint = reader_bytes(&reader);
	answer->result = reader_value(&reader);
	answer->customers = reader_value(&reader);
	return reader.status == STATUS_OK &&
	       answer->fingerprint.len == FINGERPRINT_BYTES;
}

static void
answer_pack(const struct answer *answer, struct buf *buf)
{
	buf_clear(buf, buf->bytes_max);
	pack_array(buf, 4);
	pack_integer(buf, answer->due_ms);
	pack_bytes(buf, answer->fingerprint);
	pack_raw(buf, answer->result);
	pack_raw(buf, answer->customers);
}

enum status
idempotency_find(struct call *call, struct kv_txn *txn, bool *found)
{
	unsigned char mine[FINGERPRINT_BYTES];
	struct answer answer;
	struct slice  value;
	struct key    key;

	*found = false;
	answer_key(&key, call);
	if (!kv_get(txn, KV_IDEMPOTENCY, key_slice(&key), &value))
		return txn->status;
	if (!answer_split(&answer, value))
		return STATUS_DAMAGED;
	fingerprint(call, mine);
	if (sodium_memcmp(mine, answer.fingerprint.data, sizeof(mine)) != 0)
		return STATUS_IDEMPOTENCY_MISMATCH;
	*found = true;
	pack_raw(call->result, answer.result);
	return STATUS_OK;
}

/* The key of KV_IDEMPOTENCY_RECORD; REST is the key of the answer. */
static void
record_key(struct key *key, uint32_t store, uint64_t customer, struct slice rest)
{
	key_init(key, store);
	key_u64(key, customer);
	key_bytes(key, rest);
}

static void
due_key(struct key *key, int64_t due_ms, struct slice rest)
{
	key_init_bare(key);
	key_u64(key, (uint64_t)due_ms);
	key_bytes(key, rest);
}

/* Remove the answer at REST, if any, and everything that points to it. */
static void
forget(struct kv_txn *txn, struct slice rest)
{
	uint64_t      customers[UPDATE_MANY_MAX];
	unsigned      count = 0;
	struct answer answer;
	struct reader reader;
	struct slice  value, store_part = rest;
	uint32_t      store = 0;
	struct key    key;

	if (!kv_get(txn, KV_IDEMPOTENCY, rest, &value))
		return;
	if (!answer_split(&answer, value) || !key_take_u32(&store_part, &store)) {
		txn->status = STATUS_DAMAGED;
		return;
	}
	/* The first del takes the value away: read all of it before. */
	reader_init(&reader, answer.customers);
	for (uint32_t left = reader_array(&reader); left > 0; left--) {
		int64_t id = 0;

		if (count < UPDATE_MANY_MAX && reader_integer(&reader, &id))
			customers[count++] = (uint64_t)id;
	}
	due_key(&key, answer.due_ms, rest);
	kv_del(txn, KV_IDEMPOTENCY_DUE, key_slice(&key));
	for (unsigned i = 0; i < count; i++) {
		record_key(&key, store, customers[i], rest);
		kv_del(txn, KV_IDEMPOTENCY_RECORD, key_slice(&key));
	}
	kv_del(txn, KV_IDEMPOTENCY, rest);
}

/* Pack the customers noted in CALL; the bytes are in its arena. */
static struct slice
pack_noted(struct call *call)
{
	buf_clear(call->scratch, call->scratch->bytes_max);
	pack_array(call->scratch, call->noted_count);
	for (unsigned i = 0; i < call->noted_count; i++)
		pack_integer(call->scratch, (int64_t)call->noted[i]);
	return arena_copy(call->arena, buf_slice(call->scratch));
}

void
idempotency_keep(struct call *call, struct kv_txn *txn)
{
	unsigned char mine[FINGERPRINT_BYTES] = { 0 };
	struct answer answer = {
		.due_ms = call->now_ms + IDEMPOTENCY_KEEP_MS,
		.fingerprint = slice_of(mine, sizeof(mine)),
		.result = buf_slice(call->result),
		.customers = pack_noted(call),
	};
	struct key rest, key;

	fingerprint(call, mine);
	answer_key(&rest, call);
	answer_pack(&answer, call->scratch);
	if (call->scratch->failed || call->arena->failed) {
		txn->status = STATUS_NO_MEMORY;
		return;
	}
	kv_put(txn, KV_IDEMPOTENCY, key_slice(&rest), buf_slice(call->scratch));
	due_key(&key, answer.due_ms, key_slice(&rest));
	kv_put(txn, KV_IDEMPOTENCY_DUE, key_slice(&key), SLICE(""));
	for (unsigned i = 0; i < call->noted_count; i++) {
		record_key(&key, call->who.store, call->noted[i], key_slice(&rest));
		kv_put(txn, KV_IDEMPOTENCY_RECORD, key_slice(&key), SLICE(""));
	}
}

void
idempotency_note(struct call *call, uint64_t customer)
{
	if (call->meta.idempotency_key.len == 0)
		return;
	if (call->noted == NULL)
		call->noted =
		    arena_alloc(call->arena, UPDATE_MANY_MAX * sizeof(*call->noted));
	if (call->noted != NULL && call->noted_count < UPDATE_MANY_MAX)
		call->noted[call->noted_count++] = customer;
}

bool
idempotency_trim(struct kv_txn *txn, int64_t now_ms, unsigned count_max)
{
	struct key list[TRIM_KEYS_MAX];
	unsigned   done = 0;

	while (done < count_max) {
		unsigned count = key_collect(
		    txn, KV_IDEMPOTENCY_DUE, SLICE(""), SLICE(""), list, TRIM_KEYS_MAX);

		for (unsigned i = 0; i < count; i++, done++) {
			struct slice rest = key_slice(&list[i]);
			uint64_t     due_ms = 0;

			key_take_u64(&rest, &due_ms);
			if (due_ms > (uint64_t)now_ms)
				return true;
			forget(txn, rest);
			/* forget() does it, too, but for an entry without its answer.
			 */
			kv_del(txn, KV_IDEMPOTENCY_DUE, key_slice(&list[i]));
		}
		if (count < TRIM_KEYS_MAX)
			return true;
	}
	return false;
}

static void
erase_answer(struct kv_txn *txn, struct slice key, struct buf *scratch)
{
	struct answer answer;
	struct slice  value;

	if (!kv_get(txn, KV_IDEMPOTENCY, key, &value))
		return; /* over, and dropped */
	if (!answer_split(&answer, value)) {
		txn->status = STATUS_DAMAGED;
		return;
	}
	answer.result = SLICE("\x80"); /* an empty map */
	answer_pack(&answer, scratch);
	if (scratch->failed)
		txn->status = STATUS_NO_MEMORY;
	else
		kv_put(txn, KV_IDEMPOTENCY, key, buf_slice(scratch));
}

bool
idempotency_erase(struct kv_txn *txn, uint32_t store, uint64_t customer,
    unsigned count_max, struct buf *scratch)
{
	struct key list[TRIM_KEYS_MAX], prefix;
	unsigned   done = 0;

	key_init(&prefix, store);
	key_u64(&prefix, customer);
	while (done < count_max) {
		unsigned count = key_collect(txn, KV_IDEMPOTENCY_RECORD,
		    key_slice(&prefix), SLICE(""), list, TRIM_KEYS_MAX);

		for (unsigned i = 0; i < count; i++, done++) {
			struct slice rest = key_slice(&list[i]);

			rest.data += prefix.len;
			rest.len -= prefix.len;
			erase_answer(txn, rest, scratch);
			kv_del(txn, KV_IDEMPOTENCY_RECORD, key_slice(&list[i]));
		}
		if (count < TRIM_KEYS_MAX)
			return true;
	}
	return false;
}
