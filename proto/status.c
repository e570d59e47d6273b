#include <assert.h>

#include "proto/status.h"

static const struct status_info statuses[] = {
#define X(name, http, retryable, text) { #name, http, retryable, text },
	PROTO_STATUSES(X)
#undef X
};

static const struct rule_info rules[] = {
#define X(name, text) { #name, text },
	PROTO_RULES(X)
#undef X
};

const struct status_info *
status_info(enum status status)
{
	assert(status < STATUS_COUNT);
	return &statuses[status];
}

const struct rule_info *
rule_info(enum rule rule)
{
	assert(rule < RULE_COUNT);
	return &rules[rule];
}

enum status
status_find(struct slice name)
{
	for (size_t i = 0; i < STATUS_COUNT; i++)
		if (slice_equal(name, slice_text(statuses[i].name)))
			return (enum status)i;
	return STATUS_UNKNOWN;
}
