#include "server/describe.h"

#include <inttypes.h>
#include <stdint.h>

#include "proto/field.h"
#include "proto/limits.h"
#include "proto/method.h"
#include "proto/scope.h"
#include "proto/status.h"
#include "proto/version.h"
#include "server/base/option.h"

/* ---- a little JSON ---- */

/* The tables are ASCII without control characters. */
static void
put_text(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		putc(*text, out);
	}
	putc('"', out);
}

/* A key, with a comma in front of all but the first of its object. */
static void
put_key(FILE *out, const char *key, bool is_first)
{
	if (!is_first)
		fputs(", ", out);
	put_text(out, key);
	fputs(": ", out);
}

static void
put_pair(FILE *out, const char *key, const char *text, bool is_first)
{
	put_key(out, key, is_first);
	put_text(out, text);
}

/* Begin item number NUMBER of a list or an object that has a line for each. */
static void
begin_line(FILE *out, unsigned number)
{
	fputs(number == 0 ? "\n    " : ",\n    ", out);
}

/* ---- fields ---- */

static const struct {
	const char *name;
	unsigned    bit;
} field_flags[] = {
#define X(name, bit, text) { #name, name },
	PROTO_FIELD_FLAGS(X)
#undef X
};

static void
put_field_flags(FILE *out, unsigned flags)
{
	bool is_first = true;

	putc('[', out);
	for (size_t i = 0; i < sizeof(field_flags) / sizeof(field_flags[0]); i++) {
		if ((flags & field_flags[i].bit) == 0)
			continue;
		if (!is_first)
			fputs(", ", out);
		put_text(out, field_flags[i].name);
		is_first = false;
	}
	putc(']', out);
}

static void
put_words(FILE *out, const char *const *words)
{
	putc('[', out);
	for (unsigned i = 0; words[i]; i++) {
		if (i > 0)
			fputs(", ", out);
		put_text(out, words[i]);
	}
	putc(']', out);
}

static const char *const kind_names[] = {
#define X(name, text) #name,
	PROTO_KINDS(X)
#undef X
};

static void
put_field(FILE *out, const struct field *field)
{
	putc('{', out);
	put_pair(out, "key", field->key, true);
	put_pair(out, "kind", kind_names[field->kind], false);
	put_pair(out, "type", field_kind_name(field->kind), false);
	put_key(out, "min", false);
	fprintf(out, "%" PRId64, field->min);
	put_key(out, "max", false);
	fprintf(out, "%" PRId64, field->max);
	put_key(out, "flags", false);
	put_field_flags(out, field->flags);
	if (field->words) {
		put_key(out, "words", false);
		put_words(out, field->words);
	}
	if (field->shape)
		put_pair(out, "shape", field->shape->name, false);
	putc('}', out);
}

static void
put_fields(FILE *out, const struct shape *shape)
{
	putc('[', out);
	for (unsigned i = 0; i < shape->count; i++) {
		fputs(i == 0 ? "\n      " : ",\n      ", out);
		put_field(out, &shape->fields[i]);
	}
	putc(']', out);
}

static void
put_records(FILE *out)
{
	for (unsigned i = 0; i < RECORD_KIND_COUNT; i++) {
		begin_line(out, i);
		put_key(out, record_noun((enum record_kind)i), true);
		fputs("{\"fields\": ", out);
		put_fields(out, &record_shapes[i]);
		putc('}', out);
	}
}

static void
put_shapes(FILE *out)
{
	static const struct shape *const shapes[] = {
#define X(NAME, text, variable) &variable,
		PROTO_SHAPES(X)
#undef X
	};

	for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		begin_line(out, i);
		put_key(out, shapes[i]->name, true);
		fputs("{\"fields\": ", out);
		put_fields(out, shapes[i]);
		putc('}', out);
	}
}

/* ---- methods ---- */

static const char *const access_names[] = {
	[METHOD_CONTROL] = "control",
	[METHOD_READ] = "read",
	[METHOD_WRITE] = "write",
	[METHOD_JOB] = "job",
};

static void
put_method_args(FILE *out, uint64_t args)
{
	bool is_first = true;

	putc('[', out);
	for (unsigned i = 0; i < ARG_COUNT; i++) {
		if ((args & ARG_BIT(i)) == 0)
			continue;
		if (!is_first)
			fputs(", ", out);
		put_text(out, argument_shape.fields[i].key);
		is_first = false;
	}
	putc(']', out);
}

