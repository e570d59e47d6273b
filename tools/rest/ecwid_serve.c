/*
 * Ecwid: counts as answers to changes, pages with an offset, one error at a time.
 */

#include <stdio.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/ecwid.h"

bool
ecwid_owns(const struct work *work, struct slice store)
{
	struct parts parts;
	int64_t      id;

	parts_split(&parts, &record_shapes[RECORD_STORE], store);
	return text_to_id(work->parameters[PARAMETER_STORE], &id) &&
	       id == parts_integer(&parts, STORE_ECWID_ID);
}

const json_t *
ecwid_unwrap(struct work *work, const json_t *body)
{
	struct reason_text text = format_reason(work->format, REASON_BODY_WRONG_TYPE);

	if (json_is_object(body))
		return body;
	work_refuse_text(work, &text, slice_of(NULL, 0), false);
	return NULL;
}

void
ecwid_write_count(struct out *out, const char *key, int64_t value)
{
	out_open(out, '{');
	out_key(out, key);
	out_int(out, value);
	out_close(out, '}');
}

/* Cut the next name off *LIST, "id,items(name,email)", without what is around. */
static bool
next_name(struct slice *list, struct slice *name)
{
	size_t len = 0;

	while (list->len > 0 && strchr(",() ", list->data[0]) != NULL)
		*list = slice_of(list->data + 1, list->len - 1);
	while (len < list->len && strchr(",() ", list->data[len]) == NULL)
		len++;
	*name = slice_of(list->data, len);
	*list = slice_of(list->data + len, list->len - len);
	return len > 0;
}

void
ecwid_write_fields(struct out *out, struct work *work, const struct parts *parts,
    const struct mapping *rows)
{
	struct slice    list, only[ECWID_ONLY_MAX];
	struct encoding in = { .work = work, .parts = parts, .only = only };

	http_parameter(&work->exchange->request, "responseFields", &list);
	while (in.only_count < ECWID_ONLY_MAX && next_name(&list, &only[in.only_count]))
		in.only_count++;
	out_open(out, '{');
	encode_fields(out, &in, rows);
	out_close(out, '}');
}

/* A whole record, or what responseFields wants of it. */
static void
write_record(struct out *out, struct work *work, struct slice record)
{
	const struct resource *resource = work->route->resource;
	struct parts           parts;

	parts_split(&parts, &record_shapes[resource->kind], record);
	ecwid_write_fields(out, work, &parts, resource->fields);
}

void
ecwid_write_one(struct out *out, struct work *work, struct slice record)
{
	struct parts parts;

	parts_split(&parts, &record_shapes[work->route->resource->kind], record);
	switch (work->exchange->request.method) {
	case HTTP_METHOD_PUT: ecwid_write_count(out, "updateCount", 1); break;
	case HTTP_METHOD_POST:
		ecwid_write_count(out, "id", parts_integer(&parts, COMMON_ID));
		break;
	default: write_record(out, work, record);
	}
}

void
ecwid_write_deleted(struct work *work)
{
	struct out json = work_json(work);

	ecwid_write_count(&json, "deleteCount", 1);
	work_respond(work, 200, &json);
}

void
ecwid_write_error(struct out *out, struct work *work, const struct complaint *complaint)
{
	const struct field_fault *fault = complaint->faults;
	struct fault_text         text;
	const char               *code = complaint->code;
	const char *message = fill_in(work, complaint->detail, complaint->subject);

	if (complaint->reason == REASON_NO_RECORD)
		message = work_text(work, "%s%s", work->route->resource->noun, message);

	if (complaint->fault_count > 0) {
		text = fault_text_of(work, fault);
		message = work_text(
		    work, "Field %s %s", fault->path, fault_words(work, fault, &text));
		if (text.http != 0 || fault->fault == FAULT_NOT_ENABLED)
			code = text.code;
	}
	out_open(out, '{');
	out_pair(out, "errorMessage", message);
	out_pair(out, "errorCode", code);
	out_close(out, '}');
}

/* ---- lists ---- */

/* A number of the query, at most MAX; false: refused. */
static bool
take_number(struct work *work, const char *name, int64_t max, int64_t *number)
{
	struct slice text;

	if (!http_parameter(&work->exchange->request, name, &text))
		return true;
	if (!text_to_id(text, number)) {
		work_refuse(work, REASON_BAD_PARAMETER, slice_text(name));
		return false;
	}
	if (*number > max)
		*number = max;
	return true;
}

