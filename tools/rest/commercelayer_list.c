/*
 * Commerce Layer: lists, and what relationships lead to.
 */

#include <strings.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/rest/commercelayer.h"
#include "tools/rest/engine.h"

/* ---- lists ---- */

/* Is NAME, as it came, of a parameter that says which page it is? */
static bool
is_place(struct slice name)
{
	return (name.len >= 7 && strncasecmp(name.data, "page%5B", 7) == 0) ||
	       (name.len >= 5 && memcmp(name.data, "page[", 5) == 0);
}

static void
write_page_link(struct out *out, struct work *work,
    const struct commercelayer_query *query, const char *name, int64_t number)
{
	const struct http_request *request = &work->exchange->request;

	out_pair(out, name,
	    work_text(work, "%s%.*s?page%%5Bnumber%%5D=%lld&page%%5Bsize%%5D=%lld%s",
		commercelayer_origin(work), (int)request->path.len, request->path.data,
		(long long)number, (long long)query->size,
		work_query_beside(work, is_place)));
}

static int64_t
page_count(const struct commercelayer_query *query, int64_t total)
{
	return total > 0 ? (total + query->size - 1) / query->size : 1;
}

/* The links to other pages of a list of TOTAL records, into the open object. */
static void
write_page_links(struct out *out, struct work *work,
    const struct commercelayer_query *query, int64_t total)
{
	int64_t last = page_count(query, total);

	write_page_link(out, work, query, "first", 1);
	if (query->page > 1)
		write_page_link(out, work, query, "prev", query->page - 1);
	if (query->page < last)
		write_page_link(out, work, query, "next", query->page + 1);
	write_page_link(out, work, query, "last", last);
}

static void
write_counts(struct out *out, const struct commercelayer_query *query, int64_t total)
{
	out_key(out, "meta");
	out_open(out, '{');
	out_key(out, "record_count");
	out_int(out, total);
	out_key(out, "page_count");
	out_int(out, page_count(query, total));
	out_close(out, '}');
}

/* The document of COUNT RECORDS of RESOURCE, out of TOTAL. */
static void
write_list(struct work *work, const struct resource *resource,
    const struct commercelayer_query *query, const struct slice *records,
    unsigned count, int64_t total)
{
	struct out json = work_json(work);

	out_open(&json, '{');
	out_key(&json, "data");
	out_open(&json, '[');
	for (unsigned i = 0; i < count; i++)
		commercelayer_write_resource(&json, work, resource, records[i]);
	out_close(&json, ']');
	write_counts(&json, query, total);
	out_key(&json, "links");
	out_open(&json, '{');
	write_page_links(&json, work, query, total);
	out_close(&json, '}');
	if (resource->kind != RECORD_TAG &&
	    http_parameter(&work->exchange->request, "include", &(struct slice){ 0 })) {
		out_key(&json, "included");
		out_open(&json, '[');
		for (unsigned i = 0; i < count; i++)
			commercelayer_write_included(&json, work, resource, records[i]);
		out_close(&json, ']');
	}
	out_close(&json, '}');
	if (work->pending == 0 && !work->is_answered)
		work_respond(work, 200, &json);
}

/* How many records LISTING has in all.  False: not known yet. */
static bool
count_all(struct work *work, const struct listing *listing, int64_t *total)
{
	struct listing all = { .method = listing->method,
		.limit = 1,
		.argument = listing->argument,
		.value = listing->value };

	if (!serve_list(work, &all))
		return false;
	*total = all.total;
	return true;
}

/* Fill LISTING with what QUERY asks for; its method and argument are set. */
static bool
find(
    struct work *work, const struct commercelayer_query *query, struct listing *listing)
{
	int64_t total = 0;

	listing->offset = (query->page - 1) * query->size;
	listing->limit = query->size;
	listing->is_descending = query->is_descending;
	listing->terms = query;
	listing->takes = query->term_count > 0 ? commercelayer_fits : NULL;
	listing->order_count = query->order_count;
	memcpy(listing->order, query->order, sizeof(listing->order));
	/* In a large store the order in which records were made has to do. */
	if (query->order_count == 1 && query->order[0].field == COMMON_CREATED_AT &&
	    query->term_count == 0) {
		if (!count_all(work, listing, &total))
			return false;
		if (total > work->engine->settings.search_max) {
			listing->order_count = 0;
			listing->is_descending = query->order[0].is_descending;
		}
	}
	return serve_list(work, listing);
}