static void
put_method(FILE *out, const struct method *method)
{
	putc('{', out);
	put_pair(out, "name", method->name.data, true);
	put_pair(out, "access", access_names[method->access], false);
	put_key(out, "scope", false);
	if (method->scope == SCOPE_NONE)
		fputs("null", out);
	else
		put_text(out, scope_words[method->scope]);
	put_pair(out, "record", record_noun(method->record), false);
	put_key(out, "args", false);
	put_method_args(out, method->args);
	put_key(out, "flags", false);
	fprintf(out, "[%s%s%s]}", (method->flags & METHOD_OWN) ? "\"OWN\"" : "",
	    method->flags == (METHOD_OWN | METHOD_FREES) ? ", " : "",
	    (method->flags & METHOD_FREES) ? "\"FREES\"" : "");
}

static void
put_methods(FILE *out)
{
	for (unsigned i = 0; i < METHOD_COUNT; i++) {
		begin_line(out, i);
		put_method(out, &methods[i]);
	}
}

static void
put_arguments(FILE *out)
{
	for (unsigned i = 0; i < argument_shape.count; i++) {
		begin_line(out, i);
		put_field(out, &argument_shape.fields[i]);
	}
}

/* ---- scopes, statuses, rules, limits ---- */

static void
put_scopes(FILE *out)
{
	for (unsigned i = 0; i < SCOPE_COUNT; i++) {
		begin_line(out, i);
		putc('{', out);
		put_pair(out, "name", scope_words[i], true);
		put_pair(out, "text", scope_text((enum scope)i), false);
		putc('}', out);
	}
}

static void
put_statuses(FILE *out)
{
	for (unsigned i = 0; i < STATUS_COUNT; i++) {
		const struct status_info *info = status_info((enum status)i);

		begin_line(out, i);
		putc('{', out);
		put_pair(out, "name", info->name, true);
		put_key(out, "http", false);
		fprintf(out, "%d", info->http);
		put_key(out, "retryable", false);
		fputs(info->retryable ? "true" : "false", out);
		put_pair(out, "text", info->text, false);
		putc('}', out);
	}
}

static void
put_rules(FILE *out)
{
	for (unsigned i = 0; i < RULE_COUNT; i++) {
		const struct rule_info *info = rule_info((enum rule)i);

		begin_line(out, i);
		putc('{', out);
		put_pair(out, "name", info->name, true);
		put_pair(out, "text", info->text, false);
		putc('}', out);
	}
}

static const struct {
	const char *key;
	int64_t     value;
} limits[] = {
#define X(key, value) { key, value },
	PROTO_LIMITS(X)
#undef X
	    { "frame_bytes_max_unauthenticated", FRAME_BYTES_MAX_UNAUTHENTICATED },
	{ "nested_bytes_max", NESTED_BYTES_MAX },
	{ "map_depth_max", MAP_DEPTH_MAX },
	{ "result_bytes_max", RESULT_BYTES_MAX },
	{ "list_limit_default", LIST_LIMIT_DEFAULT },
	{ "violations_max", VIOLATIONS_MAX },
	{ "method_bytes_max", METHOD_BYTES_MAX },
	{ "token_bytes_max", TOKEN_BYTES_MAX },
	{ "idempotency_key_bytes_max", IDEMPOTENCY_KEY_BYTES_MAX },
};

static void
put_limits(FILE *out)
{
	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		begin_line(out, i);
		put_key(out, limits[i].key, true);
		fprintf(out, "%" PRId64, limits[i].value);
	}
}

/* ---- the document ---- */

static const struct {
	const char *key;
	void (*put)(FILE *out);
	char open, close;
} sections[] = {
	{ "methods", put_methods, '[', ']' },
	{ "arguments", put_arguments, '[', ']' },
	{ "records", put_records, '{', '}' },
	{ "shapes", put_shapes, '{', '}' },
	{ "scopes", put_scopes, '[', ']' },
	{ "statuses", put_statuses, '[', ']' },
	{ "rules", put_rules, '[', ']' },
	{ "limits", put_limits, '{', '}' },
};

bool
describe(FILE *out)
{
	fprintf(out, "{\n  \"version\": \"%s\",\n  \"proto\": %d,\n", CUSTOMERD_VERSION,
	    CUSTOMERD_PROTO);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		fprintf(out, "  \"%s\": %c", sections[i].key, sections[i].open);
		sections[i].put(out);
		fprintf(out, "\n  %c,\n", sections[i].close);
	}
	fputs("  \"options\": ", out);
	option_describe(out);
	fputs("}\n", out);
	return fflush(out) == 0 && !ferror(out);
}
