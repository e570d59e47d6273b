/*
 * The Django style: customers who look after their own records.
 */

#include <stdio.h>
#include <stdlib.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/django.h"

/* What the documentation page prints in place of an address, which it hides: with a
 * no-break space, and as it looks. */
#define PLACEHOLDER SLICE("[email\xc2\xa0protected]")
#define PLACEHOLDER_TYPED SLICE("[email protected]")

/* ---- codecs ---- */

static bool
is_placeholder(const json_t *value)
{
	return json_is_string(value) &&
	       (slice_equal(json_slice(value), PLACEHOLDER) ||
		   slice_equal(json_slice(value), PLACEHOLDER_TYPED));
}

/* The documented request carries the placeholder: it stands for "unchanged". */
static void
decode_email(struct decoding *in, const struct mapping *row, const json_t *value)
{
	if (!is_placeholder(value) || in->is_create)
		decode_pair(in, SLICE("email"), &as_coerced, row, value);
}

static void
encode_email(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)row;
	(void)value;
	out_text(out, parts_text(in->parts, CUSTOMER_EMAIL));
}

/* An integer there, a text here: leading zeros are lost in this format. */
static bool
decode_number_text(struct decoding *in, const struct mapping *row, const json_t *value)
{
	char        text[32];
	long long   number;
	char       *end;
	const char *digits = json_string_value(value);

	if (json_is_integer(value)) {
		number = json_integer_value(value);
	} else if (json_is_real(value) && json_real_value(value) >= -1e15 &&
		   json_real_value(value) <= 1e15 &&
		   !((double)(long long)json_real_value(value) <
		       json_real_value(value)) &&
		   !((double)(long long)json_real_value(value) >
		       json_real_value(value))) {
		number = (long long)json_real_value(value);
	} else {
		number = digits != NULL ? strtoll(digits, &end, 10) : 0;
		if (digits == NULL || end == digits || *end != '\0')
			return decode_refuse(in, FAULT_NOT_NUMBER, row, value);
	}
	if (number < row->min)
		return decode_refuse(in, FAULT_TOO_SMALL, row, value);
	if (number > row->max)
		return decode_refuse(in, FAULT_TOO_LARGE, row, value);
	snprintf(text, sizeof(text), "%lld", number);
	pack_text(&in->set, slice_text(text));
	return true;
}

static void
encode_number_text(struct out *out, const struct encoding *in,
    const struct mapping *row, struct slice value)
{
	struct slice text = parts_text(in->parts, (unsigned)row->field);
	int64_t      number;

	(void)value;
	if (text_to_id(text, &number))
		out_int(out, number);
	else /* of another format, with letters in it */
		out_text(out, text);
}

/* The faults of a new password come together. */
static bool
decode_password(struct decoding *in, const struct mapping *row, const json_t *value)
{
	const char *text = json_string_value(value);
	bool        is_good;

	if (text != NULL && text[0] != '\0' &&
	    text[strspn(text, "0123456789")] == '\0') {
		is_good = json_string_length(value) >= DJANGO_PASSWORD_MIN;
		if (!is_good)
			decode_refuse(in, FAULT_TOO_SHORT, row, value);
		return decode_refuse(in, FAULT_BAD_FORMAT, row, value);
	}
	return as_text.decode(in, row, value);
}

/* The repeat of the password is only compared. */
static void
decode_repeat(struct decoding *in, const struct mapping *row, const json_t *value)
{
	const json_t *password = json_object_get(in->object, "password");

	if (!json_is_string(value))
		decode_refuse(in, FAULT_WRONG_TYPE, row, value);
	else if (password != NULL && !json_equal(password, value))
		decode_refuse(in, FAULT_CONFLICT, row, value);
}

static const struct codec as_password = { .decode = decode_password, .type = "string" };
static const struct codec as_repeat = { .decode_pairs = decode_repeat,
	.type = "string" };
static const struct codec as_email = {
	.decode_pairs = decode_email, .encode = encode_email, .type = "string"
};

/* Of an address, what this format does not know. */
static const unsigned char kept_fields[] = { ADDRESS_NAME, ADDRESS_COMPANY,
	ADDRESS_STATE_CODE, ADDRESS_COUNTRY_CODE, ADDRESS_PHONE };

