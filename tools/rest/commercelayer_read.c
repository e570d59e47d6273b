/*
 * Commerce Layer: the documents of requests, and what the query asks for.
 *
 * The order of the checks is that of the gem behind the API, jsonapi-resources.
 */

#include <stdlib.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/rest/commercelayer.h"
#include "tools/rest/engine.h"

// clang-format off
#define BAD(name, code, title, detail) \
	static const struct reason_text name = { REASON_BAD_REQUEST, 400, code, title, detail }

BAD(no_data,      "PARAM_MISSING", "Missing Parameter", "The required parameter, {}, is missing.");
BAD(bad_data,     "INVALID_DATA_FORMAT", "Invalid data format", "The data is not a valid resource object.");
BAD(no_key,       "KEY_ORDER_MISMATCH", "A key is required", "The resource object does not contain a key.");
BAD(other_key,    "KEY_NOT_INCLUDED_IN_URL", "Key is not included in URL", "The URL does not support the key {}");
BAD(bad_type,     "INVALID_RESOURCE", "Invalid resource", "{} is not a valid resource.");
BAD(not_allowed,  "PARAM_NOT_ALLOWED", "Param not allowed", "{} is not allowed.");
BAD(bad_include,  "INVALID_INCLUDE", "Invalid include", "{} is not a valid includable relationship.");
BAD(bad_field,    "INVALID_FIELD", "Invalid field", "{} is not a valid field.");
BAD(bad_filter,   "FILTER_NOT_ALLOWED", "Filter not allowed", "{} is not allowed.");
BAD(bad_sort,     "INVALID_SORT_CRITERIA", "Invalid sort criteria", "{} is not a valid sort criteria.");
BAD(bad_page,     "INVALID_PAGE_VALUE", "Invalid page value", "{} is not a valid page value.");
// clang-format on

static const json_t *
refuse(struct work *work, const struct reason_text *text, struct slice subject)
{
	work_refuse_text(work, text, subject, false);
	return NULL;
}

/* ---- the query ---- */

static bool
is_relation(const struct resource *resource, struct slice name)
{
	for (const char *const *relation = resource->relations; *relation != NULL;
	     relation++)
		if (slice_equal(slice_text(*relation), name))
			return true;
	return false;
}

static bool
is_field(const struct resource *resource, struct slice name)
{
	for (const struct mapping *row = resource->fields; row->name != NULL; row++)
		if (slice_equal(slice_text(row->name), name))
			return (row->flags & MAP_WRITE_ONLY) == 0;
	return is_relation(resource, name);
}

static bool
check_words(struct work *work, struct slice list,
    bool (*is_good)(const struct resource *, struct slice),
    const struct resource *resource, const struct reason_text *text)
{
	struct slice word;

	while (next_item(&list, &word)) {
		if (is_good(resource, word))
			continue;
		work_refuse_text(work, text, word, false);
		return false;
	}
	return true;
}

/* The TYPE of "fields[TYPE]"; false: NAME is not of that form. */
static bool
fields_type(struct slice name, struct slice *type)
{
	const size_t len = strlen("fields[");

	if (name.len <= len || memcmp(name.data, "fields[", len) != 0 ||
	    name.data[name.len - 1] != ']')
		return false;
	*type = slice_of(name.data + len, name.len - len - 1);
	return true;
}

/* The resource that is called TYPE, or NULL. */
static const struct resource *
find_resource(struct slice type)
{
	static const struct resource *const resources[] = { &commercelayer_customers,
		&commercelayer_groups, &commercelayer_tags };

	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		if (slice_equal(slice_text(resources[i]->type), type))
			return resources[i];
	return NULL;
}

/* Whether include and fields[…] are sound; else refused. */
static bool
check_query(struct work *work)
{
	const struct http_request *request = &work->exchange->request;
	struct slice               list, type;

	for (unsigned i = 0; i < request->parameter_count; i++) {
		const struct resource *resource;

		if (!fields_type(request->parameters[i].name, &type))
			continue;
		resource = find_resource(type);
		if (resource == NULL) {
			refuse(work, &bad_type, type);
			return false;
		}
		if (!check_words(work, request->parameters[i].value, is_field, resource,
			&bad_field))
			return false;
	}
	return !http_parameter(request, "include", &list) ||
	       check_words(
		   work, list, is_relation, work->route->resource, &bad_include);
}

/* ---- the body ---- */

