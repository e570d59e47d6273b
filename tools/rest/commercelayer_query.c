/*
 * Commerce Layer: what lists are narrowed by, their order and their pages.
 *
 * A filter is the name of an attribute and a predicate, filter[q][email_eq], as in the
 * gem ransack.  What has no index is searched for (search.h).
 */

#include <stdlib.h>
#include <time.h>

#include "proto/limits.h"
#include "server/domain/text.h"
#include "tools/rest/commercelayer.h"
#include "tools/rest/search.h"

// clang-format off
COMMERCELAYER_BAD(bad_filter, "FILTER_NOT_ALLOWED", "Filter not allowed", "{} is not allowed.");
COMMERCELAYER_BAD(bad_value,  "INVALID_FILTER_VALUE", "Invalid filter value", "{} is not a valid value for the filter.");
COMMERCELAYER_BAD(bad_sort,   "INVALID_SORT_CRITERIA", "Invalid sort criteria", "{} is not a valid sort criteria.");
COMMERCELAYER_BAD(bad_page,   "INVALID_PAGE_VALUE", "Invalid page value", "{} is not a valid page value.");
// clang-format on

static bool
refuse(struct work *work, const struct reason_text *text, struct slice subject)
{
	work_refuse_text(work, text, subject, false);
	return false;
}

/* ---- attributes ---- */

static bool
is_number(unsigned kind)
{
	return kind == FIELD_INTEGER || kind == FIELD_TIME;
}

/* The attribute NAME of RESOURCE, if lists can go by it; else NULL. */
static const struct mapping *
find_attribute(const struct resource *resource, struct slice name)
{
	const struct shape *shape = resource_shape(resource);

	for (const struct mapping *row = resource->fields; row->name != NULL; row++) {
		enum field_kind kind;

		if (!slice_equal(slice_text(row->name), name) ||
		    row->field == FIELD_NONE || (row->flags & MAP_WRITE_ONLY) != 0)
			continue;
		kind = shape->fields[row->field].kind;
		return is_number(kind) || kind == FIELD_LINE || kind == FIELD_EMAIL ||
			       kind == FIELD_TAG
			   ? row
			   : NULL;
	}
	return NULL;
}

/* ---- filters ---- */

static bool
text_begins(struct slice text, struct slice part)
{
	return text.len >= part.len && memcmp(text.data, part.data, part.len) == 0;
}

static bool
text_ends(struct slice text, struct slice part)
{
	return text.len >= part.len &&
	       memcmp(text.data + text.len - part.len, part.data, part.len) == 0;
}

static bool
text_is_listed(struct slice text, struct slice list)
{
	struct slice item;

	while (next_item(&list, &item))
		if (slice_equal(item, text))
			return true;
	return false;
}

static int
compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* The longer of two endings comes first. */
static const struct predicate {
	const char *ending;
	bool (*holds)(struct slice text, struct slice value); /* of texts */
	bool takes[3]; /* of numbers: when it is less than, equal to, more than VALUE */
} predicates[] = {
	{ "_cont", search_holds, { false } },
	{ "_start", text_begins, { false } },
	{ "_end", text_ends, { false } },
	{ "_in", text_is_listed, { false } },
	{ "_gteq", NULL, { false, true, true } },
	{ "_lteq", NULL, { true, true, false } },
	{ "_gt", NULL, { false, false, true } },
	{ "_lt", NULL, { true, false, false } },
	{ "_eq", slice_equal, { false, true, false } },
};

