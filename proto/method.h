/*
 * method -- what can be called: methods and their arguments.
 *
 * All arguments of all methods are one shape, so an argument means the same
 * everywhere; a method says which it takes.
 *
 * Access says where a method runs: CONTROL on the connection itself, READ in a
 * snapshot on the loop, WRITE in a batch of the writer, JOB on a thread of its own.
 */

#ifndef PROTO_METHOD_H
#define PROTO_METHOD_H

#include "proto/field.h"
#include "proto/scope.h"

/* F(SHAPE, NAME, key, KIND, min, max, flags, nested shape, words); see field_table.h */
// clang-format off
#define ARGUMENT_FIELDS(F)                                                                 \
	F(ARG, ID,          "id",          INTEGER, 1, INTEGER_MAX, 0, NULL, NULL)           \
	F(ARG, UID,         "uid",         UID, 10, 10, 0, NULL, NULL)                       \
	F(ARG, CREATED_AT,  "created_at",  TIME, 0, INTEGER_MAX, 0, NULL, NULL)              \
	F(ARG, IF_REVISION, "if_revision", INTEGER, 1, INTEGER_MAX, 0, NULL, NULL)           \
	F(ARG, SET,         "set",         PATCH, 0, 0, 0, NULL, NULL)                       \
	F(ARG, ADD_TAGS,    "add_tags",    TAGS, 0, 100, 0, NULL, NULL)                      \
	F(ARG, REMOVE_TAGS, "remove_tags", TAGS, 0, 100, 0, NULL, NULL)                      \
	F(ARG, IGNORE_UNKNOWN_TAGS, "ignore_unknown_tags", BOOL, 0, 1, 0, NULL, NULL)        \
	F(ARG, ANONYMIZE,   "anonymize",   WORD, 0, 0, 0, NULL, anonymize_words)             \
	F(ARG, CREATES,     "creates",     PATCHES, 1, UPDATE_MANY_MAX, 0, NULL, NULL)       \
	F(ARG, UPDATES,     "updates",     PATCHES, 1, UPDATE_MANY_MAX, 0, NULL, NULL)       \
	F(ARG, ATOMIC,      "atomic",      BOOL, 0, 1, 0, NULL, NULL)                        \
	F(ARG, WANT,        "want",        WORD, 0, 0, 0, NULL, want_words)                  \
	F(ARG, LIMIT,       "limit",       INTEGER, 1, LIST_LIMIT_MAX, 0, NULL, NULL)        \
	F(ARG, AFTER,       "after",       INTEGER, 0, INTEGER_MAX, 0, NULL, NULL)           \
	F(ARG, OFFSET,      "offset",      INTEGER, 0, LIST_OFFSET_MAX, 0, NULL, NULL)       \
	F(ARG, BEFORE,      "before",      INTEGER, 1, INTEGER_MAX, 0, NULL, NULL)           \
	F(ARG, IDS,         "ids",         INTEGERS, 1, LIST_IDS_MAX, 0, NULL, NULL)       \
	F(ARG, MATCH,       "match",       OBJECT, 0, 1, 0, &match_shape, NULL)              \
	F(ARG, KIND,        "kind",        WORD, 0, 0, 0, NULL, kind_words)                  \
	F(ARG, CREDIT,      "credit",      INTEGER, 1, FEED_CREDIT_MAX, 0, NULL, NULL)       \
	F(ARG, SUBSCRIPTION, "subscription", INTEGER, 1, INTEGER_MAX, 0, NULL, NULL)         \
	F(ARG, GROUP,       "group",       INTEGER, 1, INTEGER_MAX, 0, NULL, NULL)           \
	F(ARG, TAG,         "tag",         TAG, 1, 25, 0, NULL, NULL)                        \
	F(ARG, EMAIL,       "email",       EMAIL, 3, 254, 0, NULL, NULL)                     \
	F(ARG, SLUG,        "slug",        LINE, 1, 330, 0, NULL, NULL)                      \
	F(ARG, REFERENCE,   "reference",   LINE, 0, 255, 0, NULL, NULL)                      \
	F(ARG, NAME,        "name",        TAG, 1, 25, 0, NULL, NULL)                        \
	F(ARG, ECWID_ID,    "ecwid_id",    INTEGER, 1, INTEGER_MAX, 0, NULL, NULL)           \
	F(ARG, BIGCOMMERCE_HASH, "bigcommerce_hash", LINE, 1, 64, 0, NULL, NULL)             \
	F(ARG, COMMERCELAYER_ORGANIZATION_ID, "commercelayer_organization_id", LINE, 1, 64, 0, NULL, NULL) \
	F(ARG, STORE,       "store",       INTEGER, 1, STORE_ID_MAX, 0, NULL, NULL)          \
	F(ARG, PASSWORD,    "password",    TEXT, 1, 1024, SECRET, NULL, NULL)                \
	F(ARG, TOKEN,       "token",       LINE, 10, TOKEN_BYTES_MAX, SECRET, NULL, NULL)    \
	F(ARG, PROTO,       "proto",       INTEGER, 1, INTEGER_MAX, 0, NULL, NULL)           \
	F(ARG, CLIENT,      "client",      MAP, 0, 1024, 0, NULL, NULL)                      \
	F(ARG, ORDERED,     "ordered",     BOOL, 0, 1, 0, NULL, NULL)                        \
	F(ARG, DIRECTORY,   "directory",   LINE, 2, DIRECTORY_BYTES_MAX, 0, NULL, NULL)

