/*
 * status -- every outcome of a request, and every rule that a field can break.
 *
 * The name is what goes on the wire ("code"); it is never reused for another
 * meaning.  The HTTP status is what the shim answers unless its format says
 * otherwise.  Retryable means: nothing was changed, and the same request may
 * well succeed a little later.
 */

#ifndef PROTO_STATUS_H
#define PROTO_STATUS_H

#include "proto/slice.h"

/* X(NAME, HTTP status, retryable, text for people) */
// clang-format off
#define PROTO_STATUSES(X)                                                                  \
	X(OK,                    200, false, "done")                                        \
	X(MALFORMED,             400, false, "the message is not well-formed")              \
	X(UNKNOWN_METHOD,        404, false, "there is no such method")                     \
	X(INVALID,               422, false, "some fields break a rule")                    \
	X(UNAUTHENTICATED,       401, false, "this needs a valid token")                    \
	X(FORBIDDEN,             403, false, "the token does not permit this")              \
	X(NOT_FOUND,             404, false, "there is no such record")                     \
	X(REVISION_MISMATCH,     412, false, "the record has another revision")             \
	X(REVISION_REQUIRED,     428, false, "this store wants if_revision in every update") \
	X(LOCKED,                423, false, "the state of the record does not permit this") \
	X(CHANGES_GONE,          410, false, "the changes asked for are not here any more")  \
	X(IDEMPOTENCY_MISMATCH,  422, false, "the idempotency key came with another request before") \
	X(TOO_LARGE,             413, false, "a bound on size or number is exceeded")       \
	X(BUSY,                  503, true,  "too much work is waiting")                    \
	X(DEADLINE,              504, true,  "the time for the request was over before it began") \
	X(CANCELLED,             499, true,  "the request was cancelled before it began")   \
	X(SHUTTING_DOWN,         503, true,  "the server is stopping")                      \
	X(STORAGE_FULL,          507, true,  "no room is left; nothing was changed")        \
	X(STORAGE_FAILED,        503, true,  "the disk refused the change; nothing was changed") \
	X(UNKNOWN,               500, false, "the change may or may not have happened")     \
	X(DAMAGED,               500, false, "the stored value fails its checksum")         \
	X(NO_MEMORY,             503, true,  "out of memory; nothing was changed")

/* X(NAME, text for people).  Why one field was refused. */
#define PROTO_RULES(X)                                                                     \
	X(UNKNOWN_FIELD,      "is not a field")                                             \
	X(READ_ONLY,          "cannot be set")                                              \
	X(CREATE_ONLY,        "cannot be changed after creation")                           \
	X(REQUIRED,           "is required")                                                \
	X(DUPLICATE,          "is given more than once")                                    \
	X(WRONG_TYPE,         "has the wrong type")                                         \
	X(TOO_SHORT,          "is too short")                                               \
	X(TOO_LONG,           "is too long")                                                \
	X(TOO_SMALL,          "is too small")                                               \
	X(TOO_LARGE,          "is too large")                                               \
	X(TOO_MANY,           "has too many items")                                         \
	X(TOO_DEEP,           "is nested too deeply")                                       \
	X(BAD_TEXT,           "is not clean UTF-8 text")                                    \
	X(BAD_FORMAT,         "has the wrong format")                                       \
	X(NOT_IN_LIST,        "is not one of the permitted words")                          \
	X(TAKEN,              "is already taken")                                           \
	X(MISSING,            "names a record that does not exist")                         \
	X(DEFAULT_TWICE,      "is the second default of its type")                          \
	X(NEEDS_TAX_ID,       "needs a valid tax id")                                       \
	X(NOT_ENABLED,        "is not enabled in the store")                                \
	X(LOCKED,             "names a record whose state does not permit this")            \
	X(FORBIDDEN,          "is not permitted to the token")                              \
	X(CONFLICT,           "contradicts something else")

enum status {
#define X(name, http, retryable, text) STATUS_##name,
	PROTO_STATUSES(X)
#undef X
	STATUS_COUNT
};

enum rule {
#define X(name, text) RULE_##name,
	PROTO_RULES(X)
#undef X
	RULE_COUNT
};
// clang-format on

struct status_info {
	const char *name; /* the "code" on the wire */
	int         http;
	bool        retryable;
	const char *text;
};

struct rule_info {
	const char *name; /* the "code" of a field error */
	const char *text;
};

/* One row each; STATUS and RULE must be in range. */
const struct status_info *status_info(enum status status);
const struct rule_info   *rule_info(enum rule rule);

/*
 * The status called NAME, or STATUS_UNKNOWN when there is none: a client that
 * meets a newer server must not mistake a new refusal for success.
 */
enum status status_find(struct slice name);

#endif
