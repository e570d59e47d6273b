/*
 * BigCommerce: lists with filters in the query, and deletes that are one.
 */

#include <stdio.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/bigcommerce.h"

/* What the query asks for. */
struct query {
	int64_t      page, limit;
	bool         is_descending;
	struct slice with[2]; /* fields on request */
	unsigned     with_count;
	struct slice ids, emails, group; /* the values of filters; empty: none */
	bool         has_ids, has_emails;
};

static const struct reason_text bad_filter = { REASON_BAD_PARAMETER, 422, "",
	"The filter(s): {} are not valid filter parameter(s).", NULL };
static const struct reason_text bad_integer = { REASON_BAD_PARAMETER, 422, "",
	"Query parameter \"id:in\" value may contain only integer values. For input "
	"string: \"{}\".",
	NULL };
static const struct reason_text bad_value = { REASON_BAD_PARAMETER, 422, "",
	"The query parameter {} has a wrong value.", NULL };

static bool
take_with(struct query *query, struct slice value)
{
	struct slice part;

	while (next_item(&value, &part)) {
		if (slice_equal(part, SLICE("storecredit")))
			query->with[0] = SLICE("store_credit_amounts");
		else if (slice_equal(part, SLICE("formfields")))
			query->with[1] = SLICE("form_fields");
	}
	query->with_count = 2;
	return true;
}

static bool
take_count(struct slice value, int64_t max, int64_t *count)
{
	if (!text_to_id(value, count) || *count == 0)
		return false;
	if (*count > max)
		*count = max;
	return true;
}

static bool
take_sort(struct query *query, struct slice value)
{
	query->is_descending = slice_equal(value, SLICE("date_created:desc"));
	/* Records are numbered as they are made. */
	return query->is_descending || slice_equal(value, SLICE("date_created:asc"));
}

/* Take one parameter.  False: its value is wrong; *IS_KNOWN: so is its name. */
static bool
take_parameter(struct query *query, const struct http_pair *pair, bool *is_known)
{
	struct slice name = pair->name, value = pair->value;

	*is_known = true;
	if (slice_equal(name, SLICE("page")))
		return take_count(value, INTEGER_MAX / 1000, &query->page);
	if (slice_equal(name, SLICE("limit")))
		return take_count(value, BIGCOMMERCE_PAGE_SIZE_MAX, &query->limit);
	if (slice_equal(name, SLICE("sort")))
		return take_sort(query, value);
	if (slice_equal(name, SLICE("include")))
		return take_with(query, value);
	if (slice_equal(name, SLICE("id:in"))) {
		query->ids = value;
		query->has_ids = true;
	} else if (slice_equal(name, SLICE("email:in"))) {
		query->emails = value;
		query->has_emails = true;
	} else if (slice_equal(name, SLICE("customer_group_id:in"))) {
		int64_t group;

		query->group = value;
		return text_to_id(value, &group) && group > 0;
	} else {
		*is_known = false;
	}
	return true;
}

/* Read the query; false: refused. */
static bool
take_query(struct work *work, struct query *query)
{
	const struct http_request *request = &work->exchange->request;
	struct slice               ids, id;
	int64_t                    number;

	*query = (struct query){ .page = 1, .limit = BIGCOMMERCE_PAGE_SIZE };
	for (unsigned i = 0; i < request->parameter_count; i++) {
		bool is_known;
		bool is_good =
		    take_parameter(query, &request->parameters[i], &is_known);

		if (is_good && is_known)
			continue;
		work_refuse_text(work, is_known ? &bad_value : &bad_filter,
		    request->parameters[i].name, false);
		return false;
	}
	for (ids = query->ids; next_item(&ids, &id);) {
		if (text_to_id(id, &number))
			continue;
		work_refuse_text(work, &bad_integer, id, false);
		return false;
	}
	return true;
}

/* ---- lists ---- */

static void
write_page_link(struct out *out, struct work *work, const struct query *query,
    const char *name, int64_t page)
{
	if (page < 1)
		return;
	out_pair(out, name,
	    work_text(work, "?page=%lld&limit=%lld", (long long)page,
		(long long)query->limit));
}

