#include <assert.h>

#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/customer.h"
#include "server/domain/domain_private.h"
#include "server/domain/edit.h"
#include "server/domain/idempotency.h"
#include "server/domain/modify_internal.h"
#include "server/domain/password.h"
#include "server/domain/query.h"
#include "server/domain/store.h"
#include "server/domain/token.h"

/* ---- judging, on the loop ---- */

enum status
modify_verdict(const struct call *call)
{
	if (call->arena->failed)
		return STATUS_NO_MEMORY;
	return violations_any(&call->violations) ? STATUS_INVALID : STATUS_OK;
}

bool
modify_make_patches(struct call *call, unsigned count)
{
	call->patches = arena_alloc(call->arena, count * sizeof(*call->patches));
	if (call->patches == NULL)
		return false;
	for (unsigned i = 0; i < count; i++)
		patch_init(&call->patches[i]);
	call->patch_count = count;
	return true;
}

enum status
modify_take_patch(
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

bool
modify_asks_nothing(const struct args *args)
{
	return (args->present &
		   (ARG_BIT(ARG_SET) | ARG_BIT(ARG_ADD_TAGS) |
		       ARG_BIT(ARG_REMOVE_TAGS) | ARG_BIT(ARG_ANONYMIZE))) == 0;
}

static void
need_something(struct call *call, const struct args *args, enum argument wanted)
{
	if (modify_asks_nothing(args) && !violations_any(&call->violations))
		violations_add(&call->violations, argument_shape.fields[wanted].name,
		    RULE_REQUIRED);
}

enum status
modify_check_import(struct call *call, const struct args *args)
{
	const uint64_t given =
	    ARG_BIT(ARG_ID) | ARG_BIT(ARG_UID) | ARG_BIT(ARG_CREATED_AT);

	if ((args->present & given) != 0 && !call_may(call, SCOPE_IMPORT)) {
		call->detail =
		    "only the scope import permits to choose id, uid or created_at";
		return STATUS_FORBIDDEN;
	}
	if (args_integer(args, ARG_ID) > IMPORT_ID_MAX)
		violations_add(&call->violations, SLICE("id"), RULE_TOO_LARGE);
	return STATUS_OK;
}

enum status
modify_check_create(struct call *call)
{
	enum status status = modify_check_import(call, &call->args);

	if (status != STATUS_OK)
		return status;
	if (call->method->number == METHOD_TOKEN_CREATE &&
	    call->meta.idempotency_key.len > 0)
		violations_add(
		    &call->violations, SLICE("meta.idempotency_key"), RULE_FORBIDDEN);
	if (!modify_make_patches(call, 1))
		return STATUS_NO_MEMORY;
	status = modify_take_patch(call, &call->patches[0], &call->args, true);
	if (status == STATUS_OK && call->method->record == RECORD_TOKEN)
		status = token_complete(call);
	return status != STATUS_OK ? status : modify_verdict(call);
}

enum status
modify_check_update(struct call *call)
{
	enum status status;

	args_need_one(&call->args, call, ARG_ID, ARG_UID);
	need_something(call, &call->args,
	    call->method->number == METHOD_CUSTOMER_ANONYMIZE ? ARG_ANONYMIZE
							      : ARG_SET);
	if (!modify_make_patches(call, 1))
		return STATUS_NO_MEMORY;
	status = modify_take_patch(call, &call->patches[0], &call->args, false);
	return status != STATUS_OK ? status : modify_verdict(call);
}

enum status
modify_check_delete(struct call *call)
{
	args_need_one(&call->args, call, ARG_ID, ARG_UID);
	if (!modify_make_patches(call, 1))
		return STATUS_NO_MEMORY;
	call->patches[0].id = (uint64_t)args_integer(&call->args, ARG_ID);
	call->patches[0].uid = args_text(&call->args, ARG_UID);
	call->patches[0].if_revision = args_integer(&call->args, ARG_IF_REVISION);
	return modify_verdict(call);
}

/* ---- carrying out, on the writer ---- */

bool
modify_fetch(struct call *call, struct kv_txn *txn)
{
	const struct kind *kind = kind_of(call->method->record);
	uint64_t           id = call->patches[0].id;
	uint32_t           store = kind_store(kind, call);
	struct key         key;

	if (id == 0)
		return false;
	kind_record_key(&key, store, id);
	kv_fetch(txn, kind->records, key_slice(&key));
	return true;
}

/* Must a change of EDIT's record name its revision? */
static bool
revision_is_required(const struct edit *edit)
{
	const struct identity *who = &edit->call->who;

	if (edit->kind->of_server)
		return false;
	/* What is known of the store holds as long as nothing has changed since, this
	 * batch included. */
	if (who->knows_store && who->epoch == edit->call->domain->token_epoch_next)
		return who->revision_required;
	return store_wants_revision(edit->txn, edit->store);
}

/* Does the revision permit the change?  Call after the record was found. */
static enum status
check_revision(const struct edit *edit, const struct patch *patch)
{
	int64_t revision = record_integer(&edit->old, COMMON_REVISION);

	if (patch->if_revision == 0 && revision_is_required(edit))
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

enum status
modify_pack_result(const struct edit *edit, struct buf *buf)
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
		buf->secret = true;
		pack_literal(buf, "token"); /* the only time that it is told */
		pack_raw(buf, call->args.value[ARG_TOKEN]);
	}
	return STATUS_OK;
}

enum status
modify_create_one(struct edit *edit, struct call *call, struct kv_txn *txn,
    const struct patch *patch, bool write)
{
	enum status status = edit_create(
	    edit, call, txn, kind_of(call->method->record), patch->id, patch->uid);

	if (status != STATUS_OK)
		return status;
	edit_patch(edit, patch);
	status = edit_check(edit);
	if (status == STATUS_OK && write)
		edit_write(edit);
	return status != STATUS_OK ? status : txn->status;
}

enum status
modify_create(struct call *call, struct kv_txn *txn)
{
	struct edit edit;
	enum status status =
	    modify_create_one(&edit, call, txn, &call->patches[0], true);

	return status == STATUS_OK ? modify_pack_result(&edit, call->result) : status;
}

enum status
modify_update_one(struct edit *edit, struct call *call, struct kv_txn *txn,
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
	enum status status =
	    modify_update_one(&edit, call, txn, &call->patches[0], true);

	return status == STATUS_OK ? modify_pack_result(&edit, call->result) : status;
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
