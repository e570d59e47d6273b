/*
 * scope -- what a token may do.
 *
 * Everything is forbidden unless a scope permits it.  Each method names the one
 * scope that it needs (method.h).  X(NAME, word on the wire, text for people)
 */

#ifndef PROTO_SCOPE_H
#define PROTO_SCOPE_H

#include <stdint.h>

// clang-format off
#define PROTO_SCOPES(X)                                                                    \
	X(CUSTOMERS_READ,      "customers.read",      "read customers")                   \
	X(CUSTOMERS_WRITE,     "customers.write",     "create and update customers")      \
	X(CUSTOMERS_DELETE,    "customers.delete",    "delete customers")                 \
	X(CUSTOMERS_PRIVATE,   "customers.private",   "read and set private fields")      \
	X(CUSTOMERS_PASSWORD,  "customers.password",  "set and verify passwords")         \
	X(CUSTOMERS_ANONYMIZE, "customers.anonymize", "request and cancel anonymisation") \
	X(GROUPS_READ,         "groups.read",         "read customer groups")             \
	X(GROUPS_WRITE,        "groups.write",        "create, update and delete groups") \
	X(TAGS_READ,           "tags.read",           "read tags")                        \
	X(TAGS_WRITE,          "tags.write",          "create, update and delete tags")   \
	X(STORE_READ,          "store.read",          "read the token's own store")       \
	X(CHANGES_READ,        "changes.read",        "read the change feed")             \
	X(IMPORT,              "import",              "create records with given id, uid and created_at") \
	X(OPERATE,             "operate",             "manage stores and tokens, see the server's status")

enum scope {
#define X(name, word, text) SCOPE_##name,
	PROTO_SCOPES(X)
#undef X
	SCOPE_COUNT,
	SCOPE_NONE = SCOPE_COUNT, /* of a method that anybody may call */
};
// clang-format on

#define SCOPE_BIT(scope) (UINT64_C(1) << (scope))

/* The words, by number, ending with NULL. */
extern const char *const scope_words[SCOPE_COUNT + 1];
const char              *scope_text(enum scope scope);

#endif
