#include <assert.h>

#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/change.h"
#include "server/domain/stored.h"

#define COUNTER_NAME SLICE("change")
#define STORES_PER_TRIM 256u /* looked at in one call */
#define DROPPED_AT_ONCE 64u  /* found by one walk, counted by one write */

static const char *const op_words[] = { "create", "update", "delete" };

/* The keys of an entry, in the order in which it has them. */
// clang-format off
#define ENTRY_KEYS(X)             \
	X(SEQ,      "seq")        \
	X(TIME,     "time")       \
	X(KIND,     "kind")       \
	X(OP,       "op")         \
	X(ID,       "id")         \
	X(UID,      "uid")        \
	X(REVISION, "revision")   \
	X(TOKEN,    "token")      \
	X(FIELDS,   "fields")     \
	X(SET,      "set")

enum entry_key {
#define X(NAME, key) ENTRY_##NAME,
	ENTRY_KEYS(X)
#undef X
	ENTRY_KEY_COUNT
};

static const struct slice entry_keys[ENTRY_KEY_COUNT] = {
#define X(NAME, key) { key, sizeof(key) - 1 },
	ENTRY_KEYS(X)
#undef X
};
// clang-format on

/* The places that an entry tells of: what is common to all is in its head. */
static uint64_t
told_places(const struct edit *edit)
{
	return edit->op == EDIT_DELETE
		   ? 0
		   : edit->differ & ~(FIELD_BIT(COMMON_FIELD_COUNT) - 1);
}

static void
pack_names(const struct edit *edit, uint64_t places, struct buf *buf)
{
	/* A new password shows in no field of the record. */
	pack_array(buf, (uint32_t)__builtin_popcountll(places) + edit->has_secret);
	if (edit->has_secret)
		pack_literal(buf, "password");
	for (; places != 0; places &= places - 1)
		pack_text(buf, edit->shape->fields[__builtin_ctzll(places)].name);
}

static void
pack_values(const struct edit *edit, uint64_t places, struct buf *buf)
{
	pack_map(buf, (uint32_t)__builtin_popcountll(places));
	for (; places != 0; places &= places - 1) {
		unsigned place = (unsigned)__builtin_ctzll(places);

		pack_text(buf, edit->shape->fields[place].name);
		if (record_has(&edit->new, place))
			pack_raw(buf, edit->new.field[place]);
		else
			pack_nil(buf);
	}
}

static void
pack_entry(const struct edit *edit, uint64_t sequence, struct buf *buf)
{
	const struct record *record = edit->op == EDIT_DELETE ? &edit->old : &edit->new;
	uint64_t             places = told_places(edit);

	pack_map(buf, ENTRY_KEY_COUNT);
	pack_text(buf, entry_keys[ENTRY_SEQ]);
	pack_integer(buf, (int64_t)sequence);
	pack_text(buf, entry_keys[ENTRY_TIME]);
	pack_integer(buf, edit->call->now_ms);
	pack_text(buf, entry_keys[ENTRY_KIND]);
	pack_text(buf, kind_noun(edit->kind));
	pack_text(buf, entry_keys[ENTRY_OP]);
	pack_text(buf, slice_text(op_words[edit->op]));
	pack_text(buf, entry_keys[ENTRY_ID]);
	pack_integer(buf, (int64_t)edit->id);
	pack_text(buf, entry_keys[ENTRY_UID]);
	pack_raw(buf, record->field[COMMON_UID]);
	pack_text(buf, entry_keys[ENTRY_REVISION]);
	pack_raw(buf, record->field[COMMON_REVISION]);
	pack_text(buf, entry_keys[ENTRY_TOKEN]);
	if (edit->call->who.token != 0)
		pack_integer(buf, (int64_t)edit->call->who.token);
	else
		pack_nil(buf);
	pack_text(buf, entry_keys[ENTRY_FIELDS]);
	pack_names(edit, places, buf);
	pack_text(buf, entry_keys[ENTRY_SET]);
	pack_values(edit, places, buf);
}

/* ---- where entries are ---- */

