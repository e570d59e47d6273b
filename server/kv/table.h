/*
 * table -- the ordered tables of the database, said once.
 *
 * A key starts with the store (key.h), but for the tables of the whole server.
 * Names are on disk: never reuse one for another meaning.
 */

#ifndef KV_TABLE_H
#define KV_TABLE_H

/* X(NAME, name on disk)  key -> value */
// clang-format off
#define KV_TABLES(X)                                                                       \
	X(META,             "meta")             /* name -> format, created, … */           \
	X(COUNTER,          "counter")          /* store, name -> numbers */               \
	X(STORE,            "store")            /* 0, id -> record */                      \
	X(STORE_UNIQUE,     "store_unique")     /* 0, field, value -> id */                \
	X(TOKEN,            "token")            /* 0, id -> record */                      \
	X(TOKEN_UNIQUE,     "token_unique")     /* 0, field, value -> id */                \
	X(TOKEN_INDEX,      "token_index")      /* 0, field, value, id -> nothing */       \
	X(TOKEN_HASH,       "token_hash")       /* hash of the secret -> id */             \
	X(CUSTOMER,         "customer")         /* store, id -> record */                  \
	X(CUSTOMER_UNIQUE,  "customer_unique")  /* store, field, value -> id */            \
	X(CUSTOMER_INDEX,   "customer_index")   /* store, field, value, id -> nothing */   \
	X(CUSTOMER_DUE,     "customer_due")     /* time, store, id -> change erased last */ \
	X(SECRET,           "secret")           /* store, customer -> argon2id string; 0, token -> hash */ \
	X(GROUP,            "group")            /* as for customers */                     \
	X(GROUP_UNIQUE,     "group_unique")                                                \
	X(GROUP_INDEX,      "group_index")                                                 \
	X(TAG,              "tag")                                                         \
	X(TAG_UNIQUE,       "tag_unique")                                                  \
	X(CHANGE,           "change")           /* store, sequence -> change */            \
	X(CHANGE_RECORD,    "change_record")    /* store, kind, id, sequence -> nothing */ \
	X(IDEMPOTENCY,      "idempotency")      /* store, token, key -> first answer */    \
	X(IDEMPOTENCY_DUE,  "idempotency_due")  /* time, store, token, key -> nothing */   \
	X(IDEMPOTENCY_RECORD, "idempotency_record") /* store, customer, token, key -> nothing */

enum kv_table {
#define X(name, disk) KV_##name,
	KV_TABLES(X)
#undef X
	KV_TABLE_COUNT
};
// clang-format on

/* The name on disk. */
const char *kv_table_name(enum kv_table table);

#endif