/* A code goes with its name: it is kept only while that stays the same. */
static bool
is_kept(const struct parts *now, unsigned field, const json_t *value)
{
	const char *name = field == ADDRESS_STATE_CODE     ? "state"
			   : field == ADDRESS_COUNTRY_CODE ? "country"
							   : NULL;
	unsigned named = field == ADDRESS_STATE_CODE ? ADDRESS_STATE : ADDRESS_COUNTRY;
	const json_t *sent = json_object_get(value, name);

	if (now->field[field].len == 0)
		return false;
	return name == NULL || (json_is_string(sent) && slice_equal(json_slice(sent),
							    parts_text(now, named)));
}

/*
 * An address is written whole.  What other formats have put into it stays: the company,
 * the phone.
 */
static uint32_t
keep_rest(struct decoding *in, const json_t *value)
{
	struct parts now;
	uint32_t     kept = 0;

	if (in->current == NULL)
		return 0;
	parts_split(&now, &address_shape, in->current->field[CUSTOMER_BILLING_ADDRESS]);
	for (size_t i = 0; i < sizeof(kept_fields); i++) {
		if (!is_kept(&now, kept_fields[i], value))
			continue;
		pack_text(&in->set, address_shape.fields[kept_fields[i]].name);
		pack_raw(&in->set, now.field[kept_fields[i]]);
		kept++;
	}
	return kept;
}

static const struct codec as_number_text = { .decode = decode_number_text,
	.encode = encode_number_text,
	.type = "integer string" };

/* Nothing in a form is null. */
static bool
decode_date(struct decoding *in, const struct mapping *row, const json_t *value)
{
	if (!in->work->has_form || !json_is_string(value) ||
	    json_string_length(value) > 0)
		return as_text.decode(in, row, value);
	pack_nil(&in->set);
	return true;
}

static void
encode_date(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	as_text.encode(out, in, row, value);
}

static const struct codec as_date = {
	.decode = decode_date, .encode = encode_date, .type = "string"
};

/* ---- the tables ---- */

// clang-format off
static const struct mapping address_fields[] = {
	{ "street_address", ADDRESS_STREET,      &as_coerced,     MAP_REQUIRED | MAP_NOT_NULL | MAP_NOT_BLANK, "\"\"", 0, 30 },
	{ "postal_code",    ADDRESS_POSTAL_CODE, &as_number_text, MAP_REQUIRED | MAP_NOT_NULL, "null", 0, 9223372036854775807 },
	{ "city",           ADDRESS_CITY,        &as_coerced,     MAP_REQUIRED | MAP_NOT_NULL | MAP_NOT_BLANK, "\"\"", 0, 50 },
	{ "state",          ADDRESS_STATE,       &as_coerced,     MAP_REQUIRED | MAP_NOT_NULL | MAP_NOT_BLANK, "\"\"", 0, 50 },
	{ "country",        ADDRESS_COUNTRY,     &as_coerced,     MAP_REQUIRED | MAP_NOT_NULL | MAP_NOT_BLANK, "\"\"", 4, 30 },
	{ NULL }
};
static const struct nested address = { &address_shape, address_fields, keep_rest };

const struct mapping django_customer_fields[] = {
	{ "email",         CUSTOMER_EMAIL,           &as_email,   MAP_REQUIRED | MAP_STRICT | MAP_NOT_NULL | MAP_NOT_BLANK, "\"\"", 0, 254 },
	{ "first_name",    CUSTOMER_FIRST_NAME,      &as_coerced, MAP_REQUIRED | MAP_NOT_NULL, "\"\"", 0, 150 },
	{ "last_name",     CUSTOMER_LAST_NAME,       &as_coerced, MAP_REQUIRED | MAP_NOT_NULL, "\"\"", 0, 150 },
	{ "slug",          CUSTOMER_SLUG,            &as_text,    MAP_READ_ONLY, "\"\"" },
	{ "date_of_birth", CUSTOMER_DATE_OF_BIRTH,   &as_date,    0, "null" },
	{ "address",       CUSTOMER_BILLING_ADDRESS, &as_object,  MAP_NOT_NULL | MAP_READS_FIRST, "null", 0, 0, &address },
	{ NULL }
};

