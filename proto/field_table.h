/*
 * field_table -- the fields, one row each.  Included by field.h and field.c only.
 *
 * F(SHAPE, NAME, key, KIND, min, max, flags, shape of nested values or NULL,
 *   words or NULL)
 *
 * Where a bound is a platform's, the platform is named; where nobody publishes one,
 * it is ours, chosen so that every field at its longest still fits the record.
 */

#ifndef PROTO_FIELD_TABLE_H
#define PROTO_FIELD_TABLE_H

// clang-format off
#define COMMON_FIELDS(F, S)                                                                \
	F(S, ID,         "id",         INTEGER, 1, INTEGER_MAX, READ_ONLY, NULL, NULL)       \
	F(S, UID,        "uid",        UID,     10, 10, READ_ONLY | UNIQUE, NULL, NULL)               \
	F(S, REVISION,   "revision",   INTEGER, 1, INTEGER_MAX, READ_ONLY, NULL, NULL)       \
	F(S, CREATED_AT, "created_at", TIME,    0, INTEGER_MAX, READ_ONLY, NULL, NULL)       \
	F(S, UPDATED_AT, "updated_at", TIME,    0, INTEGER_MAX, READ_ONLY, NULL, NULL)

/* Names: 150 is Django's; BigCommerce's 100 is a rule of that format. */
#define CUSTOMER_FIELDS(F)                                                                 \
	COMMON_FIELDS(F, CUSTOMER)                                                         \
	F(CUSTOMER, EMAIL,         "email",         EMAIL, 3, 254, REQUIRED | UNIQUE | FOLDED | PERSONAL, NULL, NULL) \
	F(CUSTOMER, FIRST_NAME,    "first_name",    LINE,  0, 150, PERSONAL, NULL, NULL)     \
	F(CUSTOMER, LAST_NAME,     "last_name",     LINE,  0, 150, PERSONAL, NULL, NULL)     \
	F(CUSTOMER, SLUG,          "slug",          LINE,  1, 330, READ_ONLY | UNIQUE | PERSONAL, NULL, NULL) \
	F(CUSTOMER, DATE_OF_BIRTH, "date_of_birth", DATE,  10, 10, PERSONAL, NULL, NULL)     \
	F(CUSTOMER, PHONE,         "phone",         LINE,  0, 50, PERSONAL, NULL, NULL)      \
	F(CUSTOMER, COMPANY,       "company",       LINE,  0, 255, PERSONAL, NULL, NULL)     \
	F(CUSTOMER, NOTES,         "notes",         TEXT,  0, 4000, PRIVATE | PERSONAL, NULL, NULL) \
	F(CUSTOMER, BILLING_ADDRESS, "billing_address", OBJECT, 0, 1, PERSONAL, &address_shape, NULL) \
	F(CUSTOMER, SHIPPING_ADDRESSES, "shipping_addresses", OBJECTS, 0, 50, PERSONAL, &saved_address_shape, NULL) \
	F(CUSTOMER, CONTACTS,      "contacts",      OBJECTS, 0, 50, PERSONAL, &contact_shape, NULL) \
	F(CUSTOMER, GROUP,         "group",         INTEGER, 1, INTEGER_MAX, INDEXED, NULL, NULL) \
	F(CUSTOMER, TAGS,          "tags",          TAGS,  0, 10, INDEXED, NULL, NULL)       \
	F(CUSTOMER, TAX_EXEMPTION_CODE, "tax_exemption_code", LINE, 0, 255, 0, NULL, NULL)   \
	F(CUSTOMER, TAX_ID,        "tax_id",        LINE,  0, 255, PERSONAL, NULL, NULL)     \
	F(CUSTOMER, TAX_ID_VALID,  "tax_id_valid",  BOOL,  0, 1, 0, NULL, NULL)              \
	F(CUSTOMER, TAX_EXEMPT,    "tax_exempt",    BOOL,  0, 1, 0, NULL, NULL)              \
	F(CUSTOMER, ACCEPTS_MARKETING, "accepts_marketing", BOOL, 0, 1, PERSONAL, NULL, NULL) \
	F(CUSTOMER, LANGUAGE,      "language",      LANGUAGE, 2, 35, 0, NULL, NULL)          \
	F(CUSTOMER, PASSWORD,      "password",      TEXT,  1, 1024, SECRET | PERSONAL, NULL, NULL) \
	F(CUSTOMER, HAS_PASSWORD,  "has_password",  BOOL,  0, 1, READ_ONLY, NULL, NULL)      \
	F(CUSTOMER, FORCE_PASSWORD_RESET, "force_password_reset", BOOL, 0, 1, 0, NULL, NULL) \
	F(CUSTOMER, SHOPPER_REFERENCE, "shopper_reference", LINE, 3, 128, PERSONAL, NULL, NULL) \
	F(CUSTOMER, PROFILE_ID,    "profile_id",    LINE,  0, 255, PERSONAL, NULL, NULL)     \
	F(CUSTOMER, REFERENCE,     "reference",     LINE,  0, 255, INDEXED | PERSONAL, NULL, NULL) \
	F(CUSTOMER, REFERENCE_ORIGIN, "reference_origin", LINE, 0, 255, PERSONAL, NULL, NULL) \
	F(CUSTOMER, METADATA,      "metadata",      MAP,   0, 8192, PERSONAL, NULL, NULL)    \
	F(CUSTOMER, JWT_CUSTOM_CLAIM, "jwt_custom_claim", MAP, 0, 8192, PERSONAL, NULL, NULL) \
	F(CUSTOMER, STATUS,        "status",        WORD,  0, 0, READ_ONLY, NULL, customer_statuses) \
	F(CUSTOMER, TOTAL_ORDERS_COUNT, "total_orders_count", INTEGER, 0, INTEGER_MAX, 0, NULL, NULL) \
	F(CUSTOMER, REGISTRATION_IP_ADDRESS, "registration_ip_address", IP, 0, 45, CREATE_ONLY | PERSONAL, NULL, NULL) \
	F(CUSTOMER, ORIGIN_CHANNEL_ID, "origin_channel_id", INTEGER, 0, INTEGER_MAX, CREATE_ONLY, NULL, NULL) \
	F(CUSTOMER, CHANNEL_IDS,   "channel_ids",   INTEGERS, 1, 100, 0, NULL, NULL)         \
	F(CUSTOMER, STORE_CREDIT_AMOUNTS, "store_credit_amounts", OBJECTS, 0, 10, 0, &credit_shape, NULL) \
	F(CUSTOMER, FORM_FIELDS,   "form_fields",   OBJECTS, 0, 50, PERSONAL, &form_field_shape, NULL) \
	F(CUSTOMER, ACCEPTS_PRODUCT_REVIEW_ABANDONED_CART_EMAILS, "accepts_product_review_abandoned_cart_emails", BOOL, 0, 1, PERSONAL, NULL, NULL) \
	F(CUSTOMER, ANONYMIZATION, "anonymization", OBJECT, 0, 1, READ_ONLY, &anonymization_shape, NULL)

