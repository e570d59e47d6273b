#include "server/domain/list.h"

#include <stdlib.h>

#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/filter.h"
#include "server/domain/lookup.h"
#include "server/domain/query.h"
#include "server/domain/stored.h"

enum status
list_check(struct call *call)
{
	const struct args   *args = &call->args;
	const struct lookup *lookup = lookup_find(call);

	if (lookup != NULL && args_have(args, ARG_IDS))
		violations_add(&call->violations, SLICE("ids"), RULE_CONFLICT);
	if (args_have(args, ARG_AFTER) && args_have(args, ARG_BEFORE))
		violations_add(&call->violations, SLICE("before"), RULE_CONFLICT);
	return violations_any(&call->violations) ? STATUS_INVALID : STATUS_OK;
}

/* One answer while it grows. */
struct listing {
	struct call         *call;
	const struct kind   *kind;
	struct kv_txn       *txn;
	const struct lookup *lookup; /* whose entries are walked, or NULL */
	const struct filter *filter; /* or NULL: all are wanted */
	size_t               begin;  /* of the answer in the result */
	uint64_t             after, before;
	uint32_t             count, limit;
	uint32_t             skip;    /* records to leave out yet */
	uint32_t             looked;  /* at so many, for the filter */
	uint32_t             matches; /* of them were wanted */
	uint64_t             last;    /* the last id that is done with */
	bool                 goes_down;
	bool                 counts; /* goes on to count what no longer fits */
	bool                 more;   /* something is left for another answer */
	enum status          status;
};

static bool
is_full(const struct listing *list)
{
	return list->count == list->limit || list->call->result->len - list->begin >=
						 RESULT_BYTES_MAX - RECORD_BYTES_MAX;
}

/* Whether the filter wants the record VALUE. */
static bool
wants(struct listing *list, struct slice value)
{
	struct record record;
	bool          passes;

	list->looked++;
	if (!record_split(&record, kind_shape(list->kind), value)) {
		list->status = STATUS_DAMAGED;
		return false;
	}
	passes = filter_passes(list->filter, &record, list->call->scratch);
	if (list->call->scratch->failed)
		list->status = STATUS_NO_MEMORY;
	return passes;
}

/* Fetch the record ID, unless the walk has brought it as VALUE.  False: there is none.
 */
static bool
load(struct listing *list, uint64_t id, struct slice *value)
{
	enum status status;

	if (value->data != NULL)
		return true;
	status = query_load(list->call, list->kind, list->txn, id, value);
	if (status == STATUS_NOT_FOUND && list->lookup == NULL)
		return false;
	/* What an index names must be there. */
	list->status = status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status;
	return status == STATUS_OK;
}

/* Take the next record, which VALUE may hold already.  False: the walk is over. */
static bool
take(struct listing *list, uint64_t id, struct slice value)
{
	bool needs_value = list->filter != NULL || list->lookup == NULL;

	if (needs_value && !load(list, id, &value))
		return list->status == STATUS_OK;
	if (list->filter != NULL) {
		if (list->looked == LIST_SCAN_MAX) {
			list->more = true;
			return false;
		}
		if (!wants(list, value)) {
			list->last = id;
			return list->status == STATUS_OK;
		}
	}
	if (list->skip == 0 && is_full(list)) {
		list->more = true;
		list->matches += list->counts;
		return list->counts && list->matches <= LIST_OFFSET_MAX;
	}
	list->matches++;
	list->last = id;
	if (list->skip > 0) {
		list->skip--;
		return true;
	}
	if (!load(list, id, &value))
		return false;
	list->count++;
	list->status = query_pack(list->call, list->kind, value, list->call->result);
	return list->status == STATUS_OK;
}

/* Walk TABLE below PREFIX, where keys end with an id.  HOLDS: its values are records.
 */
