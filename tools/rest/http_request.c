#include "tools/rest/http.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
http_word_equal(struct slice a, struct slice b)
{
	if (slice_equal(a, b))
		return true;
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.data[i]) != lower(b.data[i]))
			return false;
	return true;
}

bool
http_header(const struct http_request *request, const char *name, struct slice *value)
{
	*value = slice_of(NULL, 0);
	for (unsigned i = 0; i < request->header_count; i++)
		if (http_word_equal(request->headers[i].name, slice_text(name))) {
			*value = request->headers[i].value;
			return true;
		}
	return false;
}

unsigned
http_header_count(const struct http_request *request, const char *name)
{
	unsigned found = 0;

	for (unsigned i = 0; i < request->header_count; i++)
		found += http_word_equal(request->headers[i].name, slice_text(name));
	return found;
}

bool
http_parameter(
    const struct http_request *request, const char *name, struct slice *value)
{
	*value = slice_of(NULL, 0);
	for (unsigned i = 0; i < request->parameter_count; i++)
		if (slice_equal(request->parameters[i].name, slice_text(name))) {
			*value = request->parameters[i].value;
			return true;
		}
	return false;
}

const char *
http_method_name(enum http_method method)
{
	static const char *const names[HTTP_METHOD_COUNT] = {
#define X(name, is_safe) #name,
		HTTP_METHODS(X)
#undef X
	};

	return names[method];
}
