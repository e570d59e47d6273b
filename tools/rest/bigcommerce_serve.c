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
bigcommerce_write_customer(struct out *out, struct work *work, struct slice record,
    const struct slice *with, unsigned with_count)
{
	struct parts    parts;
	struct encoding in = {
		.work = work, .parts = &parts, .with = with, .with_count = with_count
	};

	parts_split(&parts, &record_shapes[work->route->resource->kind], record);
	out_open(out, '{');
	encode_fields(out, &in, work->route->resource->fields);
	out_close(out, '}');
}

/* Changes answer with the store credit. */
void
bigcommerce_write_one(struct out *out, struct work *work, struct slice record)
{
	const struct slice with[] = { SLICE("store_credit_amounts") };

	bigcommerce_write_customer(out, work, record, with, 1);
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

/* What the server says of a batch's revisions is a fault among others there. */
static bool
only_revision_is_wrong(const struct work *work)
{
	for (unsigned i = 0; i < work->fault_count; i++)
		if (strstr(work->faults[i].path, ".if_revision") == NULL)
			return false;
	return work->fault_count > 0;
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
	if (only_revision_is_wrong(work))
		work_refuse(work,
		    work->if_revision > 0 ? REASON_REVISION_MISMATCH
					  : REASON_REVISION_REQUIRED,
		    slice_of(NULL, 0));
	else if (work->fault_count > 0)
		work_refuse_faults(work);
	else if (answer->status != STATUS_OK)
		work_refuse_answer(work, answer);
	else
		answer_results(work, answer);
}

/* ---- creating ---- */

/* The arguments of customer.create for ITEM, and what is wrong with it. */
static struct slice
pack_create(struct work *work, const json_t *item, size_t number)
{
	struct decoding in;
	struct buf      buf;
	char            path[32];

	snprintf(path, sizeof(path), "%zu.", number);
	decode_begin(&in, work, true, path);
	decode_fields(&in, bigcommerce_customers.fields, item);
	buf_init(&buf, FRAME_BYTES_MAX);
	pack_map(&buf, 2);
	decode_pack(&in, &buf);
	pack_literal(&buf, "want");
	pack_literal(&buf, "record");
	decode_end(&in);
	return work_keep(work, &buf);
}

/* Two items of one call must not want the same email. */
static void
note_repeats(struct work *work)
{
	size_t count = json_array_size(work->body);

	for (size_t i = 0; i < count; i++) {
		const json_t *email =
		    json_object_get(json_array_get(work->body, i), "email");

		for (size_t k = 0; k < i && json_is_string(email); k++) {
			const json_t *other =
			    json_object_get(json_array_get(work->body, k), "email");
			struct field_fault *noted;

			if (!json_is_string(other) ||
			    !http_word_equal(json_slice(email), json_slice(other)))
				continue;
			noted = work_fault(work, FAULT_TAKEN, NULL, "email");
			if (noted != NULL)
				noted->value = email;
		}
	}
}

/* Make all calls, or only try them.  False: not all are answered yet, or refused. */
static bool
create_all(struct work *work, const struct slice *args, size_t count, bool probes,
    const struct answer **answers)
{
	bool is_complete = true;

	work->part_count = (unsigned)count;
	for (size_t i = 0; i < count; i++) {
		work->probes = probes;
		work->part = (unsigned)i + 1;
		answers[i] = work_call(work, METHOD_CUSTOMER_CREATE, args[i]);
		work->probes = false;
		is_complete = is_complete && answers[i] != NULL;
	}
	for (size_t i = 0; i < count && is_complete; i++) {
		if (answers[i]->status == STATUS_INVALID) {
			work->object = json_array_get(work->body, i);
			snprintf(
			    work->object_path, sizeof(work->object_path), "%zu.", i);
			work_note_violations(work, answers[i]);
		} else if (answers[i]->status != STATUS_OK) {
			work_refuse_answer(work, answers[i]);
			return false;
		}
	}
	if (!is_complete || work->fault_count == 0)
		return is_complete;
	work_refuse_faults(work);
	return false;
}

/* All are tried before the first is made, since there is no call for many. */
void
bigcommerce_create(struct work *work)
{
	struct slice         args[BIGCOMMERCE_ITEMS_MAX];
	const struct answer *answers[BIGCOMMERCE_ITEMS_MAX];
	struct out           json;
	size_t               count;

	if (!check_list(work))
		return;
	count = json_array_size(work->body);
	for (size_t i = 0; i < count; i++)
		args[i] = pack_create(work, json_array_get(work->body, i), i);
	note_repeats(work);
	if (!create_all(work, args, count, true, answers) ||
	    (!work->dry_run && !create_all(work, args, count, false, answers)))
		return;
	json = work_json(work);
	out_open(&json, '{');
	out_key(&json, "data");
	out_open(&json, '[');
	for (size_t i = 0; i < count; i++)
		bigcommerce_write_one(&json, work, answers[i]->result);
	out_close(&json, ']');
	out_key(&json, "meta");
	out_raw(&json, "{}");
	out_close(&json, '}');
	work_respond(work, 200, &json);
}

/* {email, password} -> {customer_id, is_valid} */
void
bigcommerce_login(struct work *work)
{
	const char            *email, *password;
	struct buf             buf;
	const struct answer   *answer;
	struct customerd_slice result;
	int64_t                id = 0;
	struct out             json;

	email = json_string_value(json_object_get(work->body, "email"));
	password = json_string_value(json_object_get(work->body, "password"));
	if (email == NULL)
		work_fault(work, FAULT_REQUIRED, NULL, "email");
	if (password == NULL)
		work_fault(work, FAULT_REQUIRED, NULL, "password");
	if (work->fault_count > 0) {
		work_refuse_text(work, &bad_body, slice_of(NULL, 0), true);
		return;
	}
	buf_init(&buf, FRAME_BYTES_MAX);
	pack_map(&buf, 2);
	pack_literal(&buf, "email");
	pack_text(&buf, slice_text(email));
	pack_literal(&buf, "password");
	pack_text(&buf, slice_text(password));
	answer =
	    work_call(work, METHOD_CUSTOMER_VERIFY_PASSWORD, work_keep(work, &buf));
	if (answer == NULL)
		return;
	if (answer->status != STATUS_OK && answer->status != STATUS_INVALID) {
		work_refuse_answer(work, answer);
		return;
	}
	result = (struct customerd_slice){ answer->result.data, answer->result.len };
	json = work_json(work);
	out_open(&json, '{');
	out_key(&json, "customer_id");
	if (customerd_get_integer(result, "id", &id))
		out_int(&json, id);
	else
		out_nil(&json);
	out_key(&json, "is_valid");
	out_bool(&json, id > 0);
	out_close(&json, '}');
	work_respond(work, 200, &json);
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

static bool
ends_with_id(const char *path)
{
	size_t len = strlen(path);

	return len > 3 && strcmp(path + len - 3, ".id") == 0;
}

static bool
is_bad_id(const struct field_fault *fault)
{
	return fault->fault == FAULT_MISSING && ends_with_id(fault->path);
}

/* Whether one of the FAULTS before NUMBER has the same key.  Of ids that nobody has,
 * BigCommerce names the first; emails that are taken share one key. */
static bool
is_told(const struct field_fault *faults, unsigned number)
{
	const struct field_fault *fault = &faults[number];

	for (unsigned i = 0; i < number; i++)
		if (strcmp(faults[i].path, fault->path) == 0 ||
		    (faults[i].fault == FAULT_TAKEN && fault->fault == FAULT_TAKEN) ||
		    (is_bad_id(&faults[i]) && is_bad_id(fault)))
			return true;
	return false;
}

/* Version 2 answers a list of messages. */
static void
write_v2_error(struct out *out, struct work *work, const struct complaint *complaint)
{
	const struct field_fault *fault = complaint->faults;
	struct fault_text         text;

	out_open(out, '[');
	out_open(out, '{');
	out_key(out, "status");
	out_int(out, complaint->http);
	out_key(out, "message");
	if (complaint->fault_count > 0) {
		text = fault_text_of(work, fault);
		out_format(out, "The field '%s' is invalid: %s", fault->path,
		    fault_words(work, fault, &text));
	} else {
		out_string(out, fill_in(work, complaint->title, complaint->subject));
	}
	out_close(out, '}');
	out_close(out, ']');
}

void
bigcommerce_write_error(
    struct out *out, struct work *work, const struct complaint *complaint)
{
	struct slice subject = complaint->subject;

	if (work->route != NULL && work->route->resource->kind == RECORD_GROUP) {
		write_v2_error(out, work, complaint);
		return;
	}
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
		if (!is_told(complaint->faults, i))
			write_fault(out, work, &complaint->faults[i]);
	out_close(out, '}');
	out_close(out, '}');
}
