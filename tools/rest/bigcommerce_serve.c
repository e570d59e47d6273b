/*
 * BigCommerce: whose store it is, how a customer is written, a login, and errors.
 */

#include <stdio.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/bigcommerce.h"

const struct reason_text bigcommerce_bad_body = { REASON_BODY_WRONG_TYPE, 422, "",
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
	work_refuse_text(work, &bigcommerce_bad_body, slice_of(NULL, 0), true);
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

/* The email and the password of the body, as arguments; empty: refused. */
static struct slice
pack_login(struct work *work)
{
	const char *email = json_string_value(json_object_get(work->body, "email"));
	const char *password =
	    json_string_value(json_object_get(work->body, "password"));
	struct buf buf;

	if (email == NULL)
		work_fault(work, FAULT_REQUIRED, NULL, "email");
	if (password == NULL)
		work_fault(work, FAULT_REQUIRED, NULL, "password");
	if (work->fault_count > 0) {
		work_refuse_text(work, &bigcommerce_bad_body, slice_of(NULL, 0), true);
		return slice_of(NULL, 0);
	}
	work_buf(work, &buf);
	pack_map(&buf, 2);
	pack_literal(&buf, "email");
	pack_text(&buf, slice_text(email));
	pack_literal(&buf, "password");
	pack_text(&buf, slice_text(password));
	return work_keep(work, &buf);
}

/* Only of a password that is right the server tells whose it is. */
static void
answer_login(struct work *work, struct slice answer)
{
	struct customerd_slice result = { answer.data, answer.len };
	struct out             json = work_json(work);
	int64_t                id = 0;

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

/* {email, password} -> {customer_id, is_valid} */
void
bigcommerce_login(struct work *work)
{
	struct slice         login = pack_login(work);
	const struct answer *answer;

	if (login.len == 0)
		return;
	answer = work_call(work, METHOD_CUSTOMER_VERIFY_PASSWORD, login);
	if (answer == NULL)
		return;
	if (answer->status == STATUS_OK || answer->status == STATUS_INVALID)
		answer_login(work, answer->result);
	else
		work_refuse_answer(work, answer);
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
	out_key_text(out, slice_text(fault->path));
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
