#include <assert.h>

#include "server/domain/customer.h"
#include "server/domain/kind.h"
#include "server/domain/member.h"
#include "server/domain/store.h"
#include "server/domain/stored.h"
#include "server/domain/token.h"

static const struct kind kinds[RECORD_KIND_COUNT] = {
	[RECORD_STORE] = {
		.records = KV_STORE,
		.unique = KV_STORE_UNIQUE,
		.index = NO_TABLE,
		.of_server = true,
		.after = store_after,
	},
	[RECORD_TOKEN] = {
		.records = KV_TOKEN,
		.unique = KV_TOKEN_UNIQUE,
		.index = KV_TOKEN_INDEX,
		.of_server = true,
		.before = token_before,
		.after = token_after,
		.after_delete = token_after_delete,
	},
	[RECORD_CUSTOMER] = {
		.records = KV_CUSTOMER,
		.unique = KV_CUSTOMER_UNIQUE,
		.index = KV_CUSTOMER_INDEX,
		.before = customer_before,
		.after = customer_after,
		.after_delete = customer_after_delete,
	},
	[RECORD_GROUP] = {
		.records = KV_GROUP,
		.unique = KV_GROUP_UNIQUE,
		.index = KV_GROUP_INDEX,
		.before_delete = member_before_group_delete,
		.after_delete = member_after_delete,
	},
	[RECORD_TAG] = {
		.records = KV_TAG,
		.unique = KV_TAG_UNIQUE,
		.index = NO_TABLE,
		.before = member_before_tag_change,
		.after = member_after_tag_change,
		.before_delete = member_before_tag_delete,
		.after_delete = member_after_delete,
	},
};

/* The rows know their tables; number and shape follow from the place of the row. */
const struct kind *
kind_of(enum record_kind number)
{
	assert(number < RECORD_KIND_COUNT);
	return &kinds[number];
}

enum record_kind
kind_number(const struct kind *kind)
{
	assert(kind >= kinds && kind < kinds + RECORD_KIND_COUNT);
	return (enum record_kind)(kind - kinds);
}

const struct shape *
kind_shape(const struct kind *kind)
{
	return &record_shapes[kind_number(kind)];
}

const struct kind *
kind_named(struct slice noun)
{
	for (unsigned i = 0; i < RECORD_KIND_COUNT; i++)
		if (slice_equal(noun, kind_noun(&kinds[i])))
			return &kinds[i];
	return NULL;
}

uint32_t
kind_store(const struct kind *kind, const struct call *call)
{
	return kind->of_server ? 0 : call->who.store;
}

void
kind_record_key(struct key *key, uint32_t store, uint64_t id)
{
	key_init(key, store);
	key_u64(key, id);
}

bool
kind_get(struct kv_txn *txn, const struct kind *kind, uint32_t store, uint64_t id,
    struct slice *record, uint64_t *change)
{
	struct key key;
	uint64_t   last;

	kind_record_key(&key, store, id);
	if (!kv_get(txn, kind->records, key_slice(&key), record))
		return false;
	stored_take(record, change != NULL ? change : &last);
	return true;
}

bool
kind_has(struct kv_txn *txn, const struct kind *kind, uint32_t store, uint64_t id)
{
	struct slice record;

	return kind_get(txn, kind, store, id, &record, NULL);
}

void
kind_count_get(struct kv_txn *txn, const struct kind *kind, uint32_t store,
    struct kind_counter *counter)
{
	struct slice value;
	struct key   key;

	*counter = (struct kind_counter){ 0 };
	key_init(&key, store);
	key_text(&key, kind_noun(kind));
	if (!kv_get(txn, KV_COUNTER, key_slice(&key), &value))
		return;
	if (!key_take_u64(&value, &counter->id_last) ||
	    !key_take_u64(&value, &counter->count))
		txn->status = STATUS_DAMAGED;
}

void
kind_count_put(struct kv_txn *txn, const struct kind *kind, uint32_t store,
    const struct kind_counter *counter)
{
	struct key key, value;

	key_init(&key, store);
	key_text(&key, kind_noun(kind));
	key_init_bare(&value);
	key_u64(&value, counter->id_last);
	key_u64(&value, counter->count);
	kv_put(txn, KV_COUNTER, key_slice(&key), key_slice(&value));
}

uint64_t
counter_get(struct kv_txn *txn, uint32_t store, struct slice name)
{
	struct slice value;
	struct key   key;
	uint64_t     n = 0;

	key_init(&key, store);
	key_text(&key, name);
	if (kv_get(txn, KV_COUNTER, key_slice(&key), &value) &&
	    !key_take_u64(&value, &n))
		txn->status = STATUS_DAMAGED;
	return n;
}

void
counter_put(struct kv_txn *txn, uint32_t store, struct slice name, uint64_t n)
{
	struct key key, value;

	key_init(&key, store);
	key_text(&key, name);
	key_init_bare(&value);
	key_u64(&value, n);
	kv_put(txn, KV_COUNTER, key_slice(&key), key_slice(&value));
}
