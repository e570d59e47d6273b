/*
 * ctl -- what the files of customerctl share: options, the connection, exit codes.
 *
 * A command prints its data on stdout and everything else on stderr, and returns an
 * exit code from the table below.
 */

#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <jansson.h>

#include "client/customerd.h"
#include "tools/ctl/option.h"

/* X(NAME, code, text).  Scripts rely on them. */
// clang-format off
#define CTL_EXITS(X)                                                                       \
	X(DONE,          0, "done")                                                        \
	X(REFUSED,       1, "refused by the server; nothing was changed") \
	X(USAGE,         2, "used wrongly; nothing was sent")                              \
	X(NOT_CONNECTED, 3, "could not connect; nothing was sent")                         \
	X(UNKNOWN,       4, "sent, but no answer came: it may or may not have happened")   \
	X(STOPPED,       5, "import, export: stopped before the end; --resume goes on")
// clang-format on

enum ctl_exit {
#define X(NAME, code, text) CTL_##NAME = code,
	CTL_EXITS(X)
#undef X
};

struct ctl {
	struct ctl_options   options;
	struct customerd_tls tls; /* of ctl_connection() */
	struct customerd    *c;   /* NULL until ctl_connect() */
};

/* A message for people: one line on stderr, behind the program's name. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Like ctl_say(), but not with --quiet. */
void ctl_note(const struct ctl *ctl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Where to connect, as people said it. */
const char *ctl_where(const struct ctl_options *options);

/*
 * Where and as whom to connect, as the options say; *ADDRESS is to be freed and must
 * outlive the use of OPTIONS, and so must CTL.
 */
enum ctl_exit ctl_connection(
    struct ctl *ctl, struct customerd_options *options, char **address);

/* Connect as the options say, unless that was done. */
enum ctl_exit ctl_connect(struct ctl *ctl);

/*
 * Make CALL with ARGS, a JSON object or NULL.  *RESULT, unless NULL, is the answer:
 * the caller's, to be given to json_decref().  What goes wrong is said, behind the
 * words WHERE.
 */
enum ctl_exit ctl_call(struct ctl *ctl, struct customerd_call *call, json_t *args,
    json_t **result, const char *where);

/* Say ERROR, behind the words WHERE; the exit code for STATUS. */
enum ctl_exit ctl_say_error(const struct ctl *ctl, enum customerd_status status,
    const struct customerd_error *error, const char *where);

/* Print VALUE on stdout. */
enum ctl_exit ctl_print(const struct ctl *ctl, json_t *value);

/* After the last output: DONE, or what became of it. */
enum ctl_exit ctl_flush(void);

#endif
