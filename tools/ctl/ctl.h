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

/* X(NAME, code, text).  Scripts rely on them. */
// clang-format off
#define CTL_EXITS(X)                                                                       \
	X(DONE,          0, "done")                                                        \
	X(REFUSED,       1, "refused by the server; nothing was changed") \
	X(USAGE,         2, "used wrongly; nothing was sent")                              \
	X(NOT_CONNECTED, 3, "could not connect; nothing was sent")                         \
	X(UNKNOWN,       4, "sent, but no answer came: it may or may not have happened")

/* X(member, name, placeholder or NULL for a switch, help) */
#define CTL_OPTIONS(X)                                                                     \
	X(unix_path,  "unix",       "PATH",      "connect to this unix socket")            \
	X(connect,    "connect",    "HOST:PORT", "connect by TCP; the default is 127.0.0.1:7410") \
	X(server,     "server",     "ADDRESS",   "customerd://HOST:PORT or unix:PATH; or several") \
	X(token,      "token",      "TOKEN",     "who asks; better put into CUSTOMERD_TOKEN") \
	X(timeout_ms, "timeout-ms", "MS",        "wait so long to connect (5000), for an answer (30000)") \
	X(meta,       "meta",       "JSON",      "of call: dry_run, idempotency_key, token, timeout_ms") \
	X(json,       "json",       NULL,        "JSON without spaces, on a terminal, too") \
	X(version,    "version",    NULL,        "print the version")                      \
	X(help,       "help",       NULL,        "print this")
// clang-format on

enum ctl_exit {
#define X(NAME, code, text) CTL_##NAME = code,
	CTL_EXITS(X)
#undef X
};

/* As given; NULL for what is not, "" for a switch that is. */
struct ctl_options {
#define X(member, name, placeholder, help) const char *member;
	CTL_OPTIONS(X)
#undef X
};

struct ctl {
	struct ctl_options options;
	struct customerd  *c; /* NULL until ctl_connect() */
};

/* A message for people: one line on stderr, behind the program's name. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Connect as the options say, unless that was done. */
enum ctl_exit ctl_connect(struct ctl *ctl);

/*
 * Make CALL with ARGS, a JSON object or NULL.  *RESULT, unless NULL, is the answer:
 * the caller's, to be given to json_decref().  What goes wrong is said, behind the
 * words WHERE.
 */
enum ctl_exit ctl_call(struct ctl *ctl, struct customerd_call *call, json_t *args,
    json_t **result, const char *where);

/* Print VALUE on stdout. */
enum ctl_exit ctl_print(const struct ctl *ctl, json_t *value);

/* The commands; ARGUMENTS as their sentences say, NULL for one that is absent. */
enum ctl_exit ctl_run_ping(struct ctl *ctl, const char *const *arguments);
enum ctl_exit ctl_run_status(struct ctl *ctl, const char *const *arguments);
enum ctl_exit ctl_run_call(struct ctl *ctl, const char *const *arguments);
enum ctl_exit ctl_run_load(struct ctl *ctl, const char *const *arguments);

#endif