static bool
is_writable(const struct mapping *rows, const char *name)
{
	for (; rows != NULL && rows->name != NULL; rows++)
		if (strcmp(rows->name, name) == 0)
			return (rows->flags & MAP_READ_ONLY) == 0;
	return false;
}

/* Note the keys of OBJECT that are not in ROWS. */
static void
note_unknown(struct work *work, const json_t *object, const struct mapping *rows)
{
	json_t     *walked = (json_t *)(uintptr_t)object; /* only looked at */
	const char *key;
	json_t     *value;

	json_object_foreach (walked, key, value) {
		if (!is_writable(rows, key))
			work_fault(work, FAULT_UNKNOWN_FIELD, NULL, key);
	}
}

/* The `data` of BODY, once its id and type are right. */
static const json_t *
take_data(struct work *work, const json_t *body)
{
	const json_t *data = json_object_get(body, "data");
	const json_t *id = json_object_get(data, "id");
	const json_t *type = json_object_get(data, "type");
	struct slice  url_id = work->parameters[PARAMETER_ID];

	if (data == NULL)
		return refuse(work, &no_data, SLICE("data"));
	if (!json_is_object(data))
		return refuse(work, &bad_data, slice_of(NULL, 0));
	if (url_id.len > 0) {
		if (!json_is_string(id) || json_string_length(id) == 0)
			return refuse(work, &no_key, slice_of(NULL, 0));
		/* The documented example names another id than its URL. */
		if (work->engine->settings.strict &&
		    !slice_equal(json_slice(id), url_id))
			return refuse(work, &other_key, json_slice(id));
	}
	if (type == NULL)
		return refuse(work, &no_data, SLICE("type"));
	if (!json_is_string(type) ||
	    !slice_equal(json_slice(type), slice_text(work->route->resource->type)))
		return refuse(work, &bad_type,
		    json_is_string(type) ? json_slice(type) : SLICE("type"));
	return data;
}

const json_t *
commercelayer_unwrap(struct work *work, const json_t *body)
{
	static const struct mapping around[] = { { .name = "type" }, { .name = "id" },
		{ .name = "attributes" }, { .name = "relationships" },
		{ .name = "links" }, { .name = "meta" }, { .name = NULL } };
	const json_t               *data, *attributes;

	if (!check_query(work) || (data = take_data(work, body)) == NULL)
		return NULL;
	attributes = json_object_get(data, "attributes");
	work->links = json_object_get(data, "relationships");
	if ((attributes != NULL && !json_is_object(attributes)) ||
	    (work->links != NULL && !json_is_object(work->links)))
		return refuse(work, &bad_data, slice_of(NULL, 0));
	note_unknown(work, data, around);
	note_unknown(work, attributes, work->route->resource->fields);
	note_unknown(work, work->links, work->route->resource->links);
	if (work->fault_count > 0) {
		work_refuse_text(work, &not_allowed, slice_of(NULL, 0), true);
		return NULL;
	}
	/* Only relationships may change. */
	return attributes != NULL ? attributes : data;
}

/* ---- one record ---- */

void
commercelayer_get(struct work *work)
{
	if (check_query(work))
		serve_get(work);
}

/* ---- lists ---- */

struct page {
	int64_t number, size;
	bool    is_descending;
};

static bool
take_number(struct work *work, const char *name, int64_t max, int64_t *number)
{
	struct slice text;
	int64_t      value;

	if (!http_parameter(&work->exchange->request, name, &text))
		return true;
	if (!text_to_id(text, &value) || value == 0) {
		work_refuse_text(work, &bad_page, text, false);
		return false;
	}
	*number = value < max ? value : max;
	return true;
}

static bool
take_page(struct work *work, struct page *page)
{
	struct slice sort;

	*page = (struct page){ .number = 1, .size = COMMERCELAYER_PAGE_SIZE };
	if (!take_number(work, "page[number]", INTEGER_MAX / 100, &page->number) ||
	    !take_number(work, "page[size]", COMMERCELAYER_PAGE_SIZE_MAX, &page->size))
		return false;
	if (!http_parameter(&work->exchange->request, "sort", &sort))
		return true;
	page->is_descending = sort.len > 0 && sort.data[0] == '-';
	if (page->is_descending)
		sort = slice_of(sort.data + 1, sort.len - 1);
	/* Records are numbered as they are made. */
	if (slice_equal(sort, SLICE("created_at")) || slice_equal(sort, SLICE("id")))
		return true;
	work_refuse_text(work, &bad_sort, sort, false);
	return false;
}

