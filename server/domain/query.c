#include <string.h>

#include "proto/pack.h"
#include "server/domain/index.h"
#include "server/domain/password.h"
#include "server/domain/query.h"
#include "server/domain/record.h"

/* The arguments by which find and list look something up, and the fields they mean. */
// clang-format off
static const struct lookup {
	enum record_kind record;
	enum argument    argument;
	unsigned         place;
} lookups[] = {
	{ RECORD_CUSTOMER, ARG_EMAIL,     CUSTOMER_EMAIL },
	{ RECORD_CUSTOMER, ARG_SLUG,      CUSTOMER_SLUG },
	{ RECORD_CUSTOMER, ARG_REFERENCE, CUSTOMER_REFERENCE },
	{ RECORD_CUSTOMER, ARG_GROUP,     CUSTOMER_GROUP },
	{ RECORD_CUSTOMER, ARG_TAG,       CUSTOMER_TAGS },
	{ RECORD_GROUP,    ARG_REFERENCE, GROUP_REFERENCE },
	{ RECORD_TAG,      ARG_NAME,      TAG_NAME },
	{ RECORD_STORE,    ARG_ECWID_ID,  STORE_ECWID_ID },
	{ RECORD_STORE,    ARG_BIGCOMMERCE_HASH, STORE_BIGCOMMERCE_HASH },
	{ RECORD_STORE,    ARG_COMMERCELAYER_ORGANIZATION_ID, STORE_COMMERCELAYER_ORGANIZATION_ID },
	{ RECORD_TOKEN,    ARG_STORE,     TOKEN_STORE },
};
// clang-format on

/* The lookup that CALL asks for, or NULL; a second one is a violation. */
static const struct lookup *
find_lookup(struct call *call)
{
	const struct lookup *found = NULL;

	for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
		if (lookups[i].record != call->method->record ||
		    !args_have(&call->args, lookups[i].argument))
			continue;
		if (found != NULL)
			violations_add(&call->violations,
			    argument_shape.fields[lookups[i].argument].name,
			    RULE_CONFLICT);
		else
			found = &lookups[i];
	}
	return found;
}

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
	if (find_lookup(call) == NULL && !violations_any(&call->violations))
		violations_add(&call->violations,
		    argument_shape.fields[__builtin_ctzll(call->method->args)].name,
		    RULE_REQUIRED);
	return verdict(call);
}

