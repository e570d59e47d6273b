#include "server/domain/feed.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/change.h"
#include "server/domain/change_chain.h"
#include "server/domain/domain_private.h"
#include "server/domain/index.h"

#define FEED_PAGE_BYTES (RESULT_BYTES_MAX - CHANGE_BYTES_MAX)

/* ---- one entry ---- */

static bool
is_private(const struct shape *shape, struct slice name)
{
	int place = shape_find(shape, name, 0);

	return place >= 0 && (shape->fields[place].flags & PRIVATE) != 0;
}

/* Append the values SET without those of SHAPE's private fields. */
static void
pack_public(const struct shape *shape, struct slice set, struct buf *buf)
{
	size_t        place = pack_map_open(buf);
	uint32_t      count = 0;
	struct reader reader;

	reader_init(&reader, set);
	for (uint32_t left = reader_map(&reader); left > 0; left--) {
		struct slice name = reader_text(&reader);
		struct slice value = reader_value(&reader);

		if (is_private(shape, name))
			continue;
		pack_text(buf, name);
		pack_raw(buf, value);
		count++;
	}
	pack_map_close(buf, place, count);
}

static bool
has_private(const struct shape *shape, struct slice set)
{
	struct reader reader;
	bool          found = false;

	reader_init(&reader, set);
	for (uint32_t left = reader_map(&reader); left > 0 && !found; left--) {
		found = is_private(shape, reader_text(&reader));
		reader_value(&reader);
	}
	return found;
}

/* Append the entry of CHANGE, as VIEW may see it. */
static void
pack_entry(const struct feed_view *view, const struct change *change, struct buf *buf)
{
	const struct shape *shape = kind_shape(change->kind);
	struct buf          set;

	if (view->sees_private || !has_private(shape, change->set)) {
		pack_raw(buf, change->entry);
		return;
	}
	buf_init(&set, CHANGE_BYTES_MAX);
	pack_public(shape, change->set, &set);
	if (set.failed)
		buf->failed = true;
	else
		change_pack(change, buf_slice(&set), buf);
	buf_fini(&set);
}

/* ---- a page ---- */

/* The store that CALL names is there, and its own unless an operator asks. */
static bool
find_store(struct call *call, struct kv_txn *txn, uint32_t store)
{
	if ((call->who.store == 0 || call->who.store == store) &&
	    kind_has(txn, kind_of(RECORD_STORE), 0, store))
		return true;
	call->detail = "there is no such store";
	return false;
}

enum status
feed_view_init(struct feed_view *view, struct call *call, struct kv_txn *txn)
{
	*view = (struct feed_view){
		.store = call->who.store,
		.sees_private = call_may(call, SCOPE_CUSTOMERS_PRIVATE),
	};
	if (args_have(&call->args, ARG_STORE)) {
		view->store = (uint32_t)args_integer(&call->args, ARG_STORE);
		if (!find_store(call, txn, view->store))
			return txn->status != STATUS_OK ? txn->status
							: STATUS_NOT_FOUND;
	}
	if (args_have(&call->args, ARG_KIND))
		view->kind =
		    kind_of((enum record_kind)args_word(&call->args, ARG_KIND));
	if (args_have(&call->args, ARG_ID))
		view->id = (uint64_t)args_integer(&call->args, ARG_ID);
	return STATUS_OK;
}

uint64_t
feed_begin(const struct feed_view *view, const struct call *call, struct kv_txn *txn)
{
	if (args_have(&call->args, ARG_AFTER))
		return (uint64_t)args_integer(&call->args, ARG_AFTER);
	return change_oldest(txn, view->store) - 1;
}

/* Is the change behind AFTER, or the place where it will be, there? */
static bool
goes_on(const struct feed_view *view, struct kv_txn *txn, const struct feed_page *page)
{
	struct slice value;
	struct key   key;

	if (page->after >= page->last)
		return page->after == page->last;
	change_key(&key, view->store, page->after + 1);
	return kv_get(txn, KV_CHANGE, key_slice(&key), &value);
}

/* Take CHANGE into PAGE if VIEW wants it. */
static void
take(const struct feed_view *view, struct feed_page *page, const struct change *change,
    struct buf *buf)
{
	if ((view->kind == NULL || view->kind == change->kind) &&
	    (view->id == 0 || view->id == (uint64_t)change->id)) {
		pack_entry(view, change, buf);
		page->count++;
	}
	page->after = (uint64_t)change->sequence;
}

