/*
 * Commerce Layer: JSON:API.  Customers, customer groups and tags.
 */

#include <stdio.h>
#include <stdlib.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/rest/commercelayer.h"
#include "tools/rest/engine.h"

/* ---- the codecs that only this format has ---- */

/* {"a": 1} of which the key names a word: anonymization.status beside its object. */
static void
encode_status(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	struct parts parts;

	(void)row;
	(void)value;
	parts_split(
	    &parts, &anonymization_shape, in->parts->field[CUSTOMER_ANONYMIZATION]);
	if (parts.field[ANONYMIZATION_STATUS].len == 0)
		out_nil(out);
	else
		out_value(out, parts.field[ANONYMIZATION_STATUS]);
}

static bool
is_tag(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789_-:",
			name.data[i]) == NULL)
			return false;
	return name.len > 0 && name.len <= 25;
}

/* Cut the next name off *REST, "gold, vip"; false at its end. */
static bool
next_tag(struct slice *rest, struct slice *name)
{
	while (rest->len > 0) {
		const char *comma = memchr(rest->data, ',', rest->len);
		size_t len = comma != NULL ? (size_t)(comma - rest->data) : rest->len;

		*name = slice_of(rest->data, len);
		len += comma != NULL;
		*rest = slice_of(rest->data + len, rest->len - len);
		while (name->len > 0 && name->data[0] == ' ')
			*name = slice_of(name->data + 1, name->len - 1);
		while (name->len > 0 && name->data[name->len - 1] == ' ')
			name->len--;
		if (is_tag(*name))
			return true;
	}
	return false;
}

/* Whether the tag NAME exists; IN waits while that is not known. */
static bool
tag_exists(struct decoding *in, struct slice name)
{
	const struct answer *answer = work_call(
	    in->work, METHOD_TAG_FIND, work_args_text(in->work, "name", name));

	in->waits = in->waits || answer == NULL;
	return answer != NULL && answer->status == STATUS_OK;
}

/* Names that are no tags are dropped without a word, as Commerce Layer does. */
static void
decode_tag_names(struct decoding *in, const struct mapping *row, const json_t *value)
{
	struct buf  *buf = in->is_create ? &in->set : &in->args;
	struct slice rest, name;
	uint32_t     count = 0;
	size_t       place;

	if (!json_is_string(value)) {
		decode_refuse(in, FAULT_WRONG_TYPE, row, value);
		return;
	}
	rest = json_slice(value);
	pack_text(buf, slice_text(in->is_create ? "tags" : row->argument));
	place = pack_array_open(buf);
	while (next_tag(&rest, &name)) {
		if (in->is_create && !tag_exists(in, name))
			continue;
		pack_text(buf, name);
		count++;
	}
	pack_array_close(buf, place, count);
	if (in->is_create) {
		in->set_count++;
		return;
	}
	in->args_count++;
	if (strcmp(row->argument, "add_tags") == 0) {
		pack_literal(buf, "ignore_unknown_tags");
		pack_bool(buf, true);
		in->args_count++;
	}
}

/* A trigger that is false does nothing. */
static void
decode_trigger(struct decoding *in, const struct mapping *row, const json_t *value)
{
	const char *other =
	    json_is_true(json_object_get(in->object, "_request_anonymization"))
		? "request"
		: "cancel";

	if (!json_is_boolean(value))
		decode_refuse(in, FAULT_WRONG_TYPE, row, value);
	if (!json_is_true(value))
		return;
	if (strcmp(row->argument, other) != 0) {
		decode_refuse(in, FAULT_CONFLICT, row, value);
		return;
	}
	pack_literal(&in->args, "anonymize");
	pack_text(&in->args, slice_text(row->argument));
	in->args_count++;
}

static const struct codec as_status = { .encode = encode_status, .type = "string" };
static const struct codec as_tag_names = { .decode_pairs = decode_tag_names,
	.type = "string" };
static const struct codec as_trigger = { .decode_pairs = decode_trigger,
	.type = "boolean" };

/* ---- relationships ---- */

static const struct reason_text bad_linkage = { REASON_BAD_REQUEST, 400,
	"INVALID_LINKS_OBJECT", "Invalid Links Object",
	"Data is not a valid Links Object." };
static const struct reason_text wrong_type = { REASON_BAD_REQUEST, 400, "TYPE_MISMATCH",
	"Type Mismatch", "{} is not a valid type for this operation." };