static void
write_pagination(struct out *out, struct work *work, const struct query *query,
    unsigned count, int64_t total)
{
	int64_t pages = (total + query->limit - 1) / query->limit;

	out_key(out, "meta");
	out_open(out, '{');
	out_key(out, "pagination");
	out_open(out, '{');
	out_key(out, "total");
	out_int(out, total);
	out_key(out, "count");
	out_int(out, count);
	out_key(out, "per_page");
	out_int(out, query->limit);
	out_key(out, "current_page");
	out_int(out, query->page);
	out_key(out, "total_pages");
	out_int(out, pages > 0 ? pages : 1);
	out_key(out, "links");
	out_open(out, '{');
	write_page_link(out, work, query, "previous", query->page - 1);
	write_page_link(out, work, query, "current", query->page);
	write_page_link(
	    out, work, query, "next", query->page < pages ? query->page + 1 : 0);
	out_close(out, '}');
	out_close(out, '}');
	out_close(out, '}');
}

static void
write_list(struct work *work, const struct query *query, const struct slice *records,
    unsigned count, int64_t total)
{
	struct out json = work_json(work);

	out_open(&json, '{');
	out_key(&json, "data");
	out_open(&json, '[');
	for (unsigned i = 0; i < count; i++)
		bigcommerce_write_customer(
		    &json, work, records[i], query->with, query->with_count);
	out_close(&json, ']');
	if (total == 1 && count == 1)
		customerd_get_integer(
		    (struct customerd_slice){ records[0].data, records[0].len },
		    "revision", &work->revision);
	write_pagination(&json, work, query, count, total);
	out_close(&json, '}');
	work_respond(work, 200, &json);
}

/* Ask for each customer that is named; who is not there is left out. */
static void
answer_named(struct work *work, const struct query *query)
{
	struct slice list = query->has_ids ? query->ids : query->emails, part;
	struct slice records[BIGCOMMERCE_PAGE_SIZE_MAX];
	unsigned     count = 0, begin, end;
	bool         waits = false;

	while (next_item(&list, &part) && count < BIGCOMMERCE_PAGE_SIZE_MAX) {
		const struct answer *answer;
		int64_t              id = 0;

		text_to_id(part, &id);
		if (query->has_ids && id == 0)
			continue;
		answer = query->has_ids ? work_call(work, METHOD_CUSTOMER_GET,
					      work_args_integer(work, "id", id))
					: work_call(work, METHOD_CUSTOMER_FIND,
					      work_args_text(work, "email", part));
		waits = waits || answer == NULL;
		if (answer == NULL || answer->status == STATUS_NOT_FOUND ||
		    answer->status == STATUS_INVALID)
			continue;
		if (answer->status != STATUS_OK) {
			work_refuse_answer(work, answer);
			return;
		}
		if (work_first_time(work, answer))
			records[count++] = answer->result;
	}
	if (waits)
		return;
	begin = (unsigned)((query->page - 1) * query->limit < count
			       ? (query->page - 1) * query->limit
			       : count);
	end = begin + (unsigned)query->limit < count ? begin + (unsigned)query->limit
						     : count;
	write_list(work, query, records + begin, end - begin, count);
}

void
bigcommerce_list(struct work *work)
{
	struct query   query;
	struct listing listing;
	struct slice   group = { NULL, 0 };
	struct buf     buf;
	int64_t        id;

	if (!take_query(work, &query))
		return;
	if (query.has_ids || query.has_emails) {
		answer_named(work, &query);
		return;
	}
	if (query.group.len > 0 && text_to_id(query.group, &id)) {
		buf_init(&buf, FRAME_BYTES_MAX);
		pack_integer(&buf, id);
		group = work_keep(work, &buf);
	}
	listing = (struct listing){
		.method = METHOD_CUSTOMER_LIST,
		.offset = (query.page - 1) * query.limit,
		.limit = query.limit,
		.is_descending = query.is_descending,
		.argument = group.len > 0 ? "group" : NULL,
		.value = &group,
	};
	if (serve_list(work, &listing))
		write_list(work, &query, listing.records, listing.count, listing.total);
}

/* ---- deletes ---- */

static struct slice
pack_delete(struct work *work, int64_t id)
{
	struct buf buf;

	buf_init(&buf, FRAME_BYTES_MAX);
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
	struct query query;
	struct slice list, part;
	bool         waits = false;
	int64_t      id;

	if (!take_query(work, &query))
		return;
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
