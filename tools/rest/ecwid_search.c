/*
 * Ecwid: what customers are searched for by, and in which order they are listed.
 *
 * Only the whole email has an index; all else is a search (search.h).  What the record
 * knows nothing of, sums and dates of orders, is refused by name.
 */

#include <time.h>

#include "proto/limits.h"
#include "proto/reader.h"
#include "tools/rest/ecwid.h"
#include "tools/rest/search.h"

/* ---- what is looked for ---- */

enum term_kind {
	TERM_TEXT,
	TERM_NUMBER,
	TERM_BOOL,
	TERM_TIME, /* seconds since the epoch, or a date */
};

struct term;

struct filter {
	const char    *name; /* of the parameter; the table ends with NULL */
	enum term_kind kind;
	bool (*fits)(const struct term *term, const struct parts *customer);
	unsigned field;
};

/* A filter with its value. */
struct term {
	const struct filter *filter;
	struct slice         text;
	int64_t              number;
};

static bool
name_holds(const struct term *term, const struct parts *customer)
{
	struct slice first = parts_text(customer, CUSTOMER_FIRST_NAME);
	struct slice last = parts_text(customer, CUSTOMER_LAST_NAME);
	struct buf   name;
	bool         is_there;

	buf_init(&name, SEARCH_TEXT_BYTES_MAX);
	buf_put(&name, first.data, first.len);
	if (first.len > 0 && last.len > 0)
		buf_put(&name, " ", 1);
	buf_put(&name, last.data, last.len);
	is_there = !name.failed && search_holds(buf_slice(&name), term->text);
	buf_fini(&name);
	return is_there;
}

static bool
text_holds(const struct term *term, const struct parts *customer)
{
	return search_holds(parts_text(customer, term->filter->field), term->text);
}

static bool
keyword_holds(const struct term *term, const struct parts *customer)
{
	return name_holds(term, customer) ||
	       search_holds(parts_text(customer, CUSTOMER_EMAIL), term->text);
}

/* Whether FIELD of some item of LIST, of SHAPE, holds the text. */
static bool
item_holds(const struct term *term, struct slice list, const struct shape *shape,
    unsigned field)
{
	struct reader reader;

	reader_init(&reader, list);
	for (uint32_t left = list.len > 0 ? reader_array(&reader) : 0; left > 0;
	     left--) {
		struct parts item;

		parts_split(&item, shape, reader_value(&reader));
		if (search_holds(parts_text(&item, field), term->text))
			return true;
	}
	return false;
}

static bool
address_holds(const struct term *term, const struct parts *customer)
{
	return item_holds(term, customer->field[CUSTOMER_SHIPPING_ADDRESSES],
	    &saved_address_shape, term->filter->field);
}

static bool
phone_holds(const struct term *term, const struct parts *customer)
{
	return address_holds(term, customer) ||
	       item_holds(term, customer->field[CUSTOMER_CONTACTS], &contact_shape,
		   CONTACT_CONTACT);
}

static bool
text_is(const struct term *term, const struct parts *customer)
{
	return slice_equal(parts_text(customer, term->filter->field), term->text);
}

static bool
bool_is(const struct term *term, const struct parts *customer)
{
	struct slice value = customer->field[term->filter->field];
	bool         is_true = value.len > 0 && (unsigned char)value.data[0] == 0xc3;

	return is_true == (term->number != 0);
}

/* "US,DE": one of these. */
static bool
country_is_listed(const struct term *term, const struct parts *customer)
{
	struct slice list = term->text;
	struct term  one = *term;

	while (next_item(&list, &one.text))
		if (address_holds(&one, customer))
			return true;
	return false;
}

/* "0,9367001": one of these groups; those who are in none are in 0. */
static bool
group_is_listed(const struct term *term, const struct parts *customer)
{
	struct slice list = term->text, item;
	int64_t      id;

	while (next_item(&list, &item))
		if (text_to_id(item, &id) &&
		    id == parts_integer(customer, CUSTOMER_GROUP))
			return true;
	return false;
}

static bool
is_at_least(const struct term *term, const struct parts *customer)
{
	return parts_integer(customer, term->filter->field) >= term->number;
}