/* The method and arguments of one filter, "filter[q][email_eq]". */
struct filter {
	enum record_kind   kind;
	const char        *name;
	enum method_number method;
	const char        *argument;
};

static const struct filter filters[] = {
	{ RECORD_CUSTOMER, "filter[q][email_eq]", METHOD_CUSTOMER_FIND, "email" },
	{ RECORD_CUSTOMER, "filter[q][reference_eq]", METHOD_CUSTOMER_LIST,
	    "reference" },
	{ RECORD_GROUP, "filter[q][reference_eq]", METHOD_GROUP_LIST, "reference" },
	{ RECORD_TAG, "filter[q][name_eq]", METHOD_TAG_FIND, "name" },
};

/* The filter of the query; NULL and true: there is none.  False: refused. */
static bool
take_filter(struct work *work, const struct filter **found, struct slice *value)
{
	const struct http_request *request = &work->exchange->request;

	*found = NULL;
	for (unsigned i = 0; i < request->parameter_count; i++) {
		struct slice name = request->parameters[i].name;

		if (name.len < 6 || memcmp(name.data, "filter", 6) != 0)
			continue;
		for (size_t k = 0; k < sizeof(filters) / sizeof(filters[0]); k++)
			if (filters[k].kind == work->route->resource->kind &&
			    *found == NULL &&
			    slice_equal(slice_text(filters[k].name), name))
				*found = &filters[k];
		*value = request->parameters[i].value;
		if (*found == NULL || !slice_equal(slice_text((*found)->name), name)) {
			work_refuse_text(work, &bad_filter, name, false);
			return false;
		}
	}
	return true;
}

static void
write_page_link(struct out *out, struct work *work, const struct page *page,
    const char *name, int64_t number)
{
	const struct http_request *request = &work->exchange->request;

	out_pair(out, name,
	    work_text(work, "%s%.*s?page%%5Bnumber%%5D=%lld&page%%5Bsize%%5D=%lld",
		commercelayer_origin(work), (int)request->path.len, request->path.data,
		(long long)number, (long long)page->size));
}

/* meta and links of a list of TOTAL records. */
static void
write_paging(struct out *out, struct work *work, const struct page *page, int64_t total)
{
	int64_t last = total > 0 ? (total + page->size - 1) / page->size : 1;

	out_key(out, "meta");
	out_open(out, '{');
	out_key(out, "record_count");
	out_int(out, total);
	out_key(out, "page_count");
	out_int(out, last);
	out_close(out, '}');
	out_key(out, "links");
	out_open(out, '{');
	write_page_link(out, work, page, "first", 1);
	if (page->number > 1)
		write_page_link(out, work, page, "prev", page->number - 1);
	if (page->number < last)
		write_page_link(out, work, page, "next", page->number + 1);
	write_page_link(out, work, page, "last", last);
	out_close(out, '}');
}

/* The document of COUNT RECORDS of RESOURCE, out of TOTAL. */
static void
write_list(struct work *work, const struct resource *resource, const struct page *page,
    const struct slice *records, unsigned count, int64_t total)
{
	struct out json = work_json(work);

	out_open(&json, '{');
	out_key(&json, "data");
	out_open(&json, '[');
	for (unsigned i = 0; i < count; i++)
		commercelayer_write_resource(&json, work, resource, records[i]);
	out_close(&json, ']');
	write_paging(&json, work, page, total);
	if (resource->kind == RECORD_CUSTOMER &&
	    http_parameter(&work->exchange->request, "include", &(struct slice){ 0 })) {
		out_key(&json, "included");
		out_open(&json, '[');
		for (unsigned i = 0; i < count; i++)
			commercelayer_write_included(&json, work, records[i]);
		out_close(&json, ']');
	}
	out_close(&json, '}');
	if (work->pending == 0 && !work->is_answered)
		work_respond(work, 200, &json);
}

/* Answer with what METHOD lists; ARGUMENT and VALUE, unless NULL, narrow it. */
static void
answer_list(struct work *work, const struct resource *resource, const struct page *page,
    enum method_number method, const char *argument, const struct slice *value)
{
	struct listing listing = {
		.method = method,
		.offset = (page->number - 1) * page->size,
		.limit = page->size,
		.is_descending = page->is_descending,
		.argument = argument,
		.value = value,
	};

