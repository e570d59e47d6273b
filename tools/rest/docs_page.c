#include "tools/rest/docs_page.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/limits.h"
#include "tools/rest/docs_files.h"
#include "tools/rest/openapi.h"

/* ---- text ---- */

static void
raw(struct buf *out, const char *text)
{
	buf_put(out, text, strlen(text));
}

static void
escape(struct buf *out, char c)
{
	switch (c) {
	case '&': raw(out, "&amp;"); break;
	case '<': raw(out, "&lt;"); break;
	case '>': raw(out, "&gt;"); break;
	case '"': raw(out, "&quot;"); break;
	default: buf_put(out, &c, 1);
	}
}

static void
text(struct buf *out, const char *words)
{
	for (; *words != '\0'; words++)
		escape(out, *words);
}

/* The same inside of single quotes of a shell. */
static void
quoted(struct buf *out, struct slice words)
{
	for (size_t i = 0; i < words.len; i++) {
		if (words.data[i] == '\'')
			raw(out, "'\\'");
		escape(out, words.data[i]);
	}
}

static void
number(struct buf *out, int64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, value);
	raw(out, digits);
}

static const char *
get_text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value != NULL ? value : "";
}

/* ---- requests ---- */

/* The path with its parameters set apart. */
static void
write_path(struct buf *out, const struct route *route, bool has_slash)
{
	const char *path = route->path;
	bool        is_open = false;

	for (; *path != '\0'; path++) {
		if (*path == '/' && is_open) {
			raw(out, "</i>");
			is_open = false;
		}
		if (*path == ':') {
			raw(out, "<i>");
			is_open = true;
		} else {
			escape(out, *path);
		}
		if (*path == '/')
			raw(out, "<wbr>");
	}
	raw(out, is_open ? "</i>" : "");
	raw(out, has_slash ? "/" : "");
}

static void
write_parameters(struct buf *out, const json_t *operation)
{
	const json_t *parameter;
	size_t        i;
	bool          is_first = true;

	json_array_foreach (json_object_get(operation, "parameters"), i, parameter) {
		if (strcmp(get_text(parameter, "in"), "query") != 0)
			continue;
		raw(out, is_first ? "<h4>Parameters</h4><dl>" : "");
		is_first = false;
		raw(out, "<div><dt><code>");
		text(out, get_text(parameter, "name"));
		raw(out, "</code></dt><dd>");
		text(out, get_text(parameter, "description"));
		raw(out, "</dd></div>\n");
	}
	raw(out, is_first ? "" : "</dl>");
}

/* What a header for TOKEN begins with: "Authorization: Bearer ". */
static void
write_credential(struct buf *out, const struct format *format, const char *between)
{
	const struct credential *first = format->credentials;
	bool                     is_bearer = first->kind == CREDENTIAL_BEARER;

	raw(out, is_bearer ? "Authorization" : first->name);
	raw(out, between);
	raw(out, is_bearer ? "Bearer " : "");
}

struct example {
	const struct format *format;
	const struct route  *route;
	const char          *target, *token;
	char                *body; /* NULL: none */
};

static void
write_curl(struct buf *out, const struct example *example)
{
	const struct format *format = example->format;

	raw(out, "<pre tabindex=\"0\"><code>curl -g -X ");
	raw(out, http_method_name(example->route->method));
	raw(out, " '{{origin}}<span data-is=\"target\">");
	quoted(out, slice_text(example->target));
	raw(out, "</span>'");
	if (!example->route->is_public) {
		raw(out, " \\\n  -H '");
		write_credential(out, format, ": ");
		raw(out, "<span data-is=\"token\">");
		quoted(out, slice_text(example->token));
		raw(out, "</span>'");
	}
	raw(out, " \\\n  -H 'Accept: ");
	raw(out, format->response_type);
	raw(out, "'");
	if (example->body != NULL) {
		raw(out, " \\\n  -H 'Content-Type: ");
		raw(out, format->request_types[0]);
		raw(out, "' \\\n  -d '<span data-is=\"body\">");
		quoted(out, slice_text(example->body));
		raw(out, "</span>'");
	}
	raw(out, "</code></pre>\n");
}

