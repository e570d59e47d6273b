/*
 * BigCommerce: customers, v3, many in one call; customer groups, v2.
 */

#include <stdio.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/rest/bigcommerce.h"

/* ---- codecs ---- */

/* {force_password_reset, new_password} are fields of their own here. */
static void
decode_authentication(
    struct decoding *in, const struct mapping *row, const json_t *value)
{
	if (!json_is_object(value)) {
		decode_refuse(in, FAULT_NOT_OBJECT, row, value);
		return;
	}
	decode_below(in, row, bigcommerce_authentication, value);
}

static void
encode_authentication(struct out *out, const struct encoding *in,
    const struct mapping *row, struct slice value)
{
	(void)row;
	(void)value;
	out_open(out, '{');
	encode_fields(out, in, bigcommerce_authentication);
	out_close(out, '}');
}

static const struct codec as_authentication = { .decode_pairs = decode_authentication,
	.encode = encode_authentication,
	.type = "object" };

/* The id of the customer whose form field it is. */
static void
encode_owner(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)row;
	(void)value;
	out_int(out, parts_integer(in->record, CUSTOMER_ID));
}

static const struct codec as_owner = { .encode = encode_owner };

// clang-format off
#define READ MAP_READ_ONLY
#define TEXT(name, field, min, max) { name, field, &as_text, MAP_NULL_KEEPS, "\"\"", min, max }

const struct mapping bigcommerce_authentication[] = {
	{ "force_password_reset", CUSTOMER_FORCE_PASSWORD_RESET, &as_bool, MAP_NULL_KEEPS, "false" },
	{ "new_password",         CUSTOMER_PASSWORD, &as_text, MAP_WRITE_ONLY | MAP_NULL_KEEPS, NULL },
	{ NULL }
};

static const struct nested authentication = {
	&record_shapes[RECORD_CUSTOMER], bigcommerce_authentication
};

static const struct mapping credit_fields[] = {
	{ "amount", CREDIT_AMOUNT, &as_number, MAP_REQUIRED | MAP_NOT_NULL, "0", -CREDIT_MAX, CREDIT_MAX },
	{ NULL }
};
static const struct nested credit = { &credit_shape, credit_fields };

static const struct mapping form_fields[] = {
	{ "customer_id", FIELD_NONE, &as_owner, READ, "0", .meaning = "Whose answer it is" },
	{ "name",  FORM_FIELD_NAME,  &as_text, MAP_REQUIRED | MAP_NOT_NULL, "\"\"" },
	{ "value", FORM_FIELD_VALUE, &as_raw,  MAP_REQUIRED | MAP_NOT_NULL, "\"\"" },
	{ NULL }
};
static const struct nested form_field = { &form_field_shape, form_fields };

static const struct mapping customer_fields[] = {
	{ "id", CUSTOMER_ID, &as_integer, READ, "0" },
	{ "authentication", FIELD_NONE, &as_authentication, MAP_NULL_KEEPS, NULL, .nested = &authentication,
		.meaning = "How the customer logs in" },
	TEXT("company", CUSTOMER_COMPANY, 0, 255),
	{ "customer_group_id", CUSTOMER_GROUP, &as_positive, MAP_NULL_KEEPS, "0" },
	{ "email", CUSTOMER_EMAIL, &as_text, MAP_REQUIRED | MAP_NULL_KEEPS, "\"\"", 3, 254 },
	{ "first_name", CUSTOMER_FIRST_NAME, &as_text, MAP_REQUIRED | MAP_NULL_KEEPS, "\"\"", 1, 100 },
	{ "last_name", CUSTOMER_LAST_NAME, &as_text, MAP_REQUIRED | MAP_NULL_KEEPS, "\"\"", 1, 100 },
	TEXT("notes", CUSTOMER_NOTES, 0, 0),
	TEXT("phone", CUSTOMER_PHONE, 0, 50),
	{ "registration_ip_address", CUSTOMER_REGISTRATION_IP_ADDRESS, &as_text, READ, "\"\"" },
	TEXT("tax_exempt_category", CUSTOMER_TAX_EXEMPTION_CODE, 0, 255),
	{ "date_created", CUSTOMER_CREATED_AT, &as_time_s, READ, "null" },
	{ "date_modified", CUSTOMER_UPDATED_AT, &as_time_s, READ, "null" },
	{ "accepts_product_review_abandoned_cart_emails", CUSTOMER_ACCEPTS_PRODUCT_REVIEW_ABANDONED_CART_EMAILS, &as_bool, MAP_NULL_KEEPS, "false" },
	{ "store_credit_amounts", CUSTOMER_STORE_CREDIT_AMOUNTS, &as_objects, MAP_NULL_KEEPS | MAP_ON_REQUEST, "[{\"amount\":0}]", 0, 0, &credit },
	{ "origin_channel_id", CUSTOMER_ORIGIN_CHANNEL_ID, &as_integer, READ, "1" },
	{ "channel_ids", CUSTOMER_CHANNEL_IDS, &as_raw, 0, "null" },
	{ "form_fields", CUSTOMER_FORM_FIELDS, &bigcommerce_form_fields, MAP_NULL_KEEPS | MAP_ON_REQUEST, "[]", 0, 0, &form_field },
	{ NULL }
};

