/*
 * BigCommerce: lists in, lists out.
 */

#include <stdio.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/bigcommerce.h"

static const struct reason_text bad_body = { REASON_BODY_WRONG_TYPE, 422, "",
	"JSON data is missing or invalid", NULL };

bool
bigcommerce_owns(const struct work *work, struct slice store)
{
	struct parts parts;

	parts_split(&parts, &record_shapes[RECORD_STORE], store);
	return slice_equal(parts_text(&parts, STORE_BIGCOMMERCE_HASH),
	    work->parameters[PARAMETER_STORE]);
}

const json_t *
bigcommerce_unwrap(struct work *work, const json_t *body)
{
	if (json_is_object(body))
		return body;
	work_fault(work, FAULT_NOT_OBJECT, NULL, "");
	work_refuse_text(work, &bad_body, slice_of(NULL, 0), true);
	return NULL;
}

/* ---- customers ---- */

void
bigcommerce_write_one(struct out *out, struct work *work, struct slice record)
{
	const struct slice with[] = { SLICE("store_credit_amounts") };
	struct parts       parts;
	struct encoding    in = {
		   .work = work, .parts = &parts, .with = with, .with_count = 1
	};

	parts_split(&parts, &record_shapes[work->route->resource->kind], record);
	out_open(out, '{');
	encode_fields(out, &in, work->route->resource->fields);
	out_close(out, '}');
}

/* The id in ITEM; false: noted what is wrong with it, at PATH. */
static bool
item_id(struct work *work, const json_t *item, const char *path, int64_t *id)
{
	static const struct mapping row = { .name = "id", .field = FIELD_NONE };
	const json_t               *value = json_object_get(item, "id");
	char                        where[FAULT_PATH_BYTES + sizeof("id")];

	*id = json_integer_value(value);
	if (json_is_integer(value) && *id > 0 && *id <= INTEGER_MAX)
		return true;
	snprintf(where, sizeof(where), "%sid", path);
	if (!json_is_object(item) || value == NULL)
		work_fault(work, FAULT_REQUIRED, &row, "id");
	else if (!json_is_integer(value))
		work_fault(work, FAULT_NOT_NUMBER, &row, where);
	else
		work_fault(work, FAULT_MISSING, &row, where);
	return false;
}

/* Whether the body is a list of 1 to 10 items; else refused. */
static bool
check_list(struct work *work)
{
	size_t count = json_array_size(work->body);

	work->object = work->body;
	if (!json_is_array(work->body))
		work_fault(work, FAULT_NOT_LIST, NULL, "");
	else if (count == 0)
		work_fault(work, FAULT_REQUIRED, NULL, "");
	if (work->fault_count > 0) {
		work_refuse_text(work, &bad_body, slice_of(NULL, 0), true);
		return false;
	}
	if (count <= BIGCOMMERCE_ITEMS_MAX)
		return true;
	work_refuse(work, REASON_TOO_MANY_ITEMS,
	    slice_text(work_text(work, "%u", BIGCOMMERCE_ITEMS_MAX)));
	return false;
}

/* One item of `updates`. */
static void
pack_update(
    struct work *work, struct buf *buf, const json_t *item, size_t number, int64_t id)
{
	struct decoding in;
	char            path[FAULT_PATH_BYTES];
	uint32_t        count;
	size_t          place;

	snprintf(path, sizeof(path), "%zu.", number);
	decode_begin(&in, work, false, path);
	decode_fields(&in, bigcommerce_customers.fields, item);
	place = pack_map_open(buf);
	count = decode_pack(&in, buf) + 1;
	pack_literal(buf, "id");
	pack_integer(buf, id);
	if (work->if_revision > 0) {
		pack_literal(buf, "if_revision");
		pack_integer(buf, work->if_revision);
		count++;
	}
	pack_map_close(buf, place, count);
	decode_end(&in);
}

