/*
 * The routes of a format as OpenAPI's paths: parameters, bodies, answers, scopes.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/rest/openapi.h"
#include "tools/rest/work_internal.h"

/* The entry of ROUTE in WORDS. */
static json_t *
words_of_route(const json_t *words, const struct route *route)
{
	char    key[OPENAPI_PATH_BYTES];
	json_t *entry;

	snprintf(
	    key, sizeof(key), "%s %s", http_method_name(route->method), route->path);
	entry = json_object_get(json_object_get(words, "routes"), key);
	assert(entry != NULL);
	return entry;
}

/* ---- paths ---- */

/* "/stores/:store/v3" as "/stores/{store}/v3", with the format's slash at the end. */
static void
write_path(char text[OPENAPI_PATH_BYTES], const struct format *format, const char *path)
{
	size_t len = 0;
	bool   is_open = false;

	for (; *path != '\0' && len + 4 < OPENAPI_PATH_BYTES; path++) {
		if (*path == '/' && is_open) {
			text[len++] = '}';
			is_open = false;
		}
		is_open = is_open || *path == ':';
		text[len++] = *path == ':' ? '{' : *path;
	}
	if (is_open)
		text[len++] = '}';
	if (format->wants_slash)
		text[len++] = '/';
	text[len] = '\0';
}

/* "PATCH /api/customers/:id" as "patch_api_customers_id". */
static json_t *
operation_id(const struct route *route)
{
	char   text[OPENAPI_PATH_BYTES];
	size_t len = (size_t)snprintf(
	    text, sizeof(text), "%s%s", http_method_name(route->method), route->path);

	for (size_t i = 0; i < len; i++) {
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] - 'A' + 'a');
		else if (strchr("abcdefghijklmnopqrstuvwxyz0123456789", text[i]) ==
			 NULL)
			text[i] = '_';
		if (i > 0 && text[i] == '_' && text[i - 1] == '_')
			memmove(text + i, text + i + 1, len-- - i), i--;
	}
	return json_stringn(text, len);
}

/* ---- parameters ---- */

static const struct {
	const char *name, *description;
} path_parameters[] = {
	{ "store", "The store, as this format knows it" },
	{ "id", "The record" },
	{ "item", "The item of a list in the record" },
	{ "name", "The relationship" },
};

static json_t *
schema_of_parameter(
    const struct format *format, const struct route *route, const char *name)
{
	json_t *names;

	if ((strcmp(name, "id") == 0 || strcmp(name, "item") == 0) &&
	    !format->ids_are_uids)
		return json_pack("{s:s, s:i}", "type", "integer", "minimum", 0);
	if (strcmp(name, "name") != 0)
		return json_pack("{s:s}", "type", "string");
	names = must_json(json_array());
	for (const struct relation *relation = route->resource->relations;
	     relation->name != NULL; relation++)
		must_append(names, json_string(relation->name));
	return json_pack("{s:s, s:o}", "type", "string", "enum", names);
}

/* The segment of TARGET in the place of the one that PATH is at the end of. */
static json_t *
example_of_segment(
    const char *target, const char *begin, const char *path, bool is_number)
{
	unsigned place = 0;

	for (const char *at = begin; at < path; at++)
		place += *at == '/';
	for (; place > 0; place--)
		target = strchr(target, '/') + 1;
	if (is_number)
		return json_integer(strtoll(target, NULL, 10));
	return json_stringn(target, strcspn(target, "/?"));
}

static void
add_path_parameters(json_t *list, const struct format *format,
    const struct route *route, const char *target)
{
	for (const char *at = strchr(route->path, ':'); at != NULL;
	     at = strchr(at + 1, ':')) {
		size_t  len = strcspn(at + 1, "/"), i = 0;
		json_t *parameter, *schema;

		while (strncmp(path_parameters[i].name, at + 1, len) != 0)
			i++;
		schema = schema_of_parameter(format, route, path_parameters[i].name);
		parameter = must_json(json_pack("{s:s, s:s, s:b, s:s, s:o}", "name",
		    path_parameters[i].name, "in", "path", "required", 1, "description",
		    path_parameters[i].description, "schema", schema));
		must_set(parameter, "example",
		    example_of_segment(target, route->path, at,
			json_object_get(schema, "minimum") != NULL));
		must_append(list, parameter);
	}
}