#define GROUP_FIELDS(F)                                                                    \
	COMMON_FIELDS(F, GROUP)                                                            \
	F(GROUP, NAME,             "name",             LINE, 1, 255, REQUIRED, NULL, NULL)   \
	F(GROUP, REFERENCE,        "reference",        LINE, 0, 255, INDEXED, NULL, NULL)    \
	F(GROUP, REFERENCE_ORIGIN, "reference_origin", LINE, 0, 255, 0, NULL, NULL)          \
	F(GROUP, METADATA,         "metadata",         MAP,  0, 8192, 0, NULL, NULL)

/* Commerce Layer: at most 25 characters, stored in lower case. */
#define TAG_FIELDS(F)                                                                      \
	COMMON_FIELDS(F, TAG)                                                              \
	F(TAG, NAME, "name", TAG, 1, 25, REQUIRED | UNIQUE, NULL, NULL)

/* A shop, with the names that the platforms' formats know it by. */
#define STORE_FIELDS(F)                                                                    \
	COMMON_FIELDS(F, STORE)                                                            \
	F(STORE, NAME,      "name",      LINE,  1, 255, REQUIRED, NULL, NULL)                \
	F(STORE, MODE,      "mode",      WORD,  0, 0, REQUIRED, NULL, store_modes)           \
	F(STORE, LANGUAGES, "languages", LANGUAGES, 0, 100, 0, NULL, NULL)                   \
	F(STORE, ECWID_ID,  "ecwid_id",  INTEGER, 1, INTEGER_MAX, UNIQUE, NULL, NULL)        \
	F(STORE, BIGCOMMERCE_HASH, "bigcommerce_hash", LINE, 1, 64, UNIQUE, NULL, NULL)      \
	F(STORE, COMMERCELAYER_ORGANIZATION_ID, "commercelayer_organization_id", LINE, 1, 64, UNIQUE, NULL, NULL) \
	F(STORE, ANONYMIZATION_GRACE_MS, "anonymization_grace_ms", INTEGER, 0, ANONYMIZATION_GRACE_MS_MAX, 0, NULL, NULL) \
	F(STORE, REVISION_REQUIRED, "revision_required", BOOL, 0, 1, 0, NULL, NULL)

