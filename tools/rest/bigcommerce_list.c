/*
 * BigCommerce: lists, and deletes that are one.
 */

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/bigcommerce.h"

static const struct reason_text too_broad = { REASON_BAD_PARAMETER, 422, "",
	"The query would look at too many customers: narrow it, or page with {}.",
	NULL };

/* ---- paging ---- */

/* Is NAME of a parameter that says which page it is, or of none? */
static bool
is_place(struct slice name)
{
	return name.len == 0 || slice_equal(name, SLICE("page")) ||
	       slice_equal(name, SLICE("limit")) || slice_equal(name, SLICE("after")) ||
	       slice_equal(name, SLICE("before"));
}

/* One page, however it was found. */
struct page {
	const struct bigcommerce_query *query;
	const struct slice             *records;
	unsigned                        count;
	int64_t                         total;
	int64_t next; /* the id that more follows behind, or 0 */
};

static void
write_page_link(struct out *out, struct work *work, const struct page *page,
    const char *name, int64_t number)
{
	if (number < 1)
		return;
	out_pair(out, name,
	    work_text(work, "?page=%lld&limit=%lld%s", (long long)number,
		(long long)page->query->limit, work_query_beside(work, is_place)));
}

static void
write_pagination(struct out *out, struct work *work, const struct page *page)
{
	const struct bigcommerce_query *query = page->query;
	int64_t pages = (page->total + query->limit - 1) / query->limit;

	out_key(out, "pagination");
	out_open(out, '{');
	out_key(out, "total");
	out_int(out, page->total);
	out_key(out, "count");
	out_int(out, page->count);
	out_key(out, "per_page");
	out_int(out, query->limit);
	out_key(out, "current_page");
	out_int(out, query->page);
	out_key(out, "total_pages");
	out_int(out, pages > 0 ? pages : 1);
	out_key(out, "links");
	out_open(out, '{');
	write_page_link(out, work, page, "previous", query->page - 1);
	write_page_link(out, work, page, "current", query->page);
	write_page_link(
	    out, work, page, "next", query->page < pages ? query->page + 1 : 0);
	out_close(out, '}');
	out_close(out, '}');
}

static int64_t
id_of(struct slice record)
{
	int64_t id = 0;

	customerd_get_integer(
	    (struct customerd_slice){ record.data, record.len }, "id", &id);
	return id;
}

static void
write_cursor(struct out *out, struct work *work, const struct page *page,
    const char *name, const char *direction, int64_t id)
{
	if (id > 0)
		out_pair(out, name,
		    work_text(work, "?limit=%lld&%s=%lld%s",
			(long long)page->query->limit, direction, (long long)id,
			work_query_beside(work, is_place)));
}

/* A cursor is an id, which nobody needs to know. */
static void
write_cursors(struct out *out, struct work *work, const struct page *page)
{
	const struct bigcommerce_query *query = page->query;
	/* A page may be empty because so much had to be looked at. */
	int64_t here = page->next != 0 ? page->next : query->cursor;
	int64_t first = page->count > 0 ? id_of(page->records[0]) : here;
	int64_t last = page->count > 0 ? id_of(page->records[page->count - 1]) : here;
	bool    has_previous = query->is_before ? page->next != 0 : query->has_cursor;
	bool    has_next = query->is_before || page->next != 0;

	out_key(out, "cursor_pagination");
	out_open(out, '{');
	out_key(out, "count");
	out_int(out, page->count);
	out_key(out, "per_page");
	out_int(out, query->limit);
	out_pair(out, "start_cursor", work_text(work, "%lld", (long long)first));
	out_pair(out, "end_cursor", work_text(work, "%lld", (long long)last));
	out_key(out, "links");
	out_open(out, '{');
	write_cursor(out, work, page, "previous", "before", has_previous ? first : 0);
	write_cursor(out, work, page, "next", "after", has_next ? last : 0);
	out_close(out, '}');
	out_close(out, '}');
}

static void
answer_page(struct work *work, const struct page *page)
{
	const struct bigcommerce_query *query = page->query;
	struct out                      json = work_json(work);

	out_open(&json, '{');
	out_key(&json, "data");
	out_open(&json, '[');
	for (unsigned i = 0; i < page->count; i++)
		bigcommerce_write_customer(
		    &json, work, page->records[i], query->with, query->with_count);
	out_close(&json, ']');
	if (page->total == 1 && page->count == 1)
		customerd_get_integer((struct customerd_slice){ page->records[0].data,
					  page->records[0].len },
		    "revision", &work->revision);
	out_key(&json, "meta");
	out_open(&json, '{');
	if (!query->has_cursor)
		write_pagination(&json, work, page);
	if (query->order == BIGCOMMERCE_BY_ID &&
	    (query->has_cursor || query->page == 1))
		write_cursors(&json, work, page);
	out_close(&json, '}');
	out_close(&json, '}');
	work_respond(work, 200, &json);
}

