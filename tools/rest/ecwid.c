/*
 * Ecwid: customers and customer groups of a store.
 */

#include <stdio.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/ecwid.h"
#include "tools/rest/engine.h"

/* ---- codecs ---- */

static void
put_text(struct decoding *in, unsigned field, struct slice text, bool is_absent)
{
	pack_text(&in->set, record_shapes[RECORD_CUSTOMER].fields[field].name);
	if (is_absent)
		pack_nil(&in->set);
	else
		pack_text(&in->set, text);
	in->set_count++;
}

/* "Ada King Lovelace" is Ada and "King Lovelace"; joined it is what was sent. */
static void
put_name(struct decoding *in, struct slice name)
{
	const char  *space = memchr(name.data, ' ', name.len);
	size_t       len = space != NULL ? (size_t)(space - name.data) : name.len;
	struct slice last = { NULL, 0 };

	if (space != NULL)
		last = slice_of(space + 1, name.len - len - 1);
	put_text(in, CUSTOMER_FIRST_NAME, slice_of(name.data, len), false);
	put_text(in, CUSTOMER_LAST_NAME, last, space == NULL);
}

static void
decode_name(struct decoding *in, const struct mapping *row, const json_t *value)
{
	if (json_is_string(value))
		put_name(in, json_slice(value));
	else
		decode_refuse(in, FAULT_WRONG_TYPE, row, value);
}

/* The full name, in the arena; NULL: there is none. */
static const char *
full_name(const struct encoding *in)
{
	const struct parts *parts = in->parts;
	struct slice        first = parts_text(parts, CUSTOMER_FIRST_NAME);
	struct slice        last = parts_text(parts, CUSTOMER_LAST_NAME);
	bool                has_first = parts->field[CUSTOMER_FIRST_NAME].len > 0;
	bool                has_last = parts->field[CUSTOMER_LAST_NAME].len > 0;

	if (!has_first && !has_last)
		return NULL;
	return work_text(in->work, "%.*s%s%.*s", (int)first.len, first.data,
	    has_first && has_last ? " " : "", (int)last.len, last.data);
}

static void
encode_name(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	const char  *name = full_name(in);
	struct parts address;

	(void)row;
	(void)value;
	parts_split(
	    &address, &address_shape, in->parts->field[CUSTOMER_BILLING_ADDRESS]);
	if (name != NULL)
		out_string(out, name);
	else
		out_text(out, parts_text(&address, ADDRESS_NAME));
}

/* billingPerson.name is the customer's name, too, unless that is sent as well. */
static void
decode_person(struct decoding *in, const struct mapping *row, const json_t *value)
{
	const json_t *name = json_object_get(value, "name");

	decode_pair(in, SLICE("billing_address"), &as_object, row, value);
	if (json_is_string(name) && json_object_get(in->object, "name") == NULL)
		put_name(in, json_slice(name));
}

static void
encode_person(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	struct parts    address;
	struct encoding inner = { .work = in->work, .parts = &address };

	(void)value;
	parts_split(
	    &address, &address_shape, in->parts->field[CUSTOMER_BILLING_ADDRESS]);
	out_open(out, '{');
	out_key(out, "name");
	encode_name(out, in, row, value);
	encode_fields(out, &inner, row->nested->fields + 1);
	out_close(out, '}');
}

static void
decode_group(struct decoding *in, const struct mapping *row, const json_t *value)
{
	decode_pair(in, SLICE("group"), &as_positive, row, value);
}

static void
encode_group(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)row;
	(void)value;
	out_int(out, parts_integer(in->parts, CUSTOMER_GROUP));
}

static void
encode_group_name(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	int64_t              id = parts_integer(in->parts, CUSTOMER_GROUP);
	const struct answer *answer;
	struct parts         parts;

	(void)row;
	(void)value;
	if (id == 0) {
		out_string(out, ECWID_GENERAL);
		return;
	}
	answer = work_call(
	    in->work, METHOD_GROUP_GET, work_args_integer(in->work, "id", id));
	parts_split(&parts, &record_shapes[RECORD_GROUP],
	    answer != NULL ? answer->result : slice_of(NULL, 0));
	out_text(out, parts_text(&parts, GROUP_NAME));
}

