#include "tools/rest/openapi.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/version.h"
#include "tools/rest/docs_files.h"

#define NAME_BYTES 128u
#define PATH_BYTES 256u

/* ---- words and tables side by side ---- */

/* For a format without a file: what its tables alone can tell. */
static json_t *
words_of_tables(const struct format *format)
{
	json_t *routes = must_json(json_object());

	for (const struct route *route = format->routes; route->path != NULL; route++) {
		char key[PATH_BYTES];

		snprintf(key, sizeof(key), "%s %s", http_method_name(route->method),
		    route->path);
		must_set(routes, key,
		    json_pack("{s:s, s:s}", "summary", route->resource->type, "target",
			route->path));
	}
	return must_json(
	    json_pack("{s:s, s:s, s:s, s:{}, s:{}, s:o}", "title", format->name,
		"about", "", "token", "token", "error", "schemas", "routes", routes));
}

json_t *
openapi_words(const struct format *format)
{
	char                    name[NAME_BYTES];
	const struct docs_file *file;
	json_error_t            error;
	json_t                 *words;

	snprintf(name, sizeof(name), "%s.json", format->name);
	file = docs_file(name);
	if (file == NULL)
		return words_of_tables(format);
	words = json_loadb(file->data, file->len, JSON_REJECT_DUPLICATES, &error);
	assert(words != NULL);
	return words;
}

/* The entry of ROUTE in WORDS. */
static json_t *
words_of_route(const json_t *words, const struct route *route)
{
	char    key[PATH_BYTES];
	json_t *entry;

	snprintf(
	    key, sizeof(key), "%s %s", http_method_name(route->method), route->path);
	entry = json_object_get(json_object_get(words, "routes"), key);
	assert(entry != NULL);
	return entry;
}

static json_t *
reference(const char *kind, const char *name)
{
	char text[PATH_BYTES];

	snprintf(text, sizeof(text), "#/components/%s/%s", kind, name);
	return must_json(json_pack("{s:s}", "$ref", text));
}

/* ---- paths ---- */

/* "/stores/:store/v3" as "/stores/{store}/v3", with the format's slash at the end. */
static void
write_path(char text[PATH_BYTES], const struct format *format, const char *path)
{
	size_t len = 0;
	bool   is_open = false;

	for (; *path != '\0' && len + 4 < PATH_BYTES; path++) {
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
	char   text[PATH_BYTES];
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
	for (const char *const *word = route->resource->relations; *word != NULL;
	     word++)
		must_append(names, json_string(*word));
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

static json_t *
shared_parameters(void)
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
			must_append(list, reference("parameters", "if_none_match"));
		return;
	}
	if (is_one)
		must_append(list, reference("parameters", "if_match"));
	must_append(list, reference("parameters", "idempotency_key"));
	must_append(list, reference("parameters", "prefer"));
}

/* ---- operations ---- */

static json_t *
request_body(const struct format *format, const json_t *entry, const char *name)
{
	json_t *content = must_json(json_object());
	json_t *media = must_json(json_object());

	must_set(media, "schema", reference("schemas", name));
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
			must_set(responses, name, reference("responses", name));
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
			reference("schemas", answer)));
	snprintf(name, sizeof(name), "%d", (int)status);
	must_set(responses, name, success);
	add_refusals(responses, format);
	return responses;
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
	if (route->is_public)
		must_set(operation, "security", json_array());
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