/* ---- which customers ---- */

/* The ids of the customers with EMAILS, and that are among IDS if those are given.
 * False: not all are known yet, or refused. */
static bool
find_emails(struct work *work, const struct bigcommerce_query *query, int64_t *ids,
    unsigned *count)
{
	struct slice list = query->emails, email;
	bool         waits = false;

	while (next_item(&list, &email)) {
		const struct answer *answer = work_call(
		    work, METHOD_CUSTOMER_FIND, work_args_text(work, "email", email));
		struct slice rest = query->ids, text;
		bool         is_wanted = !query->has_ids;
		int64_t      id, wanted;

		waits = waits || answer == NULL;
		if (answer == NULL || answer->status == STATUS_NOT_FOUND ||
		    answer->status == STATUS_INVALID)
			continue;
		if (answer->status != STATUS_OK) {
			work_refuse_answer(work, answer);
			return false;
		}
		id = id_of(answer->result);
		while (!is_wanted && next_item(&rest, &text))
			is_wanted = text_to_id(text, &wanted) && wanted == id;
		if (is_wanted)
			ids[(*count)++] = id;
	}
	return !waits;
}

/* The ids that QUERY names, in MessagePack.  False: not known yet, or refused. */
static bool
take_named(struct work *work, const struct bigcommerce_query *query,
    struct slice *value, unsigned *count)
{
	int64_t      ids[BIGCOMMERCE_NAMED_MAX];
	struct slice list = query->ids, text;
	struct buf   buf;

	*count = 0;
	if (query->has_emails) {
		if (!find_emails(work, query, ids, count))
			return false;
	} else {
		while (next_item(&list, &text))
			text_to_id(text, &ids[(*count)++]);
	}
	work_buf(work, &buf);
	pack_array(&buf, *count);
	for (unsigned i = 0; i < *count; i++)
		pack_integer(&buf, ids[i]);
	*value = work_keep(work, &buf);
	return true;
}

/* Narrow LISTING to what QUERY names by an index.  False: not yet, or refused;
 * *IS_EMPTY: nobody. */
static bool
narrow(struct work *work, struct bigcommerce_query *query, struct listing *listing,
    struct slice *value, bool *is_empty)
{
	struct buf buf;
	unsigned   count;
	int64_t    group;

	*is_empty = false;
	listing->value = value;
	if (query->has_ids || query->has_emails) {
		listing->argument = "ids";
		if (!take_named(work, query, value, &count))
			return false;
		*is_empty = count == 0;
		query->has_match = query->has_match || query->group_count > 0;
	} else if (query->group_count == 1 && text_to_id(query->groups, &group) &&
		   group > 0) {
		work_buf(work, &buf);
		pack_integer(&buf, group);
		*value = work_keep(work, &buf);
		listing->argument = "group";
		query->group_count = 0; /* the index has said it */
	}
	listing->match = bigcommerce_query_match(work, query);
	return true;
}

/* ---- orders for which there is no index ---- */

static struct slice
text_of(struct slice record, const char *key)
{
	struct customerd_slice text = { NULL, 0 };

	customerd_get_text(
	    (struct customerd_slice){ record.data, record.len }, key, &text);
	return slice_of(text.data, text.len);
}

static int
compare_ids(const struct slice *a, const struct slice *b)
{
	int64_t left = id_of(*a), right = id_of(*b);

	return left < right ? -1 : left > right;
}

static int
compare_modified(const void *a, const void *b)
{
	const struct slice *records[] = { a, b };
	int64_t             times[2] = { 0, 0 };

	for (unsigned i = 0; i < 2; i++)
		customerd_get_integer(
		    (struct customerd_slice){ records[i]->data, records[i]->len },
		    "updated_at", &times[i]);
	if (times[0] != times[1])
		return times[0] < times[1] ? -1 : 1;
	return compare_ids(a, b);
}

static int
compare_names(const void *a, const void *b)
{
	struct slice left = text_of(*(const struct slice *)a, "last_name");
	struct slice right = text_of(*(const struct slice *)b, "last_name");
	size_t       common = left.len < right.len ? left.len : right.len;
	int order = common > 0 ? strncasecmp(left.data, right.data, common) : 0;

	if (order != 0)
		return order;
	if (left.len != right.len)
		return left.len < right.len ? -1 : 1;
	return compare_ids(a, b);
}

static void
turn_around(struct listing *listing)
{
	for (unsigned i = 0; i < listing->count / 2; i++) {
		struct slice *other = &listing->records[listing->count - 1 - i];
		struct slice  saved = listing->records[i];

		listing->records[i] = *other;
		*other = saved;
	}
}