static const struct codec as_name = {
	.decode_pairs = decode_name, .encode = encode_name, .type = "string"
};
static const struct codec as_person = {
	.decode_pairs = decode_person, .encode = encode_person, .type = "object"
};
static const struct codec as_group = {
	.decode_pairs = decode_group, .encode = encode_group, .type = "integer"
};
static const struct codec as_group_name = { .encode = encode_group_name,
	.type = "string" };

/* Readers get the two parts only of a name that has two. */
static void
encode_part(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)row;
	(void)in;
	out_value(out, value);
}

static const struct codec as_part = { .encode = encode_part, .type = "string" };

// clang-format off
#define READ MAP_READ_ONLY
#define ADDRESS(S)                                                                         \
	{ "companyName",         S##_COMPANY,      &as_text, 0, NULL },                    \
	{ "street",              S##_STREET,       &as_text, 0, NULL },                    \
	{ "city",                S##_CITY,         &as_text, 0, NULL },                    \
	{ "countryCode",         S##_COUNTRY_CODE, &as_text, 0, NULL },                    \
	{ "countryName",         S##_COUNTRY,      &as_text, 0, NULL },                    \
	{ "postalCode",          S##_POSTAL_CODE,  &as_text, 0, NULL },                    \
	{ "stateOrProvinceCode", S##_STATE_CODE,   &as_text, 0, NULL },                    \
	{ "stateOrProvinceName", S##_STATE,        &as_text, 0, NULL },                    \
	{ "phone",               S##_PHONE,        &as_text, 0, NULL }

/* The name stands first: encode_person() writes it. */
static const struct mapping person_fields[] = {
	{ "name", ADDRESS_NAME, &as_text, 0, NULL },
	ADDRESS(ADDRESS),
	{ NULL }
};
static const struct nested person = { &address_shape, person_fields };

static const struct mapping address_fields[] = {
	{ "id",   SAVED_ADDRESS_ID,   &as_integer, MAP_NULL_KEEPS, NULL, 1 },
	{ "name", SAVED_ADDRESS_NAME, &as_text, 0, NULL },
	ADDRESS(SAVED_ADDRESS),
	{ NULL }
};
static const struct nested address = { &saved_address_shape, address_fields };

const struct mapping ecwid_contact_fields[] = {
	{ "id",        CONTACT_ID,        &as_integer, MAP_NULL_KEEPS, NULL, 1 },
	{ "contact",   CONTACT_CONTACT,   &as_text, MAP_REQUIRED | MAP_NOT_NULL, NULL },
	{ "handle",    CONTACT_HANDLE,    &as_text, 0, NULL },
	{ "note",      CONTACT_NOTE,      &as_text, 0, NULL },
	{ "type",      CONTACT_TYPE,      &as_text, MAP_REQUIRED | MAP_NOT_NULL, NULL },
	{ "default",   CONTACT_DEFAULT,   &as_bool, MAP_NULL_KEEPS, "false" },
	{ "orderBy",   CONTACT_ORDER_BY,  &as_integer, MAP_NULL_KEEPS, "0" },
	{ "timestamp", CONTACT_TIMESTAMP, &as_time_zone, MAP_NULL_KEEPS, NULL },
	{ NULL }
};
static const struct nested contact = { &contact_shape, ecwid_contact_fields };

static const struct mapping customer_fields[] = {
	{ "id",    CUSTOMER_ID,    &as_integer, READ, "0" },
	{ "email", CUSTOMER_EMAIL, &as_text, MAP_REQUIRED | MAP_NOT_NULL, "\"\"" },
	{ "registered", CUSTOMER_CREATED_AT, &as_time_zone, READ, NULL },
	{ "updated",    CUSTOMER_UPDATED_AT, &as_time_zone, READ, NULL },
	{ "totalOrderCount", CUSTOMER_TOTAL_ORDERS_COUNT, &as_integer, READ, "0" },
	{ "customerGroupId", FIELD_NONE, &as_group, MAP_NULL_KEEPS, NULL, .argument = "group",
		.meaning = "The group; 0: none, which readers see as General" },
	{ "customerGroupName", FIELD_NONE, &as_group_name, READ, NULL,
		.meaning = "The name of the group" },
	{ "name",      FIELD_NONE, &as_name, MAP_NULL_KEEPS, NULL, .argument = "first_name",
		.meaning = "The full name: the first word becomes the first name, the rest the last name" },
	{ "firstName", CUSTOMER_FIRST_NAME, &as_part, READ, NULL },
	{ "lastName",  CUSTOMER_LAST_NAME,  &as_part, READ, NULL },
	{ "billingPerson", FIELD_NONE, &as_person, 0, NULL, 0, 0, &person, "billing_address",
		.meaning = "The billing address; its name is also the name of the customer, unless that is sent, too" },
	{ "shippingAddresses", CUSTOMER_SHIPPING_ADDRESSES, &as_objects, 0, "[]", 0, 0, &address },
	{ "contacts",   CUSTOMER_CONTACTS,     &as_objects, 0, "[]", 0, 0, &contact },
	{ "taxId",      CUSTOMER_TAX_ID,       &as_text, 0, "\"\"" },
	{ "taxIdValid", CUSTOMER_TAX_ID_VALID, &as_bool, MAP_NULL_KEEPS, "false" },
	{ "taxExempt",  CUSTOMER_TAX_EXEMPT,   &as_bool, MAP_NULL_KEEPS, "false" },
	{ "acceptMarketing", CUSTOMER_ACCEPTS_MARKETING, &as_bool, 0, "null" },
	{ "lang", CUSTOMER_LANGUAGE, &as_text, 0, "null" },
	{ "privateAdminNotes", CUSTOMER_NOTES, &as_text, 0, "\"\"" },
	{ NULL }
};

const struct resource ecwid_customers = {
	RECORD_CUSTOMER, "customers", customer_fields, .noun = "Customer"
};

static const struct mapping group_fields[] = {
	{ "id",   GROUP_ID,   &as_integer, READ, "0" },
	{ "name", GROUP_NAME, &as_text, MAP_REQUIRED | MAP_NOT_NULL, "\"\"" },
	{ NULL }
};

const struct resource ecwid_groups = {
	RECORD_GROUP, "customer_groups", group_fields, .noun = "Customer group"
};

/* Those of one customer, who is the noun. */
const struct resource ecwid_contacts = {
	RECORD_CUSTOMER, "contacts", ecwid_contact_fields, .noun = "Customer", .shape = &contact_shape
};

#define CONTACTS "/api/v3/:store/customers/:id/contacts"

#define RECORDS(path, resource, get)                                                       \
	{ HTTP_METHOD_GET,    "/api/v3/:store/" path,        ecwid_list,   resource },     \
	{ HTTP_METHOD_POST,   "/api/v3/:store/" path,        serve_create, resource },     \
	{ HTTP_METHOD_GET,    "/api/v3/:store/" path "/:id", get,          resource },     \
	{ HTTP_METHOD_PUT,    "/api/v3/:store/" path "/:id", serve_update, resource },     \
	{ HTTP_METHOD_DELETE, "/api/v3/:store/" path "/:id", serve_delete, resource }

static const struct route routes[] = {
	RECORDS("customers", &ecwid_customers, serve_get),
	RECORDS("customer_groups", &ecwid_groups, ecwid_group_get),
	{ HTTP_METHOD_GET,    CONTACTS,          ecwid_contact_list,   &ecwid_contacts },
	{ HTTP_METHOD_POST,   CONTACTS,          ecwid_contact_create, &ecwid_contacts },
	{ HTTP_METHOD_GET,    CONTACTS "/:item", ecwid_contact_get,    &ecwid_contacts },
	{ HTTP_METHOD_PUT,    CONTACTS "/:item", ecwid_contact_update, &ecwid_contacts },
	{ HTTP_METHOD_DELETE, CONTACTS "/:item", ecwid_contact_delete, &ecwid_contacts },
	{ HTTP_METHOD_GET, "/api/v3/:store/profile", ecwid_profile, &ecwid_customers },
	{ .path = NULL }
};

static const enum check checks[] = {
	CHECK_CREDENTIALS, CHECK_METHOD, CHECK_ACCEPT, CHECK_MEDIA_TYPE, CHECK_BODY, CHECK_END
};
static const struct credential credentials[] = {
	{ CREDENTIAL_BEARER, NULL }, { CREDENTIAL_PARAMETER, "token" }, { CREDENTIAL_END, NULL }
};
static const char *const media_types[] = { "application/json", "text/json", NULL };

static const struct reason_text reasons[] = {
	{ REASON_BAD_REQUEST,     400, "WRONG_PARAMETER", NULL, "{}" },
	{ REASON_BODY_MALFORMED,  400, "WRONG_PARAMETER", NULL, "The body is not valid JSON: {}" },
	{ REASON_BODY_WRONG_TYPE, 400, "WRONG_PARAMETER", NULL, "The body must be a JSON object" },
	{ REASON_BAD_PARAMETER,   400, "WRONG_PARAMETER", NULL, "The parameter {} has a wrong value" },
	{ REASON_TOO_MANY_RECORDS, 400, "WRONG_PARAMETER", NULL, "The store has too many customers to search in; email with useExactEmailMatch works" },
	{ REASON_NO_CREDENTIALS,  403, "INVALID_API_TOKEN", NULL, "The access token is missing" },
	{ REASON_BAD_CREDENTIALS, 403, "INVALID_API_TOKEN", NULL, "The access token is not valid" },
	{ REASON_BAD_TOKEN,       403, "INVALID_API_TOKEN", NULL, "The access token is not valid" },
	{ REASON_FORBIDDEN,       403, "INSUFFICIENT_APP_SCOPE", NULL, "The access token has not the scope for this" },
	{ REASON_NO_ROUTE,        404, "NOT_FOUND", NULL, "There is nothing here" },
	{ REASON_NO_STORE,        404, "STORE_NOT_FOUND", NULL, "Store #{} not found" },
	{ REASON_NO_RECORD,       404, "NOT_FOUND", NULL, " #{} not found" },
	{ REASON_METHOD_NOT_ALLOWED, 405, "METHOD_NOT_ALLOWED", NULL, "The method {} is not allowed here" },
	{ REASON_UNSUPPORTED_MEDIA_TYPE, 415, "UNSUPPORTED_MEDIA_TYPE", NULL, "The content type must be application/json" },
	{ REASON_INVALID,         400, "WRONG_PARAMETER", NULL, "{}" },
	{ REASON_FAILED,          500, "INTERNAL_ERROR", NULL, "The outcome of the request is not known" },
	{ .http = 0 }
};

static const struct fault_text faults[] = {
	{ FAULT_TAKEN,       "email", "CONSTRAINT_VIOLATION", "is already in use by another customer", 409 },
	{ FAULT_REQUIRED,    NULL, NULL, "is absent" },
	{ FAULT_MISSING,     "customerGroupId", NULL, "names a customer group that does not exist" },
	{ FAULT_NOT_ENABLED, "lang", "LANGUAGES_NOT_ALLOWED", "is not one of the store's languages" },
	{ FAULT_TOO_LONG,    NULL, NULL, "is longer than {} characters" },
	{ .text = NULL }
};

static const struct rate_header rate_headers[] = {
	{ "Retry-After", RATE_RETRY_S },
	{ .name = NULL }
};

const struct format format_ecwid = {
	.name = "ecwid",
	.prefixes = { "/api/v3" },
	.routes = routes,
	.credentials = credentials,
	.checks = checks,
	.request_types = media_types,
	.response_type = "application/json",
	.rate_headers = rate_headers,
	.reasons = reasons,
	.faults = faults,
	.bad_id = REASON_NO_RECORD,
	.owns = ecwid_owns,
	.unwrap = ecwid_unwrap,
	.write_one = ecwid_write_one,
	.write_deleted = ecwid_write_deleted,
	.write_error = ecwid_write_error,
};
// clang-format on
