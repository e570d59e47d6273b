#include <assert.h>
#include <stddef.h>

#include "proto/scope.h"

const char *const scope_words[SCOPE_COUNT + 1] = {
#define X(name, word, text) word,
	PROTO_SCOPES(X)
#undef X
	    NULL,
};

static const char *const texts[SCOPE_COUNT] = {
#define X(name, word, text) text,
	PROTO_SCOPES(X)
#undef X
};

const char *
scope_text(enum scope scope)
{
	assert(scope < SCOPE_COUNT);
	return texts[scope];
}