static void
encode_constant(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)in;
	(void)value;
	out_raw(out, row->absent);
}

/* What a group has there and not here, always the same. */
static const struct codec as_constant = { .encode = encode_constant };

static const struct mapping group_fields[] = {
	{ "id",   GROUP_ID,   &as_integer, READ, "0" },
	{ "name", GROUP_NAME, &as_text, MAP_REQUIRED | MAP_NOT_NULL, "\"\"" },
	{ "is_default",         FIELD_NONE, &as_constant, READ, "false",
		.meaning = "Always false here" },
	{ "category_access",    FIELD_NONE, &as_constant, READ, "{\"type\":\"all\"}",
		.meaning = "Always all categories here" },
	{ "discount_rules",     FIELD_NONE, &as_constant, READ, "[]",
		.meaning = "Always empty here" },
	{ "is_group_for_guests", FIELD_NONE, &as_constant, READ, "false",
		.meaning = "Always false here" },
	{ NULL }
};

const struct resource bigcommerce_groups = {
	RECORD_GROUP, "customer_groups", group_fields, .noun = "customer group"
};

const struct resource bigcommerce_customers = {
	RECORD_CUSTOMER, "customers", customer_fields, .noun = "customer", .is_bounded = true
};

static const struct route routes[] = {
	{ HTTP_METHOD_GET,    "/stores/:store/v3/customers", bigcommerce_list,   &bigcommerce_customers },
	{ HTTP_METHOD_POST,   "/stores/:store/v3/customers", bigcommerce_create, &bigcommerce_customers },
	{ HTTP_METHOD_PUT,    "/stores/:store/v3/customers", bigcommerce_update, &bigcommerce_customers },
	{ HTTP_METHOD_DELETE, "/stores/:store/v3/customers", bigcommerce_delete, &bigcommerce_customers },
	{ HTTP_METHOD_PUT,    "/stores/:store/v3/customers/form-field-values", bigcommerce_set_fields, &bigcommerce_customers },
	{ HTTP_METHOD_POST,   "/stores/:store/v3/customers/validate-credentials", bigcommerce_login, &bigcommerce_customers },
	{ HTTP_METHOD_GET,    "/stores/:store/v2/customer_groups", bigcommerce_group_list, &bigcommerce_groups },
	{ HTTP_METHOD_POST,   "/stores/:store/v2/customer_groups", serve_create, &bigcommerce_groups },
	{ HTTP_METHOD_GET,    "/stores/:store/v2/customer_groups/:id", serve_get,    &bigcommerce_groups },
	{ HTTP_METHOD_PUT,    "/stores/:store/v2/customer_groups/:id", serve_update, &bigcommerce_groups },
	{ HTTP_METHOD_DELETE, "/stores/:store/v2/customer_groups/:id", serve_delete, &bigcommerce_groups },
	{ .path = NULL }
};

static const enum check checks[] = {
	CHECK_CREDENTIALS, CHECK_METHOD, CHECK_ACCEPT, CHECK_MEDIA_TYPE, CHECK_BODY, CHECK_END
};
static const struct credential credentials[] = {
	{ CREDENTIAL_HEADER, "X-Auth-Token" }, { CREDENTIAL_END, NULL }
};
static const char *const media_types[] = { "application/json", NULL };