static bool
is_at_most(const struct term *term, const struct parts *customer)
{
	return parts_integer(customer, term->filter->field) <= term->number;
}

/* The last millisecond of the second counts, too. */
static bool
is_until(const struct term *term, const struct parts *customer)
{
	return parts_integer(customer, term->filter->field) < term->number + 1000;
}

// clang-format off
static const struct filter filters[] = {
	{ "keyword",     TERM_TEXT, keyword_holds },
	{ "name",        TERM_TEXT, name_holds },
	{ "email",       TERM_TEXT, text_holds, CUSTOMER_EMAIL },
	{ "phone",       TERM_TEXT, phone_holds, SAVED_ADDRESS_PHONE },
	{ "city",        TERM_TEXT, address_holds, SAVED_ADDRESS_CITY },
	{ "postalCode",  TERM_TEXT, address_holds, SAVED_ADDRESS_POSTAL_CODE },
	{ "companyName", TERM_TEXT, address_holds, SAVED_ADDRESS_COMPANY },
	{ "stateOrProvinceCode", TERM_TEXT, address_holds, SAVED_ADDRESS_STATE_CODE },
	{ "countryCodes", TERM_TEXT, country_is_listed, SAVED_ADDRESS_COUNTRY_CODE },
	{ "lang",        TERM_TEXT, text_is, CUSTOMER_LANGUAGE },
	{ "customerGroupIds", TERM_TEXT, group_is_listed },
	{ "customerGroup", TERM_TEXT, group_is_listed },
	{ "acceptMarketing", TERM_BOOL, bool_is, CUSTOMER_ACCEPTS_MARKETING },
	{ "taxExempt",   TERM_BOOL, bool_is, CUSTOMER_TAX_EXEMPT },
	{ "minOrderCount", TERM_NUMBER, is_at_least, CUSTOMER_TOTAL_ORDERS_COUNT },
	{ "maxOrderCount", TERM_NUMBER, is_at_most, CUSTOMER_TOTAL_ORDERS_COUNT },
	{ "createdFrom", TERM_TIME, is_at_least, CUSTOMER_CREATED_AT },
	{ "createdTo",   TERM_TIME, is_until, CUSTOMER_CREATED_AT },
	{ "updatedFrom", TERM_TIME, is_at_least, CUSTOMER_UPDATED_AT },
	{ "updatedTo",   TERM_TIME, is_until, CUSTOMER_UPDATED_AT },
	{ "minSalesValue", TERM_NUMBER, NULL },
	{ "maxSalesValue", TERM_NUMBER, NULL },
	{ "purchasedProductIds", TERM_TEXT, NULL },
	{ .name = NULL }
};

static const struct {
	const char  *word;
	struct order order[2];
	unsigned     count;
} orders[] = {
	{ "NAME", { { CUSTOMER_FIRST_NAME, false }, { CUSTOMER_LAST_NAME, false } }, 2 },
	{ "EMAIL", { { CUSTOMER_EMAIL, false } }, 1 },
	{ "ORDER_COUNT", { { CUSTOMER_TOTAL_ORDERS_COUNT, false } }, 1 },
	{ "REGISTERED_DATE", { { CUSTOMER_CREATED_AT, false } }, 1 },
	{ "UPDATED_DATE", { { CUSTOMER_UPDATED_AT, false } }, 1 },
};
// clang-format on

#define TERMS_MAX (sizeof(filters) / sizeof(filters[0]))

struct terms {
	struct term term[TERMS_MAX];
	unsigned    count;
	bool        is_exact; /* the email is all of it */
};

/* ---- reading the query ---- */

/* "1447804800", "2023-01-15 19:27:50", either with a zone, or the day alone. */
static bool
take_time(struct work *work, struct slice text, int64_t *ms)
{
	static const char *const patterns[] = { "%Y-%m-%d %H:%M:%S",
		"%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d" };
	const char              *copy = arena_text(work_arena(work), text);

	if (text_to_id(text, ms)) {
		*ms = *ms < INTEGER_MAX / 1000 ? *ms * 1000 : INTEGER_MAX;
		return true;
	}
	for (size_t i = 0; copy != NULL && i < 3; i++) {
		struct tm   tm = { 0 };
		const char *end = strptime(copy, patterns[i], &tm);
		int64_t     zone_s = tm.tm_gmtoff; /* timegm() forgets it */

		if (end == NULL || *end != '\0')
			continue;
		*ms = ((int64_t)timegm(&tm) - zone_s) * 1000;
		return true;
	}
	return false;
}