void
change_key(struct key *key, uint32_t store, uint64_t sequence)
{
	key_init(key, store);
	key_u64(key, sequence);
}

static void
gone_key(struct key *key, uint32_t store, const struct kind *kind, uint64_t id)
{
	key_init(key, store);
	key_text(key, kind_noun(kind));
	key_u64(key, id);
}

uint64_t
change_of_gone(struct kv_txn *txn, uint32_t store, const struct kind *kind, uint64_t id)
{
	struct slice value;
	struct key   key;
	uint64_t     sequence = 0;

	gone_key(&key, store, kind, id);
	if (kv_get(txn, KV_CHANGE_OF_GONE, key_slice(&key), &value) &&
	    !key_take_u64(&value, &sequence))
		txn->status = STATUS_DAMAGED;
	return sequence;
}

void
change_of_gone_set(struct kv_txn *txn, uint32_t store, const struct kind *kind,
    uint64_t id, uint64_t sequence)
{
	struct key key, value;

	gone_key(&key, store, kind, id);
	key_init_bare(&value);
	key_u64(&value, sequence);
	if (sequence != 0)
		kv_put(txn, KV_CHANGE_OF_GONE, key_slice(&key), key_slice(&value));
	else
		kv_del(txn, KV_CHANGE_OF_GONE, key_slice(&key));
}

static void
log_key(struct key *key, uint32_t store)
{
	key_init(key, store);
	key_text(key, COUNTER_NAME);
}

static void
log_get(struct kv_txn *txn, const struct key *key, struct change_log *log)
{
	struct slice value;

	*log = (struct change_log){ 0 };
	if (!kv_get(txn, KV_COUNTER, key_slice(key), &value))
		return;
	if (!key_take_u64(&value, &log->last))
		txn->status = STATUS_DAMAGED;
	/* Bytes were not always counted: then LAST was all there is. */
	if (value.len == 0)
		log->uncounted = log->last;
	else if (!key_take_u64(&value, &log->bytes) ||
		 !key_take_u64(&value, &log->uncounted))
		txn->status = STATUS_DAMAGED;
}

bool
change_is_log(struct slice key, uint32_t *store)
{
	struct slice front = key;
	struct key   of_log;

	if (!key_take_u32(&front, store))
		return false;
	log_key(&of_log, *store);
	return slice_equal(key, key_slice(&of_log));
}

static void
log_put(struct kv_txn *txn, const struct key *key, const struct change_log *log)
{
	struct key value;

	key_init_bare(&value);
	key_u64(&value, log->last);
	key_u64(&value, log->bytes);
	key_u64(&value, log->uncounted);
	kv_put(txn, KV_COUNTER, key_slice(key), key_slice(&value));
}

void
change_log_get(struct kv_txn *txn, uint32_t store, struct change_log *log)
{
	struct key key;

	log_key(&key, store);
	log_get(txn, &key, log);
}

/* The entry SEQUENCE, which took BEFORE bytes, takes AFTER now. */
static void
log_resize(struct change_log *log, uint64_t sequence, size_t before, size_t after)
{
	if (sequence <= log->uncounted)
		return;
	log->bytes -= before < log->bytes ? before : log->bytes;
	log->bytes += after;
}

uint64_t
change_last(struct kv_txn *txn, uint32_t store)
{
	struct change_log log;

	change_log_get(txn, store, &log);
	return log.last;
}

uint64_t
change_oldest(struct kv_txn *txn, uint32_t store)
{
	struct kv_scan scan;
	struct slice   key, value;
	struct key     prefix;
	uint64_t       oldest = change_last(txn, store) + 1;

	key_init(&prefix, store);
	kv_scan_begin(&scan, txn, KV_CHANGE, key_slice(&prefix), SLICE(""));
	if (kv_scan_next(&scan, &key, &value))
		key_take_last_u64(&key, &oldest);
	kv_scan_end(&scan);
	return oldest;
}

