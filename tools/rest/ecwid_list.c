/*
 * Ecwid: lists, which are pages with an offset.
 */

#include "proto/limits.h"
#include "tools/rest/ecwid.h"

bool
ecwid_refuse_parameter(struct work *work, const char *name)
{
	work_refuse(work, REASON_BAD_PARAMETER, slice_text(name));
	return false;
}

/* A number of the query, at most MAX; false: refused. */
static bool
take_number(struct work *work, const char *name, int64_t max, int64_t *number)
{
	struct slice text;

	if (!http_parameter(&work->exchange->request, name, &text))
		return true;
	if (!text_to_id(text, number))
		return ecwid_refuse_parameter(work, name);
	if (*number > max)
		*number = max;
	return true;
}

/* The pages of the server do not know of the group 0. */
static bool
list_groups(struct work *work, struct listing *listing)
{
	struct listing there = *listing;
	bool           is_there;

	there.offset -= listing->offset > 0;
	there.limit -= listing->offset == 0 && listing->limit > 1;
	is_there = serve_list(work, &there);
	listing->records = there.records;
	listing->count = there.count;
	listing->total = there.total;
	return is_there;
}

/* ---- the page ---- */

/* Which keys of a page are wanted: "total,items(id)". */
struct page {
	struct slice only[ECWID_ONLY_MAX];
	unsigned     only_count; /* 0: all, and what is named are keys of the items */
};

static void
take_page(struct work *work, struct page *page)
{
	static const char *const keys[] = { "total", "count", "offset", "limit",
		"allCustomerCount", "items" };
	unsigned                 count = ecwid_wanted(work, 0, page->only);

	page->only_count = 0;
	for (unsigned i = 0; i < count && page->only_count == 0; i++)
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			if (slice_equal(page->only[i], slice_text(keys[k])))
				page->only_count = count;
}

static bool
is_wanted(const struct page *page, const char *key)
{
	const struct encoding names = { .only = page->only,
		.only_count = page->only_count };

	return encode_wants(&names, key);
}

static void
write_number(struct out *out, const struct page *page, const char *key, int64_t value)
{
	if (!is_wanted(page, key))
		return;
	out_key(out, key);
	out_int(out, value);
}

/* The list of a store's groups begins with the one that all others are in. */
static void
write_items(struct out *out, struct work *work, const struct page *page,
    const struct listing *listing)
{
	if (!is_wanted(page, "items"))
		return;
	out_key(out, "items");
	out_open(out, '[');
	if (listing->method == METHOD_GROUP_LIST && listing->offset == 0)
		out_raw(out, "{\"id\":0,\"name\":\"" ECWID_GENERAL "\"}");
	for (unsigned i = 0; i < listing->count; i++)
		ecwid_write_record(
		    out, work, listing->records[i], page->only_count > 0 ? 1 : 0);
	out_close(out, ']');
}

static void
write_page(struct work *work, const struct listing *listing)
{
	bool        has_general = listing->method == METHOD_GROUP_LIST;
	struct out  json = work_json(work);
	struct page page;

	take_page(work, &page);
	out_open(&json, '{');
	write_number(&json, &page, "total", listing->total + has_general);
	write_number(&json, &page, "count",
	    listing->count + (has_general && listing->offset == 0));
	write_number(&json, &page, "offset", listing->offset);
	write_number(&json, &page, "limit", listing->limit);
	if (!has_general)
		write_number(&json, &page, "allCustomerCount", listing->all);
	write_items(&json, work, &page, listing);
	out_close(&json, '}');
	if (work->pending == 0 && !work->is_answered)
		work_respond(work, 200, &json);
}

void
ecwid_list(struct work *work)
{
	struct listing listing = { .method = work_methods(work)->list,
		.limit = ECWID_PAGE_SIZE_MAX };
	bool           is_there;

	if (!take_number(work, "limit", ECWID_PAGE_SIZE_MAX, &listing.limit) ||
	    !take_number(work, "offset", INTEGER_MAX / 2, &listing.offset))
		return;
	if (listing.limit == 0)
		listing.limit = ECWID_PAGE_SIZE_MAX;
	if (work->route->resource->kind == RECORD_GROUP)
		is_there = list_groups(work, &listing);
	else
		is_there = ecwid_search(work, &listing);
	if (is_there)
		write_page(work, &listing);
}
