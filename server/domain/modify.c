#include <assert.h>
#include <string.h>

#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/customer.h"
#include "server/domain/edit.h"
#include "server/domain/idempotency.h"
#include "server/domain/modify.h"
#include "server/domain/password.h"
#include "server/domain/query.h"
#include "server/domain/store.h"
#include "server/domain/token.h"

/* ---- judging, on the loop ---- */

static enum status
verdict(const struct call *call)
{
	if (call->arena->failed)
		return STATUS_NO_MEMORY;
	return violations_any(&call->violations) ? STATUS_INVALID : STATUS_OK;
}

static bool
make_patches(struct call *call, unsigned count)
{
	call->patches = arena_alloc(call->arena, count * sizeof(*call->patches));
	if (call->patches == NULL)
		return false;
	memset(call->patches, 0, count * sizeof(*call->patches));
	call->patch_count = count;
	return true;
}

/* Fill PATCH from the arguments of one record. */
static enum status
take_patch(
    struct call *call, struct patch *patch, const struct args *args, bool creating)
{
	const struct shape *shape = &record_shapes[call->method->record];
	enum status         status;

	patch->id = (uint64_t)args_integer(args, ARG_ID);
	patch->uid = args_text(args, ARG_UID);
	patch->if_revision = args_integer(args, ARG_IF_REVISION);
	if (args_have(args, ARG_ADD_TAGS))
		patch->add_tags = args->value[ARG_ADD_TAGS];
	if (args_have(args, ARG_REMOVE_TAGS))
		patch->remove_tags = args->value[ARG_REMOVE_TAGS];
	patch->ignore_unknown_tags = args_bool(args, ARG_IGNORE_UNKNOWN_TAGS);
	patch->has_anonymize = args_have(args, ARG_ANONYMIZE);
	patch->anonymize = (enum anonymize_action)args_word(args, ARG_ANONYMIZE);
	if (patch->has_anonymize && !call_may(call, SCOPE_CUSTOMERS_ANONYMIZE))
		return STATUS_FORBIDDEN;
	status = patch_decode(patch, call, shape,
	    args_have(args, ARG_SET) ? args->value[ARG_SET] : SLICE(""), creating);
	if (status == STATUS_OK && call->method->record == RECORD_CUSTOMER)
		status = customer_complete(call, patch);
	return status;
}

/* Is there nothing in ARGS that would change anything? */
static bool
asks_nothing(const struct args *args)
{
	return (args->present &
		   (ARG_BIT(ARG_SET) | ARG_BIT(ARG_ADD_TAGS) |
		       ARG_BIT(ARG_REMOVE_TAGS) | ARG_BIT(ARG_ANONYMIZE))) == 0;
}

static void
need_something(struct call *call, const struct args *args, enum argument wanted)
{
	if (asks_nothing(args) && !violations_any(&call->violations))
		violations_add(&call->violations, argument_shape.fields[wanted].name,
		    RULE_REQUIRED);
}

enum status
modify_check_create(struct call *call)
{
	const uint64_t given =
	    ARG_BIT(ARG_ID) | ARG_BIT(ARG_UID) | ARG_BIT(ARG_CREATED_AT);
	enum status status;

	if ((call->args.present & given) != 0 && !call_may(call, SCOPE_IMPORT)) {
		call->detail =
		    "only the scope import permits to choose id, uid or created_at";
		return STATUS_FORBIDDEN;
	}
	if (args_integer(&call->args, ARG_ID) > IMPORT_ID_MAX)
		violations_add(&call->violations, SLICE("id"), RULE_TOO_LARGE);
	if (call->method->number == METHOD_TOKEN_CREATE &&
	    call->meta.idempotency_key.len > 0)
		violations_add(
		    &call->violations, SLICE("meta.idempotency_key"), RULE_FORBIDDEN);
	if (!make_patches(call, 1))
		return STATUS_NO_MEMORY;
	status = take_patch(call, &call->patches[0], &call->args, true);
	if (status == STATUS_OK && call->method->record == RECORD_TOKEN)
		status = token_complete(call);
	return status != STATUS_OK ? status : verdict(call);
}

