#include "server/domain/change.h"
#include "proto/pack.h"
#include "proto/reader.h"

static const char *const op_words[] = { "create", "update", "delete" };

/* The places whose value differs between old and new, but for the common fields. */
static uint64_t
changed_places(const struct edit *edit)
{
	uint64_t places = 0;

	for (unsigned i = COMMON_FIELD_COUNT; i < edit->shape->count; i++)
		if (!record_same(&edit->old, &edit->new, i))
			places |= FIELD_BIT(i);
	return places;
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
	uint64_t places = edit->op == EDIT_DELETE ? 0 : changed_places(edit);

	pack_map(buf, 11);
	pack_literal(buf, "seq");
	pack_integer(buf, (int64_t)sequence);
	pack_literal(buf, "time");
	pack_integer(buf, edit->call->now_ms);
	pack_literal(buf, "store");
	pack_integer(buf, edit->store);
	pack_literal(buf, "kind");
	pack_text(buf, kind_noun(edit->kind));
	pack_literal(buf, "op");
	pack_text(buf, slice_text(op_words[edit->op]));
	pack_literal(buf, "id");
	pack_integer(buf, (int64_t)edit->id);
	pack_literal(buf, "uid");
	pack_raw(buf, record->field[COMMON_UID]);
	pack_literal(buf, "revision");
	pack_raw(buf, record->field[COMMON_REVISION]);
	pack_literal(buf, "token");
	pack_integer(buf, (int64_t)edit->call->who.token);
	pack_literal(buf, "fields");
	pack_names(edit, places, buf);
	pack_literal(buf, "set");
	pack_values(edit, places, buf);
}

static void
record_prefix(struct key *key, uint32_t store, struct slice noun, uint64_t id)
{
	key_init(key, store);
	key_text(key, noun);
	key_u64(key, id);
}

void
change_append(struct edit *edit)
{
	struct buf *buf = edit->call->scratch;
	struct key  key;
	uint64_t    sequence = counter_get(edit->txn, 0, SLICE("change")) + 1;

	buf_clear(buf, buf->bytes_max);
	pack_entry(edit, sequence, buf);
	if (buf->failed) {
		edit->txn->status = STATUS_NO_MEMORY;
		return;
	}
	counter_put(edit->txn, 0, SLICE("change"), sequence);
	key_init_bare(&key);
	key_u64(&key, sequence);
	kv_put(edit->txn, KV_CHANGE, key_slice(&key), buf_slice(buf));
	record_prefix(&key, edit->store, kind_noun(edit->kind), edit->id);
	key_u64(&key, sequence);
	kv_put(edit->txn, KV_CHANGE_RECORD, key_slice(&key), SLICE(""));
}

/* Append the entry VALUE to BUF with an empty "set". */
static bool
pack_without_values(struct slice value, struct buf *buf)
{
	struct reader reader;
	uint32_t      count;

	reader_init(&reader, value);
	count = reader_map(&reader);
	pack_map(buf, count);
	while (count-- > 0 && reader.status == STATUS_OK) {
		struct slice key = reader_text(&reader);
		struct slice of_key = reader_value(&reader);

		pack_text(buf, key);
		if (slice_equal(key, SLICE("set")))
			pack_map(buf, 0);
		else
			pack_raw(buf, of_key);
	}
	return reader.status == STATUS_OK;
}

static void
erase_one(struct kv_txn *txn, uint64_t sequence, struct buf *scratch)
{
	struct slice value;
	struct key   key;

	key_init_bare(&key);
	key_u64(&key, sequence);
	if (!kv_get(txn, KV_CHANGE, key_slice(&key), &value))
		return; /* trimmed already */
	buf_clear(scratch, scratch->bytes_max);
	if (!pack_without_values(value, scratch))
		txn->status = STATUS_DAMAGED;
	else if (scratch->failed)
		txn->status = STATUS_NO_MEMORY;
	else
		kv_put(txn, KV_CHANGE, key_slice(&key), buf_slice(scratch));
}

/* The first entry about the customer behind SEQUENCE, or 0. */
static uint64_t
next_about(struct kv_txn *txn, uint32_t store, uint64_t id, uint64_t sequence)
{
	struct key     prefix, from;
	struct kv_scan scan;
	struct slice   key, value;
	uint64_t       found = 0;

	record_prefix(&prefix, store, SLICE("customer"), id);
	from = prefix;
	key_u64(&from, sequence + 1);
	kv_scan_begin(
	    &scan, txn, KV_CHANGE_RECORD, key_slice(&prefix), key_slice(&from));
	if (kv_scan_next(&scan, &key, &value))
		key_take_last_u64(&key, &found);
	kv_scan_end(&scan);
	return found;
}

bool
change_erase(struct kv_txn *txn, uint32_t store, uint64_t id, uint64_t *sequence,
    unsigned count_max, struct buf *scratch)
{
	for (unsigned i = 0; i < count_max; i++) {
		uint64_t next = next_about(txn, store, id, *sequence);

		if (next == 0)
			return true;
		erase_one(txn, next, scratch);
		*sequence = next;
	}
	return false;
}

/* What trimming must know of an entry. */
struct oldest {
	uint64_t     sequence;
	int64_t      time;
	int64_t      store, id;
	struct slice kind;
};

/* Read the oldest entry.  False when there is none. */
static bool
read_oldest(struct kv_txn *txn, struct oldest *oldest)
{
	struct kv_scan scan;
	struct slice   key, value;
	struct reader  reader;
	bool           found;

	kv_scan_begin(&scan, txn, KV_CHANGE, SLICE(""), SLICE(""));
	found =
	    kv_scan_next(&scan, &key, &value) && key_take_u64(&key, &oldest->sequence);
	kv_scan_end(&scan);
	if (!found)
		return false;
	reader_init(&reader, value);
	for (uint32_t left = reader_map(&reader); left > 0; left--) {
		struct slice name = reader_text(&reader);

		if (slice_equal(name, SLICE("time")))
			reader_integer(&reader, &oldest->time);
		else if (slice_equal(name, SLICE("store")))
			reader_integer(&reader, &oldest->store);
		else if (slice_equal(name, SLICE("id")))
			reader_integer(&reader, &oldest->id);
		else if (slice_equal(name, SLICE("kind")))
			oldest->kind = reader_text(&reader);
		else
			reader_value(&reader);
	}
	return reader.status == STATUS_OK;
}

bool
change_trim(
    struct kv_txn *txn, int64_t before_ms, uint64_t keep_max, unsigned count_max)
{
	uint64_t last = counter_get(txn, 0, SLICE("change"));

	for (unsigned i = 0; i < count_max; i++) {
		struct oldest oldest = { 0 };
		struct key    key, about;

		if (!read_oldest(txn, &oldest))
			return true;
		if (oldest.time >= before_ms && last - oldest.sequence < keep_max)
			return true;
		key_init_bare(&key);
		key_u64(&key, oldest.sequence);
		/* The kind points into the entry: build its key before that goes. */
		record_prefix(
		    &about, (uint32_t)oldest.store, oldest.kind, (uint64_t)oldest.id);
		key_u64(&about, oldest.sequence);
		kv_del(txn, KV_CHANGE, key_slice(&key));
		kv_del(txn, KV_CHANGE_RECORD, key_slice(&about));
	}
	return false;
}