	if (serve_list(work, &listing))
		write_list(work, resource, page, listing.records, listing.count,
		    listing.total);
}

/* The list of the one record that ANSWER has found, or of none. */
static void
answer_found(struct work *work, const struct page *page, const struct answer *answer)
{
	unsigned count = answer->status == STATUS_OK ? 1 : 0;

	if (answer->status != STATUS_OK && answer->status != STATUS_NOT_FOUND &&
	    answer->status != STATUS_INVALID)
		work_refuse_answer(work, answer);
	else
		write_list(
		    work, work->route->resource, page, &answer->result, count, count);
}

void
commercelayer_list(struct work *work)
{
	const struct filter *filter;
	struct page          page;
	struct slice         value = { NULL, 0 };
	struct buf           packed;

	if (!check_query(work) || !take_filter(work, &filter, &value) ||
	    !take_page(work, &page))
		return;
	if (filter == NULL) {
		answer_list(work, work->route->resource, &page,
		    work_methods(work)->list, NULL, NULL);
	} else if (filter->method == work_methods(work)->list) {
		buf_init(&packed, FRAME_BYTES_MAX);
		pack_text(&packed, value);
		value = work_keep(work, &packed);
		answer_list(work, work->route->resource, &page, filter->method,
		    filter->argument, &value);
	} else {
		const struct answer *answer = work_call(work, filter->method,
		    work_args_text(work, filter->argument, value));

		if (answer != NULL)
			answer_found(work, &page, answer);
	}
}

/* ---- relationships ---- */

/* The record of the path; NULL: not yet, or refused, as is an unknown relation. */
static const struct answer *
owner(struct work *work)
{
	if (is_relation(work->route->resource, work->parameters[PARAMETER_NAME]))
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
answer_tags(struct work *work, const struct page *page, const struct parts *customer)
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
		write_list(work, &commercelayer_tags, page, records, count, count);
}

void
commercelayer_related(struct work *work)
{
	enum record_kind     kind = work->route->resource->kind;
	struct slice         name = work->parameters[PARAMETER_NAME];
	const struct answer *answer = owner(work);
	struct parts         parts;
	struct page          page;

	if (answer == NULL || !take_page(work, &page))
		return;
	parts_split(&parts, &record_shapes[kind], answer->result);
	if (kind == RECORD_CUSTOMER && slice_equal(name, SLICE("customer_group"))) {
		const struct answer *group = commercelayer_group_of(work, &parts);

		if (work->pending == 0)
			answer_one(work, group);
	} else if (slice_equal(name, SLICE("jwt_customer"))) {
		answer_one(work, NULL);
	} else if (kind == RECORD_CUSTOMER && slice_equal(name, SLICE("tags"))) {
		answer_tags(work, &page, &parts);
	} else if (kind == RECORD_GROUP && slice_equal(name, SLICE("customers"))) {
		answer_list(work, &commercelayer_customers, &page, METHOD_CUSTOMER_LIST,
		    "group", &parts.field[COMMON_ID]);
	} else {
		write_list(work, work->route->resource, &page, NULL, 0, 0);
	}
}

/* {"links": …, "data": identifiers} of the relation in the path. */
void
commercelayer_linkage(struct work *work)
{
	const struct answer *answer = owner(work);
	struct slice         name = work->parameters[PARAMETER_NAME];
	struct slice         id = work->parameters[PARAMETER_ID];
	struct out           json = work_json(work);
	struct parts         parts;
	const char          *self;

	if (answer == NULL)
		return;
	parts_split(
	    &parts, &record_shapes[work->route->resource->kind], answer->result);
	self = work_text(work, "%s/api/%s/%.*s", commercelayer_origin(work),
	    work->route->resource->type, (int)id.len, id.data);
	out_open(&json, '{');
	out_key(&json, "links");
	out_open(&json, '{');
	out_pair(&json, "self",
	    work_text(work, "%s/relationships/%.*s", self, (int)name.len, name.data));
	out_pair(&json, "related",
	    work_text(work, "%s/%.*s", self, (int)name.len, name.data));
	out_close(&json, '}');
	commercelayer_write_linkage(
	    &json, work, &parts, arena_text(work_arena(work), name));
	out_close(&json, '}');
	if (work->pending == 0 && !work->is_answered)
		work_respond(work, 200, &json);
}