enum status
modify_check_update(struct call *call)
{
	enum status status;

	args_need_one(&call->args, call, ARG_ID, ARG_UID);
	need_something(call, &call->args,
	    call->method->number == METHOD_CUSTOMER_ANONYMIZE ? ARG_ANONYMIZE
							      : ARG_SET);
	if (!make_patches(call, 1))
		return STATUS_NO_MEMORY;
	status = take_patch(call, &call->patches[0], &call->args, false);
	return status != STATUS_OK ? status : verdict(call);
}

/* Judge item INDEX of the updates, a packed map. */
static enum status
check_item(struct call *call, unsigned index, struct slice item)
{
	size_t      mark = violations_down_index(&call->violations, index);
	struct args args;
	enum status status;

	args_decode(&args, call, item, ARGS_UPDATE_ITEM, true);
	/* The two look at what is noted before; that may be of another item. */
	if (args_have(&args, ARG_ID) == args_have(&args, ARG_UID))
		violations_add(&call->violations, SLICE("id"),
		    args_have(&args, ARG_ID) ? RULE_CONFLICT : RULE_REQUIRED);
	if (asks_nothing(&args))
		violations_add(&call->violations, SLICE("set"), RULE_REQUIRED);
	status = take_patch(call, &call->patches[index], &args, false);
	violations_up(&call->violations, mark);
	return status;
}

static unsigned
count_passwords(const struct call *call)
{
	unsigned count = 0;

	for (const struct password_job *job = call->passwords; job; job = job->next)
		count++;
	return count;
}

enum status
modify_check_update_many(struct call *call)
{
	enum status   status = STATUS_OK, first = STATUS_OK;
	struct reader reader;
	uint32_t      count;
	size_t        mark;

	if (!args_have(&call->args, ARG_UPDATES)) {
		if (!violations_any(&call->violations))
			violations_add(
			    &call->violations, SLICE("updates"), RULE_REQUIRED);
		return STATUS_INVALID;
	}
	reader_init(&reader, call->args.value[ARG_UPDATES]);
	count = reader_array(&reader);
	if (!make_patches(call, count))
		return STATUS_NO_MEMORY;
	mark = violations_down(&call->violations, SLICE("updates"));
	for (unsigned i = 0; i < count; i++) {
		status = check_item(call, i, reader_value(&reader));
		if (first == STATUS_OK)
			first = status;
	}
	if (count_passwords(call) > PASSWORDS_PER_CALL_MAX)
		violations_add(&call->violations, SLICE(""), RULE_TOO_MANY);
	violations_up(&call->violations, mark);
	return first != STATUS_OK ? first : verdict(call);
}

enum status
modify_check_delete(struct call *call)
{
	args_need_one(&call->args, call, ARG_ID, ARG_UID);
	if (!make_patches(call, 1))
		return STATUS_NO_MEMORY;
	call->patches[0].id = (uint64_t)args_integer(&call->args, ARG_ID);
	call->patches[0].uid = args_text(&call->args, ARG_UID);
	call->patches[0].if_revision = args_integer(&call->args, ARG_IF_REVISION);
	return verdict(call);
}

/* ---- carrying out, on the writer ---- */

/* Does the revision permit the change?  Call after the record was found. */
static enum status
check_revision(const struct edit *edit, const struct patch *patch)
{
	int64_t revision = record_integer(&edit->old, COMMON_REVISION);

	if (patch->if_revision == 0 && !edit->kind->of_server &&
	    store_wants_revision(edit->txn, edit->store))
		return STATUS_REVISION_REQUIRED;
	if (patch->if_revision == 0 || patch->if_revision == revision)
		return STATUS_OK;
	edit->call->revision = revision;
	return STATUS_REVISION_MISMATCH;
}

/* Load what PATCH names, if the token and the revision permit to change it. */
static enum status
load(struct edit *edit, struct call *call, struct kv_txn *txn,
    const struct patch *patch, enum edit_op op)
{
	enum status status = edit_load(
	    edit, call, txn, kind_of(call->method->record), patch->id, patch->uid, op);

	if (status != STATUS_OK)
		return status;
	if (call->who.customer != 0 && call->who.customer != edit->id)
		return STATUS_FORBIDDEN;
	return check_revision(edit, patch);
}

