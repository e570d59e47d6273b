/*
 * Walk everything and compare: records with their indexes both ways, secrets with
 * those who have them, changes and answers with what points to them, counters with
 * what they count.  Tables are walked through the same interface as in service, so
 * every value's checksum is verified on the way.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/domain/change.h"
#include "server/domain/change_chain.h"
#include "server/domain/domain.h"
#include "server/domain/index.h"
#include "server/domain/kind.h"
#include "server/domain/record.h"
#include "server/domain/stored.h"
#include "server/domain/upgrade.h"

#define SENTENCE_BYTES_MAX 240u
#define KEY_BYTES_SHOWN 12u

struct verify {
	struct kv_txn *txn;
	void (*report)(void *context, const char *sentence);
	void      *context;
	uint64_t   count;
	struct buf scratch;

	/* While the entries of one kind are walked. */
	const struct kind *kind;
	struct slice       wanted; /* the index entry that is looked for */
	bool               unique; /* which of the two tables it is in */
	bool               found;

	/* What was counted of the store whose records or changes are being walked. */
	uint32_t            store;
	struct kind_counter counted;
	uint64_t            sequence; /* of the change before; 0: none */
	struct change_log   log;      /* what the store says about its changes */
	uint64_t            bytes;    /* of those that LOG counts */
	bool                has_gap;  /* some are not there, or not to be read */

	bool     is_chained; /* each change must be the last of a record, … */
	uint64_t changes;    /* … or before another one: so many there are, … */
	uint64_t named;      /* … and so many have been named as such */
};

typedef void each_fn(struct verify *verify, struct slice key, struct slice value);

static void __attribute__((format(printf, 2, 3)))
complain(struct verify *verify, const char *format, ...)
{
	char    sentence[SENTENCE_BYTES_MAX];
	va_list list;

	va_start(list, format);
	vsnprintf(sentence, sizeof(sentence), format, list);
	va_end(list);
	verify->count++;
	verify->report(verify->context, sentence);
}

/* Complain about the entry KEY of TABLE.  Keys may hold emails: only a hash would be
 * safe, so the leading bytes, store and number, must do. */
static void
complain_entry(
    struct verify *verify, enum kv_table table, struct slice key, const char *what)
{
	char   hex[2 * KEY_BYTES_SHOWN + 1] = "";
	size_t shown = key.len < KEY_BYTES_SHOWN ? key.len : KEY_BYTES_SHOWN;

	for (size_t i = 0; i < shown; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)key.data[i]);
	complain(verify, "table %s, key %s%s: %s", kv_table_name(table), hex,
	    shown < key.len ? "…" : "", what);
}

/* Look one key up without letting a damaged value end the walk. */
static bool
has(struct verify *verify, enum kv_table table, struct slice key, struct slice *value)
{
	bool found = kv_get(verify->txn, table, key, value);

	if (verify->txn->status != STATUS_OK) {
		verify->txn->status = STATUS_OK;
		return true; /* damaged, but there: its own walk complains */
	}
	return found;
}

/* Make KEY the *LAST one seen.  False when it is not above that: no walk may go back.
 */
static bool
advance(struct key *last, struct slice key)
{
	size_t common = key.len < last->len ? key.len : last->len;
	int    order = common == 0 ? 0 : memcmp(key.data, last->data, common);

	if (order < 0 || (order == 0 && key.len <= last->len))
		return false;
	key_init_bare(last);
	key_bytes(last, key);
	return true;
}

/*
 * Walk the entries of TABLE behind *LAST.  True when the walk ended at a damaged value,
 * which *LAST then names, and can go on behind it.
 */
static bool
walk_on(struct verify *verify, enum kv_table table, each_fn *each, struct key *last)
{
	struct kv_scan scan;
	struct slice   key, value;
	struct key     from = *last;
	enum status    status;
	bool           ascends = true;

	if (from.len == KV_KEY_BYTES_MAX)
		return false;
	if (from.len > 0)
		key_u8(&from, 0); /* the next key there can be */
	kv_scan_begin(&scan, verify->txn, table, SLICE(""), key_slice(&from));
	key = key_slice(last);
	while (ascends && kv_scan_next(&scan, &key, &value)) {
		ascends = advance(last, key);
		if (ascends)
			each(verify, key, value);
	}
	kv_scan_end(&scan);
	status = verify->txn->status;
	verify->txn->status = STATUS_OK;
	if (ascends && status == STATUS_OK)
		return false;
	if (ascends && status == STATUS_DAMAGED && advance(last, key)) {
		complain_entry(verify, table, key, "the value is damaged");
		return true;
	}
	/* Not a value but a page: what lies behind it cannot be reached. */
	complain(verify, "table %s cannot be read to its end: %s", kv_table_name(table),
	    ascends ? status_info(status)->text : "its keys are out of order");
	return false;
}

