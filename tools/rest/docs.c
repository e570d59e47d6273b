#include "tools/rest/docs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/rest/docs_files.h"
#include "tools/rest/docs_page.h"
#include "tools/rest/openapi.h"

#define POLICY_BYTES 512u
#define DOCUMENT_PREFIX SLICE("/openapi/")
#define DOCUMENT_SUFFIX SLICE(".json")

static unsigned
count_formats(const struct format *const *list)
{
	unsigned count = 0;

	while (list[count] != NULL)
		count++;
	return count;
}

static void
make_list(struct docs *docs)
{
	json_t *list = must_json(json_object());
	char   *text;

	for (unsigned i = 0; docs->formats[i] != NULL; i++)
		must_set(list, docs->formats[i]->name,
		    json_sprintf("/openapi/%s.json", docs->formats[i]->name));
	text = json_dumps(list, JSON_INDENT(2));
	assert(text != NULL);
	buf_put(&docs->list, text, strlen(text));
	free(text);
	json_decref(list);
}

void
docs_open(struct docs *docs, const struct format *const *list, const char *url)
{
	unsigned count = count_formats(list);
	json_t **documents = calloc(count + 1, sizeof(documents[0]));

	*docs = (struct docs){ .formats = list, .url = url };
	buf_init(&docs->page, DOCS_PAGE_BYTES_MAX);
	buf_init(&docs->list, DOCS_PAGE_BYTES_MAX);
	docs->documents = calloc(count + 1, sizeof(docs->documents[0]));
	assert(documents != NULL && docs->documents != NULL);
	for (unsigned i = 0; i < count; i++) {
		documents[i] = openapi_document(list[i], url[0] != '\0' ? url : "/");
		docs->documents[i] = json_dumps(documents[i], JSON_INDENT(1));
		assert(docs->documents[i] != NULL);
	}
	make_list(docs);
	docs_page_write(&docs->page, list, documents);
	assert(!docs->page.failed && !docs->list.failed);
	for (unsigned i = 0; i < count; i++)
		json_decref(documents[i]);
	free(documents);
}

void
docs_close(struct docs *docs)
{
	if (docs->formats == NULL)
		return;
	for (unsigned i = 0; docs->formats[i] != NULL; i++)
		free(docs->documents[i]);
	free(docs->documents);
	buf_fini(&docs->page);
	buf_fini(&docs->list);
	*docs = (struct docs){ 0 };
}

/* ---- serving ---- */

static struct http_pair
header(const char *name, const char *value)
{
	return (struct http_pair){ slice_text(name), slice_text(value) };
}

static void
respond(struct http_exchange *exchange, const char *content_type, struct slice body,
    const char *policy)
{
	struct http_pair headers[] = {
		header("Cache-Control", "no-cache"),
		header("X-Content-Type-Options", "nosniff"),
		header("Referrer-Policy", "no-referrer"),
		header("Content-Security-Policy", policy),
	};
	struct http_response response = { .status = 200,
		.content_type = content_type,
		.headers = headers,
		.header_count = sizeof(headers) / sizeof(headers[0]),
		.body = body };

	http_respond(exchange, &response);
}

/* Nothing but what the page brings along, and requests to where it came from. */
static void
write_policy(char policy[POLICY_BYTES])
{
	snprintf(policy, POLICY_BYTES,
	    "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; "
	    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
	    "frame-ancestors 'none'",
	    docs_file("page.js")->sha256, docs_file("page.css")->sha256);
}

static void
serve_page(const struct docs *docs, struct http_exchange *exchange)
{
	char         policy[POLICY_BYTES];
	struct buf   out, origin;
	struct slice host = exchange->request.host;

	buf_init(&out, DOCS_PAGE_BYTES_MAX);
	buf_init(&origin, HTTP_HEAD_BYTES_MAX);
	if (docs->url[0] != '\0') {
		buf_put(&origin, docs->url, strlen(docs->url));
	} else {
		buf_put(&origin, "http://", strlen("http://"));
		buf_put(&origin, host.data, host.len);
	}
	docs_page_fill(&out, buf_slice(&docs->page), buf_slice(&origin));
	write_policy(policy);
	if (out.failed || origin.failed)
		http_respond_error(exchange, 503, "There is no memory left.");
	else
		respond(exchange, "text/html; charset=utf-8", buf_slice(&out), policy);
	buf_fini(&origin);
	buf_fini(&out);
}

/* The document that PATH names, or NULL. */
static const char *
find_document(const struct docs *docs, struct slice path)
{
	const struct slice prefix = DOCUMENT_PREFIX, suffix = DOCUMENT_SUFFIX;

	if (path.len < prefix.len + suffix.len ||
	    memcmp(path.data, prefix.data, prefix.len) != 0 ||
	    memcmp(path.data + path.len - suffix.len, suffix.data, suffix.len) != 0)
		return NULL;
	path = slice_of(path.data + prefix.len, path.len - prefix.len - suffix.len);
	for (unsigned i = 0; docs->formats[i] != NULL; i++)
		if (slice_equal(path, slice_text(docs->formats[i]->name)))
			return docs->documents[i];
	return NULL;
}

static void
refuse_method(struct http_exchange *exchange)
{
	struct http_pair     allow = header("Allow", "GET, HEAD");
	struct http_response response = {
		.status = 405, .headers = &allow, .header_count = 1
	};

	http_respond(exchange, &response);
}

bool
docs_serve(const struct docs *docs, struct http_exchange *exchange)
{
	static const char          bare[] = "default-src 'none'";
	const struct http_request *request = &exchange->request;
	bool                       is_page = slice_equal(request->path, SLICE("/docs"));
	bool        is_list = slice_equal(request->path, SLICE("/openapi"));
	const char *document;

	if (docs->formats == NULL)
		return false;
	document = find_document(docs, request->path);
	if (!is_page && !is_list && document == NULL)
		return false;
	exchange->format = "docs";
	exchange->route = is_page ? "/docs" : "/openapi";
	if (request->method != HTTP_METHOD_GET && !request->is_head)
		refuse_method(exchange);
	else if (is_page)
		serve_page(docs, exchange);
	else if (is_list)
		respond(exchange, "application/json", buf_slice(&docs->list), bare);
	else
		respond(exchange, "application/json", slice_text(document), bare);
	return true;
}