/* {updates, atomic, want}; empty: refused. */
static struct slice
pack_updates(struct work *work)
{
	size_t       count = json_array_size(work->body);
	int64_t      ids[BIGCOMMERCE_ITEMS_MAX];
	char         path[FAULT_PATH_BYTES];
	struct buf   buf;
	struct slice none = { NULL, 0 };

	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%zu.", i);
		item_id(work, json_array_get(work->body, i), path, &ids[i]);
	}
	if (work->fault_count > 0) {
		work_refuse_text(work, &bad_body, none, true);
		return none;
	}
	buf_init(&buf, FRAME_BYTES_MAX);
	pack_map(&buf, 3);
	pack_literal(&buf, "updates");
	pack_array(&buf, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		pack_update(work, &buf, json_array_get(work->body, i), i, ids[i]);
	pack_literal(&buf, "atomic");
	pack_bool(&buf, true);
	pack_literal(&buf, "want");
	pack_literal(&buf, "record");
	return work_keep(work, &buf);
}

static void
answer_results(struct work *work, const struct answer *answer)
{
	struct customerd_slice result = { answer->result.data, answer->result.len };
	struct customerd_slice results = { NULL, 0 }, item;
	struct customerd_walk  walk;
	struct out             json = work_json(work);

	customerd_get(result, "results", &results);
	customerd_walk(&walk, results);
	out_open(&json, '{');
	out_key(&json, "data");
	out_open(&json, '[');
	while (customerd_next(&walk, NULL, &item)) {
		bigcommerce_write_one(&json, work, slice_of(item.data, item.len));
		if (json_array_size(work->body) == 1)
			customerd_get_integer(item, "revision", &work->revision);
	}
	out_close(&json, ']');
	out_key(&json, "meta");
	out_raw(&json, "{}");
	out_close(&json, '}');
	work_respond(work, 200, &json);
}

/* All or nothing. */
void
bigcommerce_update(struct work *work)
{
	const struct answer *answer;
	struct slice         args;

	if (!check_list(work))
		return;
	if (work->if_revision > 0 && json_array_size(work->body) > 1) {
		work_refuse(work, REASON_REVISION_MISMATCH, slice_of(NULL, 0));
		return;
	}
	args = pack_updates(work);
	if (args.len == 0)
		return;
	work->probes = work->fault_count > 0;
	answer = work_call(work, METHOD_CUSTOMER_UPDATE_MANY, args);
	work->probes = false;
	if (answer == NULL)
		return;
	if (answer->status == STATUS_INVALID)
		work_note_violations(work, answer);
	if (work->fault_count > 0)
		work_refuse_faults(work);
	else if (answer->status != STATUS_OK)
		work_refuse_answer(work, answer);
	else
		answer_results(work, answer);
}

/* ---- errors ---- */

/* The path of FAULT, or what stands for it: a taken email is the whole call's. */
static void
write_fault(struct out *out, struct work *work, const struct field_fault *fault)
{
	struct fault_text text = fault_text_of(work, fault);
	bool              creates = work->exchange->request.method == HTTP_METHOD_POST;
	const char       *email = "";

	if (fault->fault == FAULT_TAKEN) {
		if (fault->value != NULL)
			email = json_string_value(fault->value);
		out_key(out, creates ? ".customer_create" : ".customer_update");
		out_format(out, "Error %s customers: email %s already in use",
		    creates ? "creating" : "updating", email);
		return;
	}
	out_key(out, fault->path);
	out_string(out, fault_words(work, fault, &text));
}

static const char *
verb_of(const struct work *work)
{
	switch (work->exchange->request.method) {
	case HTTP_METHOD_POST: return "Create";
	case HTTP_METHOD_PUT: return "Update";
	case HTTP_METHOD_DELETE: return "Delete";
	default: return "Get";
	}
}

void
bigcommerce_write_error(
    struct out *out, struct work *work, const struct complaint *complaint)
{
	struct slice subject = complaint->subject;

	if (complaint->reason == REASON_INVALID)
		subject = slice_text(verb_of(work));
	out_open(out, '{');
	out_key(out, "status");
	out_int(out, complaint->http);
	out_pair(out, "title", fill_in(work, complaint->title, subject));
	out_pair(out, "type",
	    "https://developer.bigcommerce.com/api-docs/getting-started/"
	    "api-status-codes");
	out_key(out, "errors");
	out_open(out, '{');
	for (unsigned i = 0; i < complaint->fault_count; i++)
		write_fault(out, work, &complaint->faults[i]);
	out_close(out, '}');
	out_close(out, '}');
}
