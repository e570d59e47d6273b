/*
 * The Django style: the shapes of Django REST framework's answers and errors.
 */

#include "tools/rest/django.h"

/* ---- bodies ---- */

/* What Python calls the type of VALUE. */
static const char *
python_type(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return "dict";
	case JSON_ARRAY: return "list";
	case JSON_STRING: return "str";
	case JSON_INTEGER: return "int";
	case JSON_REAL: return "float";
	case JSON_TRUE:
	case JSON_FALSE: return "bool";
	case JSON_NULL: break;
	}
	return "NoneType";
}

const json_t *
django_unwrap(struct work *work, const json_t *body)
{
	return serve_object(work, body, slice_text(python_type(body)));
}

static void
write_customer(struct out *out, struct work *work, struct slice record, bool is_long)
{
	struct parts    parts;
	struct encoding in = { .work = work, .parts = &parts };

	parts_split(&parts, &record_shapes[RECORD_CUSTOMER], record);
	out_open(out, '{');
	encode_fields(out, &in, django_customer_fields);
	if (is_long) {
		out_key(out, "last_purchase_date");
		out_nil(out);
	}
	out_close(out, '}');
}

/* Reading and creating answer one key more than updating. */
void
django_write_one(struct out *out, struct work *work, struct slice record)
{
	write_customer(out, work, record, work->route->method != HTTP_METHOD_PUT);
}

/* ---- errors ---- */

/* An object in place of which something else came. */
static void
write_not_object(struct out *out, struct work *work, const struct field_fault *fault)
{
	struct fault_text text = fault_text_of(work, fault);

	out_open(out, '{');
	out_key(out, text.code);
	out_open(out, '[');
	out_string(
	    out, fill_in(work, text.text, slice_text(python_type(fault->value))));
	out_close(out, ']');
	out_close(out, '}');
}

/* All that is wrong with the field at PATH, in one list. */
static void
write_field(struct out *out, struct work *work, const struct complaint *complaint,
    const char *path)
{
	out_open(out, '[');
	for (unsigned i = 0; i < complaint->fault_count; i++) {
		const struct field_fault *fault = &complaint->faults[i];
		struct fault_text         text = fault_text_of(work, fault);

		if (strcmp(fault->path, path) == 0)
			out_string(out, fault_words(work, fault, &text));
	}
	out_close(out, ']');
}

/* The first fault at PATH, or below it, or NULL. */
static const struct field_fault *
find_fault(const struct complaint *complaint, const char *path)
{
	size_t len = strlen(path);

	for (unsigned i = 0; i < complaint->fault_count; i++) {
		const char *other = complaint->faults[i].path;

		if (strncmp(other, path, len) == 0 &&
		    (other[len] == '\0' || other[len] == '.'))
			return &complaint->faults[i];
	}
	return NULL;
}

/* Each field once, in the order of the table; the paths of ROWS begin with PREFIX. */
static void
write_faults(struct out *out, struct work *work, const struct complaint *complaint,
    const struct mapping *rows, const char *prefix)
{
	out_open(out, '{');
	for (const struct mapping *row = rows; row->name != NULL; row++) {
		const char *path = work_text(work, "%s%s", prefix, row->name);
		const struct field_fault *fault = find_fault(complaint, path);

		if (fault == NULL)
			continue;
		out_key(out, row->name);
		if (strcmp(fault->path, path) != 0 && row->nested != NULL)
			write_faults(out, work, complaint, row->nested->fields,
			    work_text(work, "%s.", path));
		else if (fault->fault == FAULT_NOT_OBJECT && fault->value != NULL)
			write_not_object(out, work, fault);
		else
			write_field(out, work, complaint, path);
	}
	out_close(out, '}');
}

void
django_write_error(
    struct out *out, struct work *work, const struct complaint *complaint)
{
	const char *detail = fill_in(work,
	    complaint->detail != NULL ? complaint->detail : "{}", complaint->subject);
	bool        is_list = complaint->reason == REASON_BODY_WRONG_TYPE;

	if (complaint->http == 401)
		work_header(work, "WWW-Authenticate", "Bearer realm=\"api\"");
	if (complaint->fault_count > 0) {
		write_faults(out, work, complaint, work->route->resource->fields, "");
		return;
	}
	out_open(out, '{');
	out_key(out, is_list ? complaint->code : "detail");
	if (is_list)
		out_open(out, '[');
	out_string(out, detail);
	if (is_list)
		out_close(out, ']');
	else if (complaint->reason == REASON_BAD_TOKEN ||
		 complaint->reason == REASON_BAD_CREDENTIALS)
		out_pair(out, "code", complaint->code);
	if (complaint->reason == REASON_BAD_TOKEN) {
		out_key(out, "messages");
		out_raw(out,
		    "[{\"token_class\":\"AccessToken\",\"token_type\":\"access\","
		    "\"message\":\"Token is invalid or expired\"}]");
	}
	out_close(out, '}');
}

/* Django itself, not the framework, answers what no route matches. */
const char *
django_error_page(const struct complaint *complaint)
{
	if (complaint->reason != REASON_NO_ROUTE)
		return NULL;
	return "\n<!doctype html>\n<html lang=\"en\">\n<head>\n"
	       "  <title>Not Found</title>\n</head>\n<body>\n"
	       "  <h1>Not Found</h1><p>The requested resource was not found on this "
	       "server.</p>\n</body>\n</html>\n";
}
