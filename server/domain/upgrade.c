#include <stdlib.h>

#include "server/domain/change.h"
#include "server/domain/kind.h"
#include "server/domain/stored.h"
#include "server/domain/upgrade.h"

#define KEYS_PER_STEP 1024u
#define BYTES_PER_STEP ((size_t)4 << 20)

#define DONE_NAME SLICE("chained") /* in KV_META */

bool
upgrade_is_done(struct kv_txn *txn)
{
	struct slice value;

	return kv_get(txn, KV_META, DONE_NAME, &value);
}

void
upgrade_set_done(struct kv_txn *txn)
{
	kv_put(txn, KV_META, DONE_NAME, SLICE(""));
}

/* ---- one entry of a table ---- */

/* What is to be done with the entries of a table, one after the other. */
struct phase {
	enum kv_table table;
	void (*bring)(const struct phase *phase, struct kv_txn *txn, struct slice key,
	    struct slice value, struct buf *buf);
	enum record_kind kind; /* of the records in it */
};

/* Make BUF what stands in front of VALUE, and VALUE.  False if memory lacks. */
static bool
put_in_front(struct kv_txn *txn, uint64_t before, struct slice value, struct buf *buf)
{
	buf_clear(buf, buf->bytes_max);
	stored_pack(buf, before);
	pack_raw(buf, value);
	if (buf->failed)
		txn->status = STATUS_NO_MEMORY;
	return !buf->failed;
}

/*
 * A change: it gets the one before it of the same record, which the table of records
 * that are gone has meanwhile, be they gone or not.
 */
static void
chain_change(const struct phase *phase, struct kv_txn *txn, struct slice key,
    struct slice value, struct buf *buf)
{
	struct change change;
	uint32_t      store;
	uint64_t      sequence, before, id;

	(void)phase;
	if (!key_take_u32(&key, &store) || !key_take_u64(&key, &sequence) ||
	    !change_decode(&change, value) || (uint64_t)change.sequence != sequence)
		return; /* none that we made, as verify says */
	id = (uint64_t)change.id;
	before = change_of_gone(txn, store, change.kind, id);
	if (put_in_front(txn, before, value, buf))
		change_put(txn, store, &change, buf_slice(buf));
	change_of_gone_set(txn, store, change.kind, id, sequence);
}

/* A record: it gets its last change out of that table. */
static void
chain_record(const struct phase *phase, struct kv_txn *txn, struct slice key,
    struct slice value, struct buf *buf)
{
	const struct kind *kind = kind_of(phase->kind);
	struct slice       rest = key;
	uint32_t           store;
	uint64_t           id, last;

	if (!key_take_u32(&rest, &store) || !key_take_u64(&rest, &id))
		return;
	last = change_of_gone(txn, store, kind, id);
	if (put_in_front(txn, last, value, buf))
		kv_put(txn, phase->table, key, buf_slice(buf));
	if (last != 0)
		change_of_gone_set(txn, store, kind, id, 0);
}

/* An entry of an index that is no more. */
static void
drop(const struct phase *phase, struct kv_txn *txn, struct slice key,
    struct slice value, struct buf *buf)
{
	(void)value;
	(void)buf;
	kv_del(txn, phase->table, key);
}

/* In this order. */
static const struct phase phases[] = {
	{ KV_CHANGE, chain_change, RECORD_KIND_COUNT },
	{ KV_STORE, chain_record, RECORD_STORE },
	{ KV_TOKEN, chain_record, RECORD_TOKEN },
	{ KV_CUSTOMER, chain_record, RECORD_CUSTOMER },
	{ KV_GROUP, chain_record, RECORD_GROUP },
	{ KV_TAG, chain_record, RECORD_TAG },
	{ KV_CHANGE_RECORD, drop, RECORD_KIND_COUNT },
	{ KV_CHANGE_ABOUT, drop, RECORD_KIND_COUNT },
};

#define PHASE_COUNT (sizeof(phases) / sizeof(phases[0]))

/* ---- a step ---- */

/*
 * The next keys of TABLE from PLACE on, which becomes where the next step begins.  What
 * is damaged is left as it is: it keeps nobody from what is sound.
 */
static unsigned
collect(struct kv_txn *txn, enum kv_table table, struct key *place, struct key *keys,
    bool *is_last)
{
	struct kv_scan scan;
	struct slice   key = { NULL, 0 }, value;
	size_t         bytes = 0;
	unsigned       count = 0;

	*is_last = false;
	kv_scan_begin(&scan, txn, table, SLICE(""), key_slice(place));
	while (count < KEYS_PER_STEP && bytes < BYTES_PER_STEP) {
		if (!kv_scan_next(&scan, &key, &value)) {
			*is_last = txn->status == STATUS_OK || key.len == 0;
			break;
		}
		key_init_bare(&keys[count]);
		key_bytes(&keys[count++], key);
		bytes += key.len + value.len;
	}
	if (txn->status == STATUS_DAMAGED)
		txn->status = STATUS_OK;
	key_init_bare(place);
	key_bytes(place, key);
	if (place->len < KV_KEY_BYTES_MAX)
		key_u8(place, 0); /* the next key there can be */
	kv_scan_end(&scan);
	return count;
}

static void
bring_some(struct upgrade *upgrade, struct kv_txn *txn, struct key *keys)
{
	const struct phase *phase = &phases[upgrade->phase];
	struct slice        value;
	struct buf          buf;
	uint64_t            before;
	bool                is_last;
	unsigned count = collect(txn, phase->table, &upgrade->place, keys, &is_last);

	buf_init(&buf, CHANGE_BYTES_MAX);
	/* Some may have what they are to get, from before a crash. */
	for (unsigned i = 0; i < count; i++)
		if (kv_get(txn, phase->table, key_slice(&keys[i]), &value) &&
		    !stored_take(&value, &before))
			phase->bring(phase, txn, key_slice(&keys[i]), value, &buf);
	buf_fini(&buf);
	if (is_last) {
		upgrade->phase++;
		key_init_bare(&upgrade->place);
	}
}

bool
upgrade_step(struct upgrade *upgrade, struct kv_txn *txn)
{
	struct key *keys;

	if (upgrade_is_done(txn))
		return true;
	if (upgrade->phase == PHASE_COUNT) {
		upgrade_set_done(txn);
		return true;
	}
	if ((keys = malloc(KEYS_PER_STEP * sizeof(*keys))) == NULL) {
		txn->status = STATUS_NO_MEMORY;
		return false;
	}
	/* Near the bound of the file, too: in the end an index less is worth more. */
	txn->reserve = true;
	bring_some(upgrade, txn, keys);
	free(keys);
	return false;
}
