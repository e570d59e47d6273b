#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "proto/pack.h"
#include "server/domain/change.h"
#include "server/domain/edit.h"
#include "server/domain/index.h"
#include "server/domain/random.h"
#include "server/domain/stored.h"

/* With 62^10 of them a clash is unlikely, and index_check() makes it harmless. */
#define UID_BYTES 10u

static void
begin(struct edit *edit, struct call *call, struct kv_txn *txn, const struct kind *kind,
    enum edit_op op)
{
	/* Not the places of the records: nobody looks at those that are absent. */
	memset(edit, 0, offsetof(struct edit, old));
	record_init(&edit->old);
	record_init(&edit->new);
	edit->call = call;
	edit->txn = txn;
	edit->kind = kind;
	edit->shape = kind_shape(kind);
	edit->store = kind_store(kind, call);
	edit->op = op;
}

enum status
edit_create(struct edit *edit, struct call *call, struct kv_txn *txn,
    const struct kind *kind, uint64_t id, struct slice uid)
{
	struct kind_counter counter;
	char                random[UID_BYTES];
	int64_t             created_at = call->now_ms;

	begin(edit, call, txn, kind, EDIT_CREATE);
	kind_count_get(txn, kind, edit->store, &counter);
	if (id != 0 && kind_has(txn, kind, edit->store, id))
		violations_add(&call->violations, SLICE("id"), RULE_TAKEN);
	if (id == 0 && counter.id_last >= INTEGER_MAX)
		violations_add(&call->violations, SLICE("id"), RULE_TOO_LARGE);
	edit->id = id != 0 ? id : counter.id_last + 1;
	if (id != 0) /* another one may have had it before */
		edit->change_before = change_of_gone(txn, edit->store, kind, id);
	if (uid.len == 0) {
		random_text(random, sizeof(random), RANDOM_DIGITS_AND_LETTERS);
		uid = slice_of(random, sizeof(random));
	}
	if (args_have(&call->args, ARG_CREATED_AT))
		created_at = args_integer(&call->args, ARG_CREATED_AT);
	record_set_integer(&edit->new, COMMON_ID, (int64_t)edit->id, call->arena);
	record_set_text(&edit->new, COMMON_UID, uid, call->arena);
	record_set_integer(&edit->new, COMMON_REVISION, 1, call->arena);
	record_set_integer(&edit->new, COMMON_CREATED_AT, created_at, call->arena);
	record_set_integer(&edit->new, COMMON_UPDATED_AT, call->now_ms, call->arena);
	return txn->status;
}

uint64_t
edit_find(
    struct call *call, struct kv_txn *txn, const struct kind *kind, struct slice uid)
{
	struct record name = { 0 };

	record_set_text(&name, COMMON_UID, uid, call->arena);
	return index_find(txn, kind, kind_store(kind, call),
	    &kind_shape(kind)->fields[COMMON_UID], name.field[COMMON_UID],
	    call->scratch);
}

enum status
edit_load(struct edit *edit, struct call *call, struct kv_txn *txn,
    const struct kind *kind, uint64_t id, struct slice uid, enum edit_op op)
{
	struct slice value;

	assert(op != EDIT_CREATE);
	begin(edit, call, txn, kind, op);
	edit->id = id != 0 ? id : edit_find(call, txn, kind, uid);
	if (!kind_get(txn, kind, edit->store, edit->id, &value, &edit->change_before))
		return txn->status != STATUS_OK ? txn->status : STATUS_NOT_FOUND;
	value = arena_copy(call->arena, value);
	edit->old_bytes = value.len;
	if (call->arena->failed)
		return STATUS_NO_MEMORY;
	if (!record_split(&edit->old, edit->shape, value))
		return STATUS_DAMAGED;
	if (op == EDIT_UPDATE)
		edit->new = edit->old;
	return STATUS_OK;
}

void
edit_patch(struct edit *edit, const struct patch *patch)
{
	const struct field *fields = edit->shape->fields;

	edit->patch = patch;
	for (uint64_t left = patch->clear; left != 0; left &= left - 1) {
		unsigned place = (unsigned)__builtin_ctzll(left);

		record_clear(&edit->new, place);
		if ((fields[place].flags & SECRET) != 0)
			edit->drop_secret = true;
	}
	for (uint64_t left = patch->set.present; left != 0; left &= left - 1) {
		unsigned place = (unsigned)__builtin_ctzll(left);

		if ((fields[place].flags & SECRET) != 0)
			edit->has_secret = true;
		else
			record_set(&edit->new, place, patch->set.field[place]);
	}
}

