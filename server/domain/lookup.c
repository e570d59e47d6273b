#include "server/domain/lookup.h"

#include "server/domain/index.h"

/* The arguments by which find and list look something up, and the fields they mean. */
// clang-format off
static const struct lookup lookups[] = {
	{ RECORD_CUSTOMER, ARG_EMAIL,     CUSTOMER_EMAIL },
	{ RECORD_CUSTOMER, ARG_SLUG,      CUSTOMER_SLUG },
	{ RECORD_CUSTOMER, ARG_REFERENCE, CUSTOMER_REFERENCE },
	{ RECORD_CUSTOMER, ARG_GROUP,     CUSTOMER_GROUP },
	{ RECORD_CUSTOMER, ARG_TAG,       CUSTOMER_TAGS },
	{ RECORD_GROUP,    ARG_REFERENCE, GROUP_REFERENCE },
	{ RECORD_TAG,      ARG_NAME,      TAG_NAME },
	{ RECORD_STORE,    ARG_ECWID_ID,  STORE_ECWID_ID },
	{ RECORD_STORE,    ARG_BIGCOMMERCE_HASH, STORE_BIGCOMMERCE_HASH },
	{ RECORD_STORE,    ARG_COMMERCELAYER_ORGANIZATION_ID, STORE_COMMERCELAYER_ORGANIZATION_ID },
	{ RECORD_TOKEN,    ARG_STORE,     TOKEN_STORE },
};
// clang-format on

const struct lookup *
lookup_find(struct call *call)
{
	const struct lookup *found = NULL;

	for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
		if (lookups[i].record != call->method->record ||
		    !args_have(&call->args, lookups[i].argument))
			continue;
		if (found != NULL)
			violations_add(&call->violations,
			    argument_shape.fields[lookups[i].argument].name,
			    RULE_CONFLICT);
		else
			found = &lookups[i];
	}
	return found;
}

bool
lookup_prefix(struct call *call, const struct lookup *lookup, struct key *prefix)
{
	const struct kind  *kind = kind_of(lookup->record);
	const struct field *field = &kind_shape(kind)->fields[lookup->place];

	key_init(prefix, kind_store(kind, call));
	return index_key(
	    prefix, field, call->args.value[lookup->argument], call->scratch);
}