#define A(name) ARG_BIT(ARG_##name)
#define ARGS_ONE    (A(ID) | A(UID))                        /* which record */
#define ARGS_CREATE (A(ID) | A(UID) | A(CREATED_AT) | A(SET) | A(WANT))
/* What each item of create_many has. */
#define ARGS_CREATE_ITEM (A(ID) | A(UID) | A(SET))
#define ARGS_UPDATE (ARGS_ONE | A(IF_REVISION) | A(SET) | A(WANT))
#define ARGS_DELETE (ARGS_ONE | A(IF_REVISION))
#define ARGS_LIST   (A(LIMIT) | A(AFTER) | A(BEFORE) | A(OFFSET))
/* What customer.update has more than other updates, and each item of update_many. */
#define ARGS_CUSTOMER_UPDATE                                                               \
	(ARGS_UPDATE | A(ADD_TAGS) | A(REMOVE_TAGS) | A(IGNORE_UNKNOWN_TAGS) | A(ANONYMIZE))
#define ARGS_UPDATE_ITEM (ARGS_CUSTOMER_UPDATE & ~A(WANT))

/* X(NAME, name on the wire, access, scope, record, arguments, flags) */
#define PROTO_METHODS(X)                                                                   \
	X(HELLO,           "hello",           CONTROL, NONE, STORE, A(PROTO) | A(CLIENT) | A(TOKEN) | A(ORDERED), 0) \
	X(PING,            "ping",            CONTROL, NONE, STORE, 0, 0)                    \
	X(SERVER_STATUS,   "server.status",   CONTROL, OPERATE, STORE, 0, 0)                 \
	X(SERVER_BACKUP,   "server.backup",   JOB, OPERATE, STORE, A(DIRECTORY), 0)          \
	X(SERVER_SCRUB,    "server.scrub",    JOB, OPERATE, STORE, 0, 0)                     \
	X(CUSTOMER_CREATE, "customer.create", WRITE, CUSTOMERS_WRITE, CUSTOMER, ARGS_CREATE, 0) \
	X(CUSTOMER_CREATE_MANY, "customer.create_many", WRITE, CUSTOMERS_WRITE, CUSTOMER, A(CREATES) | A(WANT), 0) \
	X(CUSTOMER_GET,    "customer.get",    READ,  CUSTOMERS_READ, CUSTOMER, ARGS_ONE, OWN) \
	X(CUSTOMER_FIND,   "customer.find",   READ,  CUSTOMERS_READ, CUSTOMER, A(EMAIL) | A(SLUG) | A(REFERENCE), 0) \
	X(CUSTOMER_LIST,   "customer.list",   READ,  CUSTOMERS_READ, CUSTOMER, ARGS_LIST | A(IDS) | A(GROUP) | A(TAG) | A(REFERENCE) | A(MATCH), 0) \
	X(CUSTOMER_UPDATE, "customer.update", WRITE, CUSTOMERS_WRITE, CUSTOMER, ARGS_CUSTOMER_UPDATE, OWN) \
	X(CUSTOMER_UPDATE_MANY, "customer.update_many", WRITE, CUSTOMERS_WRITE, CUSTOMER, A(UPDATES) | A(ATOMIC) | A(WANT), 0) \
	X(CUSTOMER_DELETE, "customer.delete", WRITE, CUSTOMERS_DELETE, CUSTOMER, ARGS_DELETE, OWN | FREES) \
	X(CUSTOMER_VERIFY_PASSWORD, "customer.verify_password", READ, CUSTOMERS_PASSWORD, CUSTOMER, ARGS_ONE | A(EMAIL) | A(PASSWORD), OWN) \
	X(CUSTOMER_ANONYMIZE, "customer.anonymize", WRITE, CUSTOMERS_ANONYMIZE, CUSTOMER, ARGS_ONE | A(IF_REVISION) | A(ANONYMIZE) | A(WANT), 0) \
	X(CUSTOMER_HISTORY, "customer.history", READ, CHANGES_READ, CUSTOMER, ARGS_ONE | A(LIMIT) | A(BEFORE), 0) \
	X(GROUP_CREATE,    "group.create",    WRITE, GROUPS_WRITE, GROUP, ARGS_CREATE, 0)    \
	X(GROUP_GET,       "group.get",       READ,  GROUPS_READ,  GROUP, ARGS_ONE, 0)       \
	X(GROUP_FIND,      "group.find",      READ,  GROUPS_READ,  GROUP, A(REFERENCE), 0)   \
	X(GROUP_LIST,      "group.list",      READ,  GROUPS_READ,  GROUP, ARGS_LIST | A(REFERENCE), 0) \
	X(GROUP_UPDATE,    "group.update",    WRITE, GROUPS_WRITE, GROUP, ARGS_UPDATE, 0)    \
	X(GROUP_DELETE,    "group.delete",    WRITE, GROUPS_WRITE, GROUP, ARGS_DELETE, FREES) \
	X(TAG_CREATE,      "tag.create",      WRITE, TAGS_WRITE, TAG, ARGS_CREATE, 0)        \
	X(TAG_GET,         "tag.get",         READ,  TAGS_READ,  TAG, ARGS_ONE, 0)           \
	X(TAG_FIND,        "tag.find",        READ,  TAGS_READ,  TAG, A(NAME), 0)            \
	X(TAG_LIST,        "tag.list",        READ,  TAGS_READ,  TAG, ARGS_LIST, 0)          \
	X(TAG_UPDATE,      "tag.update",      WRITE, TAGS_WRITE, TAG, ARGS_UPDATE, 0)        \
	X(TAG_DELETE,      "tag.delete",      WRITE, TAGS_WRITE, TAG, ARGS_DELETE, FREES)    \
	X(STORE_CREATE,    "store.create",    WRITE, OPERATE,    STORE, ARGS_CREATE, 0)      \
	X(STORE_GET,       "store.get",       READ,  STORE_READ, STORE, ARGS_ONE, 0)         \
	X(STORE_FIND,      "store.find",      READ,  OPERATE,    STORE, A(ECWID_ID) | A(BIGCOMMERCE_HASH) | A(COMMERCELAYER_ORGANIZATION_ID), 0) \
	X(STORE_LIST,      "store.list",      READ,  OPERATE,    STORE, ARGS_LIST, 0)        \
	X(STORE_UPDATE,    "store.update",    WRITE, OPERATE,    STORE, ARGS_UPDATE, 0)      \
	X(TOKEN_CREATE,    "token.create",    WRITE, OPERATE,    TOKEN, (ARGS_CREATE & ~A(WANT)) | A(TOKEN), 0) \
	X(TOKEN_GET,       "token.get",       READ,  OPERATE,    TOKEN, ARGS_ONE, 0)         \
	X(TOKEN_LIST,      "token.list",      READ,  OPERATE,    TOKEN, ARGS_LIST | A(STORE), 0) \
	X(TOKEN_UPDATE,    "token.update",    WRITE, OPERATE,    TOKEN, ARGS_UPDATE, 0)      \
	X(TOKEN_DELETE,    "token.delete",    WRITE, OPERATE,    TOKEN, ARGS_DELETE, FREES)  \
	X(CHANGE_READ,     "change.read",     READ,  CHANGES_READ, STORE, A(LIMIT) | A(AFTER) | A(STORE) | A(KIND) | A(ID), 0) \
	X(CHANGE_SUBSCRIBE, "change.subscribe", CONTROL, CHANGES_READ, STORE, A(AFTER) | A(CREDIT) | A(STORE) | A(KIND) | A(ID), 0) \
	X(CHANGE_CREDIT,   "change.credit",   CONTROL, CHANGES_READ, STORE, A(SUBSCRIPTION) | A(CREDIT), 0) \
	X(CHANGE_UNSUBSCRIBE, "change.unsubscribe", CONTROL, CHANGES_READ, STORE, A(SUBSCRIPTION), 0)