/* One revision up; time does not run backwards for a record. */
static void
step_revision(struct edit *edit)
{
	struct arena *arena = edit->call->arena;
	int64_t       updated_at = record_integer(&edit->old, COMMON_UPDATED_AT);

	if (updated_at < edit->call->now_ms)
		updated_at = edit->call->now_ms;
	record_set_integer(&edit->new, COMMON_REVISION,
	    record_integer(&edit->old, COMMON_REVISION) + 1, arena);
	record_set_integer(&edit->new, COMMON_UPDATED_AT, updated_at, arena);
}

/* The bytes of the new record at PLACES. */
static size_t
packed_bytes(const struct edit *edit, uint64_t places)
{
	size_t bytes = 0;

	for (; places != 0; places &= places - 1) {
		unsigned place = (unsigned)__builtin_ctzll(places);

		bytes += pack_text_bytes(edit->shape->fields[place].name) +
			 edit->new.field[place].len;
	}
	return bytes;
}

static bool
is_too_large(const struct edit *edit)
{
	const uint64_t places = edit->new.present;
	const size_t   head_bytes = 3; /* of the map, at most */

	/* The old one and what was set: seldom need all be counted. */
	return edit->old_bytes + head_bytes +
		       packed_bytes(edit, places & ~edit->new.kept) >
		   RECORD_BYTES_MAX &&
	       head_bytes + packed_bytes(edit, places) > RECORD_BYTES_MAX;
}

enum status
edit_check(struct edit *edit)
{
	struct call *call = edit->call;
	enum status (*hook)(struct edit *) =
	    edit->op == EDIT_DELETE ? edit->kind->before_delete : edit->kind->before;
	enum status status = hook != NULL ? hook(edit) : STATUS_OK;

	if (status != STATUS_OK)
		return status;
	edit->differ = record_differences(&edit->old, &edit->new);
	edit->changed = edit->differ != 0 || edit->has_secret;
	if (edit->op == EDIT_DELETE)
		return edit->txn->status;
	if (edit->changed && edit->op == EDIT_UPDATE)
		step_revision(edit);
	index_check(edit);
	if (call->arena->failed)
		return STATUS_NO_MEMORY;
	if (edit->txn->status != STATUS_OK)
		return edit->txn->status;
	if (violations_any(&call->violations))
		return STATUS_INVALID;
	if (is_too_large(edit)) {
		call->detail = "the record would be larger than record_bytes_max";
		return STATUS_TOO_LARGE;
	}
	return STATUS_OK;
}

static void
update_counter(struct edit *edit)
{
	struct kind_counter counter;

	if (edit->op == EDIT_UPDATE)
		return;
	kind_count_get(edit->txn, edit->kind, edit->store, &counter);
	if (edit->op == EDIT_DELETE)
		counter.count--;
	else
		counter.count++;
	if (counter.id_last < edit->id)
		counter.id_last = edit->id;
	kind_count_put(edit->txn, edit->kind, edit->store, &counter);
}

/* CHANGE is the number of the change. */
static void
write_record(struct edit *edit, uint64_t change)
{
	struct buf *buf = edit->call->scratch;
	struct key  key;

	kind_record_key(&key, edit->store, edit->id);
	if (edit->op == EDIT_DELETE) {
		kv_del(edit->txn, edit->kind->records, key_slice(&key));
		return;
	}
	buf_clear(buf, buf->bytes_max);
	stored_pack(buf, change);
	record_pack(&edit->new, edit->shape, UINT64_MAX, buf);
	if (buf->failed)
		edit->txn->status = STATUS_NO_MEMORY;
	kv_put(edit->txn, edit->kind->records, key_slice(&key), buf_slice(buf));
}

void
edit_write(struct edit *edit)
{
	void (*hook)(struct edit *) =
	    edit->op == EDIT_DELETE ? edit->kind->after_delete : edit->kind->after;

	assert(edit->changed);
	assert(!violations_any(&edit->call->violations));
	write_record(edit, change_append(edit));
	index_update(edit);
	update_counter(edit);
	if (hook != NULL)
		hook(edit);
}