static const struct mapping account_fields[] = {
	{ "email",         CUSTOMER_EMAIL,         &as_email,    MAP_REQUIRED | MAP_NOT_NULL | MAP_NOT_BLANK, "\"\"", 0, 254 },
	{ "first_name",    CUSTOMER_FIRST_NAME,    &as_coerced,  MAP_REQUIRED | MAP_NOT_NULL, "\"\"", 0, 150 },
	{ "last_name",     CUSTOMER_LAST_NAME,     &as_coerced,  MAP_REQUIRED | MAP_NOT_NULL, "\"\"", 0, 150 },
	{ "password",      CUSTOMER_PASSWORD,      &as_password, MAP_REQUIRED | MAP_NOT_NULL | MAP_NOT_BLANK | MAP_WRITE_ONLY, NULL, DJANGO_PASSWORD_MIN, 128 },
	{ "password2",     FIELD_NONE,             &as_repeat,   MAP_REQUIRED | MAP_NOT_NULL | MAP_WRITE_ONLY,
		.meaning = "The password again" },
	{ "date_of_birth", CUSTOMER_DATE_OF_BIRTH, &as_date,     0, "null" },
	{ NULL }
};

static const struct resource accounts = { RECORD_CUSTOMER, "accounts", account_fields, .noun = "Customer" };

/* Only to say what is missing in a login. */
static const struct mapping login_fields[] = {
	{ "email",    FIELD_NONE, &as_text, MAP_WRITE_ONLY, .meaning = "Who logs in" },
	{ "password", FIELD_NONE, &as_text, MAP_WRITE_ONLY, .meaning = "The password" },
	{ "refresh",  FIELD_NONE, &as_text, MAP_WRITE_ONLY, .meaning = "What the login gave, to renew the access token" },
	{ NULL }
};
static const struct resource logins = { RECORD_CUSTOMER, "token", login_fields };

static const struct resource customers = { RECORD_CUSTOMER, "customers", django_customer_fields, .noun = "Customer" };

static const struct route routes[] = {
	{ HTTP_METHOD_GET,    "/api/v1/customers/:id", serve_get,    &customers },
	{ HTTP_METHOD_PUT,    "/api/v1/customers/:id", serve_update, &customers },
	{ HTTP_METHOD_DELETE, "/api/v1/customers/:id", serve_delete, &customers },
	{ HTTP_METHOD_POST,    "/api/v1/customers",  django_create,  &accounts, 201, true },
	{ HTTP_METHOD_OPTIONS, "/api/v1/customers",  django_options, &accounts, 200, true },
	{ HTTP_METHOD_POST,    "/auth/token",         django_login,   &logins, 200, true },
	{ HTTP_METHOD_OPTIONS, "/auth/token",         django_options, &logins, 200, true },
	{ HTTP_METHOD_POST,    "/auth/token/refresh", django_refresh, &logins, 200, true },
	{ HTTP_METHOD_OPTIONS, "/auth/token/refresh", django_options, &logins, 200, true },
	{ .path = NULL }
};

static const enum check checks[] = {
	CHECK_ACCEPT, CHECK_CREDENTIALS, CHECK_METHOD, CHECK_RECORD, CHECK_MEDIA_TYPE, CHECK_BODY, CHECK_END
};
static const struct credential credentials[] = { { CREDENTIAL_BEARER, NULL }, { CREDENTIAL_END, NULL } };
static const char *const media_types[] = { "application/json", NULL };
static const struct http_pair headers[] = { { { "Vary", 4 }, { "Accept", 6 } }, { { NULL, 0 }, { NULL, 0 } } };

