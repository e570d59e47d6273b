/*
 * commercelayer -- what the files of that format share; JSON:API has much to say
 * around a record.
 */

#ifndef REST_COMMERCELAYER_H
#define REST_COMMERCELAYER_H

#include "tools/rest/serve.h"

#define COMMERCELAYER_TAGS_MAX 10u
#define COMMERCELAYER_PAGE_SIZE 10
#define COMMERCELAYER_PAGE_SIZE_MAX 25

extern const struct resource commercelayer_customers, commercelayer_groups,
    commercelayer_tags;

serve_function commercelayer_get, commercelayer_list, commercelayer_related,
    commercelayer_linkage;

const json_t *commercelayer_unwrap(struct work *work, const json_t *body);
void commercelayer_write_one(struct out *out, struct work *work, struct slice record);
void commercelayer_write_error(
    struct out *out, struct work *work, const struct complaint *complaint);

/* ---- commercelayer_write.c ---- */

/* {id, type, links, attributes, relationships, meta} of RECORD. */
void commercelayer_write_resource(struct out *out, struct work *work,
    const struct resource *resource, struct slice record);

/* What the request includes of RECORD, into the open list; each thing once. */
void commercelayer_write_included(
    struct out *out, struct work *work, struct slice record);

/* The `data` of the relationship NAME of a customer. */
void commercelayer_write_linkage(
    struct out *out, struct work *work, const struct parts *customer, const char *name);

/* Whether the query asks to include NAME. */
bool commercelayer_includes(const struct work *work, const char *name);

/* "http://host", from which links are made. */
const char *commercelayer_origin(struct work *work);

/* The groups and tags that a customer is in; NULL: not known yet, or gone. */
const struct answer *commercelayer_group_of(
    struct work *work, const struct parts *customer);
const struct answer *commercelayer_tag_named(struct work *work, struct slice name);

#endif