/* Bring all of LISTING into the order of QUERY, and cut the page out. */
static void
sort_page(const struct bigcommerce_query *query, struct listing *listing)
{
	int64_t begin = (query->page - 1) * query->limit;

	qsort(listing->records, listing->count, sizeof(listing->records[0]),
	    query->order == BIGCOMMERCE_BY_NAME ? compare_names : compare_modified);
	if (query->is_descending)
		turn_around(listing);
	if (begin > listing->count)
		begin = listing->count;
	listing->records += begin;
	listing->count -= (unsigned)begin;
	if (listing->count > query->limit)
		listing->count = (unsigned)query->limit;
}

/* ---- the list ---- */

/* Which part of the list, and from which end. */
static void
place_page(const struct bigcommerce_query *query, struct listing *listing)
{
	listing->limit = query->limit;
	listing->is_descending = query->is_descending;
	if (query->has_cursor) {
		/* The page before a place is found by going back from it. */
		listing->place = query->cursor;
		listing->is_descending = query->is_descending != query->is_before;
	} else if (query->order == BIGCOMMERCE_BY_ID) {
		listing->offset = (query->page - 1) * query->limit;
		listing->counts = true;
	} else {
		listing->is_descending = false;
		listing->limit = BIGCOMMERCE_SORTED_MAX;
	}
}

void
bigcommerce_list(struct work *work)
{
	struct bigcommerce_query query;
	struct listing           listing = { .method = METHOD_CUSTOMER_LIST };
	struct slice             value = { NULL, 0 };
	bool                     is_empty;

	if (!bigcommerce_query_take(work, &query) ||
	    !narrow(work, &query, &listing, &value, &is_empty))
		return;
	place_page(&query, &listing);
	if (!is_empty && !serve_list(work, &listing))
		return;
	if ((listing.is_cut && !query.has_cursor) ||
	    (query.order != BIGCOMMERCE_BY_ID && listing.next != 0)) {
		work_refuse_text(work, &too_broad, SLICE("after=0"), false);
		return;
	}
	if (query.order != BIGCOMMERCE_BY_ID)
		sort_page(&query, &listing);
	else if (query.is_before)
		turn_around(&listing);
	answer_page(work, &(struct page){ &query, listing.records, listing.count,
			      listing.total, listing.next });
}

/* ---- deletes ---- */

static struct slice
pack_delete(struct work *work, int64_t id)
{
	struct buf buf;

	work_buf(work, &buf);
	pack_map(&buf, work->if_revision > 0 ? 2 : 1);
	pack_literal(&buf, "id");
	pack_integer(&buf, id);
	if (work->if_revision > 0) {
		pack_literal(&buf, "if_revision");
		pack_integer(&buf, work->if_revision);
	}
	return work_keep(work, &buf);
}

/* Who is not there needs no deleting. */
void
bigcommerce_delete(struct work *work)
{
	struct bigcommerce_query query;
	struct slice             list, part;
	bool                     waits = false;
	int64_t                  id;

	if (!bigcommerce_query_take(work, &query))
		return;
	if (query.has_emails || query.has_match || query.group_count > 0) {
		work_refuse(work, REASON_BAD_PARAMETER,
		    SLICE("Customers are deleted by id:in, and by no other filter."));
		return;
	}
	work->part = work->part_count = 0;
	for (list = query.ids; next_item(&list, &part);)
		work->part_count++;
	/* A revision is that of one record. */
	if (work->if_revision > 0 && work->part_count > 1) {
		work_refuse(work, REASON_REVISION_MISMATCH, slice_of(NULL, 0));
		return;
	}
	for (list = query.ids; next_item(&list, &part);) {
		const struct answer *answer;

		work->part++;
		if (!text_to_id(part, &id) || id == 0)
			continue;
		answer = work_call(work, METHOD_CUSTOMER_DELETE, pack_delete(work, id));
		waits = waits || answer == NULL;
		if (answer == NULL || answer->status == STATUS_OK ||
		    answer->status == STATUS_NOT_FOUND)
			continue;
		work_refuse_answer(work, answer);
		return;
	}
	if (!waits)
		work_respond_empty(work, 204);
}

/* ---- groups ---- */

/* Version 2: a plain list, and 204 in place of an empty one. */
void
bigcommerce_group_list(struct work *work)
{
	struct listing listing = { .method = METHOD_GROUP_LIST,
		.limit = BIGCOMMERCE_GROUPS_MAX };
	struct out     json;

	if (!serve_list(work, &listing))
		return;
	if (listing.count == 0) {
		work_respond_empty(work, 204);
		return;
	}
	json = work_json(work);
	out_open(&json, '[');
	for (unsigned i = 0; i < listing.count; i++)
		bigcommerce_write_one(&json, work, listing.records[i]);
	out_close(&json, ']');
	work_respond(work, 200, &json);
}