/* The code, if any, comes with the detail; the title is not used. */
static const struct reason_text reasons[] = {
	{ REASON_BAD_REQUEST,     400, NULL, NULL, "{}" },
	{ REASON_BODY_MALFORMED,  400, NULL, NULL, "JSON parse error - {}" },
	{ REASON_FORM_MALFORMED,  400, NULL, NULL, "{}" },
	{ REASON_BODY_WRONG_TYPE, 400, "non_field_errors", NULL, "Invalid data. Expected a dictionary, but got {}." },
	{ REASON_NO_CREDENTIALS,  401, NULL, NULL, "Authentication credentials were not provided." },
	{ REASON_BAD_CREDENTIALS, 401, "bad_authorization_header", NULL, "Authorization header must contain two space-delimited values" },
	{ REASON_BAD_TOKEN,       401, "token_not_valid", NULL, "Given token not valid for any token type" },
	{ REASON_BAD_LOGIN,       401, NULL, NULL, "No active account found with the given credentials" },
	{ REASON_FORBIDDEN,       403, NULL, NULL, "You do not have permission to perform this action." },
	{ REASON_NO_RECORD,       404, NULL, NULL, "No Customer matches the given query." },
	{ REASON_METHOD_NOT_ALLOWED, 405, NULL, NULL, "Method \"{}\" not allowed." },
	{ REASON_RATE_LIMITED,    429, NULL, NULL, "Request was throttled." },
	{ REASON_NOT_ACCEPTABLE,  406, NULL, NULL, "Could not satisfy the request Accept header." },
	{ REASON_UNSUPPORTED_MEDIA_TYPE, 415, NULL, NULL, "Unsupported media type \"{}\" in request." },
	{ REASON_INVALID,         400, NULL, NULL, "Invalid input." },
	{ .http = 0 }
};

#define DATE_FORMAT "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."

static const struct fault_text faults[] = {
	{ FAULT_WRONG_TYPE, "date_of_birth", NULL, DATE_FORMAT },
	{ FAULT_BAD_FORMAT, "date_of_birth", NULL, DATE_FORMAT },
	{ FAULT_TOO_SHORT,  "date_of_birth", NULL, DATE_FORMAT },
	{ FAULT_TOO_LONG,   "date_of_birth", NULL, DATE_FORMAT },
	{ FAULT_BAD_TEXT,   "date_of_birth", NULL, DATE_FORMAT },
	{ FAULT_TOO_SHORT,  "password",      NULL, "This password is too short. It must contain at least {} characters." },
	{ FAULT_BAD_FORMAT, "password",      NULL, "This password is entirely numeric." },
	{ FAULT_CONFLICT,   "password2",     NULL, "Password fields didn't match." },
	{ FAULT_TOO_SHORT,  "country",       NULL, "Country name should be in full" },
	{ FAULT_TOO_LARGE,  NULL, NULL, "Ensure this value is less than or equal to {}." },
	{ FAULT_TOO_SMALL,  NULL, NULL, "Ensure this value is greater than or equal to {}." },
	{ FAULT_REQUIRED,   NULL, NULL, "This field is required." },
	{ FAULT_NULL_VALUE, NULL, NULL, "This field may not be null." },
	{ FAULT_BLANK,      NULL, NULL, "This field may not be blank." },
	{ FAULT_TAKEN,      NULL, NULL, "user with this email address already exists." },
	{ FAULT_TOO_LONG,   NULL, NULL, "Ensure this field has no more than {} characters." },
	{ FAULT_WRONG_TYPE, NULL, NULL, "Not a valid string." },
	{ FAULT_NOT_NUMBER, NULL, NULL, "A valid integer is required." },
	{ FAULT_NOT_OBJECT, NULL, "non_field_errors", "Invalid data. Expected a dictionary, but got {}." },
	{ FAULT_TOO_SHORT,  "email", NULL, "Enter a valid email address." },
	{ FAULT_BAD_FORMAT, "email", NULL, "Enter a valid email address." },
	{ FAULT_BAD_TEXT,   NULL, NULL, "Null characters are not allowed." },
	{ .text = NULL }
};

static const struct rate_header rate_headers[] = {
	{ "Retry-After", RATE_RETRY_S },
	{ .name = NULL }
};

const struct format format_django = {
	.name = "django",
	.prefixes = { "/api/v1", "/auth" },
	.routes = routes,
	.credentials = credentials,
	.checks = checks,
	.request_types = media_types,
	.response_type = "application/json",
	.rate_headers = rate_headers,
	.reasons = reasons,
	.faults = faults,
	.headers = headers,
	.bad_id = REASON_NO_ROUTE,
	.wants_slash = true,
	.reads_forms = true,
	.allow_always = true,
	.options_by_route = true,
	.unwrap = django_unwrap,
	.write_one = django_write_one,
	.write_error = django_write_error,
	.error_page = django_error_page,
};
// clang-format on