/* The id in LINKAGE, which must be {type: TYPE, id: ID}.  Empty: refused. */
static struct slice
linkage_id(struct decoding *in, const json_t *linkage, const char *type)
{
	const json_t *id = json_object_get(linkage, "id");
	const json_t *given = json_object_get(linkage, "type");
	struct slice  none = { NULL, 0 };

	if (!json_is_string(id) || !json_is_string(given) ||
	    json_object_size(linkage) != 2) {
		work_refuse_text(in->work, &bad_linkage, none, false);
		return none;
	}
	if (!slice_equal(json_slice(given), slice_text(type))) {
		work_refuse_text(in->work, &wrong_type, json_slice(given), false);
		return none;
	}
	return json_slice(id);
}

/* The record of KIND that UID names, or NULL: not known yet, missing or refused. */
static const struct answer *
find_related(struct decoding *in, enum record_kind kind, const struct mapping *row,
    struct slice uid, const json_t *value)
{
	const struct answer *answer = work_call(
	    in->work, methods_of(kind)->get, work_args_text(in->work, "uid", uid));

	if (answer == NULL) {
		in->waits = true;
		return NULL;
	}
	if (answer->status == STATUS_OK)
		return answer;
	if (answer->status == STATUS_NOT_FOUND || answer->status == STATUS_INVALID)
		decode_refuse(in, FAULT_MISSING, row, value);
	else
		work_refuse_answer(in->work, answer);
	return NULL;
}

/* {"data": {type, id}} or {"data": null}: as the id of the record, or nil. */
static bool
decode_group(struct decoding *in, const struct mapping *row, const json_t *value)
{
	const json_t        *data = json_object_get(value, "data");
	const struct answer *answer;
	struct parts         parts;
	struct slice         uid;

	if (in->work->is_answered)
		return false;
	if (json_is_null(data)) {
		pack_nil(&in->set);
		return true;
	}
	uid = linkage_id(in, data, commercelayer_groups.type);
	if (uid.len == 0)
		return false;
	answer = find_related(in, RECORD_GROUP, row, uid, NULL);
	if (answer == NULL)
		return false;
	parts_split(&parts, &record_shapes[RECORD_GROUP], answer->result);
	pack_raw(&in->set, parts.field[COMMON_ID]);
	return true;
}

/* {"data": [{type, id}, …]}: as the names of the tags. */
static bool
decode_tags(struct decoding *in, const struct mapping *row, const json_t *value)
{
	const json_t *data = json_object_get(value, "data");
	size_t        count = json_array_size(data);

	if (in->work->is_answered)
		return false;
	if (!json_is_array(data)) {
		work_refuse_text(in->work, &bad_linkage, slice_of(NULL, 0), false);
		return false;
	}
	if (count > COMMERCELAYER_TAGS_MAX)
		return decode_refuse(in, FAULT_TOO_MANY, row, NULL);
	pack_array(&in->set, (uint32_t)count);
	for (size_t i = 0; i < count && !in->work->is_answered; i++) {
		struct slice uid =
		    linkage_id(in, json_array_get(data, i), commercelayer_tags.type);
		const struct answer *answer = NULL;
		struct parts         parts;

		if (uid.len > 0)
			answer = find_related(in, RECORD_TAG, row, uid, NULL);
		if (answer == NULL)
			continue; /* so that all are asked for at once */
		parts_split(&parts, &record_shapes[RECORD_TAG], answer->result);
		pack_raw(&in->set, parts.field[TAG_NAME]);
	}
	return !in->waits && !in->work->is_answered && in->work->fault_count == 0;
}

static const struct codec as_group = { .decode = decode_group, .type = "object" };
static const struct codec as_tags = { .decode = decode_tags, .type = "object" };

/* ---- the tables ---- */

// clang-format off
#define READ MAP_READ_ONLY
#define WRITE MAP_WRITE_ONLY

static const struct mapping person_fields[] = {
	{ "id",         PERSON_ID,         &as_text, READ, "null" },
	{ "first_name", PERSON_FIRST_NAME, &as_text, READ, "null" },
	{ "last_name",  PERSON_LAST_NAME,  &as_text, READ, "null" },
	{ "email",      PERSON_EMAIL,      &as_text, READ, "null" },
	{ NULL }
};
static const struct nested person = { &person_shape, person_fields };