static unsigned
count_lines(const char *words)
{
	unsigned count = 1;

	while ((words = strchr(words, '\n')) != NULL) {
		words++;
		count++;
	}
	return count;
}

static void
write_form(struct buf *out, const struct example *example)
{
	const char *method = http_method_name(example->route->method);

	raw(out, "<form data-method=\"");
	raw(out, method);
	raw(out, example->route->is_public ? "\" data-public=\"" : "");
	raw(out, "\"><label>Path<input name=\"target\" autocomplete=\"off\" "
		 "spellcheck=\"false\" value=\"");
	text(out, example->target);
	raw(out, "\"></label>\n");
	if (example->body != NULL) {
		raw(out,
		    "<label>Body<textarea name=\"body\" spellcheck=\"false\" rows=\"");
		number(out, count_lines(example->body));
		raw(out, "\">\n");
		text(out, example->body);
		raw(out, "</textarea></label>\n");
	}
	raw(out, "<p><button>Send ");
	raw(out, method);
	raw(out, "</button> <button type=\"button\" data-does=\"copy\">Copy as "
		 "curl</button></p>\n<output aria-live=\"polite\"></output></form>\n");
}

/* What the token must permit; a route that is for everybody says nothing. */
static void
write_scopes(struct buf *out, const json_t *operation)
{
	const json_t *enough =
	    json_array_get(json_object_get(operation, "security"), 0);
	const json_t *scopes =
	    json_object_iter_value(json_object_iter((json_t *)enough));
	const json_t *scope;
	size_t        i;

	if (json_array_size(scopes) == 0)
		return;
	raw(out, "<p>The token needs ");
	json_array_foreach (scopes, i, scope) {
		raw(out, i > 0 ? ", <code>" : "<code>");
		raw(out, json_string_value(scope));
		raw(out, "</code>");
	}
	raw(out, ".</p>\n");
}

static void
write_operation(struct buf *out, const struct format *format, const json_t *document,
    const json_t *words, const struct route *route)
{
	const json_t  *operation = openapi_operation(document, format, route);
	const char    *method = http_method_name(route->method);
	char           key[256];
	const json_t  *entry, *body;
	struct example example = { .format = format, .route = route };

	snprintf(key, sizeof(key), "%s %s", method, route->path);
	entry = json_object_get(json_object_get(words, "routes"), key);
	body = json_object_get(entry, "body");
	example.target = get_text(entry, "target");
	example.token = get_text(words, "token");
	if (body != NULL)
		example.body = json_dumps(body, JSON_INDENT(2));
	raw(out, "<details id=\"");
	raw(out, format->name);
	raw(out, "-");
	raw(out, get_text(operation, "operationId"));
	raw(out, "\"><summary><b class=\"");
	raw(out, method);
	raw(out, "\">");
	raw(out, method);
	raw(out, "</b> <code>");
	write_path(out, route, format->wants_slash);
	raw(out, "</code> <span>");
	text(out, get_text(operation, "summary"));
	raw(out, "</span></summary><div>\n");
	write_scopes(out, operation);
	write_parameters(out, operation);
	write_curl(out, &example);
	write_form(out, &example);
	raw(out, "</div></details>\n");
	free(example.body);
}

/* ---- fields ---- */

static void
write_type(struct buf *out, const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type"), *one;
	size_t        i;

	if (json_is_string(type))
		raw(out, json_string_value(type));
	json_array_foreach (type, i, one) {
		raw(out, i > 0 ? " or " : "");
		raw(out, json_string_value(one));
	}
	if (json_object_get(schema, "format") != NULL) {
		raw(out, ", ");
		raw(out, get_text(schema, "format"));
	}
}

