#include <assert.h>

#include "proto/reader.h"
#include "server/domain/args.h"
#include "server/domain/call.h"
#include "server/domain/value.h"

/* Judge the value at READER as ARG and keep its canonical form. */
static void
take(struct args *args, struct call *call, enum argument arg, struct reader *reader)
{
	const struct field *field = &argument_shape.fields[arg];
	unsigned            mark;

	if (reader_peek(reader) == VALUE_NIL) {
		reader_nil(reader);
		return;
	}
	mark = violations_down(&call->violations, field->name);
	if (value_take(field, reader, &call->violations, call->scratch, call->arena,
		&args->value[arg]))
		args->present |= ARG_BIT(arg);
	violations_up(&call->violations, mark);
}

void
args_decode(struct args *args, struct call *call, struct slice bytes, uint64_t allowed,
    bool strict)
{
	struct reader reader;
	uint64_t      seen = 0;

	args->present = 0;
	if (bytes.len == 0)
		return;
	reader_init(&reader, bytes);
	for (uint32_t left = reader_map(&reader); left > 0; left--) {
		struct slice key;
		int          arg;

		if (reader_peek(&reader) != VALUE_TEXT) {
			violations_add(&call->violations, SLICE(""), RULE_WRONG_TYPE);
			return;
		}
		key = reader_text(&reader);
		arg = shape_find(&argument_shape, key, 0);
		if (arg < 0 || (allowed & ARG_BIT(arg)) == 0) {
			if (strict)
				violations_add(
				    &call->violations, key, RULE_UNKNOWN_FIELD);
			reader_value(&reader);
		} else if ((seen & ARG_BIT(arg)) != 0) {
			violations_add(&call->violations, key, RULE_DUPLICATE);
			reader_value(&reader);
		} else {
			seen |= ARG_BIT(arg);
			take(args, call, (enum argument)arg, &reader);
		}
	}
	assert(reader.status == STATUS_OK); /* the scan has seen these bytes */
}

int64_t
args_integer(const struct args *args, enum argument arg)
{
	struct reader reader;
	int64_t       value = 0;

	if (!args_have(args, arg))
		return 0;
	reader_init(&reader, args->value[arg]);
	reader_integer(&reader, &value);
	return value;
}

bool
args_bool(const struct args *args, enum argument arg)
{
	struct reader reader;

	if (!args_have(args, arg))
		return false;
	reader_init(&reader, args->value[arg]);
	return reader_bool(&reader);
}

struct slice
args_text(const struct args *args, enum argument arg)
{
	struct reader reader;

	if (!args_have(args, arg))
		return (struct slice){ NULL, 0 };
	reader_init(&reader, args->value[arg]);
	return reader_text(&reader);
}

unsigned
args_word(const struct args *args, enum argument arg)
{
	const struct field *field = &argument_shape.fields[arg];
	struct slice        text = args_text(args, arg);
	unsigned            i = 0;

	if (!args_have(args, arg))
		return 0;
	while (!slice_equal(text, slice_text(field->words[i])))
		i++; /* value_check() saw that it is one of them */
	return i;
}

void
args_need_one(
    const struct args *args, struct call *call, enum argument a, enum argument b)
{
	if (args_have(args, a) && args_have(args, b))
		violations_add(
		    &call->violations, argument_shape.fields[b].name, RULE_CONFLICT);
	else if (!args_have(args, a) && !args_have(args, b) &&
		 !violations_any(&call->violations))
		violations_add(
		    &call->violations, argument_shape.fields[a].name, RULE_REQUIRED);
}