#define TOKEN_FIELDS(F)                                                                    \
	COMMON_FIELDS(F, TOKEN)                                                            \
	F(TOKEN, NAME,       "name",       LINE, 1, 255, REQUIRED, NULL, NULL)               \
	F(TOKEN, STORE,      "store",      INTEGER, 1, STORE_ID_MAX, CREATE_ONLY | REQUIRED | INDEXED, NULL, NULL) \
	F(TOKEN, SCOPES,     "scopes",     WORDS, 1, 32, REQUIRED, NULL, scope_words)        \
	F(TOKEN, CUSTOMER,   "customer",   INTEGER, 1, INTEGER_MAX, CREATE_ONLY, NULL, NULL) \
	F(TOKEN, USER,       "user",       OBJECT, 0, 1, 0, &person_shape, NULL)             \
	F(TOKEN, EXPIRES_AT, "expires_at", TIME, 0, INTEGER_MAX, INDEXED, NULL, NULL)              \
	F(TOKEN, PUBLIC_KEY, "public_key_sha256", SHA256, 64, 64, UNIQUE, NULL, NULL)

#define ADDRESS_TEXTS(F, S)                                                                \
	F(S, NAME,         "name",         LINE, 0, 255, 0, NULL, NULL)                      \
	F(S, COMPANY,      "company",      LINE, 0, 255, 0, NULL, NULL)                      \
	F(S, STREET,       "street",       TEXT, 0, 255, 0, NULL, NULL)                      \
	F(S, CITY,         "city",         LINE, 0, 100, 0, NULL, NULL)                      \
	F(S, STATE,        "state",        LINE, 0, 100, 0, NULL, NULL)                      \
	F(S, STATE_CODE,   "state_code",   LINE, 0, 10, 0, NULL, NULL)                       \
	F(S, COUNTRY,      "country",      LINE, 0, 100, 0, NULL, NULL)                      \
	F(S, COUNTRY_CODE, "country_code", COUNTRY, 2, 2, 0, NULL, NULL)                     \
	F(S, POSTAL_CODE,  "postal_code",  LINE, 0, 20, 0, NULL, NULL)                       \
	F(S, PHONE,        "phone",        LINE, 0, 50, 0, NULL, NULL)

#define ADDRESS_FIELDS(F) ADDRESS_TEXTS(F, ADDRESS)

