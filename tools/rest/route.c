#include "tools/rest/route.h"

#include <stdio.h>

#define ALLOW_BYTES 64u

/* The next step of *PATH, which is moved behind it; false at the end. */
static bool
next_step(const char **path, struct slice *step)
{
	const char *begin = *path;
	const char *end;

	if (*begin == '\0')
		return false;
	begin++; /* the slash */
	end = strchrnul(begin, '/');
	*step = slice_of(begin, (size_t)(end - begin));
	*path = end;
	return true;
}

static enum parameter
parameter_of(struct slice step)
{
	static const struct slice words[PARAMETER_COUNT] = {
		[PARAMETER_STORE] = { ":store", 6 },
		[PARAMETER_ID] = { ":id", 3 },
		[PARAMETER_ITEM] = { ":item", 5 },
		[PARAMETER_NAME] = { ":name", 5 },
	};
	enum parameter found = 0;

	if (step.len == 0 || step.data[0] != ':')
		return PARAMETER_COUNT;
	while (found < PARAMETER_COUNT && !slice_equal(words[found], step))
		found++;
	return found;
}

static bool
path_fits(const char *path, const struct http_request *request,
    struct slice parameters[PARAMETER_COUNT])
{
	struct slice step;
	unsigned     i = 0;

	memset(parameters, 0, PARAMETER_COUNT * sizeof(*parameters));
	for (; next_step(&path, &step); i++) {
		struct slice   segment;
		enum parameter parameter;

		if (i == request->segment_count)
			return false;
		segment = request->segments[i];
		parameter = parameter_of(step);
		if (parameter < PARAMETER_COUNT) {
			if (segment.len == 0)
				return false;
			parameters[parameter] = segment;
		} else if (!slice_equal(step, segment)) {
			return false;
		}
	}
	return i == request->segment_count;
}

void
route_find(struct route_match *match, const struct format *format,
    const struct http_request *request)
{
	enum http_method method = request->is_head ? HTTP_METHOD_GET : request->method;

	*match = (struct route_match){ 0 };
	for (const struct route *route = format->routes; route->path != NULL; route++) {
		/* The first path that fits hides more general ones. */
		if (match->any == NULL
			? !path_fits(route->path, request, match->parameters)
			: strcmp(match->any->path, route->path) != 0)
			continue;
		match->any = route;
		match->methods |= 1u << route->method;
		if (route->method == method)
			match->route = route;
	}
}

const char *
route_allow(const struct format *format, const struct route *any, struct arena *arena)
{
	char   text[ALLOW_BYTES] = "";
	size_t len = 0;

	for (const struct route *route = format->routes; route->path != NULL; route++)
		if (strcmp(route->path, any->path) == 0 && len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
			    len > 0 ? ", " : "", http_method_name(route->method));
	return arena_text(arena, slice_text(text));
}
