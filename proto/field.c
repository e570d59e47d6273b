#include <assert.h>

#include "proto/field.h"
#include "proto/limits.h"
#include "proto/scope.h"

static const char *const customer_statuses[] = { "prospect", "acquired", "repeat",
	NULL };
static const char *const store_modes[] = { "test", "live", NULL };
static const char *const contact_types[] = { "EMAIL", "PHONE", "FACEBOOK", "INSTAGRAM",
	"TWITTER", "YOUTUBE", "TIKTOK", "PINTEREST", "VK", "FB_MESSENGER", "WHATSAPP",
	"TELEGRAM", "VIBER", "URL", "OTHER", NULL };
static const char *const anonymization_statuses[] = { "requested", "started",
	"completed", "failed", "cancelled", NULL };

#define F(shape, name, key, kind, min, max, flags, nested, words)                      \
	{ key, FIELD_##kind, min, max, flags, nested, words, { key, sizeof(key) - 1 }, \
		FIELD_HEAD(sizeof(key) - 1) },
static const struct field customer_fields[] = { CUSTOMER_FIELDS(F) };
static const struct field group_fields[] = { GROUP_FIELDS(F) };
static const struct field tag_fields[] = { TAG_FIELDS(F) };
static const struct field store_fields[] = { STORE_FIELDS(F) };
static const struct field token_fields[] = { TOKEN_FIELDS(F) };
#define X(NAME, text, variable) \
	static const struct field variable##_fields[] = { NAME##_FIELDS(F) };
PROTO_SHAPES(X)
#undef X
#undef F

_Static_assert(
    CUSTOMER_FIELD_COUNT <= SHAPE_FIELDS_MAX, "fields are bits of a uint64_t");

const struct shape record_shapes[RECORD_KIND_COUNT] = {
	[RECORD_STORE] = { "store", store_fields, STORE_FIELD_COUNT },
	[RECORD_TOKEN] = { "token", token_fields, TOKEN_FIELD_COUNT },
	[RECORD_CUSTOMER] = { "customer", customer_fields, CUSTOMER_FIELD_COUNT },
	[RECORD_GROUP] = { "group", group_fields, GROUP_FIELD_COUNT },
	[RECORD_TAG] = { "tag", tag_fields, TAG_FIELD_COUNT },
};

#define X(NAME, text, variable) \
	const struct shape variable = { text, variable##_fields, NAME##_FIELD_COUNT };
PROTO_SHAPES(X)
#undef X

static const char *const kind_names[FIELD_KIND_COUNT] = {
#define X(name, text) text,
	PROTO_KINDS(X)
#undef X
};

const char *
field_kind_name(enum field_kind kind)
{
	assert(kind < FIELD_KIND_COUNT);
	return kind_names[kind];
}

const char *
record_noun(enum record_kind kind)
{
	assert(kind < RECORD_KIND_COUNT);
	return record_shapes[kind].name;
}

int
shape_find_before(const struct shape *shape, struct slice key, unsigned end)
{
	if (end > shape->count)
		end = shape->count;
	for (unsigned i = 0; i < end; i++)
		if (slice_equal(shape->fields[i].name, key))
			return (int)i;
	return -1;
}
