/*
 * ecwid -- what the files of that format share.
 */

#ifndef REST_ECWID_H
#define REST_ECWID_H

#include "tools/rest/serve.h"

#define ECWID_GENERAL "General" /* the group of those who are in none */

extern const struct resource ecwid_customers, ecwid_groups, ecwid_contacts;
extern const struct mapping  ecwid_contact_fields[];

#define ECWID_ONLY_MAX 64u      /* names in responseFields */
#define ECWID_PAGE_SIZE_MAX 100 /* and the default */

serve_function ecwid_list, ecwid_group_get, ecwid_profile;
serve_function ecwid_contact_list, ecwid_contact_get, ecwid_contact_create,
    ecwid_contact_update, ecwid_contact_delete;

bool          ecwid_owns(const struct work *work, struct slice store);
const json_t *ecwid_unwrap(struct work *work, const json_t *body);
void          ecwid_write_one(struct out *out, struct work *work, struct slice record);
void          ecwid_write_deleted(struct work *work);
void          ecwid_write_error(
	     struct out *out, struct work *work, const struct complaint *complaint);

/* {KEY: VALUE} */
void ecwid_write_count(struct out *out, const char *key, int64_t value);

/* What responseFields names within so many parentheses; 0: it names nothing there. */
unsigned ecwid_wanted(
    struct work *work, unsigned depth, struct slice only[ECWID_ONLY_MAX]);

/* An object of what ROWS know of PARTS, or of what is wanted of that. */
void ecwid_write_fields(struct out *out, struct work *work, const struct parts *parts,
    const struct mapping *rows, unsigned depth);

/* The same for a RECORD of the route's kind. */
void ecwid_write_record(
    struct out *out, struct work *work, struct slice record, unsigned depth);

/* Refuse the parameter NAME of the query, and be false. */
bool ecwid_refuse_parameter(struct work *work, const char *name);

/* Fill LISTING with the customers that the query searches for.  False: not yet. */
bool ecwid_search(struct work *work, struct listing *listing);

#endif