/* Append what CALL wants to know about the record that EDIT has made. */
static enum status
pack_result(const struct edit *edit, struct buf *buf)
{
	struct call *call = edit->call;
	const struct record *new = &edit->new;
	bool want_record = args_word(&call->args, ARG_WANT) == WANT_RECORD;

	if (want_record) {
		uint64_t hidden = kind_number(edit->kind) == RECORD_CUSTOMER &&
					  !call_may(call, SCOPE_CUSTOMERS_PRIVATE)
				      ? shape_places(edit->shape, PRIVATE)
				      : 0;

		record_pack(new, edit->shape, ~hidden, buf);
		if (kind_number(edit->kind) == RECORD_CUSTOMER)
			idempotency_note(call, edit->id);
		return STATUS_OK;
	}
	pack_map(buf, call->method->number == METHOD_TOKEN_CREATE ? 6 : 5);
	pack_literal(buf, "id");
	pack_raw(buf, new->field[COMMON_ID]);
	pack_literal(buf, "uid");
	pack_raw(buf, new->field[COMMON_UID]);
	pack_literal(buf, "revision");
	pack_raw(buf, new->field[COMMON_REVISION]);
	pack_literal(buf, "updated_at");
	pack_raw(buf, new->field[COMMON_UPDATED_AT]);
	pack_literal(buf, "changed");
	pack_bool(buf, edit->changed);
	if (call->method->number == METHOD_TOKEN_CREATE) {
		pack_literal(buf, "token"); /* the only time that it is told */
		pack_raw(buf, call->args.value[ARG_TOKEN]);
	}
	return STATUS_OK;
}

enum status
modify_create(struct call *call, struct kv_txn *txn)
{
	const struct patch *patch = &call->patches[0];
	struct edit         edit;
	enum status         status;

	status = edit_create(
	    &edit, call, txn, kind_of(call->method->record), patch->id, patch->uid);
	if (status != STATUS_OK)
		return status;
	edit_patch(&edit, patch);
	status = edit_check(&edit);
	if (status != STATUS_OK)
		return status;
	edit_write(&edit);
	return pack_result(&edit, call->result);
}

/* Judge the update of one record, and write it if WRITE. */
static enum status
update_one(struct edit *edit, struct call *call, struct kv_txn *txn,
    const struct patch *patch, bool write)
{
	enum status status = load(edit, call, txn, patch, EDIT_UPDATE);

	if (status != STATUS_OK)
		return status;
	edit_patch(edit, patch);
	status = edit_check(edit);
	if (status == STATUS_OK && edit->changed && write)
		edit_write(edit);
	return status != STATUS_OK ? status : txn->status;
}

enum status
modify_update(struct call *call, struct kv_txn *txn)
{
	struct edit edit;
	enum status status = update_one(&edit, call, txn, &call->patches[0], true);

	return status == STATUS_OK ? pack_result(&edit, call->result) : status;
}

enum status
modify_delete(struct call *call, struct kv_txn *txn)
{
	struct edit edit;
	enum status status = load(&edit, call, txn, &call->patches[0], EDIT_DELETE);

	if (status == STATUS_OK)
		status = edit_check(&edit);
	if (status != STATUS_OK)
		return status;
	edit_write(&edit);
	pack_map(call->result, 3);
	pack_literal(call->result, "id");
	pack_raw(call->result, edit.old.field[COMMON_ID]);
	pack_literal(call->result, "uid");
	pack_raw(call->result, edit.old.field[COMMON_UID]);
	pack_literal(call->result, "revision");
	pack_raw(call->result, edit.old.field[COMMON_REVISION]);
	return STATUS_OK;
}

/* ---- many at once ---- */

/* How the refusal of one item shows among the violations of an atomic call. */
// clang-format off
static const struct {
	enum status status;
	const char *key;
	enum rule   rule;
} item_rules[] = {
	{ STATUS_NOT_FOUND,         "id",          RULE_MISSING },
	{ STATUS_FORBIDDEN,         "id",          RULE_FORBIDDEN },
	{ STATUS_LOCKED,            "id",          RULE_LOCKED },
	{ STATUS_REVISION_MISMATCH, "if_revision", RULE_CONFLICT },
	{ STATUS_REVISION_REQUIRED, "if_revision", RULE_REQUIRED },
	{ STATUS_TOO_LARGE,         "set",         RULE_TOO_LARGE },
};
// clang-format on