uint64_t
change_append(struct edit *edit)
{
	struct buf       *buf = edit->call->scratch;
	struct change_log log;
	struct key        log_at, key;

	log_key(&log_at, edit->store);
	log_get(edit->txn, &log_at, &log);
	log.last++;
	buf_clear(buf, buf->bytes_max);
	stored_pack(buf, edit->change_before);
	pack_entry(edit, log.last, buf);
	if (buf->failed) {
		edit->txn->status = STATUS_NO_MEMORY;
		return log.last;
	}
	assert(buf->len <= CHANGE_BYTES_MAX);
	log.bytes += buf->len;
	log_put(edit->txn, &log_at, &log);
	change_key(&key, edit->store, log.last);
	kv_put(edit->txn, KV_CHANGE, key_slice(&key), buf_slice(buf));
	if (edit->op == EDIT_DELETE)
		change_of_gone_set(
		    edit->txn, edit->store, edit->kind, edit->id, log.last);
	else if (edit->op == EDIT_CREATE && edit->change_before != 0)
		change_of_gone_set(edit->txn, edit->store, edit->kind, edit->id, 0);
	return log.last;
}

/* ---- entries taken apart ---- */

/* Which key NAME is, the likeliest being LIKELY; ENTRY_KEY_COUNT: none. */
static enum entry_key
entry_key_of(struct slice name, unsigned likely)
{
	for (unsigned i = 0; i < ENTRY_KEY_COUNT; i++) {
		unsigned key = (likely + i) % ENTRY_KEY_COUNT;

		if (slice_equal(name, entry_keys[key]))
			return (enum entry_key)key;
	}
	return ENTRY_KEY_COUNT;
}

static void
take_pair(struct change *change, enum entry_key key, struct reader *reader)
{
	switch (key) {
	case ENTRY_SEQ: reader_integer(reader, &change->sequence); break;
	case ENTRY_TIME: reader_integer(reader, &change->time); break;
	case ENTRY_KIND: change->kind = kind_named(reader_text(reader)); break;
	case ENTRY_OP:
		change->is_deletion =
		    slice_equal(reader_text(reader), slice_text(op_words[EDIT_DELETE]));
		break;
	case ENTRY_ID: reader_integer(reader, &change->id); break;
	case ENTRY_REVISION: reader_integer(reader, &change->revision); break;
	case ENTRY_TOKEN:
		if (reader_peek(reader) == VALUE_INTEGER)
			reader_integer(reader, &change->token);
		else
			reader_value(reader);
		break;
	case ENTRY_SET: change->set = reader_value(reader); break;
	default: reader_value(reader); break;
	}
}

bool
change_decode(struct change *change, struct slice value)
{
	struct reader reader;
	unsigned      likely = 0;

	*change = (struct change){ .bytes = value.len };
	stored_take(&value, &change->before);
	change->entry = value;
	reader_init(&reader, value);
	for (uint32_t left = reader_map(&reader); left > 0; left--) {
		enum entry_key key = entry_key_of(reader_text(&reader), likely);

		take_pair(change, key, &reader);
		likely = key + 1u;
	}
	return reader.status == STATUS_OK && change->kind != NULL;
}

void
change_pack(const struct change *change, struct slice set, struct buf *buf)
{
	struct reader reader;
	uint32_t      count;

	reader_init(&reader, change->entry);
	count = reader_map(&reader);
	pack_map(buf, count);
	while (count-- > 0) {
		struct slice name = reader_text(&reader);
		struct slice value = reader_value(&reader);

		pack_text(buf, name);
		pack_raw(buf, slice_equal(name, entry_keys[ENTRY_SET]) ? set : value);
	}
	assert(reader.status == STATUS_OK); /* it was decoded */
}

void
change_put(
    struct kv_txn *txn, uint32_t store, const struct change *change, struct slice value)
{
	uint64_t          sequence = (uint64_t)change->sequence;
	struct change_log log;
	struct key        key, log_at;

	log_key(&log_at, store);
	log_get(txn, &log_at, &log);
	log_resize(&log, sequence, change->bytes, value.len);
	log_put(txn, &log_at, &log);
	change_key(&key, store, sequence);
	kv_put(txn, KV_CHANGE, key_slice(&key), value);
}

