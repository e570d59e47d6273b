#include "tools/rest/openapi.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/version.h"
#include "tools/rest/docs_files.h"

#define NAME_BYTES 128u

/* ---- words and tables side by side ---- */

/* For a format without a file: what its tables alone can tell. */
static json_t *
words_of_tables(const struct format *format)
{
	json_t *routes = must_json(json_object());

	for (const struct route *route = format->routes; route->path != NULL; route++) {
		char key[OPENAPI_PATH_BYTES];

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

json_t *
openapi_reference(const char *kind, const char *name)
{
	char text[OPENAPI_PATH_BYTES];

	snprintf(text, sizeof(text), "#/components/%s/%s", kind, name);
	return must_json(json_pack("{s:s}", "$ref", text));
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
				openapi_reference("schemas", "error")));
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

const char *
openapi_scheme_name(const struct credential *credential)
{
	return credential->name != NULL ? credential->name : "bearer";
}

/* Fill the schemes, and the list of which one is enough. */
static void
add_security(json_t *document, json_t *components, const struct format *format)
{
	json_t *schemes = must_json(json_object()), *enough = must_json(json_array());

	for (const struct credential *one = format->credentials;
	     one->kind != CREDENTIAL_END; one++) {
		const char *name = openapi_scheme_name(one);

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
	must_set(document, "paths", openapi_paths(format, words));
	must_set(components, "schemas", make_schemas(format, words));
	must_set(components, "parameters", openapi_shared_parameters());
	must_set(components, "responses", make_responses(format));
	must_set(document, "components", components);
	json_decref(words);
	return document;
}
