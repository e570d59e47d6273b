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

/* {KEY: VALUE} */
static void
write_count(struct out *out, const char *key, int64_t value)
{
	out_open(out, '{');
	out_key(out, key);
	out_int(out, value);
	out_close(out, '}');
}

void
ecwid_write_one(struct out *out, struct work *work, struct slice record)
{
	const struct resource *resource = work->route->resource;
	struct parts           parts;
	struct encoding        in = { .work = work, .parts = &parts };

	parts_split(&parts, &record_shapes[resource->kind], record);
	switch (work->exchange->request.method) {
	case HTTP_METHOD_PUT: write_count(out, "updateCount", 1); break;
	case HTTP_METHOD_POST:
		write_count(out, "id", parts_integer(&parts, COMMON_ID));
		break;
	default:
		out_open(out, '{');
		encode_fields(out, &in, resource->fields);
		out_close(out, '}');
	}
}

void
ecwid_write_deleted(struct work *work)
{
	struct out json = work_json(work);

	write_count(&json, "deleteCount", 1);
	work_respond(work, 200, &json);
}

void
ecwid_write_error(struct out *out, struct work *work, const struct complaint *complaint)
{
	const struct field_fault *fault = complaint->faults;
	struct fault_text         text;
	const char               *code = complaint->code;
	const char *message = fill_in(work, complaint->detail, complaint->subject);

	if (complaint->fault_count > 0) {
		text = fault_text_of(work, fault);
		message = work_text(
		    work, "Field %s %s", fault->path, fault_words(work, fault, &text));
		if (text.code != NULL && fault->fault == FAULT_NOT_ENABLED)
			code = text.code;
	}
	out_open(out, '{');
	out_pair(out, "errorMessage", message);
	out_pair(out, "errorCode", code);
	out_close(out, '}');
}
