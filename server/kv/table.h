/*
 * table -- the ordered tables of the database, said once.
 *
 * A key starts with the store (key.h), but for the tables of the whole server.
 * Names are in the file and numbers in the journals: never reuse one for another
 * meaning, and add rows at the end only.
 */

#ifndef KV_TABLE_H
#define KV_TABLE_H

#include <stdbool.h>

/*
 * X(NAME, name on disk, cached, trimmed)  key -> value
 *
 * Cached are tables that readers ask for single keys again and again; never one that
 * holds a secret or what makes one out.  Trimmed are those whose lowest keys of a store
 * leave together: kv_drop_below().
 */
// clang-format off
#define KV_TABLES(X)                                                                       \
	X(META,               "meta",                0, 0) /* name -> format, created, … */                    \
	X(COUNTER,            "counter",             0, 0) /* store, name -> numbers */                        \
	X(STORE,              "store",               1, 0) /* 0, id -> record */                               \
	X(STORE_UNIQUE,       "store_unique",        1, 0) /* 0, field, value -> id */                         \
	X(TOKEN,              "token",               0, 0) /* 0, id -> record */                               \
	X(TOKEN_UNIQUE,       "token_unique",        0, 0) /* 0, field, value -> id */                         \
	X(TOKEN_INDEX,        "token_index",         0, 0) /* 0, field, value, id -> nothing */                \
	X(TOKEN_HASH,         "token_hash",          0, 0) /* hash of the secret -> id */                      \
	X(CUSTOMER,           "customer",            1, 0) /* store, id -> record */                           \
	X(CUSTOMER_UNIQUE,    "customer_unique",     1, 0) /* store, field, value -> id */                     \
	X(CUSTOMER_INDEX,     "customer_index",      0, 0) /* store, field, value, id -> nothing */            \
	X(CUSTOMER_DUE,       "customer_due",        0, 0) /* time, store, id -> how far its erasure is */     \
	X(SECRET,             "secret",              0, 0) /* store, customer -> argon2id string; 0, token -> hash */ \
	X(GROUP,              "group",               1, 0) /* as for customers */                              \
	X(GROUP_UNIQUE,       "group_unique",        1, 0)                                                     \
	X(GROUP_INDEX,        "group_index",         0, 0)                                                     \
	X(TAG,                "tag",                 1, 0)                                                     \
	X(TAG_UNIQUE,         "tag_unique",          1, 0)                                                     \
	X(CHANGE,             "change",              0, 1) /* store, sequence -> change */                     \
	X(CHANGE_RECORD,      "change_record",       0, 0) /* an index before format 3; empty since */         \
	X(IDEMPOTENCY,        "idempotency",         0, 0) /* store, token, key -> first answer */             \
	X(IDEMPOTENCY_DUE,    "idempotency_due",     0, 0) /* time, store, token, key -> nothing */            \
	X(IDEMPOTENCY_RECORD, "idempotency_record",  0, 0) /* store, customer, token, key -> nothing */        \
	X(CHANGE_ABOUT,       "change_about",        0, 0) /* an index of format 3; empty since */             \
	X(CHANGE_OF_GONE,     "change_of_gone",      0, 0) /* store, kind, id -> last change of what is gone */

enum kv_table {
#define X(name, disk, cached, trimmed) KV_##name,
	KV_TABLES(X)
#undef X
	KV_TABLE_COUNT
};
// clang-format on

/* The name on disk. */
const char *kv_table_name(enum kv_table table);

/* Whether what is read in TABLE may be kept in memory. */
static inline bool
kv_table_is_cached(enum kv_table table)
{
	enum {
		CACHED = 0
#define X(name, disk, cached, trimmed) | (cached) << KV_##name
		KV_TABLES(X)
#undef X
	};

	return (CACHED >> table & 1) != 0;
}

/* Whether the lowest keys of a store may leave TABLE together. */
static inline bool
kv_table_is_trimmed(enum kv_table table)
{
	enum {
		TRIMMED = 0
#define X(name, disk, cached, trimmed) | (trimmed) << KV_##name
		KV_TABLES(X)
#undef X
	};

	return (TRIMMED >> table & 1) != 0;
}

#endif