/* Walk TABLE, and go on behind a value that is damaged. */
static void
walk(struct verify *verify, enum kv_table table, each_fn *each)
{
	struct key last;

	key_init_bare(&last);
	while (walk_on(verify, table, each, &last))
		;
}

/* ---- records ---- */

static void
close_count(struct verify *verify)
{
	struct kind_counter kept;

	kind_count_get(verify->txn, verify->kind, verify->store, &kept);
	verify->txn->status = STATUS_OK;
	if (kept.count != verify->counted.count)
		complain(verify,
		    "store %u has %llu records of kind %s, its counter says %llu",
		    verify->store, (unsigned long long)verify->counted.count,
		    kind_shape(verify->kind)->name, (unsigned long long)kept.count);
	if (kept.id_last < verify->counted.id_last)
		complain(verify, "store %u has a %s with an id above its counter",
		    verify->store, kind_shape(verify->kind)->name);
}

static void
expect_entry(void *context, bool unique, const struct key *key, uint64_t id)
{
	struct verify *verify = context;
	enum kv_table  table = unique ? verify->kind->unique : verify->kind->index;
	struct slice   value;
	uint64_t       other = id;

	if (!has(verify, table, key_slice(key), &value))
		complain_entry(verify, table, key_slice(key),
		    "missing, but a record has the value");
	else if (unique && (!key_take_u64(&value, &other) || other != id))
		complain_entry(verify, table, key_slice(key), "names another record");
}

/*
 * What KEY of TABLE names, the change SEQUENCE, must be of that record and, unless that
 * is 0, have the REVISION; if it is still kept.
 */
static void
check_change(struct verify *verify, enum kv_table table, struct slice key,
    struct change_chain chain, uint64_t sequence, int64_t revision)
{
	struct kv_txn *txn = verify->txn;
	struct change  change;

	if (sequence == 0 || !verify->is_chained)
		return;
	if (chain_get(&chain, sequence, &change)) {
		verify->named++;
		if (revision != 0 && change.revision != revision)
			complain_entry(
			    verify, table, key, "names a change of another revision");
	} else if (txn->status != STATUS_OK) {
		complain_entry(
		    verify, table, key, "names no sound change of that record");
	} else if (sequence >= change_oldest(txn, chain.store)) {
		complain_entry(verify, table, key, "names a change that is not there");
	}
	txn->status = STATUS_OK;
}

static void
each_record(struct verify *verify, struct slice key, struct slice value)
{
	enum kv_table table = verify->kind->records;
	struct slice  rest = key, secret;
	struct record record;
	uint32_t      store;
	uint64_t      id, change;

	if (!key_take_u32(&rest, &store) || !key_take_u64(&rest, &id) ||
	    rest.len != 0) {
		complain_entry(verify, table, key, "is no key of a record");
		return;
	}
	if ((!stored_take(&value, &change) && verify->is_chained) ||
	    !record_split(&record, kind_shape(verify->kind), value)) {
		complain_entry(verify, table, key, "does not decode");
		return;
	}
	if ((uint64_t)record_integer(&record, COMMON_ID) != id)
		complain_entry(verify, table, key, "holds another id");
	if (store != verify->store) {
		close_count(verify);
		verify->store = store;
		verify->counted = (struct kind_counter){ 0 };
	}
	verify->counted.count++;
	verify->counted.id_last = id;
	check_change(verify, table, key, chain_of(verify->txn, store, verify->kind, id),
	    change, record_integer(&record, COMMON_REVISION));
	if (!index_walk(verify->kind, store, id, &record, UINT64_MAX, &verify->scratch,
		expect_entry, verify))
		complain_entry(verify, table, key, "not looked at: out of memory");
	if (kind_number(verify->kind) == RECORD_CUSTOMER &&
	    record_bool(&record, CUSTOMER_HAS_PASSWORD) &&
	    !has(verify, KV_SECRET, key, &secret))
		complain_entry(
		    verify, KV_SECRET, key, "missing, but the customer has a password");
}

/* ---- indexes ---- */

static void
match_entry(void *context, bool unique, const struct key *key, uint64_t id)
{
	struct verify *verify = context;

	(void)id;
	if (unique == verify->unique && slice_equal(key_slice(key), verify->wanted))
		verify->found = true;
}

