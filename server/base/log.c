#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>

#include "server/base/clock.h"
#include "server/base/log.h"

_Static_assert(LOG_LINE_BYTES_MAX <= PIPE_BUF, "a pipe takes a line whole");

/* The end of every line has its place, whatever is left out. */
static const char CUT[] = ",\"cut\":true";
#define ROOM_AT_END (sizeof(CUT) - 1 + 2) /* and "}\n" */

static const char *const words[] = {
#define X(name, word) word,
	LOG_LEVELS(X)
#undef X
};

struct line {
	size_t len;
	bool   cut; /* something did not fit */
	char   bytes[LOG_LINE_BYTES_MAX];
};

void
log_init(struct log *log, int fd, enum log_level level)
{
	log->fd = fd;
	log->level = level;
	atomic_init(&log->lost, 0);
}

const char *
log_level_word(enum log_level level)
{
	assert(level < LOG_LEVEL_COUNT);
	return words[level];
}

bool
log_level_find(const char *word, enum log_level *level)
{
	for (unsigned i = 0; i < LOG_LEVEL_COUNT; i++)
		if (strcmp(word, words[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	return false;
}

/* Append LEN bytes, or nothing when they do not fit. */
static bool
line_put(struct line *line, const char *bytes, size_t len)
{
	if (len > sizeof(line->bytes) - ROOM_AT_END - line->len)
		return false;
	memcpy(line->bytes + line->len, bytes, len);
	line->len += len;
	return true;
}

/* The JSON escape of CODEPOINT, in ESCAPE; its length. */
static size_t
escape_codepoint(char escape[static 13], utf8proc_int32_t codepoint)
{
	unsigned value = (unsigned)codepoint;

	if (codepoint == '"' || codepoint == '\\')
		return (size_t)snprintf(escape, 13, "\\%c", (char)codepoint);
	if (value >= 0x20 && value < 0x7f)
		return (size_t)snprintf(escape, 13, "%c", (char)codepoint);
	if (value < 0x10000)
		return (size_t)snprintf(escape, 13, "\\u%04x", value);
	value -= 0x10000; /* a pair of surrogates */
	return (size_t)snprintf(escape, 13, "\\u%04x\\u%04x", 0xd800 + (value >> 10),
	    0xdc00 + (value & 0x3ff));
}

/* Append TEXT as the inside of a JSON string, cut at the bound. */
static bool
line_put_text(struct line *line, struct slice text)
{
	const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text.data;
	char                    escape[13];
	utf8proc_int32_t        codepoint;
	utf8proc_ssize_t        len;

	if (text.len > LOG_TEXT_BYTES_MAX) {
		text.len = LOG_TEXT_BYTES_MAX;
		line->cut = true;
	}
	for (size_t left = text.len; left > 0; left -= (size_t)len, at += len) {
		len = utf8proc_iterate(at, (utf8proc_ssize_t)left, &codepoint);
		if (len <= 0) { /* not UTF-8: one byte, as the replacement character */
			len = 1;
			codepoint = 0xfffd;
		}
		if (!line_put(line, escape, escape_codepoint(escape, codepoint)))
			return false;
	}
	return true;
}

static bool
line_put_value(struct line *line, const struct log_field *field)
{
	char digits[24];

	switch (field->kind) {
	case LOG_KIND_TEXT:
		return line_put(line, "\"", 1) && line_put_text(line, field->text) &&
		       line_put(line, "\"", 1);
	case LOG_KIND_BOOL:
		return field->integer ? line_put(line, "true", 4)
				      : line_put(line, "false", 5);
	case LOG_KIND_INTEGER:
		return line_put(line, digits,
		    (size_t)snprintf(
			digits, sizeof(digits), "%" PRId64, field->integer));
	case LOG_KIND_END: break;
	}
	assert(!"the end of the fields is no field");
	return false;
}

/* Append FIELD, whole or not at all. */
static void
line_put_field(struct line *line, const struct log_field *field)
{
	size_t before = line->len;

	if (line_put(line, ",\"", 2) &&
	    line_put(line, field->key, strlen(field->key)) &&
	    line_put(line, "\":", 2) && line_put_value(line, field))
		return;
	line->len = before;
	line->cut = true;
}

static void
line_begin(struct line *line, enum log_level level, const char *event)
{
	int64_t   now_ms = clock_wall_ms();
	time_t    seconds = (time_t)(now_ms / 1000);
	struct tm utc;
	char      time[sizeof("2026-11-21T09:00:00")];
	int       len;

	gmtime_r(&seconds, &utc);
	strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &utc);
	len = snprintf(line->bytes, sizeof(line->bytes),
	    "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"event\":\"%s\"", time,
	    (int)(now_ms % 1000), log_level_word(level), event);
	assert(len > 0 && (size_t)len < sizeof(line->bytes) - ROOM_AT_END);
	line->len = (size_t)len;
	line->cut = false;
}

static void
line_end(struct line *line)
{
	size_t cut_len = line->cut ? sizeof(CUT) - 1 : 0;

	memcpy(line->bytes + line->len, CUT, cut_len);
	line->len += cut_len;
	memcpy(line->bytes + line->len, "}\n", 2);
	line->len += 2;
	assert(line->len <= sizeof(line->bytes));
}

void
log_put(struct log *log, enum log_level level, const char *event,
    const struct log_field *fields)
{
	struct line line;
	ssize_t     written;

	if (!log_wants(log, level) || log->fd < 0)
		return;
	line_begin(&line, level, event);
	for (; fields->kind != LOG_KIND_END; fields++)
		line_put_field(&line, fields);
	line_end(&line);

	do
		written = write(log->fd, line.bytes, line.len);
	while (written < 0 && errno == EINTR);
	/* A part of a line, on a full disk, is lost as well: it cannot be taken back.
	 */
	if (written != (ssize_t)line.len)
		atomic_fetch_add_explicit(&log->lost, 1, memory_order_relaxed);
}
