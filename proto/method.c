#include "proto/method.h"
#include "proto/limits.h"

static const char *const want_words[] = { "revision", "record", NULL };
static const char *const kind_words[] = {
#define X(name, noun) noun,
	PROTO_RECORDS(X)
#undef X
	    NULL
};
static const char *const anonymize_words[] = { "request", "cancel", NULL };

static const struct field arguments[] = {
#define F(shape, name, key, kind, min, max, flags, nested, words)                      \
	{ key, FIELD_##kind, min, max, flags, nested, words, { key, sizeof(key) - 1 }, \
		FIELD_HEAD(sizeof(key) - 1) },
	ARGUMENT_FIELDS(F)
#undef F
};

_Static_assert(ARG_COUNT <= SHAPE_FIELDS_MAX, "arguments are bits of a uint64_t");

const struct shape argument_shape = { "arguments", arguments, ARG_COUNT };

const struct method methods[METHOD_COUNT] = {
#define X(name, wire, access, scope, record, args, flags)                            \
	{ METHOD_##name, { wire, sizeof(wire) - 1 }, METHOD_##access, SCOPE_##scope, \
		RECORD_##record, args, flags },
	PROTO_METHODS(X)
#undef X
};

const struct method *
method_find(struct slice name)
{
	for (unsigned i = 0; i < METHOD_COUNT; i++)
		if (methods[i].name.len == name.len &&
		    slice_same(methods[i].name.data, name.data, name.len))
			return &methods[i];
	return NULL;
}