/* ---- what leaves ---- */

/* What trimming must know of an entry; SEQUENCE is that of its key. */
struct old {
	uint64_t      sequence;
	struct change change;
};

/*
 * The oldest entries of the first store from *STORE on that has any, up to the first
 * that is damaged; at most *COUNT of them, which becomes how many.  *STORE becomes
 * whose they are, also if the first is damaged.  False: there is none.
 */
static bool
collect(struct kv_txn *txn, uint32_t *store, struct old *olds, unsigned *count)
{
	unsigned       count_max = *count;
	bool           found = false, is_sound = true;
	struct kv_scan scan;
	struct key     begin;

	*count = 0;
	key_init(&begin, *store);
	kv_scan_begin(&scan, txn, KV_CHANGE, SLICE(""), key_slice(&begin));
	while (is_sound && *count < count_max) {
		struct slice key = { NULL, 0 }, value;
		uint32_t     owner;
		struct old  *old = &olds[*count];

		is_sound = kv_scan_next(&scan, &key, &value) &&
			   change_decode(&old->change, value);
		if (txn->status == STATUS_DAMAGED)
			txn->status = STATUS_OK; /* of one value: the key is there */
		if (txn->status != STATUS_OK || !key_take_u32(&key, &owner) ||
		    !key_take_u64(&key, &old->sequence) || (found && owner != *store))
			break;
		*store = owner;
		found = true;
		*count += is_sound;
	}
	kv_scan_end(&scan);
	return found;
}

static bool
must_leave(
    const struct change_log *log, const struct old *old, const struct change_keep *keep)
{
	return old->change.time < keep->from_ms ||
	       log->last - old->sequence >= keep->max || log->bytes > keep->bytes;
}

/* Forget OLD, which is about to leave. */
static void
forget(
    struct kv_txn *txn, uint32_t store, const struct old *old, struct change_log *log)
{
	const struct change *change = &old->change;
	uint64_t             id = (uint64_t)change->id;

	if (change->is_deletion &&
	    change_of_gone(txn, store, change->kind, id) == old->sequence)
		change_of_gone_set(txn, store, change->kind, id, 0);
	log_resize(log, old->sequence, change->bytes, 0);
}

/* Drop those of the COUNT oldest of STORE that KEEP does not cover: how many. */
static unsigned
drop_some(struct kv_txn *txn, uint32_t store, const struct old *olds, unsigned count,
    const struct change_keep *keep)
{
	struct change_log log;
	struct key        log_at, floor;
	unsigned          dropped = 0;

	log_key(&log_at, store);
	log_get(txn, &log_at, &log);
	while (dropped < count && must_leave(&log, &olds[dropped], keep))
		forget(txn, store, &olds[dropped++], &log);
	if (dropped == 0)
		return 0;
	change_key(&floor, store, olds[dropped - 1].sequence + 1);
	kv_drop_below(txn, KV_CHANGE, key_slice(&floor));
	log_put(txn, &log_at, &log);
	return dropped;
}

bool
change_trim(struct kv_txn *txn, uint32_t *store, const struct change_keep *keep,
    unsigned count_max)
{
	struct old olds[DROPPED_AT_ONCE];
	bool       is_first = true; /* of its store, in this call */

	for (unsigned dropped = 0, stores = 0; stores < STORES_PER_TRIM;) {
		/* Of most stores nothing must leave, and one entry tells. */
		unsigned at_once = is_first ? 1 : DROPPED_AT_ONCE;
		unsigned left = count_max - dropped;
		unsigned count = left < at_once ? left : at_once, gone;

		if (count == 0)
			return false;
		if (!collect(txn, store, olds, &count)) {
			*store = 0;
			return true;
		}
		gone = drop_some(txn, *store, olds, count, keep);
		dropped += gone;
		is_first = gone == 0 || gone < count;
		if (is_first) {
			/* One stays, and a damaged one keeps those of its own store. */
			(*store)++; /* behind the last one: 0 again */
			stores++;
		}
	}
	return true;
}
