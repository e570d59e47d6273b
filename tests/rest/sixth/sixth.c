/*
 * A sixth format, made up to show that one file of tables is enough.
 *
 *	GET /people/7    ->
 *{"who":7,"mail":"ada@example.com","since":"…","home":{"town":…}} PUT /people/7    <-
 *{"mail":…, "home":{"town":…}} POST, DELETE     likewise; errors are {"oops":"mail: is
 *already taken"}
 */

#include "tools/rest/serve.h"

// clang-format off
static const struct mapping home_fields[] = {
	{ "town", ADDRESS_CITY, &as_text, MAP_REQUIRED, "null", 2, 20 },
	{ NULL }
};
static const struct nested home = { &address_shape, home_fields };

static const struct mapping fields[] = {
	{ "who",   CUSTOMER_ID,              &as_integer, MAP_READ_ONLY, "null" },
	{ "mail",  CUSTOMER_EMAIL,           &as_text,    MAP_REQUIRED | MAP_NOT_NULL, "null" },
	{ "since", CUSTOMER_CREATED_AT,      &as_time_s,  MAP_READ_ONLY, "null" },
	{ "home",  CUSTOMER_BILLING_ADDRESS, &as_object,  0, "null", 0, 0, &home },
	{ NULL }
};

static const struct resource people = { RECORD_CUSTOMER, "people", fields, .noun = "Somebody" };

static const struct route routes[] = {
	{ HTTP_METHOD_GET,    "/people/:id", serve_get,    &people },
	{ HTTP_METHOD_PUT,    "/people/:id", serve_update, &people },
	{ HTTP_METHOD_DELETE, "/people/:id", serve_delete, &people },
	{ HTTP_METHOD_POST,   "/people",     serve_create, &people, 201 },
	{ .path = NULL }
};

static const struct credential credentials[] = { { CREDENTIAL_HEADER, "X-Key" }, { CREDENTIAL_END, NULL } };
static const enum check checks[] = { CHECK_CREDENTIALS, CHECK_METHOD, CHECK_MEDIA_TYPE, CHECK_BODY, CHECK_END };
static const char *const media_types[] = { "application/json", NULL };
static const struct reason_text reasons[] = {
	{ REASON_NO_RECORD, 410, NULL, NULL, "{} has left" },
	{ .http = 0 }
};
static const struct fault_text faults[] = {
	{ FAULT_TOO_SHORT, "town", NULL, "is no town of {} letters" },
	{ .text = NULL }
};
// clang-format on

static const json_t *
unwrap(struct work *work, const json_t *body)
{
	if (!json_is_object(body))
		work_refuse(work, REASON_BODY_WRONG_TYPE, slice_of(NULL, 0));
	return json_is_object(body) ? body : NULL;
}

static void
write_one(struct out *out, struct work *work, struct slice record)
{
	struct parts    parts;
	struct encoding in = { .work = work, .parts = &parts };

	parts_split(&parts, &record_shapes[RECORD_CUSTOMER], record);
	out_open(out, '{');
	encode_fields(out, &in, fields);
	out_close(out, '}');
}

static void
write_error(struct out *out, struct work *work, const struct complaint *complaint)
{
	const struct field_fault *fault = complaint->faults;
	struct fault_text         text;
	const char *oops = fill_in(work, complaint->detail, complaint->subject);

	if (complaint->fault_count > 0) {
		text = fault_text_of(work, fault);
		oops = work_text(
		    work, "%s: %s", fault->path, fault_words(work, fault, &text));
	}
	out_open(out, '{');
	out_pair(out, "oops", oops);
	out_close(out, '}');
}

static const struct format format_sixth = {
	.name = "sixth",
	.prefixes = { "/people" },
	.routes = routes,
	.credentials = credentials,
	.checks = checks,
	.request_types = media_types,
	.response_type = "application/json",
	.reasons = reasons,
	.faults = faults,
	.bad_id = REASON_NO_RECORD,
	.unwrap = unwrap,
	.write_one = write_one,
	.write_error = write_error,
};

const struct format *const formats[] = { &format_sixth, NULL };