static const struct mapping anonymization_fields[] = {
	{ "status",       ANONYMIZATION_STATUS,       &as_text,     READ, NULL },
	{ "requested_at", ANONYMIZATION_REQUESTED_AT, &as_time_utc, READ, NULL },
	{ "started_at",   ANONYMIZATION_STARTED_AT,   &as_time_utc, READ, NULL },
	{ "completed_at", ANONYMIZATION_COMPLETED_AT, &as_time_utc, READ, NULL },
	{ "failed_at",    ANONYMIZATION_FAILED_AT,    &as_time_utc, READ, NULL },
	{ "cancelled_at", ANONYMIZATION_CANCELLED_AT, &as_time_utc, READ, NULL },
	{ "requester",    ANONYMIZATION_REQUESTER,    &as_object,   READ, NULL, 0, 0, &person },
	{ "cancellation_requester", ANONYMIZATION_CANCELLATION_REQUESTER, &as_object, READ, NULL, 0, 0, &person },
	{ NULL }
};
static const struct nested anonymization = { &anonymization_shape, anonymization_fields };

static const struct mapping customer_fields[] = {
	{ "email",              CUSTOMER_EMAIL,              &as_text, MAP_NOT_NULL | MAP_REQUIRED, "null" },
	{ "password",           CUSTOMER_PASSWORD,           &as_text, WRITE, NULL },
	{ "status",             CUSTOMER_STATUS,             &as_text, READ, "\"prospect\"" },
	{ "has_password",       CUSTOMER_HAS_PASSWORD,       &as_bool, READ, "false" },
	{ "total_orders_count", CUSTOMER_TOTAL_ORDERS_COUNT, &as_integer, READ, "0" },
	{ "shopper_reference",  CUSTOMER_SHOPPER_REFERENCE,  &as_text, 0, "null" },
	{ "profile_id",         CUSTOMER_PROFILE_ID,         &as_text, 0, "null" },
	{ "tax_exemption_code", CUSTOMER_TAX_EXEMPTION_CODE, &as_text, 0, "null" },
	{ "created_at",         CUSTOMER_CREATED_AT,         &as_time_ms, READ, "null" },
	{ "updated_at",         CUSTOMER_UPDATED_AT,         &as_time_ms, READ, "null" },
	{ "reference",          CUSTOMER_REFERENCE,          &as_text, 0, "null" },
	{ "reference_origin",   CUSTOMER_REFERENCE_ORIGIN,   &as_text, 0, "null" },
	{ "jwt_custom_claim",   CUSTOMER_JWT_CUSTOM_CLAIM,   &as_map, READ, "{}" },
	{ "metadata",           CUSTOMER_METADATA,           &as_map, 0, "{}" },
	{ "anonymization_info", CUSTOMER_ANONYMIZATION,      &as_object, READ, "null", 0, 0, &anonymization },
	{ "anonymization_status", FIELD_NONE,                &as_status, READ, "null",
		.meaning = "How far the anonymisation is; null: none was ever requested" },
	{ "_add_tags",    FIELD_NONE, &as_tag_names, WRITE | MAP_NULL_KEEPS, NULL, .argument = "add_tags",
		.meaning = "Names of tags to add, between commas; those that do not exist are dropped" },
	{ "_remove_tags", FIELD_NONE, &as_tag_names, WRITE | MAP_NULL_KEEPS, NULL, .argument = "remove_tags",
		.meaning = "Names of tags to take away, between commas" },
	{ "_request_anonymization", FIELD_NONE, &as_trigger, WRITE | MAP_NULL_KEEPS | MAP_TRIGGER, NULL, .argument = "request",
		.meaning = "True: have the personal fields erased after the grace time of the store" },
	{ "_cancel_anonymization",  FIELD_NONE, &as_trigger, WRITE | MAP_NULL_KEEPS | MAP_TRIGGER, NULL, .argument = "cancel",
		.meaning = "True: withdraw the request, as long as nothing is erased" },
	{ NULL }
};

static const struct mapping customer_links[] = {
	{ "customer_group", CUSTOMER_GROUP, &as_group, WRITE | MAP_NOT_NULL },
	{ "tags",           CUSTOMER_TAGS,  &as_tags,  WRITE | MAP_NOT_NULL },
	{ NULL }
};