/* The value of NAME in the query of TARGET, or NULL. */
static json_t *
example_of_parameter(const char *target, const json_t *parameter)
{
	const char *name = json_string_value(json_object_get(parameter, "name"));
	const char *type = json_string_value(
	    json_object_get(json_object_get(parameter, "schema"), "type"));
	const char *at = strchr(target, '?');
	size_t      len = strlen(name);

	for (; at != NULL; at = strchr(at + 1, '&')) {
		const char *value = at + 1 + len + 1;

		if (strncmp(at + 1, name, len) != 0 || at[1 + len] != '=')
			continue;
		if (type != NULL && strcmp(type, "integer") == 0)
			return json_integer(strtoll(value, NULL, 10));
		return json_stringn(value, strcspn(value, "&"));
	}
	return NULL;
}

static void
add_query_parameters(json_t *list, const json_t *entry, const char *target)
{
	json_t *words;
	size_t  i;

	json_array_foreach (json_object_get(entry, "parameters"), i, words) {
		json_t *parameter = must_json(json_copy(words));
		json_t *example = example_of_parameter(target, words);

		must_set(parameter, "in", json_string("query"));
		if (example != NULL)
			must_set(parameter, "example", example);
		must_append(list, parameter);
	}
}

/* What every format understands.  X(name, header, description) */
// clang-format off
#define HEADERS(X)                                                                         \
	X("if_match", "If-Match", "Only if the record still has this ETag; otherwise 412")  \
	X("if_none_match", "If-None-Match", "304 if the record still has this ETag")        \
	X("idempotency_key", "Idempotency-Key", "The same key again gives the first answer again, and changes nothing") \
	X("prefer", "Prefer", "tx=rollback: check everything, change nothing")
// clang-format on

json_t *
openapi_shared_parameters(void)
{
	json_t *parameters = must_json(json_object());

#define X(key, name, description)                                               \
	must_set(parameters, key,                                               \
	    json_pack("{s:s, s:s, s:s, s:{s:s}}", "name", name, "in", "header", \
		"description", description, "schema", "type", "string"));
	HEADERS(X)
#undef X
	return parameters;
}

static void
add_headers(json_t *list, const struct route *route)
{
	bool is_one = strstr(route->path, ":id") != NULL;

	if (route->is_public)
		return;
	if (route->method == HTTP_METHOD_GET) {
		if (is_one)
			must_append(
			    list, openapi_reference("parameters", "if_none_match"));
		return;
	}
	if (is_one)
		must_append(list, openapi_reference("parameters", "if_match"));
	must_append(list, openapi_reference("parameters", "idempotency_key"));
	must_append(list, openapi_reference("parameters", "prefer"));
}

/* ---- operations ---- */

static json_t *
request_body(const struct format *format, const json_t *entry, const char *name)
{
	json_t *content = must_json(json_object());
	json_t *media = must_json(json_object());

	must_set(media, "schema", openapi_reference("schemas", name));
	must_set(media, "example", json_incref(json_object_get(entry, "body")));
	for (const char *const *type = format->request_types; *type != NULL; type++)
		must_set(content, *type, json_incref(media));
	json_decref(media);
	return must_json(json_pack("{s:b, s:o}", "required", 1, "content", content));
}

static void
add_refusals(json_t *responses, const struct format *format)
{
	for (int reason = 0; reason < REASON_COUNT; reason++) {
		char name[8];

		snprintf(name, sizeof(name), "%u",
		    format_reason(format, (enum reason)reason).http);
		if (json_object_get(responses, name) == NULL)
			must_set(responses, name, openapi_reference("responses", name));
	}
}

static json_t *
responses_of(
    const struct format *format, const struct route *route, const json_t *entry)
{
	json_t     *responses = must_json(json_object()), *success;
	const char *answer = json_string_value(json_object_get(entry, "answer"));
	json_int_t  status = json_integer_value(json_object_get(entry, "status"));
	char        name[8];

	if (status == 0)
		status = route->status != 0 ? route->status : 200;
	success = must_json(json_pack("{s:s}", "description",
	    answer != NULL ? "Done" : "Done; there is no body"));
	if (answer != NULL)
		must_set(success, "content",
		    json_pack("{s:{s:o}}", format->response_type, "schema",
			openapi_reference("schemas", answer)));
	snprintf(name, sizeof(name), "%d", (int)status);
	must_set(responses, name, success);
	add_refusals(responses, format);
	return responses;
}