/* A bound that only says what JSON can hold tells people nothing. */
static const json_t *
get_bound(const json_t *schema, const char *key)
{
	const json_t *bound = json_object_get(schema, key);

	return json_integer_value(bound) < INTEGER_MAX ? bound : NULL;
}

static void
write_range(struct buf *out, const json_t *schema, const char *min_key,
    const char *max_key, const char *unit)
{
	const json_t *min = get_bound(schema, min_key);
	const json_t *max = get_bound(schema, max_key);

	if (min == NULL && max == NULL)
		return;
	if (max == NULL)
		raw(out, "at least ");
	else if (min == NULL)
		raw(out, "up to ");
	if (min != NULL)
		number(out, json_integer_value(min));
	if (min != NULL && max != NULL && !json_equal(min, max))
		raw(out, " to ");
	if (max != NULL && !json_equal(min, max))
		number(out, json_integer_value(max));
	raw(out, unit);
}

static void
write_bound(struct buf *out, const json_t *schema)
{
	const json_t *word;
	size_t        i;

	write_range(out, schema, "minLength", "maxLength", " characters");
	write_range(out, schema, "minimum", "maximum", "");
	write_range(out, schema, "minItems", "maxItems", " items");
	json_array_foreach (json_object_get(schema, "enum"), i, word) {
		raw(out, i > 0 ? ", " : "");
		raw(out, json_is_string(word) ? json_string_value(word) : "null");
	}
}

static void
write_flags(struct buf *out, const struct mapping *row)
{
	if ((row->flags & MAP_READ_ONLY) != 0)
		raw(out, " <em>read-only</em>");
	if ((row->flags & MAP_WRITE_ONLY) != 0)
		raw(out, " <em>write-only</em>");
	if ((row->flags & MAP_REQUIRED) != 0)
		raw(out, " <em>required</em>");
	if ((row->flags & MAP_ON_REQUEST) != 0)
		raw(out, " <em>on request</em>");
}

/* ROWS, whose names begin with PREFIX, and what is inside of them. */
static void
write_fields(struct buf *out, const struct mapping *rows, const struct shape *shape,
    const char *prefix)
{
	for (const struct mapping *row = rows; row->name != NULL; row++) {
		bool    is_read_only = (row->flags & MAP_READ_ONLY) != 0;
		json_t *schema = openapi_value(
		    row, shape, is_read_only ? OPENAPI_ANSWER : OPENAPI_CHANGE);
		char inner[256];

		raw(out, "<tr><th scope=\"row\"><code><i>");
		raw(out, prefix);
		raw(out, "</i><wbr>");
		raw(out, row->name);
		raw(out, "</code></th><td>");
		write_type(out, schema);
		raw(out, "</td><td>");
		write_bound(out, schema);
		raw(out, "</td><td>");
		text(out, get_text(schema, "description"));
		write_flags(out, row);
		raw(out, "</td></tr>\n");
		json_decref(schema);
		snprintf(inner, sizeof(inner), "%s%s.", prefix, row->name);
		if (row->nested != NULL)
			write_fields(
			    out, row->nested->fields, row->nested->shape, inner);
	}
}

static bool
is_first_of(const struct format *format, const struct route *route)
{
	for (const struct route *other = format->routes; other != route; other++)
		if (other->resource == route->resource)
			return false;
	return true;
}

static void
write_resources(struct buf *out, const struct format *format)
{
	for (const struct route *route = format->routes; route->path != NULL; route++) {
		const struct resource *resource = route->resource;
		const struct shape    *shape = resource_shape(resource);

		if (!is_first_of(format, route))
			continue;
		raw(out, "<h4><code>");
		raw(out, resource->type);
		raw(out, "</code></h4><table><thead><tr><th>Field<th>Type<th>Bound"
			 "<th>Meaning</thead><tbody>\n");
		write_fields(out, resource->fields, shape, "");
		if (resource->links != NULL)
			write_fields(out, resource->links, shape, "relationships.");
		raw(out, "</tbody></table>\n");
	}
}

/* ---- the page ---- */