/* Only the record's link is missing in them: each answer has thirty. */
#define PIECE(text) { text, sizeof(text) - 1 }
#define RELATION_TO(name, destination)                                                     \
	{ name, { PIECE("\"" name "\":{\"links\":{\"self\":\""),                          \
		PIECE("/relationships/" name "\",\"related\":\""), PIECE("/" name "\"}") },   \
	  destination }
#define RELATION(name) RELATION_TO(name, NULL)

static const struct relation customer_relations[] = {
	RELATION_TO("customer_group", &commercelayer_to_group), RELATION("customer_addresses"),
	RELATION("customer_payment_sources"), RELATION("customer_subscriptions"),
	RELATION("orders"), RELATION("order_subscriptions"), RELATION("returns"),
	RELATION("sku_lists"), RELATION("attachments"), RELATION("events"),
	RELATION_TO("tags", &commercelayer_to_tags),
	RELATION_TO("jwt_customer", &commercelayer_to_nobody), RELATION("jwt_markets"),
	RELATION("jwt_stock_locations"), RELATION("event_stores"), { NULL }
};

static const struct mapping group_fields[] = {
	{ "name",             GROUP_NAME,             &as_text, MAP_NOT_NULL | MAP_REQUIRED, "null" },
	{ "created_at",       GROUP_CREATED_AT,       &as_time_ms, READ, "null" },
	{ "updated_at",       GROUP_UPDATED_AT,       &as_time_ms, READ, "null" },
	{ "reference",        GROUP_REFERENCE,        &as_text, 0, "null" },
	{ "reference_origin", GROUP_REFERENCE_ORIGIN, &as_text, 0, "null" },
	{ "metadata",         GROUP_METADATA,         &as_map, 0, "{}" },
	{ NULL }
};

static const struct relation group_relations[] = {
	RELATION_TO("customers", &commercelayer_to_customers), RELATION("markets"),
	RELATION("attachments"), { NULL }
};

static const struct mapping tag_fields[] = {
	{ "name",       TAG_NAME,       &as_text, MAP_NOT_NULL | MAP_REQUIRED, "null" },
	{ "created_at", TAG_CREATED_AT, &as_time_ms, READ, "null" },
	{ "updated_at", TAG_UPDATED_AT, &as_time_ms, READ, "null" },
	{ NULL }
};

static const struct relation tag_relations[] = { { NULL } };

const struct resource commercelayer_customers = {
	RECORD_CUSTOMER, "customers", customer_fields, customer_links, customer_relations, false, "Customer"
};
const struct resource commercelayer_groups = {
	RECORD_GROUP, "customer_groups", group_fields, NULL, group_relations, true, "Customer group"
};
const struct resource commercelayer_tags = {
	RECORD_TAG, "tags", tag_fields, NULL, tag_relations, false, "Tag"
};

#define RECORDS(path, resource)                                                            \
	{ HTTP_METHOD_GET,    path,        commercelayer_list, resource },                 \
	{ HTTP_METHOD_POST,   path,        serve_create, resource, 201 },                  \
	{ HTTP_METHOD_GET,    path "/:id", commercelayer_get, resource },                  \
	{ HTTP_METHOD_PATCH,  path "/:id", serve_update, resource },                       \
	{ HTTP_METHOD_DELETE, path "/:id", serve_delete, resource }

#define RELATIONS(path, resource)                                                          \
	{ HTTP_METHOD_GET,    path "/:id/:name", commercelayer_related, resource },        \
	{ HTTP_METHOD_GET,    path "/:id/relationships/:name", commercelayer_linkage, resource }

static const struct route routes[] = {
	RECORDS("/api/customers", &commercelayer_customers),
	RELATIONS("/api/customers", &commercelayer_customers),
	RECORDS("/api/customer_groups", &commercelayer_groups),
	RELATIONS("/api/customer_groups", &commercelayer_groups),
	RECORDS("/api/tags", &commercelayer_tags),
	{ .path = NULL }
};

static const enum check checks[] = {
	CHECK_CREDENTIALS, CHECK_METHOD, CHECK_MEDIA_TYPE, CHECK_ACCEPT, CHECK_BODY, CHECK_END
};
static const struct credential credentials[] = { { CREDENTIAL_BEARER, NULL }, { CREDENTIAL_END, NULL } };
static const char *const media_types[] = { "application/vnd.api+json", NULL };