/* A number, or a time: "2018-01-01T12:00:00Z", "2018-01-01T12:00:00.000Z", a day. */
static bool
take_number(struct work *work, struct slice text, bool is_time, int64_t *number)
{
	static const char *const patterns[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d" };
	const char              *copy = arena_text(work_arena(work), text);

	if (!is_time)
		return text_to_id(text, number);
	for (size_t i = 0; copy != NULL && i < 2; i++) {
		struct tm tm = { 0 };
		char     *end = strptime(copy, patterns[i], &tm);
		long      ms = 0;

		if (end == NULL)
			continue;
		if (end[0] == '.' && strspn(end + 1, "0123456789") == 3)
			ms = strtol(end + 1, &end, 10);
		if (*end != '\0' && strcmp(end, "Z") != 0)
			continue;
		*number = (int64_t)timegm(&tm) * 1000 + ms;
		return true;
	}
	return false;
}

/* The words within "filter[q][…]"; empty: NAME is not of that form. */
static struct slice
inside_filter(struct slice name)
{
	const struct slice front = SLICE("filter[q][");

	if (!text_begins(name, front) || !text_ends(name, SLICE("]")))
		return slice_of(NULL, 0);
	return slice_of(name.data + front.len, name.len - front.len - 1);
}

static bool
take_term(struct work *work, const struct resource *resource,
    struct commercelayer_query *query, const struct http_pair *pair)
{
	struct slice               words = inside_filter(pair->name);
	struct commercelayer_term *term = &query->term[query->term_count];
	const struct mapping      *row = NULL;
	size_t i = 0, count = sizeof(predicates) / sizeof(predicates[0]);

	while (i < count && !text_ends(words, slice_text(predicates[i].ending)))
		i++;
	if (i < count && query->term_count < COMMERCELAYER_TERMS_MAX)
		row = find_attribute(resource,
		    slice_of(words.data, words.len - strlen(predicates[i].ending)));
	if (row == NULL)
		return refuse(work, &bad_filter, pair->name);
	*term = (struct commercelayer_term){ &predicates[i], (unsigned)row->field,
		pair->value, 0 };
	if (is_number(resource_shape(resource)->fields[row->field].kind)) {
		if (predicates[i].holds != NULL && predicates[i].holds != slice_equal)
			return refuse(work, &bad_filter, pair->name);
		if (!take_number(work, pair->value,
			resource_shape(resource)->fields[row->field].kind == FIELD_TIME,
			&term->number))
			return refuse(work, &bad_value, pair->value);
	} else if (predicates[i].holds == NULL) {
		return refuse(work, &bad_filter, pair->name);
	}
	query->term_count++;
	return true;
}

static bool
term_fits(const struct commercelayer_term *term, const struct parts *record)
{
	const struct field *field = &record->shape->fields[term->field];
	struct slice        text;

	if (is_number(field->kind))
		return term->predicate
		    ->takes[1 + compare_numbers(
				    parts_integer(record, term->field), term->number)];
	text = parts_text(record, term->field);
	/* Emails are the same whatever their case. */
	if (field->kind == FIELD_EMAIL && term->predicate->holds == slice_equal)
		return text.len == term->text.len && search_holds(text, term->text);
	return term->predicate->holds(text, term->text);
}

bool
commercelayer_fits(const struct listing *listing, const struct parts *record)
{
	const struct commercelayer_query *query = listing->terms;

	for (unsigned i = 0; i < query->term_count; i++)
		if (!term_fits(&query->term[i], record))
			return false;
	return true;
}

bool
commercelayer_only_equals(
    const struct commercelayer_query *query, unsigned field, struct slice *value)
{
	const struct commercelayer_term *term = &query->term[0];

	if (query->term_count != 1 || query->order_count > 0 || term->field != field ||
	    term->predicate->holds != slice_equal)
		return false;
	*value = term->text;
	return true;
}

/* ---- order and pages ---- */

/* "-created_at,email" */
static bool
take_order(struct work *work, const struct resource *resource,
    struct commercelayer_query *query, struct slice list)
{
	struct slice word;

	while (next_item(&list, &word)) {
		struct slice          name = word;
		bool                  goes_down = word.len > 0 && word.data[0] == '-';
		const struct mapping *row;

		if (goes_down)
			name = slice_of(word.data + 1, word.len - 1);
		row = find_attribute(resource, name);
		if ((row == NULL && !slice_equal(name, SLICE("id"))) ||
		    query->order_count == LISTING_ORDERS_MAX)
			return refuse(work, &bad_sort, name);
		query->order[query->order_count++] =
		    (struct order){ row != NULL ? (unsigned)row->field : COMMON_ID,
			    goes_down };
	}
	return true;
}

static bool
take_count(struct work *work, const char *name, int64_t max, int64_t *number)
{
	struct slice text;
	int64_t      value;

	if (!http_parameter(&work->exchange->request, name, &text))
		return true;
	if (!text_to_id(text, &value) || value == 0)
		return refuse(work, &bad_page, text);
	*number = value < max ? value : max;
	return true;
}

bool
commercelayer_query_take(struct work *work, const struct resource *resource,
    struct commercelayer_query *query)
{
	const struct http_request *request = &work->exchange->request;
	struct slice               sort;

	*query =
	    (struct commercelayer_query){ .page = 1, .size = COMMERCELAYER_PAGE_SIZE };
	for (unsigned i = 0; i < request->parameter_count; i++)
		if (text_begins(request->parameters[i].name, SLICE("filter")) &&
		    !take_term(work, resource, query, &request->parameters[i]))
			return false;
	if (!take_count(work, "page[number]", INTEGER_MAX / 100, &query->page) ||
	    !take_count(work, "page[size]", COMMERCELAYER_PAGE_SIZE_MAX, &query->size))
		return false;
	http_parameter(request, "sort", &sort);
	if (!take_order(work, resource, query, sort))
		return false;
	/* Records are numbered as they are made, so this needs no search. */
	if (query->order_count == 1 && query->order[0].field == COMMON_ID) {
		query->is_descending = query->order[0].is_descending;
		query->order_count = 0;
	}
	return true;
}