static void
answer_list(struct work *work, const struct resource *resource,
    const struct commercelayer_query *query, struct listing *listing)
{
	if (find(work, query, listing))
		write_list(work, resource, query, listing->records, listing->count,
		    listing->total);
}

/* The list of the one record that METHOD finds by KEY, or of none. */
static void
answer_found(struct work *work, const struct commercelayer_query *query,
    enum method_number method, const char *key, struct slice value)
{
	const struct answer *answer =
	    work_call(work, method, work_args_text(work, key, value));
	unsigned count;

	if (answer == NULL)
		return;
	count = answer->status == STATUS_OK ? 1 : 0;
	if (answer->status != STATUS_OK && answer->status != STATUS_NOT_FOUND &&
	    answer->status != STATUS_INVALID)
		work_refuse_answer(work, answer);
	else
		write_list(work, work->route->resource, query, &answer->result,
		    query->page == 1 ? count : 0, count);
}

/* What has an index.  METHOD finds one record, or lists those with the argument. */
static const struct {
	enum record_kind   kind;
	unsigned           field;
	enum method_number method;
	const char        *key;
} indexes[] = {
	{ RECORD_CUSTOMER, CUSTOMER_EMAIL, METHOD_CUSTOMER_FIND, "email" },
	{ RECORD_CUSTOMER, CUSTOMER_REFERENCE, METHOD_CUSTOMER_LIST, "reference" },
	{ RECORD_GROUP, GROUP_REFERENCE, METHOD_GROUP_LIST, "reference" },
	{ RECORD_TAG, TAG_NAME, METHOD_TAG_FIND, "name" },
};

void
commercelayer_list(struct work *work)
{
	const struct resource     *resource = work->route->resource;
	struct commercelayer_query query;
	struct listing             listing = { .method = work_methods(work)->list };
	struct slice               value;
	struct buf                 packed;

	if (!commercelayer_check_query(work) ||
	    !commercelayer_query_take(work, resource, &query))
		return;
	for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
		if (indexes[i].kind != resource->kind ||
		    !commercelayer_only_equals(&query, indexes[i].field, &value))
			continue;
		if (indexes[i].method != listing.method) {
			answer_found(
			    work, &query, indexes[i].method, indexes[i].key, value);
			return;
		}
		work_buf(work, &packed);
		pack_text(&packed, value);
		value = work_keep(work, &packed);
		listing.argument = indexes[i].key;
		listing.value = &value;
		query.term_count = 0;
	}
	answer_list(work, resource, &query, &listing);
}

/* ---- relationships ---- */

/* The record of the path; NULL: not yet, or refused, as is an unknown relation. */
static const struct answer *
owner(struct work *work)
{
	if (commercelayer_is_relation(
		work->route->resource, work->parameters[PARAMETER_NAME]))
		return serve_read(work);
	work_refuse(work, REASON_NO_ROUTE, work->parameters[PARAMETER_NAME]);
	return NULL;
}

/* A relation to one thing: the group, or nothing. */
static void
answer_one(struct work *work, const struct answer *related)
{
	struct out json = work_json(work);

	out_open(&json, '{');
	out_key(&json, "data");
	if (related != NULL)
		commercelayer_write_resource(
		    &json, work, &commercelayer_groups, related->result);
	else
		out_nil(&json);
	out_close(&json, '}');
	if (work->pending == 0)
		work_respond(work, 200, &json);
}

static void
answer_tags(struct work *work, const struct commercelayer_query *query,
    const struct parts *customer)
{
	struct slice  records[COMMERCELAYER_TAGS_MAX];
	struct reader reader;
	unsigned      count = 0;

	reader_init(&reader, customer->field[CUSTOMER_TAGS]);
	for (uint32_t i = reader_array(&reader); i > 0; i--) {
		const struct answer *tag =
		    commercelayer_tag_named(work, reader_text(&reader));

		if (tag != NULL && count < COMMERCELAYER_TAGS_MAX)
			records[count++] = tag->result;
	}
	if (work->pending == 0)
		write_list(work, &commercelayer_tags, query, records, count, count);
}