static json_t *
make_paths(const struct format *format, const json_t *words)
{
	json_t *paths = must_json(json_object());
	size_t  count = 0;

	for (const struct route *route = format->routes; route->path != NULL; route++) {
		char    text[PATH_BYTES], key[8];
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
	char text[PATH_BYTES], key[8];

	write_path(text, format, route->path);
	method_key(key, route->method);
	return json_object_get(
	    json_object_get(json_object_get(document, "paths"), text), key);
}

/* ---- components ---- */

static void
add_fields(json_t *schemas, const struct resource *resource)
{
	static const char *const suffixes[] = {
		[OPENAPI_ANSWER] = "",
		[OPENAPI_CHANGE] = "_change",
		[OPENAPI_NEW] = "_new",
	};
	const struct shape *shape = resource_shape(resource);
	char                name[NAME_BYTES];

	for (int use = OPENAPI_ANSWER; use <= OPENAPI_NEW; use++) {
		snprintf(name, sizeof(name), "%s%s", resource->type, suffixes[use]);
		if (json_object_get(schemas, name) == NULL)
			must_set(schemas, name,
			    openapi_object(
				resource->fields, shape, (enum openapi_use)use));
	}
	snprintf(name, sizeof(name), "%s_links", resource->type);
	if (resource->links != NULL)
		must_set(schemas, name,
		    openapi_object(resource->links, shape, OPENAPI_CHANGE));
}

static json_t *
make_schemas(const struct format *format, const json_t *words)
{
	json_t *schemas = must_json(json_object());

	must_set(schemas, "error", json_incref(json_object_get(words, "error")));
	for (const struct route *route = format->routes; route->path != NULL; route++)
		add_fields(schemas, route->resource);
	json_object_update(schemas, json_object_get(words, "schemas"));
	return schemas;
}

/* Everything that is refused with the same status, in one response. */
static json_t *
make_responses(const struct format *format)
{
	json_t *responses = must_json(json_object());

	for (int reason = 0; reason < REASON_COUNT; reason++) {
		struct reason_text text = format_reason(format, (enum reason)reason);
		const char *title = format_reason(NULL, (enum reason)reason).title;
		char        name[8];
		json_t     *response;

		snprintf(name, sizeof(name), "%u", text.http);
		response = json_object_get(responses, name);
		if (response == NULL) {
			must_set(responses, name,
			    json_pack("{s:s, s:{s:{s:o}}}", "description", title,
				"content", format->response_type, "schema",
				reference("schemas", "error")));
			continue;
		}
		must_set(response, "description",
		    json_sprintf("%s; %s",
			json_string_value(json_object_get(response, "description")),
			title));
	}
	return responses;
}

static json_t *
make_scheme(const struct credential *credential)
{
	switch (credential->kind) {
	case CREDENTIAL_BEARER:
		return json_pack("{s:s, s:s}", "type", "http", "scheme", "bearer");
	case CREDENTIAL_HEADER:
		return json_pack("{s:s, s:s, s:s}", "type", "apiKey", "in", "header",
		    "name", credential->name);
	case CREDENTIAL_PARAMETER:
		return json_pack("{s:s, s:s, s:s}", "type", "apiKey", "in", "query",
		    "name", credential->name);
	case CREDENTIAL_END: break;
	}
	return NULL;
}

/* Fill the schemes, and the list of which one is enough. */
static void
add_security(json_t *document, json_t *components, const struct format *format)
{
	json_t *schemes = must_json(json_object()), *enough = must_json(json_array());

	for (const struct credential *one = format->credentials;
	     one->kind != CREDENTIAL_END; one++) {
		const char *name = one->name != NULL ? one->name : "bearer";

		must_set(schemes, name, make_scheme(one));
		must_append(enough, json_pack("{s:[]}", name));
	}
	must_set(components, "securitySchemes", schemes);
	must_set(document, "security", enough);
}

static json_t *
make_tags(const struct format *format)
{
	json_t     *tags = must_json(json_array());
	const char *last = "";

	for (const struct route *route = format->routes; route->path != NULL; route++) {
		const char *type = route->resource->type;
		size_t      i = 0;

		while (i < json_array_size(tags) &&
		       strcmp(type, json_string_value(json_object_get(
					json_array_get(tags, i), "name"))) != 0)
			i++;
		if (strcmp(type, last) != 0 && i == json_array_size(tags))
			must_append(tags, json_pack("{s:s}", "name", type));
		last = type;
	}
	return tags;
}

/* ---- the whole ---- */

json_t *
openapi_document(const struct format *format, const char *url)
{
	json_t *words = openapi_words(format);
	json_t *components = must_json(json_object());
	json_t *document = must_json(json_pack("{s:s, s:{s:O, s:O, s:s}, s:[{s:s}]}",
	    "openapi", "3.1.0", "info", "title", json_object_get(words, "title"),
	    "description", json_object_get(words, "about"), "version",
	    CUSTOMERD_VERSION, "servers", "url", url));

	must_set(document, "tags", make_tags(format));
	add_security(document, components, format);
	must_set(document, "paths", make_paths(format, words));
	must_set(components, "schemas", make_schemas(format, words));
	must_set(components, "parameters", shared_parameters());
	must_set(components, "responses", make_responses(format));
	must_set(document, "components", components);
	json_decref(words);
	return document;
}