static void
walk(struct listing *list, enum kv_table table, const struct key *prefix, bool holds)
{
	struct kv_scan scan;
	struct slice   key, value;
	struct key     from = *prefix;
	uint64_t       id = 0, change;

	key_u64(&from, list->goes_down ? list->before : list->after + 1);
	(list->goes_down ? kv_scan_back : kv_scan_begin)(
	    &scan, list->txn, table, key_slice(prefix), key_slice(&from));
	while (kv_scan_next(&scan, &key, &value)) {
		key_take_last_u64(&key, &id);
		if (holds)
			stored_take(&value, &change);
		if (!take(list, id, holds ? value : slice_of(NULL, 0)))
			break;
	}
	kv_scan_end(&scan);
}

static int
compare_ids(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Walk the ids that are given. */
static void
walk_ids(struct listing *list)
{
	uint64_t      ids[LIST_IDS_MAX];
	struct reader reader;
	uint32_t      count;
	int64_t       id = 0;

	reader_init(&reader, list->call->args.value[ARG_IDS]);
	count = reader_array(&reader);
	for (uint32_t i = 0; i < count; i++) {
		reader_integer(&reader, &id);
		ids[i] = (uint64_t)id;
	}
	qsort(ids, count, sizeof(ids[0]), compare_ids);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t next = ids[list->goes_down ? count - 1 - i : i];

		if (list->goes_down ? next >= list->before : next <= list->after)
			continue;
		if (!take(list, next, slice_of(NULL, 0)))
			return;
	}
}

static void
walk_it(struct listing *list)
{
	struct key prefix;

	if (args_have(&list->call->args, ARG_IDS)) {
		walk_ids(list);
	} else if (list->lookup == NULL) {
		key_init(&prefix, kind_store(list->kind, list->call));
		walk(list, list->kind->records, &prefix, true);
	} else if (lookup_prefix(list->call, list->lookup, &prefix)) {
		walk(list, list->kind->index, &prefix, false);
	}
}

static void
pack_total(const struct listing *list)
{
	struct buf         *result = list->call->result;
	struct kind_counter counter;

	if (list->filter != NULL)
		pack_integer(result, list->matches);
	else if (list->counts && list->matches <= LIST_OFFSET_MAX)
		pack_integer(result, list->matches);
	else if (list->lookup != NULL || args_have(&list->call->args, ARG_IDS))
		pack_nil(result);
	else {
		kind_count_get(list->txn, list->kind,
		    kind_store(list->kind, list->call), &counter);
		pack_integer(result, (int64_t)counter.count);
	}
}

static void
begin(struct listing *list, struct call *call, struct kv_txn *txn)
{
	const struct args *args = &call->args;

	*list = (struct listing){
		.call = call,
		.kind = kind_of(call->method->record),
		.txn = txn,
		.lookup = lookup_find(call),
		.begin = call->result->len,
		.after = (uint64_t)args_integer(args, ARG_AFTER),
		.before = (uint64_t)args_integer(args, ARG_BEFORE),
		.limit = LIST_LIMIT_DEFAULT,
		.skip = (uint32_t)args_integer(args, ARG_OFFSET),
		.goes_down = args_have(args, ARG_BEFORE),
	};
	if (args_have(args, ARG_LIMIT))
		list->limit = (uint32_t)args_integer(args, ARG_LIMIT);
	/* A filter counts what it looks at, and no more. */
	list->counts = args_have(args, ARG_OFFSET) && !args_have(args, ARG_MATCH) &&
		       (list->lookup != NULL || args_have(args, ARG_IDS));
}

enum status
list_run(struct call *call, struct kv_txn *txn)
{
	struct listing list;
	struct filter  filter;
	size_t         place;

	begin(&list, call, txn);
	if (args_have(&call->args, ARG_MATCH)) {
		filter_read(&filter, call);
		list.filter = &filter;
	}
	if (call->arena->failed)
		return STATUS_NO_MEMORY;
	pack_map(call->result, 3);
	pack_literal(call->result, "items");
	place = pack_array_open(call->result);
	walk_it(&list);
	pack_array_close(call->result, place, list.count);
	pack_literal(call->result, "next");
	if (list.more)
		pack_integer(call->result, (int64_t)list.last);
	else
		pack_nil(call->result);
	pack_literal(call->result, "total");
	pack_total(&list);
	return list.status != STATUS_OK ? list.status : txn->status;
}
