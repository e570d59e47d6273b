/*
 * BigCommerce: what the query of a list asks for.
 */

#include <time.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/bigcommerce.h"

static const struct reason_text bad_filter = { REASON_BAD_PARAMETER, 422, "",
	"The filter(s): {} are not valid filter parameter(s).", NULL };
static const struct reason_text bad_integer = { REASON_BAD_PARAMETER, 422, "",
	"Query parameter \"id:in\" value may contain only integer values. For input "
	"string: \"{}\".",
	NULL };
static const struct reason_text bad_value = { REASON_BAD_PARAMETER, 422, "",
	"The query parameter {} has a wrong value.", NULL };
static const struct reason_text too_many = { REASON_BAD_PARAMETER, 422, "",
	"The query parameter {} has too many values.", NULL };

#define TIME_BYTES_MAX 40u

/* ---- values ---- */

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
take_with(struct bigcommerce_query *query, struct slice value)
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

// clang-format off
static const struct sort {
	const char            *name;
	enum bigcommerce_order order;
	bool                   is_descending;
} sorts[] = {
	{ "date_created:asc",   BIGCOMMERCE_BY_ID,       false },
	{ "date_created:desc",  BIGCOMMERCE_BY_ID,       true },
	{ "date_modified:asc",  BIGCOMMERCE_BY_MODIFIED, false },
	{ "date_modified:desc", BIGCOMMERCE_BY_MODIFIED, true },
	{ "last_name:asc",      BIGCOMMERCE_BY_NAME,     false },
	{ "last_name:desc",     BIGCOMMERCE_BY_NAME,     true },
};
// clang-format on

static bool
take_sort(struct bigcommerce_query *query, struct slice value)
{
	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
		if (slice_equal(value, slice_text(sorts[i].name))) {
			query->order = sorts[i].order;
			query->is_descending = sorts[i].is_descending;
			return true;
		}
	return false;
}

/* 2024-05-14, 2024-05-14T09:34:00 with or without a zone, or seconds: in ms.  *SPAN_MS
 * is how long what it names lasts. */
static bool
take_time(struct slice value, int64_t *ms, int64_t *span_ms)
{
	static const char *const patterns[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S",
		"%Y-%m-%dT%H:%M:%S%z" };
	char                     text[TIME_BYTES_MAX];

	*span_ms = 1000;
	if (text_to_id(value, ms) && *ms <= INTEGER_MAX / 1000) {
		*ms *= 1000;
		return true;
	}
	if (value.len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)value.len, value.data);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct tm   tm = { 0 };
		const char *end = strptime(text, patterns[i], &tm);
		int64_t     zone_s = tm.tm_gmtoff; /* timegm() forgets it */

		if (end == NULL || *end != '\0')
			continue;
		*ms = ((int64_t)timegm(&tm) - zone_s) * 1000;
		if (i == 0)
			*span_ms = 24 * 3600 * INT64_C(1000);
		return *ms >= 0 && *ms <= INTEGER_MAX - *span_ms;
	}
	return false;
}

/* ---- conditions ---- */

/* The filters that the server holds records against, and what it calls them. */
// clang-format off
static const struct filter {
	const char *name, *key;
} text_filters[BIGCOMMERCE_TEXT_FILTERS] = {
	{ "company:in",                 "company" },
	{ "name:in",                    "name" },
	{ "name:like",                  "name_part" },
	{ "phone:in",                   "phone" },
	{ "registration_ip_address:in", "registration_ip_address" },
};

/* What was made or changed at a time, or not before it, or not after it. */
static const struct time_filter {
	const char *name;
	int         from, to; /* which of the bounds it sets, or -1 */
} time_filters[] = {
	{ "date_created",      0, 1 },
	{ "date_created:min",  0, -1 },
	{ "date_created:max", -1, 1 },
	{ "date_modified",      2, 3 },
	{ "date_modified:min",  2, -1 },
	{ "date_modified:max", -1, 3 },
};

static const char *const bound_keys[BIGCOMMERCE_BOUNDS] = {
	"created_from", "created_to", "updated_from", "updated_to"
};
// clang-format on

static bool
take_time_filter(struct bigcommerce_query *query, const struct time_filter *filter,
    struct slice value)
{
	int64_t ms, span_ms;

	if (!take_time(value, &ms, &span_ms))
		return false;
	/* What answers print has lost its milliseconds, and must be found all the same.
	 */
	if (filter->from < 0)
		span_ms = 1000;
	if (filter->from >= 0 && query->bounds[filter->from] < ms)
		query->bounds[filter->from] = ms;
	if (filter->to >= 0 && (query->bounds[filter->to] == 0 ||
				   query->bounds[filter->to] > ms + span_ms - 1))
		query->bounds[filter->to] = ms + span_ms - 1;
	query->has_match = true;
	return true;
}

/* Take a filter.  False: its value is wrong; *IS_KNOWN: so is its name. */
static bool
take_filter(
    struct bigcommerce_query *query, const struct http_pair *pair, bool *is_known)
{
	for (size_t i = 0; i < BIGCOMMERCE_TEXT_FILTERS; i++)
		if (slice_equal(pair->name, slice_text(text_filters[i].name))) {
			query->texts[i] = pair->value;
			query->has_match = true;
			return pair->value.len > 0;
		}
	for (size_t i = 0; i < sizeof(time_filters) / sizeof(time_filters[0]); i++)
		if (slice_equal(pair->name, slice_text(time_filters[i].name)))
			return take_time_filter(query, &time_filters[i], pair->value);
	*is_known = false;
	return true;
}