/* Whether PAGE, with so many bytes in it, takes no more. */
static bool
is_full(const struct feed_page *page, size_t bytes)
{
	return page->count == page->limit || bytes >= page->bytes_max;
}

/* Walk the log of the store. */
static enum status
fill_from_all(const struct feed_view *view, struct kv_txn *txn, struct feed_page *page,
    struct buf *buf)
{
	size_t         begin = buf->len, looked_bytes = 0;
	struct kv_scan scan;
	struct key     prefix, from;
	struct slice   key, value;
	struct change  change;
	unsigned       looked = 0;
	enum status    status = STATUS_OK;

	key_init(&prefix, view->store);
	change_key(&from, view->store, page->after + 1);
	kv_scan_begin(&scan, txn, KV_CHANGE, key_slice(&prefix), key_slice(&from));
	while (status == STATUS_OK && !is_full(page, buf->len - begin) &&
	       looked++ < FEED_LOOK_MAX && looked_bytes < FEED_LOOK_BYTES_MAX &&
	       kv_scan_next(&scan, &key, &value)) {
		looked_bytes += value.len;
		if (change_decode(&change, value))
			take(view, page, &change, buf);
		else
			status = STATUS_DAMAGED;
	}
	kv_scan_end(&scan);
	return status;
}

/* Take the changes of one record; those of all are walked if it has too many. */
static enum status
fill_from_record(const struct feed_view *view, struct kv_txn *txn,
    struct feed_page *page, struct buf *buf)
{
	struct change_chain chain = chain_of(txn, view->store, view->kind, view->id);
	uint64_t            sequences[CHAIN_STEPS_MAX];
	size_t              begin = buf->len;
	struct change       change;
	unsigned            count;

	if (!chain_behind(&chain, page->after, sequences, &count))
		return fill_from_all(view, txn, page, buf);
	while (count > 0 && !is_full(page, buf->len - begin) &&
	       chain_get(&chain, sequences[count - 1], &change)) {
		take(view, page, &change, buf);
		count--;
	}
	if (count == 0 && txn->status == STATUS_OK)
		page->after = page->last;
	return txn->status;
}

enum status
feed_look(const struct feed_view *view, struct kv_txn *txn, struct feed_page *page)
{
	page->last = change_last(txn, view->store);
	if (goes_on(view, txn, page) || txn->status != STATUS_OK)
		return txn->status;
	page->oldest = change_oldest(txn, view->store);
	return txn->status != STATUS_OK ? txn->status : STATUS_CHANGES_GONE;
}

enum status
feed_fill(const struct feed_view *view, struct kv_txn *txn, struct feed_page *page,
    struct buf *buf)
{
	enum status status = feed_look(view, txn, page);

	page->count = 0;
	if (status != STATUS_OK || page->after == page->last)
		return status;
	status =
	    (view->id != 0 ? fill_from_record : fill_from_all)(view, txn, page, buf);
	return status != STATUS_OK ? status : txn->status;
}

/* ---- change.read ---- */

static enum status
verdict(const struct call *call)
{
	return violations_any(&call->violations) ? STATUS_INVALID : STATUS_OK;
}

/* The argument limit, or what it is by default. */
static uint32_t
wanted(const struct call *call)
{
	return args_have(&call->args, ARG_LIMIT)
		   ? (uint32_t)args_integer(&call->args, ARG_LIMIT)
		   : LIST_LIMIT_DEFAULT;
}

enum status
feed_check_read(struct call *call)
{
	if (args_have(&call->args, ARG_ID) && !args_have(&call->args, ARG_KIND) &&
	    !violations_any(&call->violations))
		violations_add(&call->violations, SLICE("kind"), RULE_REQUIRED);
	return verdict(call);
}

enum status
feed_read(struct call *call, struct kv_txn *txn)
{
	struct feed_page page = {
		.limit = wanted(call),
		.bytes_max = FEED_PAGE_BYTES,
	};
	struct feed_view view;
	enum status      status;
	size_t           place;

	status = feed_view_init(&view, call, txn);
	if (status != STATUS_OK)
		return status;
	page.after = feed_begin(&view, call, txn);
	pack_map(call->result, 3);
	pack_literal(call->result, "items");
	place = pack_array_open(call->result);
	status = feed_fill(&view, txn, &page, call->result);
	pack_array_close(call->result, place, page.count);
	pack_literal(call->result, "next");
	pack_integer(call->result, (int64_t)page.after);
	pack_literal(call->result, "last");
	pack_integer(call->result, (int64_t)page.last);
	call->oldest = page.oldest;
	call->last = page.last;
	return status;
}

