#include <assert.h>

#include "proto/reader.h"
#include "server/domain/index.h"
#include "server/domain/text.h"

#define INDEX_KEY_TAIL_BYTES 8u /* the id behind the value of an index key */

/* Append one scalar value as keys hold it. */
static bool
key_value(struct key *key, const struct field *field, struct reader *reader,
    struct buf *scratch)
{
	struct slice text;
	int64_t      number;

	buf_clear(scratch, scratch->bytes_max);
	if (reader_peek(reader) == VALUE_INTEGER) {
		if (!reader_integer(reader, &number) || number < 0)
			return false;
		key_u64(key, (uint64_t)number);
		return true;
	}
	text = reader_text(reader);
	if (field->kind == FIELD_EMAIL) {
		/* A key for which memory ran out is another key. */
		if (!text_email_key(text, scratch) || scratch->failed)
			return false;
		text = buf_slice(scratch);
	}
	if (key->len + text.len + 1 + INDEX_KEY_TAIL_BYTES > KV_KEY_BYTES_MAX)
		return false;
	key_text(key, text);
	return true;
}

bool
index_key(
    struct key *key, const struct field *field, struct slice value, struct buf *scratch)
{
	struct reader reader;

	key_text(key, field->name);
	reader_init(&reader, value);
	return key_value(key, field, &reader, scratch);
}

uint64_t
index_find(struct kv_txn *txn, const struct kind *kind, uint32_t store,
    const struct field *field, struct slice value, struct buf *scratch)
{
	struct key   key;
	struct slice found;
	uint64_t     id = 0;

	key_init(&key, store);
	if (!index_key(&key, field, value, scratch)) {
		if (scratch->failed && txn->status == STATUS_OK)
			txn->status = STATUS_NO_MEMORY;
		return 0;
	}
	if (kv_get(txn, kind->unique, key_slice(&key), &found) &&
	    !key_take_u64(&found, &id))
		txn->status = STATUS_DAMAGED;
	return id;
}

/* The uid is an argument of its own; all other fields come in "set". */
static void
note_taken(struct violations *violations, const struct field *field, unsigned place)
{
	unsigned mark = violations->depth;

	if (place != COMMON_UID)
		violations_down(violations, SLICE("set"));
	violations_add(violations, field->name, RULE_TAKEN);
	violations_up(violations, mark);
}

void
index_check(struct edit *edit)
{
	struct call *call = edit->call;
	uint64_t     places = edit->differ & edit->new.present;

	for (; places != 0; places &= places - 1) {
		unsigned            place = (unsigned)__builtin_ctzll(places);
		const struct field *field = &edit->shape->fields[place];
		uint64_t            other;

		if ((field->flags & UNIQUE) == 0)
			continue;
		other = index_find(edit->txn, edit->kind, edit->store, field,
		    edit->new.field[place], call->scratch);
		if (other != 0 && other != edit->id)
			note_taken(&call->violations, field, place);
	}
}

/* Walk the entries of one field, whose value may be a list; false: out of memory. */
static bool
walk_field(const struct kind *kind, uint32_t store, uint64_t id,
    const struct field *field, struct slice value, struct buf *scratch,
    index_each_fn *each, void *context)
{
	struct reader reader;
	uint32_t      count = 1;
	bool          unique = (field->flags & UNIQUE) != 0;

	assert(unique || kind->index != NO_TABLE);
	reader_init(&reader, value);
	if (reader_peek(&reader) == VALUE_ARRAY)
		count = reader_array(&reader);
	while (count-- > 0) {
		struct key key;

		key_init(&key, store);
		key_text(&key, field->name);
		if (!key_value(&key, field, &reader, scratch)) {
			if (scratch->failed)
				return false;
			continue;
		}
		if (!unique)
			key_u64(&key, id);
		each(context, unique, &key, id);
	}
	return true;
}

bool
index_walk(const struct kind *kind, uint32_t store, uint64_t id,
    const struct record *record, uint64_t places, struct buf *scratch,
    index_each_fn *each, void *context)
{
	const struct field *fields = kind_shape(kind)->fields;

	for (places &= record->present; places != 0; places &= places - 1) {
		unsigned place = (unsigned)__builtin_ctzll(places);

		if ((fields[place].flags & (UNIQUE | INDEXED)) != 0 &&
		    !walk_field(kind, store, id, &fields[place], record->field[place],
			scratch, each, context))
			return false;
	}
	return true;
}

static void
put_entry(void *context, bool unique, const struct key *key, uint64_t id)
{
	struct edit *edit = context;
	struct key   value;

	key_init_bare(&value);
	if (unique)
		key_u64(&value, id);
	kv_put(edit->txn, unique ? edit->kind->unique : edit->kind->index,
	    key_slice(key), key_slice(&value));
}

static void
del_entry(void *context, bool unique, const struct key *key, uint64_t id)
{
	struct edit *edit = context;

	(void)id;
	kv_del(
	    edit->txn, unique ? edit->kind->unique : edit->kind->index, key_slice(key));
}

void
index_update(struct edit *edit)
{
	if (index_walk(edit->kind, edit->store, edit->id, &edit->old, edit->differ,
		edit->call->scratch, del_entry, edit) &&
	    index_walk(edit->kind, edit->store, edit->id, &edit->new, edit->differ,
		edit->call->scratch, put_entry, edit))
		return;
	if (edit->txn->status == STATUS_OK)
		edit->txn->status = STATUS_NO_MEMORY;
}
