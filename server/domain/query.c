#include <string.h>

#include "proto/pack.h"
#include "server/domain/index.h"
#include "server/domain/lookup.h"
#include "server/domain/password.h"
#include "server/domain/query.h"
#include "server/domain/record.h"

static enum status
verdict(const struct call *call)
{
	return violations_any(&call->violations) ? STATUS_INVALID : STATUS_OK;
}

enum status
query_check_get(struct call *call)
{
	/* A token knows one store, so it need not be named. */
	if (call->method->record != RECORD_STORE || call->who.store == 0)
		args_need_one(&call->args, call, ARG_ID, ARG_UID);
	return verdict(call);
}

enum status
query_check_find(struct call *call)
{
	if (lookup_find(call) == NULL && !violations_any(&call->violations))
		violations_add(&call->violations,
		    argument_shape.fields[__builtin_ctzll(call->method->args)].name,
		    RULE_REQUIRED);
	return verdict(call);
}

enum status
query_check_verify(struct call *call)
{
	if (!args_have(&call->args, ARG_EMAIL))
		args_need_one(&call->args, call, ARG_ID, ARG_UID);
	else if (args_have(&call->args, ARG_ID) || args_have(&call->args, ARG_UID))
		violations_add(&call->violations, SLICE("email"), RULE_CONFLICT);
	if (!args_have(&call->args, ARG_PASSWORD) && !violations_any(&call->violations))
		violations_add(&call->violations, SLICE("password"), RULE_REQUIRED);
	call->arena->secret = true;
	return verdict(call);
}

/* Append RECORD without the fields that CALL may not see. */
static enum status
pack_public(const struct shape *shape, struct slice bytes, struct buf *buf)
{
	struct record record;

	if (!record_split(&record, shape, bytes))
		return STATUS_DAMAGED;
	record_pack(&record, shape, ~shape_places(shape, PRIVATE), buf);
	return STATUS_OK;
}

enum status
query_pack(const struct call *call, const struct kind *kind, struct slice bytes,
    struct buf *buf)
{
	if (kind_number(kind) == RECORD_CUSTOMER &&
	    !call_may(call, SCOPE_CUSTOMERS_PRIVATE))
		return pack_public(kind_shape(kind), bytes, buf);
	pack_raw(buf, bytes);
	return STATUS_OK;
}

/* The id that the arguments name, by id or uid; 0: no such record. */
static uint64_t
named_id(struct call *call, const struct kind *kind, struct kv_txn *txn)
{
	if (args_have(&call->args, ARG_ID))
		return (uint64_t)args_integer(&call->args, ARG_ID);
	if (args_have(&call->args, ARG_UID))
		return index_find(txn, kind, kind_store(kind, call),
		    &kind_shape(kind)->fields[COMMON_UID], call->args.value[ARG_UID],
		    call->scratch);
	return call->who.store; /* store.get of a token */
}

enum status
query_load(struct call *call, const struct kind *kind, struct kv_txn *txn, uint64_t id,
    struct slice *value)
{
	if (kind_number(kind) == RECORD_STORE && call->who.store != 0 &&
	    id != call->who.store)
		return STATUS_NOT_FOUND;
	if (!kind_get(txn, kind, kind_store(kind, call), id, value, NULL))
		return txn->status != STATUS_OK ? txn->status : STATUS_NOT_FOUND;
	if (call->who.customer != 0 && call->who.customer != id)
		return STATUS_FORBIDDEN;
	return STATUS_OK;
}

bool
query_fetch(struct call *call, struct kv_txn *txn)
{
	const struct kind *kind = kind_of(call->method->record);
	struct key         key;

	if (!args_have(&call->args, ARG_ID))
		return false;
	kind_record_key(&key, kind_store(kind, call), named_id(call, kind, txn));
	kv_fetch(txn, kind->records, key_slice(&key));
	return true;
}