/* ---- customer.history ---- */

enum status
feed_check_history(struct call *call)
{
	args_need_one(&call->args, call, ARG_ID, ARG_UID);
	return verdict(call);
}

/* The id of the customer in question; 0 when the uid is nobody's. */
static uint64_t
customer_id(struct call *call, struct kv_txn *txn)
{
	const struct kind *kind = kind_of(RECORD_CUSTOMER);

	if (args_have(&call->args, ARG_ID))
		return (uint64_t)args_integer(&call->args, ARG_ID);
	return index_find(txn, kind, call->who.store,
	    &kind_shape(kind)->fields[COMMON_UID], call->args.value[ARG_UID],
	    call->scratch);
}

/* The packed name of TOKEN, or nil when there is none (any more). */
static struct slice
token_name(struct kv_txn *txn, uint64_t token)
{
	struct record record;
	struct slice  value;

	if (token == 0 ||
	    !kind_get(txn, kind_of(RECORD_TOKEN), 0, token, &value, NULL) ||
	    !record_split(&record, &record_shapes[RECORD_TOKEN], value) ||
	    !record_has(&record, TOKEN_NAME))
		return SLICE("\xc0");
	return record.field[TOKEN_NAME];
}

/* Append the entry of CHANGE with one thing more: the name of the token. */
static enum status
add_entry(struct call *call, struct kv_txn *txn, const struct feed_view *view,
    const struct change *change)
{
	struct buf   *entry = call->scratch;
	struct reader reader;

	buf_clear(entry, entry->bytes_max);
	pack_entry(view, change, entry);
	if (entry->failed)
		return STATUS_NO_MEMORY;
	reader_init(&reader, buf_slice(entry));
	pack_map(call->result, reader_map(&reader) + 1);
	pack_raw(call->result, slice_of(reader.at, (size_t)(reader.end - reader.at)));
	pack_literal(call->result, "token_name");
	pack_raw(call->result, token_name(txn, (uint64_t)change->token));
	return txn->status;
}

/*
 * Add the changes of the record, the newest first; *NEXT: those below it are still to
 * come, or 0.
 */
static enum status
add_entries(struct call *call, struct kv_txn *txn, const struct feed_view *view,
    uint32_t *count, uint64_t *next)
{
	struct change_chain chain = chain_of(txn, view->store, view->kind, view->id);
	size_t              begin = call->result->len;
	enum status         status = STATUS_OK;
	struct change       change;
	uint64_t            at;

	if (!args_have(&call->args, ARG_BEFORE))
		at = chain_newest(&chain);
	else if (!chain_below(&chain, (uint64_t)args_integer(&call->args, ARG_BEFORE),
		     &at, next))
		return txn->status;
	*next = 0;
	while (status == STATUS_OK && chain_get(&chain, at, &change)) {
		if (*count == wanted(call) ||
		    call->result->len - begin >= FEED_PAGE_BYTES)
			return txn->status;
		status = add_entry(call, txn, view, &change);
		*next = at;
		at = change.before;
		++*count;
	}
	*next = 0;
	return status != STATUS_OK ? status : txn->status;
}

enum status
feed_history(struct call *call, struct kv_txn *txn)
{
	struct feed_view view;
	enum status      status;
	uint64_t         next = 0;
	uint32_t         count = 0;
	size_t           place;

	status = feed_view_init(&view, call, txn);
	if (status != STATUS_OK)
		return status;
	view.kind = kind_of(RECORD_CUSTOMER);
	view.id = customer_id(call, txn);
	pack_map(call->result, 2);
	pack_literal(call->result, "items");
	place = pack_array_open(call->result);
	status = add_entries(call, txn, &view, &count, &next);
	pack_array_close(call->result, place, count);
	pack_literal(call->result, "next");
	if (next != 0)
		pack_integer(call->result, (int64_t)next);
	else
		pack_nil(call->result);
	/* Of a customer who was deleted there is a history; of one who never was, none.
	 */
	if (status == STATUS_OK && count == 0 && next == 0 &&
	    !kind_has(txn, view.kind, view.store, view.id))
		status = txn->status != STATUS_OK ? txn->status : STATUS_NOT_FOUND;
	return status;
}
