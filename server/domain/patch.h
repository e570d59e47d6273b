/*
 * patch -- what a request wants changed in one record, decoded and judged.
 *
 * Everything that can be decided without the database has been decided when a
 * patch exists: known fields, permitted ones, values in canonical form.
 *
 * Memory.  In the call's arena, and in its bytes.
 */

#ifndef DOMAIN_PATCH_H
#define DOMAIN_PATCH_H

#include "server/domain/call.h"
#include "server/domain/record.h"

struct patch {
	uint64_t              id; /* which record: its id, or else … */
	struct slice          uid;
	int64_t               if_revision; /* 0: any */
	uint64_t              clear;       /* fields to clear, FIELD_BIT()s */
	struct slice          add_tags;    /* packed lists of tags, or empty */
	struct slice          remove_tags;
	bool                  ignore_unknown_tags;
	bool                  has_anonymize;
	enum anonymize_action anonymize;
	struct password_job  *password; /* of the password to set, or NULL */
	struct record         set;      /* fields to set, and their canonical values */
};

/* Make PATCH one that asks for nothing. */
void patch_init(struct patch *patch);

/*
 * Decode SET, a packed map (or empty), into PATCH as a record of SHAPE is created or
 * updated.  Violations are noted in the call below "set".  FORBIDDEN when the token's
 * scopes do not permit a field.
 */
enum status patch_decode(struct patch *patch, struct call *call,
    const struct shape *shape, struct slice set, bool creating);

#endif
