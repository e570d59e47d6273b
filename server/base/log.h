/*
 * log -- one JSON object per line, for people and for machines.
 *
 *	log_error(log, "commit_failed", LOG_TEXT("status", info->name),
 *	    LOG_INTEGER("operations", count));
 *
 *	{"time":"2026-11-21T09:00:00.123Z","level":"error","event":"commit_failed",
 *	 "status":"STORAGE_FULL","operations":17}          (on one line)
 *
 * The event is a constant word of the program, so that it can be searched for.
 *
 * A rule: never personal data.  No field of a customer, no token, no password, no
 * bytes of a request ever reach a log line; ids, counts and statuses do.
 *
 * The line is plain ASCII whatever the values hold: quotes, control characters and
 * all others are written as JSON escapes, so nobody can forge a line or drive a
 * terminal.  A text is cut at LOG_TEXT_BYTES_MAX, fields that would make the line
 * longer than LOG_LINE_BYTES_MAX are left out, and "cut":true says so.
 *
 * Threads.  Any may write to one log: a line is one write(), of a size that a pipe
 * takes whole.  LEVEL and fd do not change while several threads use it.
 *
 * Errors.  A line that cannot be written is lost and counted in LOG->lost.
 */

#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

#include "proto/slice.h"

#define LOG_LINE_BYTES_MAX ((size_t)4096) /* PIPE_BUF: what a pipe takes whole */
#define LOG_TEXT_BYTES_MAX ((size_t)512)  /* of one value, before escaping */

/* X(NAME, word) */
// clang-format off
#define LOG_LEVELS(X)         \
	X(ERROR,   "error")   \
	X(WARNING, "warning") \
	X(INFO,    "info")    \
	X(DEBUG,   "debug")

enum log_level {
#define X(name, word) LOG_LEVEL_##name,
	LOG_LEVELS(X)
#undef X
	LOG_LEVEL_COUNT
};

enum log_kind {
	LOG_KIND_END,
	LOG_KIND_TEXT,
	LOG_KIND_INTEGER,
	LOG_KIND_BOOL,
};
// clang-format on

struct log {
	int                  fd;    /* the caller's; negative: nothing is written */
	enum log_level       level; /* lines of less weight are not written */
	atomic_uint_fast64_t lost;  /* lines that write() refused */
};

struct log_field {
	enum log_kind kind;
	const char   *key; /* a literal of letters, digits and underscores */
	struct slice  text;
	int64_t       integer;
};

/* What a line may carry.  TEXT is a terminated string, not NULL. */
#define LOG_TEXT(key, text) LOG_SLICE(key, slice_text(text))
#define LOG_SLICE(key, slice) ((struct log_field){ LOG_KIND_TEXT, (key), (slice), 0 })
#define LOG_INTEGER(key, value) \
	((struct log_field){ LOG_KIND_INTEGER, (key), { NULL, 0 }, (int64_t)(value) })
#define LOG_BOOL(key, value) \
	((struct log_field){ LOG_KIND_BOOL, (key), { NULL, 0 }, (value) ? 1 : 0 })
#define LOG_END ((struct log_field){ LOG_KIND_END, NULL, { NULL, 0 }, 0 })

/* log_info(LOG, EVENT) or log_info(LOG, EVENT, FIELD, ...), and so on. */
#define log_error(log, ...) LOG_LINE(log, LOG_LEVEL_ERROR, __VA_ARGS__, LOG_END)
#define log_warning(log, ...) LOG_LINE(log, LOG_LEVEL_WARNING, __VA_ARGS__, LOG_END)
#define log_info(log, ...) LOG_LINE(log, LOG_LEVEL_INFO, __VA_ARGS__, LOG_END)
#define log_debug(log, ...) LOG_LINE(log, LOG_LEVEL_DEBUG, __VA_ARGS__, LOG_END)
#define LOG_LINE(log, level, event, ...) \
	log_put((log), (level), (event), (const struct log_field[]){ __VA_ARGS__ })

void log_init(struct log *log, int fd, enum log_level level);

/* Whether lines of LEVEL are written: to spare work that only a line needs. */
static inline bool
log_wants(const struct log *log, enum log_level level)
{
	return level <= log->level;
}

/* Write a line with FIELDS, the last of which is LOG_END. */
void log_put(struct log *log, enum log_level level, const char *event,
    const struct log_field *fields);

/* The word of LEVEL, and the level called WORD; false when there is none. */
const char *log_level_word(enum log_level level);
bool        log_level_find(const char *word, enum log_level *level);

#endif