static const struct reason_text reasons[] = {
	{ REASON_BAD_REQUEST,     400, "", "Bad request: {}", NULL },
	{ REASON_BODY_MALFORMED,  400, "", "Input is invalid: {}", NULL },
	{ REASON_BODY_WRONG_TYPE, 422, "", "JSON data is missing or invalid", NULL },
	{ REASON_BAD_PARAMETER,   422, "", "{}", NULL },
	{ REASON_NO_CREDENTIALS,  401, "", "X-Auth-Token header is required", NULL },
	{ REASON_BAD_CREDENTIALS, 401, "", "Unauthorized", NULL },
	{ REASON_BAD_TOKEN,       401, "", "Unauthorized", NULL },
	{ REASON_FORBIDDEN,       403, "", "You don't have a required scope to access the endpoint", NULL },
	{ REASON_NO_ROUTE,        404, "", "Not found", NULL },
	{ REASON_NO_STORE,        404, "", "Not found", NULL },
	{ REASON_NO_RECORD,       404, "", "The requested resource was not found.", NULL },
	{ REASON_METHOD_NOT_ALLOWED, 405, "", "Method not allowed", NULL },
	{ REASON_NOT_ACCEPTABLE,  406, "", "Not acceptable", NULL },
	{ REASON_TOO_MANY_ITEMS,  413, "", "Too many items: at most {} customers per call", NULL },
	{ REASON_RATE_LIMITED,    429, "", "Too many requests", NULL },
	{ REASON_UNSUPPORTED_MEDIA_TYPE, 415, "", "Unsupported media type", NULL },
	{ REASON_INVALID,         422, "", "{} customers failed.", NULL },
	{ REASON_FAILED,          500, "", "Internal server error", NULL },
	{ .http = 0 }
};

static const struct fault_text faults[] = {
	{ FAULT_REQUIRED,   NULL, NULL, "error.path.missing" },
	{ FAULT_WRONG_TYPE, "force_password_reset", NULL, "error.expected.jsboolean" },
	{ FAULT_WRONG_TYPE, "accepts_product_review_abandoned_cart_emails", NULL, "error.expected.jsboolean" },
	{ FAULT_WRONG_TYPE, NULL, NULL, "error.expected.jsstring" },
	{ FAULT_NOT_NUMBER, NULL, NULL, "error.expected.jsnumber" },
	{ FAULT_NOT_OBJECT, NULL, NULL, "error.expected.jsobject" },
	{ FAULT_NOT_LIST,   NULL, NULL, "error.expected.jsarray" },
	{ FAULT_MISSING,    "id", NULL, "invalid customer ID" },
	{ FAULT_MISSING,    "customer_group_id", NULL, "invalid customer group ID" },
	{ FAULT_MISSING,    "customer_id", NULL, "invalid customer ID" },
	{ FAULT_DUPLICATE,  "id", NULL, "duplicate customer ID" },
	{ FAULT_TOO_LONG,   NULL, NULL, "error.maxLength: {}" },
	{ FAULT_TOO_SHORT,  NULL, NULL, "error.minLength: {}" },
	{ FAULT_BAD_FORMAT, "email", NULL, "invalid email address" },
	{ .text = NULL }
};

/* Clients pace themselves by these. */
static const struct rate_header rate_headers[] = {
	{ "X-Rate-Limit-Time-Window-Ms", RATE_WINDOW_MS },
	{ "X-Rate-Limit-Time-Reset-Ms", RATE_RESET_MS },
	{ "X-Rate-Limit-Requests-Quota", RATE_LIMIT },
	{ "X-Rate-Limit-Requests-Left", RATE_LEFT },
	{ "X-Retry-After", RATE_RETRY_S },
	{ .name = NULL }
};

const struct format format_bigcommerce = {
	.name = "bigcommerce",
	.prefixes = { "/stores" },
	.routes = routes,
	.credentials = credentials,
	.checks = checks,
	.request_types = media_types,
	.response_type = "application/json",
	.rate_headers = rate_headers,
	.rate_limit = 450,
	.rate_window_s = 30,
	.reasons = reasons,
	.faults = faults,
	.bad_id = REASON_NO_RECORD,
	.owns = bigcommerce_owns,
	.unwrap = bigcommerce_unwrap,
	.write_one = bigcommerce_write_one,
	.write_error = bigcommerce_write_error,
};
// clang-format on