/* Has the record ID of the kind a value that belongs at the entry KEY? */
static void
check_entry(struct verify *verify, struct slice key, uint64_t id)
{
	enum kv_table table =
	    verify->unique ? verify->kind->unique : verify->kind->index;
	struct slice  rest = key, value;
	struct record record;
	uint32_t      store;

	if (!key_take_u32(&rest, &store)) {
		complain_entry(verify, table, key, "is no key of an index");
		return;
	}
	verify->wanted = key;
	verify->found = false;
	if (kind_get(verify->txn, verify->kind, store, id, &value, NULL) &&
	    record_split(&record, kind_shape(verify->kind), value) &&
	    !index_walk(verify->kind, store, id, &record, UINT64_MAX, &verify->scratch,
		match_entry, verify))
		verify->found = false; /* out of memory: not seen to be right */
	verify->txn->status = STATUS_OK;
	if (!verify->found)
		complain_entry(verify, table, key, "names a record without that value");
}

static void
each_unique(struct verify *verify, struct slice key, struct slice value)
{
	uint64_t id = 0;

	key_take_u64(&value, &id);
	check_entry(verify, key, id);
}

static void
each_index(struct verify *verify, struct slice key, struct slice value)
{
	struct slice rest = key;
	uint64_t     id = 0;

	(void)value;
	key_take_last_u64(&rest, &id);
	check_entry(verify, key, id);
}

static void
verify_kind(struct verify *verify, const struct kind *kind)
{
	verify->kind = kind;
	verify->store = 0;
	verify->counted = (struct kind_counter){ 0 };
	walk(verify, kind->records, each_record);
	close_count(verify);
	verify->unique = true;
	walk(verify, kind->unique, each_unique);
	verify->unique = false;
	if (kind->index != NO_TABLE)
		walk(verify, kind->index, each_index);
}

/* ---- the rest ---- */

static void
open_changes(struct verify *verify, uint32_t store)
{
	verify->store = store;
	verify->sequence = 0;
	verify->bytes = 0;
	verify->has_gap = false;
	change_log_get(verify->txn, store, &verify->log);
	verify->txn->status = STATUS_OK; /* of the counter's own walk */
}

static void
compare_bytes(struct verify *verify)
{
	if (!verify->has_gap && verify->bytes != verify->log.bytes)
		complain(verify,
		    "the changes of store %u have %llu bytes, its counter says %llu",
		    verify->store, (unsigned long long)verify->bytes,
		    (unsigned long long)verify->log.bytes);
}

/*
 * The changes of a store are counted without gaps, to the last one of its counter,
 * which knows their bytes.
 */
static void
close_changes(struct verify *verify)
{
	if (verify->sequence == 0)
		return; /* there are none */
	if (verify->sequence == verify->log.last)
		compare_bytes(verify);
	else
		complain(verify,
		    "the changes of store %u end at %llu, its counter says %llu",
		    verify->store, (unsigned long long)verify->sequence,
		    (unsigned long long)verify->log.last);
}

static void
each_change(struct verify *verify, struct slice key, struct slice value)
{
	struct slice  rest = key, nothing;
	struct change change;
	struct key    before;
	uint32_t      store = 0;
	uint64_t      sequence = 0;

	if (!key_take_u32(&rest, &store) || !key_take_u64(&rest, &sequence) ||
	    !change_decode(&change, value) || (uint64_t)change.sequence != sequence) {
		complain_entry(verify, KV_CHANGE, key, "is no change of that number");
		return;
	}
	if (store != verify->store) {
		close_changes(verify);
		open_changes(verify, store);
	}
	change_key(&before, store, sequence - 1);
	if (verify->sequence + 1 != sequence) {
		/* One that is there but damaged has been reported. */
		bool is_there = has(verify, KV_CHANGE, key_slice(&before), &nothing);

		if (verify->sequence != 0 && !is_there)
			complain_entry(
			    verify, KV_CHANGE, key, "does not follow the one before");
		if (verify->sequence != 0 || is_there)
			verify->has_gap = true;
	}
	verify->sequence = sequence;
	if (sequence > verify->log.uncounted)
		verify->bytes += value.len;
	verify->changes++;
	check_change(verify, KV_CHANGE, key,
	    chain_of(verify->txn, store, change.kind, (uint64_t)change.id),
	    change.before, 0);
}

/* An empty log was not walked, but it has a counter. */
static void
each_counter(struct verify *verify, struct slice key, struct slice value)
{
	uint32_t store;

	(void)value;
	if (!change_is_log(key, &store))
		return;
	open_changes(verify, store);
	if (change_oldest(verify->txn, store) > verify->log.last &&
	    verify->txn->status == STATUS_OK)
		compare_bytes(verify);
	verify->txn->status = STATUS_OK;
}

