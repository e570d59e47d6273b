#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "proto/reader.h"
#include "server/domain/patch.h"
#include "server/domain/value.h"

void
patch_init(struct patch *patch)
{
	/* Not the places of the record: nobody looks at those that are absent. */
	memset(patch, 0, offsetof(struct patch, set));
	record_init(&patch->set);
}

/* May FIELD be set here at all?  Notes the rule it breaks. */
static bool
check_settable(struct call *call, const struct field *field, bool creating)
{
	if ((field->flags & READ_ONLY) != 0)
		violations_add(&call->violations, SLICE(""), RULE_READ_ONLY);
	else if ((field->flags & CREATE_ONLY) != 0 && !creating)
		violations_add(&call->violations, SLICE(""), RULE_CREATE_ONLY);
	else
		return true;
	return false;
}

/* Do the token's scopes permit FIELD? */
static bool
is_permitted(const struct call *call, const struct field *field)
{
	if ((field->flags & PRIVATE) != 0 && !call_may(call, SCOPE_CUSTOMERS_PRIVATE))
		return false;
	return (field->flags & SECRET) == 0 || call_may(call, SCOPE_CUSTOMERS_PASSWORD);
}

/* Judge the value at READER as the field at PLACE and put it into PATCH. */
static void
take(struct patch *patch, struct call *call, const struct shape *shape, unsigned place,
    struct reader *reader, bool creating)
{
	const struct field *field = &shape->fields[place];
	struct slice        value;

	if (!check_settable(call, field, creating)) {
		reader_value(reader);
		return;
	}
	if (reader_peek(reader) == VALUE_NIL) {
		reader_nil(reader);
		if ((field->flags & REQUIRED) != 0)
			violations_add(&call->violations, SLICE(""), RULE_REQUIRED);
		patch->clear |= FIELD_BIT(place);
		return;
	}
	if (value_take(
		field, reader, &call->violations, call->scratch, call->arena, &value))
		record_set(&patch->set, place, value);
}

/* Take one pair of `set`.  False when the token does not permit the field. */
static bool
take_pair(struct patch *patch, struct call *call, const struct shape *shape,
    struct reader *reader, bool creating, uint64_t *seen)
{
	struct slice key = reader_text(reader);
	int          place = shape_find(shape, key, 0);
	unsigned     mark = violations_down(&call->violations, key);
	bool         permitted = true;

	if (place < 0) {
		violations_add(&call->violations, SLICE(""), RULE_UNKNOWN_FIELD);
		reader_value(reader);
	} else if ((*seen & FIELD_BIT(place)) != 0) {
		violations_add(&call->violations, SLICE(""), RULE_DUPLICATE);
		reader_value(reader);
	} else {
		*seen |= FIELD_BIT(place);
		permitted = is_permitted(call, &shape->fields[place]);
		take(patch, call, shape, (unsigned)place, reader, creating);
	}
	violations_up(&call->violations, mark);
	return permitted;
}

static void
need_required(struct call *call, const struct shape *shape, uint64_t seen)
{
	uint64_t missing = shape_places(shape, REQUIRED) & ~seen;

	for (; missing != 0; missing &= missing - 1)
		violations_add(&call->violations,
		    shape->fields[__builtin_ctzll(missing)].name, RULE_REQUIRED);
}

enum status
patch_decode(struct patch *patch, struct call *call, const struct shape *shape,
    struct slice set, bool creating)
{
	struct reader reader;
	uint64_t      seen = 0;
	unsigned      mark = violations_down(&call->violations, SLICE("set"));
	bool          permitted = true;

	reader_init(&reader, set);
	for (uint32_t left = set.len > 0 ? reader_map(&reader) : 0; left > 0; left--) {
		if (reader_peek(&reader) != VALUE_TEXT) {
			violations_add(&call->violations, SLICE(""), RULE_WRONG_TYPE);
			break;
		}
		if (!take_pair(patch, call, shape, &reader, creating, &seen))
			permitted = false;
	}
	assert(reader.status == STATUS_OK);
	if (creating)
		need_required(call, shape, seen);
	violations_up(&call->violations, mark);
	if (!permitted) {
		call->detail = "the token does not permit setting one of these fields";
		return STATUS_FORBIDDEN;
	}
	return STATUS_OK;
}
