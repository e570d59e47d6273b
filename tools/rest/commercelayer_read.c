/*
 * Commerce Layer: the documents of requests, and what the query asks for.
 *
 * The order of the checks is that of the gem behind the API, jsonapi-resources.
 */

#include <stdlib.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/rest/commercelayer.h"
#include "tools/rest/engine.h"

// clang-format off
COMMERCELAYER_BAD(no_data, "PARAM_MISSING", "Missing Parameter", "The required parameter, {}, is missing.");
COMMERCELAYER_BAD(bad_data, "INVALID_DATA_FORMAT", "Invalid data format", "The data is not a valid resource object.");
COMMERCELAYER_BAD(no_key, "KEY_ORDER_MISMATCH", "A key is required", "The resource object does not contain a key.");
COMMERCELAYER_BAD(other_key, "KEY_NOT_INCLUDED_IN_URL", "Key is not included in URL", "The URL does not support the key {}");
COMMERCELAYER_BAD(bad_type, "INVALID_RESOURCE", "Invalid resource", "{} is not a valid resource.");
COMMERCELAYER_BAD(not_allowed, "PARAM_NOT_ALLOWED", "Param not allowed", "{} is not allowed.");
COMMERCELAYER_BAD(bad_include, "INVALID_INCLUDE", "Invalid include", "{} is not a valid includable relationship.");
COMMERCELAYER_BAD(bad_field, "INVALID_FIELD", "Invalid field", "{} is not a valid field.");
// clang-format on

static const json_t *
refuse(struct work *work, const struct reason_text *text, struct slice subject)
{
	work_refuse_text(work, text, subject, false);
	return NULL;
}

/* ---- the query ---- */

const struct relation *
commercelayer_relation(const struct resource *resource, struct slice name)
{
	for (const struct relation *relation = resource->relations;
	     relation->name != NULL; relation++)
		if (slice_equal(slice_text(relation->name), name))
			return relation;
	return NULL;
}

bool
commercelayer_is_relation(const struct resource *resource, struct slice name)
{
	return commercelayer_relation(resource, name) != NULL;
}

static bool
is_field(const struct resource *resource, struct slice name)
{
	for (const struct mapping *row = resource->fields; row->name != NULL; row++)
		if (slice_equal(slice_text(row->name), name))
			return (row->flags & MAP_WRITE_ONLY) == 0;
	return commercelayer_is_relation(resource, name);
}

static bool
check_words(struct work *work, struct slice list,
    bool (*is_good)(const struct resource *, struct slice),
    const struct resource *resource, const struct reason_text *text)
{
	struct slice word;

	while (next_item(&list, &word)) {
		if (is_good(resource, word))
			continue;
		work_refuse_text(work, text, word, false);
		return false;
	}
	return true;
}

/* The resource that is called TYPE, or NULL. */
static const struct resource *
find_resource(struct slice type)
{
	static const struct resource *const resources[] = { &commercelayer_customers,
		&commercelayer_groups, &commercelayer_tags };

	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		if (slice_equal(slice_text(resources[i]->type), type))
			return resources[i];
	return NULL;
}

bool
commercelayer_check_query(struct work *work)
{
	const struct http_request *request = &work->exchange->request;
	struct slice               list, type;

	for (unsigned i = 0; i < request->parameter_count; i++) {
		const struct resource *resource;

		if (!commercelayer_fields_type(request->parameters[i].name, &type))
			continue;
		resource = find_resource(type);
		if (resource == NULL) {
			refuse(work, &bad_type, type);
			return false;
		}
		if (!check_words(work, request->parameters[i].value, is_field, resource,
			&bad_field))
			return false;
	}
	return !http_parameter(request, "include", &list) ||
	       check_words(work, list, commercelayer_is_relation, work->route->resource,
		   &bad_include);
}

/* ---- the body ---- */

static bool
is_writable(const struct mapping *rows, const char *name)
{
	for (; rows != NULL && rows->name != NULL; rows++)
		if (strcmp(rows->name, name) == 0)
			return (rows->flags & MAP_READ_ONLY) == 0;
	return false;
}

/* Note the keys of OBJECT that are not in ROWS. */
static void
note_unknown(struct work *work, const json_t *object, const struct mapping *rows)
{
	json_t     *walked = (json_t *)(uintptr_t)object; /* only looked at */
	const char *key;
	json_t     *value;

	json_object_foreach (walked, key, value) {
		if (!is_writable(rows, key))
			work_fault(work, FAULT_UNKNOWN_FIELD, NULL, key);
	}
}

/* The `data` of BODY, once its id and type are right. */
static const json_t *
take_data(struct work *work, const json_t *body)
{
	const json_t *data = json_object_get(body, "data");
	const json_t *id = json_object_get(data, "id");
	const json_t *type = json_object_get(data, "type");
	struct slice  url_id = work->parameters[PARAMETER_ID];

	if (data == NULL)
		return refuse(work, &no_data, SLICE("data"));
	if (!json_is_object(data))
		return refuse(work, &bad_data, slice_of(NULL, 0));
	if (url_id.len > 0) {
		if (!json_is_string(id) || json_string_length(id) == 0)
			return refuse(work, &no_key, slice_of(NULL, 0));
		/* The documented example names another id than its URL. */
		if (work->engine->settings.strict &&
		    !slice_equal(json_slice(id), url_id))
			return refuse(work, &other_key, json_slice(id));
	}
	if (type == NULL)
		return refuse(work, &no_data, SLICE("type"));
	if (!json_is_string(type) ||
	    !slice_equal(json_slice(type), slice_text(work->route->resource->type)))
		return refuse(work, &bad_type,
		    json_is_string(type) ? json_slice(type) : SLICE("type"));
	return data;
}

const json_t *
commercelayer_unwrap(struct work *work, const json_t *body)
{
	static const struct mapping around[] = { { .name = "type" }, { .name = "id" },
		{ .name = "attributes" }, { .name = "relationships" },
		{ .name = "links" }, { .name = "meta" }, { .name = NULL } };
	const json_t               *data, *attributes;

	if (!commercelayer_check_query(work) || (data = take_data(work, body)) == NULL)
		return NULL;
	attributes = json_object_get(data, "attributes");
	work->links = json_object_get(data, "relationships");
	if ((attributes != NULL && !json_is_object(attributes)) ||
	    (work->links != NULL && !json_is_object(work->links)))
		return refuse(work, &bad_data, slice_of(NULL, 0));
	note_unknown(work, data, around);
	note_unknown(work, attributes, work->route->resource->fields);
	note_unknown(work, work->links, work->route->resource->links);
	if (work->fault_count > 0) {
		work_refuse_text(work, &not_allowed, slice_of(NULL, 0), true);
		return NULL;
	}
	/* Only relationships may change. */
	return attributes != NULL ? attributes : data;
}

/* ---- one record ---- */

void
commercelayer_get(struct work *work)
{
	if (commercelayer_check_query(work))
		serve_get(work);
}
