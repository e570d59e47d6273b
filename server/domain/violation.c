#include <assert.h>
#include <stdio.h>

#include "proto/pack.h"
#include "server/domain/violation.h"

void
violations_init(struct violations *violations)
{
	/* The list is large, and nobody looks behind its count. */
	violations->count = 0;
	violations->dropped = 0;
	violations->prefix_len = 0;
	violations->prefix[0] = '\0';
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

/* Append KEY as the next step of PATH, of length LEN; returns the new length. */
static size_t
append_step(char *path, size_t len, struct slice key)
{
	if (len > 0)
		len = append(path, len, SLICE("."));
	return append(path, len, key);
}

void
violations_add(struct violations *violations, struct slice key, enum rule rule)
{
	struct violation *violation;

	assert(rule < RULE_COUNT);
	if (violations->count == VIOLATIONS_MAX) {
		violations->dropped++;
		return;
	}
	violation = &violations->list[violations->count++];
	violation->rule = rule;
	memcpy(violation->path, violations->prefix, violations->prefix_len + 1);
	if (key.len > 0)
		append_step(violation->path, violations->prefix_len, key);
}

size_t
violations_down(struct violations *violations, struct slice key)
{
	size_t mark = violations->prefix_len;

	violations->prefix_len = append_step(violations->prefix, mark, key);
	return mark;
}

size_t
violations_down_index(struct violations *violations, unsigned index)
{
	char digits[sizeof("4294967295")];
	int  len = snprintf(digits, sizeof(digits), "%u", index);

	return violations_down(violations, slice_of(digits, (size_t)len));
}

void
violations_up(struct violations *violations, size_t mark)
{
	assert(mark <= violations->prefix_len);
	violations->prefix_len = mark;
	violations->prefix[mark] = '\0';
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