static const struct reason_text reasons[] = {
	{ REASON_BAD_REQUEST,     400, "BAD_REQUEST", "Bad request", "{}" },
	{ REASON_BODY_MALFORMED,  400, "BAD_REQUEST", "Bad request", "The body is not valid JSON: {}" },
	{ REASON_BAD_PARAMETER,   400, "PARAM_NOT_ALLOWED", "Param not allowed", "{} is not allowed." },
	{ REASON_NO_CREDENTIALS,  401, "INVALID_TOKEN", "Invalid token", "The access token is missing." },
	{ REASON_BAD_CREDENTIALS, 401, "INVALID_TOKEN", "Invalid token", "The access token is invalid, expired or revoked." },
	{ REASON_BAD_TOKEN,       401, "INVALID_TOKEN", "Invalid token", "The access token is invalid, expired or revoked." },
	{ REASON_FORBIDDEN,       401, "UNAUTHORIZED", "Access denied", "You are not authorized to perform this action on the requested resource." },
	{ REASON_NO_ROUTE,        404, "RECORD_NOT_FOUND", "Record not found", "The requested resource was not found. Please double-check the resource id." },
	{ REASON_NO_RECORD,       404, "RECORD_NOT_FOUND", "Record not found", "The requested resource was not found. Please double-check the resource id." },
	{ REASON_METHOD_NOT_ALLOWED, 405, "METHOD_NOT_ALLOWED", "Method not allowed", "The method {} is not allowed on this resource." },
	{ REASON_NOT_ACCEPTABLE,  406, "NOT_ACCEPTABLE", "Not acceptable", "All requests must use the 'application/vnd.api+json' Accept without media type parameters. This request specified '{}'." },
	{ REASON_UNSUPPORTED_MEDIA_TYPE, 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type", "All requests that create or update must use the 'application/vnd.api+json' Content-Type. This request specified '{}'." },
	{ REASON_INVALID,         422, "VALIDATION_ERROR", "Validation error", "{}" },
	{ REASON_LOCKED,          423, "LOCKED", "Locked resource", "The state of the resource does not permit this action." },
	{ REASON_FAILED,          500, "INTERNAL_SERVER_ERROR", "Internal Server Error", "Internal Server Error" },
	{ .http = 0 }
};

static const struct fault_text faults[] = {
	{ FAULT_TAKEN,      NULL, "taken",        "has already been taken" },
	{ FAULT_REQUIRED,   NULL, "blank",        "can't be blank" },
	{ FAULT_NULL_VALUE, NULL, "blank",        "can't be blank" },
	{ FAULT_BLANK,      NULL, "blank",        "can't be blank" },
	{ FAULT_TOO_SHORT,  NULL, "too_short",    "is too short (minimum is {} characters)" },
	{ FAULT_TOO_LONG,   NULL, "too_long",     "is too long (maximum is {} characters)" },
	{ FAULT_TOO_MANY,   NULL, "too_long",     "has too many items (maximum is {})" },
	{ FAULT_MISSING,    NULL, "required",     "must exist" },
	{ FAULT_NOT_NUMBER, NULL, "not_a_number", "is not a number" },
	{ FAULT_NOT_OBJECT, NULL, "invalid",      "must be an object" },
	{ FAULT_BAD_FORMAT, NULL, "invalid",      "is invalid" },
	{ FAULT_WRONG_TYPE, NULL, "invalid",      "is invalid" },
	{ FAULT_CONFLICT,   NULL, "invalid",      "is invalid" },
	{ .text = NULL }
};

/* Clients pace themselves by these. */
static const struct rate_header rate_headers[] = {
	{ "X-Ratelimit-Limit", RATE_LIMIT },
	{ "X-Ratelimit-Interval", RATE_WINDOW_S },
	{ "X-Ratelimit-Remaining", RATE_LEFT },
	{ .name = NULL }
};

const struct format format_commercelayer = {
	.name = "commercelayer",
	.prefixes = { "/api" },
	.routes = routes,
	.credentials = credentials,
	.checks = checks,
	.request_types = media_types,
	.response_type = "application/vnd.api+json",
	.rate_headers = rate_headers,
	.rate_limit = 200,
	.shows_store = true,
	.rate_window_s = 60,
	.reasons = reasons,
	.faults = faults,
	.ids_are_uids = true,
	.bad_id = REASON_NO_RECORD,
	.unwrap = commercelayer_unwrap,
	.write_one = commercelayer_write_one,
	.write_error = commercelayer_write_error,
};
// clang-format on