enum status
query_get(struct call *call, struct kv_txn *txn)
{
	const struct kind *kind = kind_of(call->method->record);
	struct slice       value;
	enum status        status;

	status = query_load(call, kind, txn, named_id(call, kind, txn), &value);
	return status == STATUS_OK ? query_pack(call, kind, value, call->result)
				   : status;
}

/* The lowest id with LOOKUP's value, or 0. */
static uint64_t
first_id(struct call *call, struct kv_txn *txn, const struct lookup *lookup)
{
	const struct kind  *kind = kind_of(lookup->record);
	const struct field *field = &kind_shape(kind)->fields[lookup->place];
	struct kv_scan      scan;
	struct key          prefix;
	struct slice        key, value;
	uint64_t            id = 0;

	if ((field->flags & UNIQUE) != 0)
		return index_find(txn, kind, kind_store(kind, call), field,
		    call->args.value[lookup->argument], call->scratch);
	if (!lookup_prefix(call, lookup, &prefix))
		return 0;
	kv_scan_begin(&scan, txn, kind->index, key_slice(&prefix), SLICE(""));
	if (kv_scan_next(&scan, &key, &value))
		key_take_last_u64(&key, &id);
	kv_scan_end(&scan);
	return id;
}

enum status
query_find(struct call *call, struct kv_txn *txn)
{
	const struct kind *kind = kind_of(call->method->record);
	struct slice       value;
	uint64_t           id = first_id(call, txn, lookup_find(call));
	enum status        status =
            id == 0 ? STATUS_NOT_FOUND : query_load(call, kind, txn, id, &value);

	if (txn->status != STATUS_OK)
		return txn->status;
	return status == STATUS_OK ? query_pack(call, kind, value, call->result)
				   : status;
}

/* ---- passwords ---- */

/* Find the customer whose password is in question; 0 for nobody. */
static uint64_t
login_id(struct call *call, const struct kind *kind, struct kv_txn *txn)
{
	if (!args_have(&call->args, ARG_EMAIL))
		return named_id(call, kind, txn);
	return index_find(txn, kind, call->who.store,
	    &kind_shape(kind)->fields[CUSTOMER_EMAIL], call->args.value[ARG_EMAIL],
	    call->scratch);
}

enum status
query_verify(struct call *call, struct kv_txn *txn)
{
	const struct kind   *kind = kind_of(RECORD_CUSTOMER);
	struct password_job *job = arena_alloc(call->arena, sizeof(*job));
	uint64_t             id = login_id(call, kind, txn);
	struct slice         record = { NULL, 0 }, hash;
	struct key           key;
	enum status          status;

	if (job == NULL)
		return STATUS_NO_MEMORY;
	*job = (struct password_job){
		.todo = PASSWORD_VERIFY,
		.clear = args_text(&call->args, ARG_PASSWORD),
	};
	status = query_load(call, kind, txn, id, &record);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	kind_record_key(&key, call->who.store, id);
	if (status == STATUS_OK && kv_get(txn, KV_SECRET, key_slice(&key), &hash) &&
	    hash.len < sizeof(job->hash)) {
		memcpy(job->hash, hash.data, hash.len);
		job->hash[hash.len] = '\0';
	} else {
		password_decoy(job);
	}
	call->passwords = job;
	call->login = arena_copy(call->arena, record);
	return call->arena->failed ? STATUS_NO_MEMORY : txn->status;
}

enum status
query_verify_finish(struct call *call)
{
	struct record record;
	bool          matches = call->passwords->matches && call->login.len > 0;

	if (matches &&
	    !record_split(&record, &record_shapes[RECORD_CUSTOMER], call->login))
		return STATUS_DAMAGED;
	pack_map(call->result, matches ? 3 : 1);
	pack_literal(call->result, "matches");
	pack_bool(call->result, matches);
	if (matches) {
		pack_literal(call->result, "id");
		pack_raw(call->result, record.field[COMMON_ID]);
		pack_literal(call->result, "uid");
		pack_raw(call->result, record.field[COMMON_UID]);
	}
	return STATUS_OK;
}