/* The id is the server's when it is not given. */
#define SAVED_ADDRESS_FIELDS(F)                                                            \
	F(SAVED_ADDRESS, ID, "id", INTEGER, 1, INTEGER_MAX, 0, NULL, NULL)                   \
	ADDRESS_TEXTS(F, SAVED_ADDRESS)

/* Ecwid's documented types. */
#define CONTACT_FIELDS(F)                                                                  \
	F(CONTACT, ID,        "id",        INTEGER, 1, INTEGER_MAX, 0, NULL, NULL)           \
	F(CONTACT, TYPE,      "type",      WORD, 0, 0, REQUIRED, NULL, contact_types)        \
	F(CONTACT, CONTACT,   "contact",   LINE, 1, 255, REQUIRED, NULL, NULL)               \
	F(CONTACT, HANDLE,    "handle",    LINE, 0, 100, 0, NULL, NULL)                      \
	F(CONTACT, NOTE,      "note",      TEXT, 0, 255, 0, NULL, NULL)                      \
	F(CONTACT, DEFAULT,   "default",   BOOL, 0, 1, 0, NULL, NULL)                        \
	F(CONTACT, ORDER_BY,  "order_by",  INTEGER, 0, 1000000, 0, NULL, NULL)               \
	F(CONTACT, TIMESTAMP, "timestamp", TIME, 0, INTEGER_MAX, 0, NULL, NULL)

/* The user behind a token; not the customer. */
#define PERSON_FIELDS(F)                                                                   \
	F(PERSON, ID,         "id",         LINE, 1, 64, REQUIRED, NULL, NULL)               \
	F(PERSON, FIRST_NAME, "first_name", LINE, 0, 150, 0, NULL, NULL)                     \
	F(PERSON, LAST_NAME,  "last_name",  LINE, 0, 150, 0, NULL, NULL)                     \
	F(PERSON, EMAIL,      "email",      EMAIL, 3, 254, 0, NULL, NULL)

#define ANONYMIZATION_FIELDS(F)                                                            \
	F(ANONYMIZATION, STATUS,       "status",       WORD, 0, 0, REQUIRED, NULL, anonymization_statuses) \
	F(ANONYMIZATION, REQUESTED_AT, "requested_at", TIME, 0, INTEGER_MAX, 0, NULL, NULL)  \
	F(ANONYMIZATION, DUE_AT,       "due_at",       TIME, 0, INTEGER_MAX, 0, NULL, NULL)  \
	F(ANONYMIZATION, STARTED_AT,   "started_at",   TIME, 0, INTEGER_MAX, 0, NULL, NULL)  \
	F(ANONYMIZATION, COMPLETED_AT, "completed_at", TIME, 0, INTEGER_MAX, 0, NULL, NULL)  \
	F(ANONYMIZATION, FAILED_AT,    "failed_at",    TIME, 0, INTEGER_MAX, 0, NULL, NULL)  \
	F(ANONYMIZATION, CANCELLED_AT, "cancelled_at", TIME, 0, INTEGER_MAX, 0, NULL, NULL)  \
	F(ANONYMIZATION, REQUESTER,    "requester",    OBJECT, 0, 1, 0, &person_shape, NULL) \
	F(ANONYMIZATION, CANCELLATION_REQUESTER, "cancellation_requester", OBJECT, 0, 1, 0, &person_shape, NULL)

/* BigCommerce's form fields; one entry for each name. */
#define FORM_FIELD_FIELDS(F)                                                               \
	F(FORM_FIELD, NAME,  "name",  LINE, 1, 255, REQUIRED, NULL, NULL)                    \
	F(FORM_FIELD, VALUE, "value", SCALARS, 0, 1000, REQUIRED, NULL, NULL)

#define CREDIT_FIELDS(F)                                                                   \
	F(CREDIT, AMOUNT, "amount", NUMBER, -CREDIT_MAX, CREDIT_MAX, REQUIRED, NULL, NULL)

