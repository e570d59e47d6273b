#include <assert.h>
#include <stdio.h>

#include "proto/pack.h"
#include "server/domain/violation.h"

_Static_assert(FRAME_DEPTH_MAX < VIOLATION_STEPS_MAX, "a step for each level");

void
violations_init(struct violations *violations)
{
	/* The list is large, and nobody looks behind its count. */
	violations->count = 0;
	violations->dropped = 0;
	violations->depth = 0;
}

static bool
is_printable(char c)
{
	return c >= ' ' && c <= '~';
}

/*
 * Append as much of TEXT to PATH, of length LEN, as fits; returns the new length.  What
 * is not printable could harm the log or the terminal of whoever reads it.
 */
static size_t
append(char *path, size_t len, struct slice text)
{
	assert(len <= VIOLATION_PATH_BYTES_MAX);
	for (size_t i = 0; i < text.len && len < VIOLATION_PATH_BYTES_MAX; i++)
		path[len++] = is_printable(text.data[i]) ? text.data[i] : '?';
	path[len] = '\0';
	return len;
}

/* Append STEP, a key or an index, to PATH, of length LEN; returns the new length. */
static size_t
append_step(char *path, size_t len, struct slice step)
{
	char digits[sizeof("4294967295")];

	if (len > 0)
		len = append(path, len, SLICE("."));
	if (step.data != NULL)
		return append(path, len, step);
	snprintf(digits, sizeof(digits), "%u", (unsigned)step.len);
	return append(path, len, slice_text(digits));
}

/* Write the prefix to PATH; returns its length. */
static size_t
put_prefix(const struct violations *violations, char *path)
{
	size_t len = 0;

	path[0] = '\0';
	for (unsigned i = 0; i < violations->depth && i < VIOLATION_STEPS_MAX; i++)
		len = append_step(path, len, violations->prefix[i]);
	return len;
}

void
violations_add(struct violations *violations, struct slice key, enum rule rule)
{
	struct violation *violation;
	size_t            len;

	assert(rule < RULE_COUNT);
	if (violations->count == VIOLATIONS_MAX) {
		violations->dropped++;
		return;
	}
	violation = &violations->list[violations->count++];
	violation->rule = rule;
	len = put_prefix(violations, violation->path);
	if (key.len > 0)
		append_step(violation->path, len, key);
}

void
violations_pack(const struct violations *violations, struct buf *buf)
{
	const struct violation *violation;
	const struct rule_info *info;

	pack_array(buf, violations->count);
	for (unsigned i = 0; i < violations->count; i++) {
		violation = &violations->list[i];
		info = rule_info(violation->rule);
		pack_map(buf, 3);
		pack_literal(buf, "path");
		pack_text(buf, slice_text(violation->path));
		pack_literal(buf, "code");
		pack_text(buf, slice_text(info->name));
		pack_literal(buf, "message");
		pack_text(buf, slice_text(info->text));
	}
}