/* ---- scopes ---- */

/* The method that ROUTE ends in, as far as the tables tell. */
static enum method_number
method_of(const struct route *route)
{
	const struct record_methods *of_kind = methods_of(route->resource->kind);

	if (route->resource->kind == RECORD_STORE)
		return METHOD_STORE_GET;
	switch (route->method) {
	case HTTP_METHOD_POST: return of_kind->create;
	case HTTP_METHOD_PUT:
	case HTTP_METHOD_PATCH: return of_kind->update;
	case HTTP_METHOD_DELETE: return of_kind->delete;
	default: return of_kind->get;
	}
}

static void
add_scope(json_t *list, enum scope scope)
{
	const char *word = scope_words[scope];

	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), word) == 0)
			return;
	must_append(list, json_string(word));
}

/* What the token for ROUTE must permit: as ENTRY has it, or what the tables tell. */
static json_t *
scopes_of(const struct format *format, const struct route *route, const json_t *entry)
{
	json_t *said = json_object_get(entry, "scopes");
	json_t *list =
	    said != NULL ? must_json(json_copy(said)) : must_json(json_array());

	if (said == NULL)
		add_scope(list, methods[method_of(route)].scope);
	if (format->owns != NULL)
		add_scope(list, SCOPE_STORE_READ);
	return list;
}

/* Which of the credentials is enough, and for what it must be good. */
static json_t *
security_of(const struct format *format, const struct route *route, const json_t *entry)
{
	json_t *enough = must_json(json_array());
	json_t *scopes;

	if (route->is_public)
		return enough;
	scopes = scopes_of(format, route, entry);
	for (const struct credential *one = format->credentials;
	     one->kind != CREDENTIAL_END; one++)
		must_append(
		    enough, json_pack("{s:O}", openapi_scheme_name(one), scopes));
	json_decref(scopes);
	return enough;
}

static json_t *
make_operation(
    const struct format *format, const struct route *route, const json_t *entry)
{
	const char *target = json_string_value(json_object_get(entry, "target"));
	const char *request = json_string_value(json_object_get(entry, "request"));
	json_t     *operation = must_json(json_object());
	json_t     *parameters = must_json(json_array());

	must_set(operation, "operationId", operation_id(route));
	must_set(operation, "summary", json_incref(json_object_get(entry, "summary")));
	must_set(operation, "tags", json_pack("[s]", route->resource->type));
	add_path_parameters(parameters, format, route, target);
	add_query_parameters(parameters, entry, target);
	add_headers(parameters, route);
	must_set(operation, "parameters", parameters);
	if (request != NULL)
		must_set(
		    operation, "requestBody", request_body(format, entry, request));
	must_set(operation, "responses", responses_of(format, route, entry));
	must_set(operation, "security", security_of(format, route, entry));
	return operation;
}

static void
method_key(char key[8], enum http_method method)
{
	const char *name = http_method_name(method);
	size_t      i;

	for (i = 0; name[i] != '\0'; i++)
		key[i] = (char)(name[i] - 'A' + 'a');
	key[i] = '\0';
}

json_t *
openapi_paths(const struct format *format, const json_t *words)
{
	json_t *paths = must_json(json_object());
	size_t  count = 0;

	for (const struct route *route = format->routes; route->path != NULL; route++) {
		char    text[OPENAPI_PATH_BYTES], key[8];
		json_t *path;

		write_path(text, format, route->path);
		path = json_object_get(paths, text);
		if (path == NULL) {
			path = must_json(json_object());
			must_set(paths, text, path);
		}
		method_key(key, route->method);
		must_set(path, key,
		    make_operation(format, route, words_of_route(words, route)));
		count++;
	}
	assert(count == json_object_size(json_object_get(words, "routes")));
	return paths;
}

json_t *
openapi_operation(
    const json_t *document, const struct format *format, const struct route *route)
{
	char text[OPENAPI_PATH_BYTES], key[8];

	write_path(text, format, route->path);
	method_key(key, route->method);
	return json_object_get(
	    json_object_get(json_object_get(document, "paths"), text), key);
}
