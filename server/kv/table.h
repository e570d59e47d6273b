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
#include <stdint.h>

/*
 * What is done with a table beside the usual.  Cached are tables that readers ask for
 * single keys again and again; never one that holds a secret or what makes one out.
 * Trimmed are those whose lowest keys of a store leave together: kv_drop_below().
 */
enum kv_trait { KV_PLAIN, KV_CACHED, KV_TRIMMED };

/* X(NAME, name on disk, trait)  key -> value */
// clang-format off
#define KV_TABLES(X)                                                                       \
	X(META,               "meta",                PLAIN)   /* name -> format, created, … */                    \
	X(COUNTER,            "counter",             PLAIN)   /* store, name -> numbers */                        \
	X(STORE,              "store",               CACHED)  /* 0, id -> record */                               \
	X(STORE_UNIQUE,       "store_unique",        CACHED)  /* 0, field, value -> id */                         \
	X(TOKEN,              "token",               PLAIN)   /* 0, id -> record */                               \
	X(TOKEN_UNIQUE,       "token_unique",        PLAIN)   /* 0, field, value -> id */                         \
	X(TOKEN_INDEX,        "token_index",         PLAIN)   /* 0, field, value, id -> nothing */                \
	X(TOKEN_HASH,         "token_hash",          PLAIN)   /* hash of the secret -> id */                      \
	X(CUSTOMER,           "customer",            CACHED)  /* store, id -> record */                           \
	X(CUSTOMER_UNIQUE,    "customer_unique",     CACHED)  /* store, field, value -> id */                     \
	X(CUSTOMER_INDEX,     "customer_index",      PLAIN)   /* store, field, value, id -> nothing */            \
	X(CUSTOMER_DUE,       "customer_due",        PLAIN)   /* time, store, id -> how far its erasure is */     \
	X(SECRET,             "secret",              PLAIN)   /* store, customer -> argon2id string; 0, token -> hash */ \
	X(GROUP,              "group",               CACHED)  /* as for customers */                              \
	X(GROUP_UNIQUE,       "group_unique",        CACHED)                                                      \
	X(GROUP_INDEX,        "group_index",         PLAIN)                                                       \
	X(TAG,                "tag",                 CACHED)                                                      \
	X(TAG_UNIQUE,         "tag_unique",          CACHED)                                                      \
	X(CHANGE,             "change",              TRIMMED) /* store, sequence -> change */                     \
	X(CHANGE_RECORD,      "change_record",       PLAIN)   /* an index before format 3; empty since */         \
	X(IDEMPOTENCY,        "idempotency",         PLAIN)   /* store, token, key -> first answer */             \
	X(IDEMPOTENCY_DUE,    "idempotency_due",     PLAIN)   /* time, store, token, key -> nothing */            \
	X(IDEMPOTENCY_RECORD, "idempotency_record",  PLAIN)   /* store, customer, token, key -> nothing */        \
	X(CHANGE_ABOUT,       "change_about",        PLAIN)   /* an index of format 3; empty since */             \
	X(CHANGE_OF_GONE,     "change_of_gone",      PLAIN)   /* store, kind, id -> last change of what is gone */

enum kv_table {
#define X(name, disk, trait) KV_##name,
	KV_TABLES(X)
#undef X
	KV_TABLE_COUNT
};
// clang-format on

/* The name on disk. */
const char *kv_table_name(enum kv_table table);

/* Whether TRAIT is that of TABLE. */
static inline bool
kv_table_is(enum kv_table table, enum kv_trait trait)
{
	const uint64_t traits = 0
#define X(name, disk, trait) | (uint64_t)KV_##trait << 2 * KV_##name
	    KV_TABLES(X)
#undef X
	    ;
	_Static_assert(2 * KV_TABLE_COUNT <= 64, "two bits for each table");

	return (traits >> 2 * table & 3) == trait;
}

#endif