/* Note the refusal of the item where the violations stand.  False: it is no refusal. */
static bool
note_refusal(struct call *call, enum status status)
{
	for (size_t i = 0; i < sizeof(item_rules) / sizeof(item_rules[0]); i++)
		if (item_rules[i].status == status) {
			violations_add(&call->violations, slice_text(item_rules[i].key),
			    item_rules[i].rule);
			return true;
		}
	return status == STATUS_INVALID; /* noted in detail already */
}

/*
 * All or nothing.  Items are written as they pass, so that the next ones are judged
 * against them; after the first refusal the rest is only judged, for a whole report,
 * and what was written goes back.
 */
static enum status
update_all(struct call *call, struct kv_txn *txn, uint32_t *updated)
{
	struct kv_txn child;
	enum status   status = STATUS_OK;
	size_t        mark = violations_down(&call->violations, SLICE("updates"));

	kv_nest(txn, &child);
	for (unsigned i = 0; i < call->patch_count; i++) {
		size_t      inner = violations_down_index(&call->violations, i);
		bool        sound = !violations_any(&call->violations);
		struct edit edit;

		status = update_one(&edit, call, &child, &call->patches[i], sound);
		if (status == STATUS_OK && sound) {
			pack_result(&edit, call->result);
			*updated += edit.changed;
		} else if (status != STATUS_OK && !note_refusal(call, status))
			break;
		violations_up(&call->violations, inner);
		status = STATUS_OK;
	}
	call->violations.prefix_len = mark;
	call->detail = NULL; /* of one item */
	if (status == STATUS_OK && violations_any(&call->violations))
		status = STATUS_INVALID;
	if (status == STATUS_OK)
		kv_nest_keep(txn, &child);
	else
		kv_nest_drop(txn, &child);
	return status;
}

/* Each for itself; a refused item has an error in place of its result. */
static enum status
update_each(struct call *call, struct kv_txn *txn, uint32_t *updated)
{
	for (unsigned i = 0; i < call->patch_count; i++) {
		struct edit edit;
		enum status status;

		violations_init(&call->violations);
		call->detail = NULL;
		call->revision = 0;
		status = update_one(&edit, call, txn, &call->patches[i], true);
		if (txn->status != STATUS_OK)
			return txn->status;
		if (status == STATUS_OK) {
			pack_result(&edit, call->result);
			*updated += edit.changed;
			continue;
		}
		pack_map(call->result, 1);
		pack_literal(call->result, "error");
		call_pack_error(call, status, call->result);
	}
	return STATUS_OK;
}

/*
 * Find out which record each item means: two items for one would race with each other,
 * even if one names it by its id and the other by its uid.
 */
static enum status
resolve(struct call *call, struct kv_txn *txn)
{
	const struct kind *kind = kind_of(call->method->record);
	size_t             mark = violations_down(&call->violations, SLICE("updates"));
	uint64_t           ids[UPDATE_MANY_MAX];

	for (unsigned i = 0; i < call->patch_count; i++) {
		const struct patch *patch = &call->patches[i];
		size_t              inner = violations_down_index(&call->violations, i);
		unsigned            k = 0;

		ids[i] =
		    patch->id != 0 ? patch->id : edit_find(call, txn, kind, patch->uid);
		while (k < i && (ids[k] != ids[i] || ids[i] == 0))
			k++;
		if (k < i)
			violations_add(&call->violations, SLICE("id"), RULE_DUPLICATE);
		violations_up(&call->violations, inner);
	}
	violations_up(&call->violations, mark);
	return violations_any(&call->violations) ? STATUS_INVALID : txn->status;
}

enum status
modify_update_many(struct call *call, struct kv_txn *txn)
{
	bool        atomic = args_bool(&call->args, ARG_ATOMIC);
	uint32_t    updated = 0;
	enum status status = resolve(call, txn);

	if (status != STATUS_OK)
		return status;
	pack_map(call->result, 2);
	pack_literal(call->result, "results");
	pack_array(call->result, call->patch_count);
	status = (atomic ? update_all : update_each)(call, txn, &updated);
	pack_literal(call->result, "updated");
	pack_integer(call->result, updated);
	return status;
}