enum status
query_check_list(struct call *call)
{
	find_lookup(call);
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

/* Get the record ID; a store that is not the token's does not exist for it. */
static enum status
get_record(struct call *call, const struct kind *kind, struct kv_txn *txn, uint64_t id,
    struct slice *value)
{
	struct key key;

	if (kind_number(kind) == RECORD_STORE && call->who.store != 0 &&
	    id != call->who.store)
		return STATUS_NOT_FOUND;
	kind_record_key(&key, kind_store(kind, call), id);
	if (!kv_get(txn, kind->records, key_slice(&key), value))
		return txn->status != STATUS_OK ? txn->status : STATUS_NOT_FOUND;
	if (call->who.customer != 0 && call->who.customer != id)
		return STATUS_FORBIDDEN;
	return STATUS_OK;
}

enum status
query_get(struct call *call, struct kv_txn *txn)
{
	const struct kind *kind = kind_of(call->method->record);
	struct slice       value;
	enum status        status;

	status = get_record(call, kind, txn, named_id(call, kind, txn), &value);
	return status == STATUS_OK ? query_pack(call, kind, value, call->result)
				   : status;
}

/* Begin a walk over the ids behind AFTER that have LOOKUP's value. */
static bool
scan_lookup(struct call *call, struct kv_txn *txn, const struct lookup *lookup,
    uint64_t after, struct kv_scan *scan, struct key *prefix, struct key *from)
{
	const struct kind  *kind = kind_of(lookup->record);
	const struct field *field = &kind_shape(kind)->fields[lookup->place];

	key_init(prefix, kind_store(kind, call));
	if (!index_key(
		prefix, field, call->args.value[lookup->argument], call->scratch))
		return false;
	*from = *prefix;
	key_u64(from, after + 1);
	kv_scan_begin(scan, txn, kind->index, key_slice(prefix), key_slice(from));
	return true;
}

/* The lowest id with LOOKUP's value, or 0. */
static uint64_t
first_id(struct call *call, struct kv_txn *txn, const struct lookup *lookup)
{
	const struct kind  *kind = kind_of(lookup->record);
	const struct field *field = &kind_shape(kind)->fields[lookup->place];
	struct kv_scan      scan;
	struct key          prefix, from;
	struct slice        key, value;
	uint64_t            id = 0;

	if ((field->flags & UNIQUE) != 0)
		return index_find(txn, kind, kind_store(kind, call), field,
		    call->args.value[lookup->argument], call->scratch);
	if (!scan_lookup(call, txn, lookup, 0, &scan, &prefix, &from))
		return 0;
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
	uint64_t           id = first_id(call, txn, find_lookup(call));
	enum status        status =
            id == 0 ? STATUS_NOT_FOUND : get_record(call, kind, txn, id, &value);

	if (txn->status != STATUS_OK)
		return txn->status;
	return status == STATUS_OK ? query_pack(call, kind, value, call->result)
				   : status;
}

/* One answer of a list while it grows. */
struct listing {
	struct call       *call;
	const struct kind *kind;
	struct kv_txn     *txn;
	size_t             begin; /* of the answer in the result */
	uint64_t           last;  /* the last id in it */
	uint32_t           count, limit;
	uint32_t           skip;    /* records to leave out yet */
	uint32_t           matches; /* all that were seen */
	bool               counts;  /* go on to count what no longer fits */
};

static bool
is_full(const struct listing *list)
{
	return list->count == list->limit || list->call->result->len - list->begin >=
						 RESULT_BYTES_MAX - RECORD_BYTES_MAX;
}

/*
 * Whether the next record belongs into the answer.  *MORE: it does not fit any more.
 * *OVER: nor is it needed to count further.
 */
static bool
takes_next(struct listing *list, bool *more, bool *over)
{
	list->matches++;
	if (list->skip > 0) {
		list->skip--;
		return false;
	}
	*more = *more || is_full(list);
	*over = *more && (!list->counts || list->matches > LIST_OFFSET_MAX);
	return !*more;
}

static enum status
add_item(struct listing *list, uint64_t id, struct slice value)
{
	list->count++;
	list->last = id;
	return query_pack(list->call, list->kind, value, list->call->result);
}

/* Add the records behind AFTER, in the order of their ids.  *MORE: some are left. */
static enum status
list_all(struct listing *list, uint64_t after, bool *more)
{
	struct kv_scan scan;
	struct key     prefix, from;
	struct slice   key, value;
	enum status    status = STATUS_OK;
	uint64_t       id = 0;
	bool           over = false;

	key_init(&prefix, kind_store(list->kind, list->call));
	from = prefix;
	key_u64(&from, after + 1);
	kv_scan_begin(&scan, list->txn, list->kind->records, key_slice(&prefix),
	    key_slice(&from));
	while (status == STATUS_OK && !over && kv_scan_next(&scan, &key, &value)) {
		if (!takes_next(list, more, &over))
			continue;
		key_take_last_u64(&key, &id);
		status = add_item(list, id, value);
	}
	kv_scan_end(&scan);
	return status;
}

/* The same for the records that have LOOKUP's value. */
static enum status
list_some(struct listing *list, const struct lookup *lookup, uint64_t after, bool *more)
{
	struct kv_scan scan;
	struct key     prefix, from;
	struct slice   key, value;
	enum status    status = STATUS_OK;
	uint64_t       id = 0;
	bool           over = false;

	if (!scan_lookup(list->call, list->txn, lookup, after, &scan, &prefix, &from))
		return STATUS_OK;
	while (status == STATUS_OK && !over && kv_scan_next(&scan, &key, &value)) {
		if (!takes_next(list, more, &over))
			continue;
		key_take_last_u64(&key, &id);
		status = get_record(list->call, list->kind, list->txn, id, &value);
		if (status == STATUS_NOT_FOUND)
			status = STATUS_DAMAGED; /* the index names it */
		if (status == STATUS_OK)
			status = add_item(list, id, value);
	}
	kv_scan_end(&scan);
	return status;
}

enum status
query_list(struct call *call, struct kv_txn *txn)
{
	const struct lookup *lookup = find_lookup(call);
	uint64_t             after = (uint64_t)args_integer(&call->args, ARG_AFTER);
	struct listing       list = {
		      .call = call,
		      .kind = kind_of(call->method->record),
		      .txn = txn,
		      .begin = call->result->len,
		      .limit = LIST_LIMIT_DEFAULT,
	};
	struct kind_counter counter;
	enum status         status;
	size_t              place;
	bool                more = false;

	if (args_have(&call->args, ARG_LIMIT))
		list.limit = (uint32_t)args_integer(&call->args, ARG_LIMIT);
	list.skip = (uint32_t)args_integer(&call->args, ARG_OFFSET);
	list.counts = lookup != NULL && args_have(&call->args, ARG_OFFSET);
	pack_map(call->result, 3);
	pack_literal(call->result, "items");
	place = pack_array_open(call->result);
	status = lookup != NULL ? list_some(&list, lookup, after, &more)
				: list_all(&list, after, &more);
	pack_array_close(call->result, place, list.count);
	pack_literal(call->result, "next");
	if (more)
		pack_integer(call->result, (int64_t)list.last);
	else
		pack_nil(call->result);
	pack_literal(call->result, "total");
	kind_count_get(txn, list.kind, kind_store(list.kind, call), &counter);
	if (lookup == NULL)
		pack_integer(call->result, (int64_t)counter.count);
	else if (list.counts && list.matches <= LIST_OFFSET_MAX)
		pack_integer(call->result, list.matches);
	else
		pack_nil(call->result);
	return status != STATUS_OK ? status : txn->status;
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
	status = get_record(call, kind, txn, id, &record);
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
