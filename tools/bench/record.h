/*
 * record -- the customer that every server is given, field by field.
 *
 * All of them keep the same texts.  The first field is the uid, so that an answer can
 * be seen to be the right one; the last one fills the record up to its size.
 */

#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"

/* X(NAME, key, how its text begins; six hexadecimal digits follow, which differ) */
// clang-format off
#define RECORD_FIELDS(X)                                                \
	X(UID,                "uid",                "")                 \
	X(EMAIL,              "email",              "")                 \
	X(FIRST_NAME,         "first_name",         "Travis ")          \
	X(LAST_NAME,          "last_name",          "Muller ")          \
	X(PHONE,              "phone",              "+39 055 ")         \
	X(SHOPPER_REFERENCE,  "shopper_reference",  "xxx-yyy-zzz-")     \
	X(PROFILE_ID,         "profile_id",         "profile-")         \
	X(TAX_EXEMPTION_CODE, "tax_exemption_code", "exemption-")       \
	X(REFERENCE,          "reference",          "ANY-EXTERNAL-REF-") \
	X(REFERENCE_ORIGIN,   "reference_origin",   "ANY-EXTERNAL-REF-ORIGIN-") \
	X(COMPANY,            "company",            "Analytical Engines Ltd. ") \
	X(TAX_ID,             "tax_id",             "IT-")              \
	X(NOTES,              "notes",              "")

enum record_field {
#define X(NAME, key, beginning) RECORD_##NAME,
	RECORD_FIELDS(X)
#undef X
	RECORD_FIELD_COUNT
};
// clang-format on

/* An update sets these two, which follow each other. */
#define RECORD_UPDATED_FIRST RECORD_PROFILE_ID
#define RECORD_UPDATED_COUNT 2u

#define RECORD_TEXT_BYTES_MAX 8192u

extern const char *const record_keys[RECORD_FIELD_COUNT];

/*
 * The text of FIELD in the record of KEY after VERSION updates, written to TEXT; only
 * the fields that an update sets depend on VERSION.  The whole record takes about
 * RECORD_BYTES as MessagePack.
 */
struct slice record_text(enum record_field field, uint64_t key, uint32_t version,
    size_t record_bytes, char text[RECORD_TEXT_BYTES_MAX]);

/* Append COUNT fields from FIRST on as pairs of a map: MessagePack, or JSON with
 * commas. */
void record_pack(struct buf *out, enum record_field first, unsigned count, uint64_t key,
    uint32_t version, size_t record_bytes);
void record_print(struct buf *out, enum record_field first, unsigned count,
    uint64_t key, uint32_t version, size_t record_bytes);

#endif