/* One group is found by its index; of several the server looks at each customer. */
static bool
take_groups(struct bigcommerce_query *query, struct slice value)
{
	struct slice part, rest = value;
	unsigned     count = 0;
	int64_t      group;

	for (; next_item(&rest, &part); count++)
		if (!text_to_id(part, &group))
			return false;
	query->groups = value;
	query->group_count = count;
	query->has_match = query->has_match || count > 1 || group == 0;
	return count > 0;
}

static bool
take_cursor(struct bigcommerce_query *query, struct slice value, bool is_before)
{
	query->has_cursor = true;
	query->is_before = is_before;
	return text_to_id(value, &query->cursor) && (query->cursor > 0 || !is_before);
}

/* ---- the whole ---- */

static bool
take_parameter(
    struct bigcommerce_query *query, const struct http_pair *pair, bool *is_known)
{
	struct slice name = pair->name, value = pair->value;

	*is_known = true;
	if (slice_equal(name, SLICE("page")))
		return take_count(value, INTEGER_MAX / 1000, &query->page);
	if (slice_equal(name, SLICE("limit")))
		return take_count(value, BIGCOMMERCE_PAGE_SIZE_MAX, &query->limit);
	if (slice_equal(name, SLICE("after")) || slice_equal(name, SLICE("before")))
		return !query->has_cursor &&
		       take_cursor(query, value, name.data[0] == 'b');
	if (slice_equal(name, SLICE("sort")))
		return take_sort(query, value);
	if (slice_equal(name, SLICE("include")))
		return take_with(query, value);
	if (slice_equal(name, SLICE("customer_group_id:in")))
		return take_groups(query, value);
	if (slice_equal(name, SLICE("id:in"))) {
		query->ids = value;
		query->has_ids = true;
		return true;
	}
	if (slice_equal(name, SLICE("email:in"))) {
		query->emails = value;
		query->has_emails = true;
		return true;
	}
	return take_filter(query, pair, is_known);
}

static bool
refuse(struct work *work, const struct reason_text *text, struct slice subject)
{
	work_refuse_text(work, text, subject, false);
	return false;
}

/* Whether the ids are numbers, and not too many. */
static bool
check_ids(struct work *work, const struct bigcommerce_query *query)
{
	struct slice rest = query->ids, id;
	unsigned     count = 0;
	int64_t      number;

	for (; next_item(&rest, &id); count++)
		if (!text_to_id(id, &number))
			return refuse(work, &bad_integer, id);
	return count <= BIGCOMMERCE_NAMED_MAX ||
	       refuse(work, &too_many, SLICE("id:in"));
}

static bool
check_count(struct work *work, struct slice list, unsigned max, const char *name)
{
	struct slice item;
	unsigned     count = 0;

	while (next_item(&list, &item))
		count++;
	return count <= max || refuse(work, &too_many, slice_text(name));
}

static bool
check(struct work *work, const struct bigcommerce_query *query)
{
	if (!check_ids(work, query) ||
	    !check_count(work, query->emails, BIGCOMMERCE_NAMED_MAX, "email:in") ||
	    !check_count(work, query->groups, MATCH_ITEMS_MAX, "customer_group_id:in"))
		return false;
	for (size_t i = 0; i < BIGCOMMERCE_TEXT_FILTERS; i++)
		if (!check_count(
			work, query->texts[i], MATCH_ITEMS_MAX, text_filters[i].name))
			return false;
	/* A place in such an order would be more than an id. */
	return !query->has_cursor || query->order == BIGCOMMERCE_BY_ID ||
	       refuse(work, &bad_value, SLICE("sort"));
}

bool
bigcommerce_query_take(struct work *work, struct bigcommerce_query *query)
{
	const struct http_request *request = &work->exchange->request;

	*query =
	    (struct bigcommerce_query){ .page = 1, .limit = BIGCOMMERCE_PAGE_SIZE };
	for (unsigned i = 0; i < request->parameter_count; i++) {
		const struct http_pair *pair = &request->parameters[i];
		bool                    is_known;
		bool is_good = take_parameter(query, pair, &is_known);

		if (!is_good || !is_known)
			return refuse(
			    work, is_known ? &bad_value : &bad_filter, pair->name);
	}
	return check(work, query);
}

/* ---- for the server ---- */

static void
pack_list(struct buf *buf, const char *key, struct slice list, bool are_numbers)
{
	struct slice rest = list, item;
	uint32_t     count = 0;
	int64_t      number;

	while (next_item(&rest, &item))
		count++;
	pack_text(buf, slice_text(key));
	pack_array(buf, count);
	while (next_item(&list, &item)) {
		text_to_id(item, &number);
		if (are_numbers)
			pack_integer(buf, number);
		else
			pack_text(buf, item);
	}
}

struct slice
bigcommerce_query_match(struct work *work, const struct bigcommerce_query *query)
{
	struct buf buf;
	uint32_t   count = 0;
	size_t     place;

	if (!query->has_match)
		return slice_of(NULL, 0);
	work_buf(work, &buf);
	place = pack_map_open(&buf);
	for (size_t i = 0; i < BIGCOMMERCE_TEXT_FILTERS; i++)
		if (query->texts[i].len > 0) {
			pack_list(&buf, text_filters[i].key, query->texts[i], false);
			count++;
		}
	for (size_t i = 0; i < BIGCOMMERCE_BOUNDS; i++)
		if (query->bounds[i] > 0) {
			pack_text(&buf, slice_text(bound_keys[i]));
			pack_integer(&buf, query->bounds[i]);
			count++;
		}
	if (query->group_count > 0) {
		pack_list(&buf, "group", query->groups, true);
		count++;
	}
	pack_map_close(&buf, place, count);
	return work_keep(work, &buf);
}