/* The last change of a record that is gone. */
static void
each_gone(struct verify *verify, struct slice key, struct slice value)
{
	struct slice       rest = key, back = key;
	const struct kind *kind = NULL;
	uint32_t           store = 0;
	uint64_t           id = 0, sequence = 0;

	if (!verify->is_chained)
		return; /* then it may be of any record */
	if (key_take_u32(&rest, &store) && key_take_last_u64(&back, &id) &&
	    back.len > sizeof(store))
		kind = kind_named(slice_of(rest.data, back.len - sizeof(store) - 1));
	if (kind == NULL || !key_take_u64(&value, &sequence) ||
	    kind_has(verify->txn, kind, store, id))
		complain_entry(
		    verify, KV_CHANGE_OF_GONE, key, "is of no record that is gone");
	else
		check_change(verify, KV_CHANGE_OF_GONE, key,
		    chain_of(verify->txn, store, kind, id), sequence, 0);
	verify->txn->status = STATUS_OK;
}

static void
verify_changes(struct verify *verify)
{
	open_changes(verify, 0);
	walk(verify, KV_CHANGE, each_change);
	close_changes(verify);
	walk(verify, KV_CHANGE_OF_GONE, each_gone);
	/* What is damaged is not counted, and has been complained about. */
	if (verify->is_chained && verify->count == 0 &&
	    verify->changes != verify->named)
		complain(verify,
		    "there are %llu changes, but their records lead to %llu",
		    (unsigned long long)verify->changes,
		    (unsigned long long)verify->named);
}

static void
each_token_hash(struct verify *verify, struct slice key, struct slice value)
{
	uint64_t   id = 0;
	struct key of_token;

	key_take_u64(&value, &id);
	kind_record_key(&of_token, 0, id);
	if (!has(verify, KV_TOKEN, key_slice(&of_token), &value))
		complain_entry(
		    verify, KV_TOKEN_HASH, key, "names a token that is not there");
}

/* A secret belongs to a customer, or, in store 0, to a token. */
static void
each_secret(struct verify *verify, struct slice key, struct slice value)
{
	struct slice rest = key;
	uint32_t     store = 0;

	key_take_u32(&rest, &store);
	if (!has(verify, store == 0 ? KV_TOKEN : KV_CUSTOMER, key, &value))
		complain_entry(verify, KV_SECRET, key, "belongs to nobody");
}

/* Each of these entries ends with the key of an answer, behind so many bytes. */
static void
check_answer(struct verify *verify, enum kv_table table, struct slice key, size_t skip)
{
	struct slice value, rest = key;

	if (key.len > skip) {
		rest.data += skip;
		rest.len -= skip;
	}
	if (!has(verify, KV_IDEMPOTENCY, rest, &value))
		complain_entry(verify, table, key, "names an answer that is not there");
}

static void
each_answer_due(struct verify *verify, struct slice key, struct slice value)
{
	(void)value;
	check_answer(verify, KV_IDEMPOTENCY_DUE, key, sizeof(uint64_t));
}

static void
each_answer_record(struct verify *verify, struct slice key, struct slice value)
{
	(void)value;
	check_answer(
	    verify, KV_IDEMPOTENCY_RECORD, key, sizeof(uint32_t) + sizeof(uint64_t));
}

static void
each_due(struct verify *verify, struct slice key, struct slice value)
{
	struct slice rest = key;
	uint64_t     due_ms;

	key_take_u64(&rest, &due_ms);
	if (!has(verify, KV_CUSTOMER, rest, &value))
		complain_entry(
		    verify, KV_CUSTOMER_DUE, key, "names a customer that is not there");
}

/* Nothing to compare; the walk itself verifies the checksums. */
static void
each_other(struct verify *verify, struct slice key, struct slice value)
{
	(void)verify;
	(void)key;
	(void)value;
}

// clang-format off
static const struct {
	enum kv_table table;
	each_fn      *each;
} others[] = {
	{ KV_META,               each_other },
	{ KV_CHANGE_RECORD,      each_other },
	{ KV_CHANGE_ABOUT,       each_other },
	{ KV_COUNTER,            each_counter },
	{ KV_TOKEN_HASH,         each_token_hash },
	{ KV_SECRET,             each_secret },
	{ KV_CUSTOMER_DUE,       each_due },
	{ KV_IDEMPOTENCY,        each_other },
	{ KV_IDEMPOTENCY_DUE,    each_answer_due },
	{ KV_IDEMPOTENCY_RECORD, each_answer_record },
};
// clang-format on

uint64_t
domain_verify(struct kv_txn *txn, void (*report)(void *context, const char *sentence),
    void                    *context)
{
	struct verify verify = { .txn = txn, .report = report, .context = context };

	verify.is_chained = upgrade_is_done(txn);
	buf_init(&verify.scratch, CALL_SCRATCH_BYTES_MAX);
	for (unsigned i = 0; i < RECORD_KIND_COUNT; i++)
		verify_kind(&verify, kind_of((enum record_kind)i));
	verify_changes(&verify);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		walk(&verify, others[i].table, others[i].each);
	buf_fini(&verify.scratch);
	return verify.count;
}
