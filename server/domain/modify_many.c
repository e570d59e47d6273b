#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/customer.h"
#include "server/domain/modify_internal.h"
#include "server/domain/password.h"

/* ---- judging, on the loop ---- */

/* Judge item INDEX of the updates, a packed map. */
static enum status
check_update(struct call *call, unsigned index, struct slice item)
{
	unsigned    mark = violations_down_index(&call->violations, index);
	struct args args;
	enum status status;

	args_decode(&args, call, item, ARGS_UPDATE_ITEM, true);
	/* The two look at what is noted before; that may be of another item. */
	if (args_have(&args, ARG_ID) == args_have(&args, ARG_UID))
		violations_add(&call->violations, SLICE("id"),
		    args_have(&args, ARG_ID) ? RULE_CONFLICT : RULE_REQUIRED);
	if (modify_asks_nothing(&args))
		violations_add(&call->violations, SLICE("set"), RULE_REQUIRED);
	status = modify_take_patch(call, &call->patches[index], &args, false);
	violations_up(&call->violations, mark);
	return status;
}

/* Judge item INDEX of the creates. */
static enum status
check_create(struct call *call, unsigned index, struct slice item)
{
	unsigned    mark = violations_down_index(&call->violations, index);
	struct args args;
	enum status status;

	args_decode(&args, call, item, ARGS_CREATE_ITEM, true);
	status = modify_check_import(call, &args);
	if (status == STATUS_OK)
		status = modify_take_patch(call, &call->patches[index], &args, true);
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

/* Judge the items of the argument LIST, each by CHECK. */
static enum status
check_many(struct call *call, enum argument list,
    enum status (*check)(struct call *call, unsigned index, struct slice item))
{
	enum status   status = STATUS_OK, first = STATUS_OK;
	struct slice  name = argument_shape.fields[list].name;
	struct reader reader;
	uint32_t      count;
	unsigned      mark;

	if (!args_have(&call->args, list)) {
		if (!violations_any(&call->violations))
			violations_add(&call->violations, name, RULE_REQUIRED);
		return STATUS_INVALID;
	}
	reader_init(&reader, call->args.value[list]);
	count = reader_array(&reader);
	if (!modify_make_patches(call, count))
		return STATUS_NO_MEMORY;
	mark = violations_down(&call->violations, name);
	for (unsigned i = 0; i < count; i++) {
		status = check(call, i, reader_value(&reader));
		if (first == STATUS_OK)
			first = status;
	}
	if (count_passwords(call) > PASSWORDS_PER_CALL_MAX)
		violations_add(&call->violations, SLICE(""), RULE_TOO_MANY);
	violations_up(&call->violations, mark);
	return first != STATUS_OK ? first : modify_verdict(call);
}

enum status
modify_check_create_many(struct call *call)
{
	return check_many(call, ARG_CREATES, check_create);
}

enum status
modify_check_update_many(struct call *call)
{
	return check_many(call, ARG_UPDATES, check_update);
}

/* ---- carrying out, on the writer ---- */

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

typedef enum status one_fn(struct edit *edit, struct call *call, struct kv_txn *txn,
    const struct patch *patch, bool write);

/*
 * All or nothing, each by ONE.  Items are written as they pass, so that the next ones
 * are judged against them; after the first refusal the rest is only judged, for a whole
 * report, and what was written goes back.
 */
static enum status
change_all(struct call *call, struct kv_txn *txn, enum argument list, one_fn *one,
    uint32_t *changed)
{
	struct kv_txn child;
	enum status   status = STATUS_OK;
	unsigned      mark =
	    violations_down(&call->violations, argument_shape.fields[list].name);

	kv_nest(txn, &child);
	for (unsigned i = 0; i < call->patch_count; i++) {
		unsigned    inner = violations_down_index(&call->violations, i);
		bool        sound = !violations_any(&call->violations);
		struct edit edit;

		status = one(&edit, call, &child, &call->patches[i], sound);
		if (status == STATUS_OK && sound) {
			modify_pack_result(&edit, call->result);
			*changed += edit.changed;
		} else if (status != STATUS_OK && !note_refusal(call, status))
			break;
		violations_up(&call->violations, inner);
		status = STATUS_OK;
	}
	violations_up(&call->violations, mark);
	call->detail = NULL; /* of one item */
	if (status == STATUS_OK && violations_any(&call->violations))
		status = STATUS_INVALID;
	if (status == STATUS_OK)
		kv_nest_keep(txn, &child);
	else
		kv_nest_drop(txn, &child);
	return status;
}

enum status
modify_create_many(struct call *call, struct kv_txn *txn)
{
	uint32_t created = 0;

	pack_map(call->result, 1);
	pack_literal(call->result, "results");
	pack_array(call->result, call->patch_count);
	return change_all(call, txn, ARG_CREATES, modify_create_one, &created);
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
		status = modify_update_one(&edit, call, txn, &call->patches[i], true);
		if (txn->status != STATUS_OK)
			return txn->status;
		if (status == STATUS_OK) {
			modify_pack_result(&edit, call->result);
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
	unsigned           mark = violations_down(&call->violations, SLICE("updates"));
	uint64_t           ids[UPDATE_MANY_MAX];

	for (unsigned i = 0; i < call->patch_count; i++) {
		const struct patch *patch = &call->patches[i];
		unsigned            inner = violations_down_index(&call->violations, i);
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
	status = atomic
		     ? change_all(call, txn, ARG_UPDATES, modify_update_one, &updated)
		     : update_each(call, txn, &updated);
	pack_literal(call->result, "updated");
	pack_integer(call->result, updated);
	return status;
}
