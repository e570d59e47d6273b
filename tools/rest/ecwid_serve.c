/*
 * Ecwid: counts as answers to changes, one error at a time, and the store.
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
	return serve_object(work, body, slice_of(NULL, 0));
}

void
ecwid_write_count(struct out *out, const char *key, int64_t value)
{
	out_open(out, '{');
	out_key(out, key);
	out_int(out, value);
	out_close(out, '}');
}

/* Cut the next name off *LIST, "total,items(id,name)"; *DEPTH counts the parentheses.
 */
static bool
next_name(struct slice *list, struct slice *name, unsigned *depth)
{
	size_t len = 0;

	for (; list->len > 0 && strchr(",() ", list->data[0]) != NULL; list->len--) {
		if (list->data[0] == '(')
			(*depth)++;
		else if (list->data[0] == ')' && *depth > 0)
			(*depth)--;
		list->data++;
	}
	while (len < list->len && strchr(",() ", list->data[len]) == NULL)
		len++;
	*name = slice_of(list->data, len);
	*list = slice_of(list->data + len, list->len - len);
	return len > 0;
}

unsigned
ecwid_wanted(struct work *work, unsigned depth, struct slice only[ECWID_ONLY_MAX])
{
	struct slice list, name;
	unsigned     count = 0, found = 0;

	http_parameter(&work->exchange->request, "responseFields", &list);
	while (count < ECWID_ONLY_MAX && next_name(&list, &name, &found))
		if (found == depth)
			only[count++] = name;
	return count;
}

void
ecwid_write_fields(struct out *out, struct work *work, const struct parts *parts,
    const struct mapping *rows, unsigned depth)
{
	struct slice    only[ECWID_ONLY_MAX];
	struct encoding in = { .work = work, .parts = parts, .only = only };

	in.only_count = ecwid_wanted(work, depth, only);
	out_open(out, '{');
	encode_fields(out, &in, rows);
	out_close(out, '}');
}

void
ecwid_write_record(
    struct out *out, struct work *work, struct slice record, unsigned depth)
{
	const struct resource *resource = work->route->resource;
	struct parts           parts;

	parts_split(&parts, &record_shapes[resource->kind], record);
	ecwid_write_fields(out, work, &parts, resource->fields, depth);
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
	default: ecwid_write_record(out, work, record, 0);
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
