#include "tools/rest/search.h"

#include <stdlib.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "server/domain/text.h"
#include "tools/rest/engine.h"
#include "tools/rest/work_internal.h"

#define FOUND_MIN 64u /* places to begin with */

/* A record that is wanted. */
struct found {
	int64_t      id;
	struct slice key; /* what it is sorted by */
};

/* A search on its way, in the work's arena; it goes on from one run to the next. */
struct search {
	bool          is_over;
	int64_t       after; /* the last id that was read */
	int64_t       read_count;
	struct found *found;
	unsigned      count, room;
};

static struct search *
search_of(struct work *work)
{
	if (work->search == NULL) {
		work->search = arena_alloc(work_arena(work), sizeof(*work->search));
		if (work->search != NULL)
			*work->search = (struct search){ .is_over = false };
	}
	return work->search;
}

/* ---- texts ---- */

bool
search_holds(struct slice text, struct slice part)
{
	struct buf buf;
	size_t     len;
	bool       is_there;

	buf_init(&buf, 2 * SEARCH_TEXT_BYTES_MAX);
	is_there = text_fold(text, &buf);
	len = buf.len;
	is_there = is_there && text_fold(part, &buf) && !buf.failed &&
		   memmem(buf.data, len, buf.data + len, buf.len - len) != NULL;
	buf_fini(&buf);
	return is_there;
}

/* ---- keys: bytes whose order is that of the records ---- */

/* A text ends with a zero, which it does not hold, so a shorter one comes first. */
static void
put_key(struct buf *key, const struct order *order, const struct parts *record)
{
	enum field_kind kind = record->shape->fields[order->field].kind;
	size_t          before = key->len;
	uint64_t        number;

	if (kind == FIELD_INTEGER || kind == FIELD_TIME) {
		number = (uint64_t)parts_integer(record, order->field);
		for (int shift = 56; shift >= 0; shift -= 8)
			buf_put(key, &(char){ (char)(number >> shift) }, 1);
	} else {
		text_fold(parts_text(record, order->field), key);
		buf_put(key, "", 1);
	}
	for (size_t i = before; order->is_descending && i < key->len; i++)
		key->data[i] = (char)~key->data[i];
}

static struct slice
key_of(struct work *work, const struct listing *listing, const struct parts *record)
{
	struct buf key;

	if (listing->order_count == 0)
		return slice_of(NULL, 0);
	buf_init(&key, LISTING_ORDERS_MAX * SEARCH_TEXT_BYTES_MAX);
	for (unsigned i = 0; i < listing->order_count; i++)
		put_key(&key, &listing->order[i], record);
	return work_keep(work, &key);
}

static int
compare(const void *a, const void *b)
{
	const struct found *one = a, *other = b;
	size_t len = one->key.len < other->key.len ? one->key.len : other->key.len;
	int    order = len > 0 ? memcmp(one->key.data, other->key.data, len) : 0;

	if (order == 0)
		order =
		    (one->key.len > other->key.len) - (one->key.len < other->key.len);
	return order != 0 ? order : (one->id > other->id) - (one->id < other->id);
}

/* ---- reading ---- */

static void
note(struct work *work, const struct listing *listing, struct search *search,
    const struct parts *record)
{
	unsigned      room = search->room > 0 ? 2 * search->room : FOUND_MIN;
	struct found *found;

	if (search->count == search->room) {
		found = arena_alloc(work_arena(work), room * sizeof(*found));
		if (found == NULL)
			return; /* which ends the search: see work_run() */
		if (search->count > 0)
			memcpy(found, search->found, search->count * sizeof(*found));
		search->found = found;
		search->room = room;
	}
	search->found[search->count++] =
	    (struct found){ parts_integer(record, COMMON_ID),
		    key_of(work, listing, record) };
}

static struct slice
pack_page(struct work *work, const struct listing *listing, int64_t after)
{
	struct buf buf;

	work_buf(work, &buf);
	pack_map(&buf, listing->argument != NULL ? 3 : 2);
	pack_literal(&buf, "after");
	pack_integer(&buf, after);
	pack_literal(&buf, "limit");
	pack_integer(&buf, LIST_LIMIT_MAX);
	if (listing->argument != NULL) {
		pack_text(&buf, slice_text(listing->argument));
		pack_raw(&buf, *listing->value);
	}
	return work_keep(work, &buf);
}

/* Look at one page.  False: not yet, or refused. */
static bool
read_page(struct work *work, const struct listing *listing, struct search *search)
{
	const struct shape    *shape = &record_shapes[methods[listing->method].record];
	struct customerd_slice result, items = { NULL, 0 }, item;
	struct customerd_walk  walk;
	const struct answer   *answer = work_call_page(
	      work, listing->method, pack_page(work, listing, search->after));

	if (answer == NULL || work_arena(work)->failed)
		return false;
	if (answer->status != STATUS_OK) {
		work_refuse_answer(work, answer);
		return false;
	}
	result = (struct customerd_slice){ answer->result.data, answer->result.len };
	customerd_get(result, "items", &items);
	customerd_walk(&walk, items);
	search->read_count += walk.left;
	while (customerd_next(&walk, NULL, &item)) {
		struct parts record;

		parts_split(&record, shape, from_client(item));
		if (listing->takes == NULL || listing->takes(listing, &record))
			note(work, listing, search, &record);
	}
	search->is_over = !customerd_get_integer(result, "next", &search->after);
	work_forget_page(work);
	return !work_arena(work)->failed;
}

/* ---- the page that is asked for ---- */

/* Read the records of LISTING's page; those that are gone by now are left out. */
static bool
fetch(struct work *work, struct listing *listing, const struct search *search)
{
	const struct record_methods *its = methods_of(methods[listing->method].record);
	bool                         waits = false;

	listing->records = arena_alloc(
	    work_arena(work), ((size_t)listing->limit + 1) * sizeof(struct slice));
	if (listing->records == NULL)
		return false;
	listing->count = 0;
	for (int64_t i = 0; i < listing->limit && i < search->count - listing->offset;
	     i++) {
		const struct answer *answer = work_call(work, its->get,
		    work_args_integer(
			work, "id", search->found[listing->offset + i].id));

		waits = waits || answer == NULL;
		if (answer == NULL || answer->status == STATUS_NOT_FOUND)
			continue;
		if (answer->status != STATUS_OK) {
			work_refuse_answer(work, answer);
			return false;
		}
		listing->records[listing->count++] = answer->result;
	}
	return !waits;
}

bool
search_list(struct work *work, struct listing *listing)
{
	struct search *search = search_of(work);

	if (search == NULL)
		return false;
	if (listing->is_descending && listing->order_count == 0)
		listing->order[listing->order_count++] =
		    (struct order){ COMMON_ID, true };
	while (!search->is_over) {
		if (!read_page(work, listing, search))
			return false;
		if (search->read_count > work->engine->settings.search_max) {
			work_refuse(work, REASON_TOO_MANY_RECORDS, slice_of(NULL, 0));
			return false;
		}
		if (search->is_over && search->count > 0)
			qsort(search->found, search->count, sizeof(struct found),
			    compare);
	}
	listing->total = search->count;
	listing->all = search->read_count;
	return fetch(work, listing, search);
}