/* What records of a list must be like; see server/domain/filter.h. */
#define MATCH_FIELDS(F)                                                                    \
	F(MATCH, COMPANY,      "company",      LINES, 1, MATCH_ITEMS_MAX, 0, NULL, NULL)     \
	F(MATCH, NAME,         "name",         LINES, 1, MATCH_ITEMS_MAX, 0, NULL, NULL)     \
	F(MATCH, NAME_PART,    "name_part",    LINES, 1, MATCH_ITEMS_MAX, 0, NULL, NULL)     \
	F(MATCH, PHONE,        "phone",        LINES, 1, MATCH_ITEMS_MAX, 0, NULL, NULL)     \
	F(MATCH, REGISTRATION_IP_ADDRESS, "registration_ip_address", LINES, 1, MATCH_ITEMS_MAX, 0, NULL, NULL) \
	F(MATCH, GROUP,        "group",        INTEGERS, 1, MATCH_ITEMS_MAX, 0, NULL, NULL)  \
	F(MATCH, CREATED_FROM, "created_from", TIME, 0, INTEGER_MAX, 0, NULL, NULL)          \
	F(MATCH, CREATED_TO,   "created_to",   TIME, 0, INTEGER_MAX, 0, NULL, NULL)          \
	F(MATCH, UPDATED_FROM, "updated_from", TIME, 0, INTEGER_MAX, 0, NULL, NULL)          \
	F(MATCH, UPDATED_TO,   "updated_to",   TIME, 0, INTEGER_MAX, 0, NULL, NULL)

/* X(NAME, name for documents, variable) */
#define PROTO_SHAPES(X)                                                                    \
	X(ADDRESS,       "address",       address_shape)                                  \
	X(SAVED_ADDRESS, "saved address", saved_address_shape)                            \
	X(CONTACT,       "contact",       contact_shape)                                  \
	X(PERSON,        "person",        person_shape)                                   \
	X(ANONYMIZATION, "anonymization", anonymization_shape)                            \
	X(FORM_FIELD,    "form field",    form_field_shape)                               \
	X(CREDIT,        "store credit",  credit_shape)                                   \
	X(MATCH,         "match",         match_shape)
// clang-format on

#define ANONYMIZATION_GRACE_MS_DEFAULT (24LL * 3600 * 1000)
#define ANONYMIZATION_GRACE_MS_MAX (90LL * 24 * 3600 * 1000)
#define STORE_ID_MAX 4294967295LL  /* a store is a u32 in keys */
#define CREDIT_MAX 1000000000000LL /* 10^12 of any currency */

#define F(shape, name, key, kind, min, max, flags, nested, words) shape##_##name,
enum { CUSTOMER_FIELDS(F) CUSTOMER_FIELD_COUNT };
enum { GROUP_FIELDS(F) GROUP_FIELD_COUNT };
enum { TAG_FIELDS(F) TAG_FIELD_COUNT };
enum { STORE_FIELDS(F) STORE_FIELD_COUNT };
enum { TOKEN_FIELDS(F) TOKEN_FIELD_COUNT };
enum { ADDRESS_FIELDS(F) ADDRESS_FIELD_COUNT };
enum { SAVED_ADDRESS_FIELDS(F) SAVED_ADDRESS_FIELD_COUNT };
enum { CONTACT_FIELDS(F) CONTACT_FIELD_COUNT };
enum { PERSON_FIELDS(F) PERSON_FIELD_COUNT };
enum { ANONYMIZATION_FIELDS(F) ANONYMIZATION_FIELD_COUNT };
enum { FORM_FIELD_FIELDS(F) FORM_FIELD_FIELD_COUNT };
enum { CREDIT_FIELDS(F) CREDIT_FIELD_COUNT };
enum { MATCH_FIELDS(F) MATCH_FIELD_COUNT };
#undef F

#endif