/* The value of TERM, in a form of its kind. */
static bool
take_value(struct work *work, struct term *term)
{
	switch (term->filter->kind) {
	case TERM_TEXT: return true;
	case TERM_NUMBER: return text_to_id(term->text, &term->number);
	case TERM_TIME: return take_time(work, term->text, &term->number);
	case TERM_BOOL:
		term->number = slice_equal(term->text, SLICE("true"));
		return term->number || slice_equal(term->text, SLICE("false"));
	}
	return false;
}

static bool
take_terms(struct work *work, struct terms *terms)
{
	const struct http_request *request = &work->exchange->request;
	struct slice               exact;

	terms->count = 0;
	terms->is_exact = http_parameter(request, "useExactEmailMatch", &exact) &&
			  slice_equal(exact, SLICE("true"));
	for (const struct filter *filter = filters; filter->name != NULL; filter++) {
		struct term *term = &terms->term[terms->count];

		*term = (struct term){ .filter = filter };
		if (!http_parameter(request, filter->name, &term->text))
			continue;
		if (filter->fits == NULL || !take_value(work, term))
			return ecwid_refuse_parameter(work, filter->name);
		terms->count++;
	}
	return true;
}

/* "NAME_ASC" */
static bool
take_order(struct work *work, struct listing *listing)
{
	struct slice text;

	if (!http_parameter(&work->exchange->request, "sortBy", &text))
		return true;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		size_t       len = strlen(orders[i].word);
		struct slice end;

		if (text.len < len || memcmp(text.data, orders[i].word, len) != 0)
			continue;
		end = slice_of(text.data + len, text.len - len);
		if (!slice_equal(end, SLICE("_ASC")) &&
		    !slice_equal(end, SLICE("_DESC")))
			continue;
		listing->order_count = orders[i].count;
		for (unsigned k = 0; k < orders[i].count; k++) {
			listing->order[k] = orders[i].order[k];
			listing->order[k].is_descending = end.len > 4;
		}
		return true;
	}
	return ecwid_refuse_parameter(work, "sortBy");
}

/* ---- finding ---- */

static bool
fits_all(const struct listing *listing, const struct parts *customer)
{
	const struct terms *terms = listing->terms;

	for (unsigned i = 0; i < terms->count; i++)
		if (!terms->term[i].filter->fits(&terms->term[i], customer))
			return false;
	return true;
}

/* Fill LISTING with the customer who has just this email, if that fits all terms. */
static bool
find_by_email(struct work *work, struct listing *listing, struct slice email)
{
	struct listing       all = { .method = listing->method, .limit = 1 };
	const struct answer *answer =
	    work_call(work, METHOD_CUSTOMER_FIND, work_args_text(work, "email", email));
	struct parts customer;

	if (!serve_list(work, &all) || answer == NULL)
		return false;
	if (answer->status != STATUS_OK && answer->status != STATUS_NOT_FOUND &&
	    answer->status != STATUS_INVALID) {
		work_refuse_answer(work, answer);
		return false;
	}
	listing->all = all.total;
	listing->records = arena_alloc(work_arena(work), sizeof(struct slice));
	if (listing->records == NULL || answer->status != STATUS_OK)
		return listing->records != NULL;
	parts_split(&customer, &record_shapes[RECORD_CUSTOMER], answer->result);
	listing->total = listing->takes(listing, &customer);
	if (listing->offset < listing->total)
		listing->records[listing->count++] = answer->result;
	return true;
}

bool
ecwid_search(struct work *work, struct listing *listing)
{
	struct terms terms;
	struct slice email;

	if (!take_terms(work, &terms) || !take_order(work, listing))
		return false;
	listing->terms = &terms;
	if (terms.count > 0)
		listing->takes = fits_all;
	if (terms.is_exact && http_parameter(&work->exchange->request, "email", &email))
		return find_by_email(work, listing, email);
	return serve_list(work, listing);
}