/* The list of a store's groups begins with the one that all others are in. */
static void
write_items(struct out *out, struct work *work, const struct listing *listing)
{
	out_key(out, "items");
	out_open(out, '[');
	if (listing->method == METHOD_GROUP_LIST && listing->offset == 0)
		out_raw(out, "{\"id\":0,\"name\":\"" ECWID_GENERAL "\"}");
	for (unsigned i = 0; i < listing->count; i++)
		write_record(out, work, listing->records[i]);
	out_close(out, ']');
}

static void
write_page(struct work *work, const struct listing *listing)
{
	struct out json = work_json(work);
	bool       has_general = listing->method == METHOD_GROUP_LIST;

	out_open(&json, '{');
	out_key(&json, "total");
	out_int(&json, listing->total + has_general);
	out_key(&json, "count");
	out_int(&json, listing->count + (has_general && listing->offset == 0));
	out_key(&json, "offset");
	out_int(&json, listing->offset);
	out_key(&json, "limit");
	out_int(&json, listing->limit);
	if (!has_general) {
		out_key(&json, "allCustomerCount");
		out_int(&json, listing->total);
	}
	write_items(&json, work, listing);
	out_close(&json, '}');
	if (work->pending == 0 && !work->is_answered)
		work_respond(work, 200, &json);
}

/* Fill LISTING with the customer that has EMAIL, if any. */
static bool
find_by_email(struct work *work, struct listing *listing, struct slice email)
{
	const struct answer *answer =
	    work_call(work, METHOD_CUSTOMER_FIND, work_args_text(work, "email", email));

	if (answer == NULL)
		return false;
	if (answer->status != STATUS_OK && answer->status != STATUS_NOT_FOUND &&
	    answer->status != STATUS_INVALID) {
		work_refuse_answer(work, answer);
		return false;
	}
	listing->records = arena_alloc(work_arena(work), sizeof(struct slice));
	if (listing->records == NULL || answer->status != STATUS_OK)
		return listing->records != NULL;
	listing->total = 1;
	if (listing->offset == 0) {
		listing->records[0] = answer->result;
		listing->count = 1;
	}
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

void
ecwid_list(struct work *work)
{
	const struct http_request *request = &work->exchange->request;
	struct listing             listing = { .method = work_methods(work)->list,
			    .limit = ECWID_PAGE_SIZE_MAX };
	struct slice               email;
	bool                       is_there;

	if (!take_number(work, "limit", ECWID_PAGE_SIZE_MAX, &listing.limit) ||
	    !take_number(work, "offset", INTEGER_MAX / 2, &listing.offset))
		return;
	if (listing.limit == 0)
		listing.limit = ECWID_PAGE_SIZE_MAX;
	if (work->route->resource->kind == RECORD_GROUP)
		is_there = list_groups(work, &listing);
	else if (http_parameter(request, "email", &email) ||
		 http_parameter(request, "keyword", &email))
		is_there = find_by_email(work, &listing, email);
	else
		is_there = serve_list(work, &listing);
	if (is_there)
		write_page(work, &listing);
}

/* ---- groups and the store ---- */

void
ecwid_group_get(struct work *work)
{
	struct out json;

	if (!slice_equal(work->parameters[PARAMETER_ID], SLICE("0"))) {
		serve_get(work);
		return;
	}
	json = work_json(work);
	out_raw(&json, "{\"id\":0,\"name\":\"" ECWID_GENERAL "\"}");
	work_respond(work, 200, &json);
}

/* What clients ask first, to see whether their token works. */
void
ecwid_profile(struct work *work)
{
	const struct answer   *store = work_store(work);
	struct parts           parts;
	struct customerd_slice languages, first = { NULL, 0 };
	struct out             json;

	if (store == NULL)
		return;
	parts_split(&parts, &record_shapes[RECORD_STORE], store->result);
	languages = (struct customerd_slice){ parts.field[STORE_LANGUAGES].data,
		parts.field[STORE_LANGUAGES].len };
	json = work_json(work);
	out_open(&json, '{');
	out_key(&json, "generalInfo");
	ecwid_write_count(&json, "storeId", parts_integer(&parts, STORE_ECWID_ID));
	out_key(&json, "account");
	out_open(&json, '{');
	out_key(&json, "accountName");
	out_text(&json, parts_text(&parts, STORE_NAME));
	out_close(&json, '}');
	out_key(&json, "languages");
	out_open(&json, '{');
	out_key(&json, "enabledLanguages");
	if (languages.len > 0)
		out_value(&json, parts.field[STORE_LANGUAGES]);
	else
		out_raw(&json, "[]");
	out_key(&json, "defaultLanguage");
	if (customerd_get_text(languages, "0", &first))
		out_text(&json, slice_of(first.data, first.len));
	else
		out_nil(&json);
	out_close(&json, '}');
	out_close(&json, '}');
	work_respond(work, 200, &json);
}
