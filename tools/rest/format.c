#include "tools/rest/format.h"

static const struct reason_text reason_texts[REASON_COUNT] = {
#define X(name, http, code, title) { REASON_##name, http, code, title, title },
	REST_REASONS(X)
#undef X
};

static const struct fault_text fault_texts[FAULT_COUNT] = {
#define X(name, text) { FAULT_##name, NULL, #name, text },
	PROTO_RULES(X) REST_FAULTS(X)
#undef X
};

static bool
has_prefix(struct slice path, const char *prefix)
{
	size_t len = strlen(prefix);

	return path.len >= len && memcmp(path.data, prefix, len) == 0 &&
	       (path.len == len || path.data[len] == '/');
}

const struct format *
format_find(const struct format *const *list, struct slice path)
{
	for (; *list != NULL; list++)
		for (unsigned i = 0; i < FORMAT_PREFIXES_MAX; i++)
			if ((*list)->prefixes[i] != NULL &&
			    has_prefix(path, (*list)->prefixes[i]))
				return *list;
	return NULL;
}

struct reason_text
format_reason(const struct format *format, enum reason reason)
{
	const struct reason_text *row = format == NULL ? NULL : format->reasons;

	for (; row != NULL && row->http != 0; row++)
		if (row->reason == reason)
			return *row;
	return reason_texts[reason];
}

struct fault_text
format_fault(const struct format *format, enum fault fault, const char *name)
{
	const struct fault_text *row = format == NULL ? NULL : format->faults;

	for (; row != NULL && row->text != NULL; row++)
		if (row->fault == fault &&
		    (row->name == NULL ||
			(name != NULL && strcmp(row->name, name) == 0)))
			return *row;
	return fault_texts[fault];
}