/* What a relation leads to, where that is in the records. */
static const struct resource *
resource_of(enum record_kind kind, struct slice name)
{
	if (kind == RECORD_GROUP && slice_equal(name, SLICE("customers")))
		return &commercelayer_customers;
	if (kind == RECORD_CUSTOMER && slice_equal(name, SLICE("tags")))
		return &commercelayer_tags;
	return NULL;
}

void
commercelayer_related(struct work *work)
{
	const struct resource     *own = work->route->resource, *related;
	struct slice               name = work->parameters[PARAMETER_NAME];
	const struct answer       *answer = owner(work);
	struct listing             listing = { .method = METHOD_CUSTOMER_LIST };
	struct commercelayer_query query;
	struct parts               parts;

	related = resource_of(own->kind, name);
	if (answer == NULL ||
	    !commercelayer_query_take(work, related != NULL ? related : own, &query))
		return;
	parts_split(&parts, &record_shapes[own->kind], answer->result);
	if (own->kind == RECORD_CUSTOMER &&
	    slice_equal(name, SLICE("customer_group"))) {
		const struct answer *group = commercelayer_group_of(work, &parts);

		if (work->pending == 0)
			answer_one(work, group);
	} else if (slice_equal(name, SLICE("jwt_customer"))) {
		answer_one(work, NULL);
	} else if (related == &commercelayer_tags) {
		answer_tags(work, &query, &parts);
	} else if (related == &commercelayer_customers) {
		listing.argument = "group";
		listing.value = &parts.field[COMMON_ID];
		answer_list(work, related, &query, &listing);
	} else {
		write_list(work, own, &query, NULL, 0, 0);
	}
}

static void
write_identifiers(struct out *out, const struct listing *listing)
{
	out_key(out, "data");
	out_open(out, '[');
	for (unsigned i = 0; i < listing->count; i++)
		commercelayer_write_identifier(
		    out, &commercelayer_customers, listing->records[i]);
	out_close(out, ']');
}

/* A document of linkage, up to the links that only some have. */
static struct out
begin_linkage(struct work *work)
{
	struct slice name = work->parameters[PARAMETER_NAME];
	const char  *self = commercelayer_self(
	     work, work->route->resource, work->parameters[PARAMETER_ID]);
	struct out json = work_json(work);

	out_open(&json, '{');
	out_key(&json, "links");
	out_open(&json, '{');
	out_pair(&json, "self",
	    work_text(work, "%s/relationships/%.*s", self, (int)name.len, name.data));
	out_pair(&json, "related",
	    work_text(work, "%s/%.*s", self, (int)name.len, name.data));
	return json;
}

/* The customers of GROUP, a page at a time. */
static void
answer_member_linkage(struct work *work, const struct parts *group)
{
	struct listing             listing = { .method = METHOD_CUSTOMER_LIST,
			    .argument = "group",
			    .value = &group->field[COMMON_ID] };
	struct commercelayer_query query;
	struct out                 json;

	if (!commercelayer_query_take(work, &commercelayer_customers, &query) ||
	    !find(work, &query, &listing))
		return;
	json = begin_linkage(work);
	write_page_links(&json, work, &query, listing.total);
	out_close(&json, '}');
	write_identifiers(&json, &listing);
	write_counts(&json, &query, listing.total);
	out_close(&json, '}');
	if (work->pending == 0)
		work_respond(work, 200, &json);
}

static void
answer_linkage(struct work *work, const struct parts *record)
{
	struct out json = begin_linkage(work);

	out_close(&json, '}');
	commercelayer_write_linkage(&json, work, record,
	    commercelayer_relation(
		work->route->resource, work->parameters[PARAMETER_NAME]));
	out_close(&json, '}');
	if (work->pending == 0)
		work_respond(work, 200, &json);
}

/* {"links": …, "data": identifiers} of the relation in the path. */
void
commercelayer_linkage(struct work *work)
{
	const struct resource *own = work->route->resource;
	const struct answer   *answer = owner(work);
	struct slice           name = work->parameters[PARAMETER_NAME];
	struct parts           parts;

	if (answer == NULL)
		return;
	parts_split(&parts, &record_shapes[own->kind], answer->result);
	if (resource_of(own->kind, name) == &commercelayer_customers)
		answer_member_linkage(work, &parts);
	else
		answer_linkage(work, &parts);
}