// clang-format on

#define ARG_BIT(arg) (UINT64_C(1) << (arg))

#define F(shape, name, key, kind, min, max, flags, nested, words) shape##_##name,
enum argument { ARGUMENT_FIELDS(F) ARG_COUNT };
#undef F

enum method_access {
	METHOD_CONTROL,
	METHOD_READ,
	METHOD_WRITE,
	METHOD_JOB,
};

enum method_flag {
	/* Permitted to a token that is bound to one customer, for that customer. */
	METHOD_OWN = 1,
	/* Makes room, so it may use what the disk's quota keeps back for deletes. */
	METHOD_FREES = 2,
};

#define OWN METHOD_OWN
#define FREES METHOD_FREES
// clang-format off
enum method_number {
#define X(name, wire, access, scope, record, args, flags) METHOD_##name,
	PROTO_METHODS(X)
#undef X
	METHOD_COUNT
};
// clang-format on

struct method {
	enum method_number number;
	struct slice       name;
	enum method_access access;
	enum scope         scope;
	enum record_kind   record;
	uint64_t           args; /* bits of enum argument */
	unsigned           flags;
};

extern const struct method methods[METHOD_COUNT];
extern const struct shape  argument_shape;

/* The method called NAME, or NULL. */
const struct method *method_find(struct slice name);

/* The words of the argument "want", by number. */
enum want { WANT_REVISION, WANT_RECORD };

/* The words of the argument "anonymize", by number. */
enum anonymize_action { ANONYMIZE_REQUEST, ANONYMIZE_CANCEL };

#endif