static void
write_errors(struct buf *out, const struct format *format)
{
	raw(out, "<table class=\"errors\"><thead><tr><th>Status<th>Code<th>When"
		 "</thead><tbody>\n");
	for (int reason = 0; reason < REASON_COUNT; reason++) {
		struct reason_text words = format_reason(format, (enum reason)reason);

		raw(out, "<tr><th scope=\"row\">");
		number(out, words.http);
		raw(out, "</th><td><code>");
		text(out, words.code != NULL ? words.code : "");
		raw(out, "</code></td><td>");
		text(out, format_reason(NULL, (enum reason)reason).title);
		raw(out, "</td></tr>\n");
	}
	raw(out, "</tbody></table>\n");
}

static void
write_format(struct buf *out, const struct format *format, const json_t *document)
{
	json_t *words = openapi_words(format);

	raw(out, "<section id=\"");
	raw(out, format->name);
	raw(out, "\" data-credential=\"");
	write_credential(out, format, "|");
	raw(out, "\" data-reads=\"");
	raw(out, format->request_types[0]);
	raw(out, "\" data-answers=\"");
	raw(out, format->response_type);
	raw(out, "\"><h2>");
	text(out, get_text(words, "title"));
	raw(out, "</h2><p>");
	text(out, get_text(words, "about"));
	raw(out, " <a href=\"/openapi/");
	raw(out, format->name);
	raw(out, ".json\">OpenAPI&nbsp;3.1</a></p>\n<label class=\"token\">Token<input "
		 "name=\"token\" autocomplete=\"off\" spellcheck=\"false\" value=\"");
	text(out, get_text(words, "token"));
	raw(out, "\"></label>\n<h3>Requests</h3>\n");
	for (const struct route *route = format->routes; route->path != NULL; route++)
		write_operation(out, format, document, words, route);
	raw(out, "<h3>Fields</h3>\n<details class=\"fields\"><summary>All fields, with "
		 "type and bound</summary><div>\n");
	write_resources(out, format);
	raw(out,
	    "</div></details>\n<h3>Errors</h3>\n<details class=\"fields\"><summary>"
	    "All statuses and codes</summary><div>\n");
	write_errors(out, format);
	raw(out, "</div></details></section>\n");
	json_decref(words);
}

/* Append what stands between FROM and the next place "{{NAME}}", and go behind it. */
static const char *
copy_until(struct buf *out, const char *from, const char *name)
{
	const char *place = strstr(from, name);

	assert(place != NULL);
	buf_put(out, from, (size_t)(place - from));
	return place + strlen(name);
}

void
docs_page_write(
    struct buf *out, const struct format *const *list, json_t *const *documents)
{
	const char *rest = docs_file("page.html")->data;

	rest = copy_until(out, rest, "{{style}}");
	raw(out, docs_file("page.css")->data);
	rest = copy_until(out, rest, "{{formats}}");
	for (unsigned i = 0; list[i] != NULL; i++) {
		raw(out, "<a href=\"#");
		raw(out, list[i]->name);
		raw(out, "\">");
		text(out, get_text(json_object_get(documents[i], "info"), "title"));
		raw(out, "</a>\n");
	}
	rest = copy_until(out, rest, "{{content}}");
	for (unsigned i = 0; list[i] != NULL; i++)
		write_format(out, list[i], documents[i]);
	rest = copy_until(out, rest, "{{script}}");
	raw(out, docs_file("page.js")->data);
	raw(out, rest);
}

void
docs_page_fill(struct buf *out, struct slice page, struct slice origin)
{
	const struct slice mark = DOCS_ORIGIN;

	while (page.len > 0) {
		const char *place = memmem(page.data, page.len, mark.data, mark.len);
		size_t len = place != NULL ? (size_t)(place - page.data) : page.len;

		buf_put(out, page.data, len);
		if (place != NULL) /* inside of single quotes, too */
			quoted(out, origin);
		len += place != NULL ? mark.len : 0;
		page = slice_of(page.data + len, page.len - len);
	}
}
