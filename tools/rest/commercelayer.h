/*
 * commercelayer -- what the files of that format share; JSON:API has much to say
 * around a record.
 */

#ifndef REST_COMMERCELAYER_H
#define REST_COMMERCELAYER_H

#include "tools/rest/serve.h"

#define COMMERCELAYER_TAGS_MAX 10u
#define COMMERCELAYER_CUSTOMERS_MAX 25u /* that a group includes */
#define COMMERCELAYER_PAGE_SIZE 10
#define COMMERCELAYER_PAGE_SIZE_MAX 25
#define COMMERCELAYER_TERMS_MAX 8u /* filters in one query */

/* A refusal of a document or a query, in words of its own. */
#define COMMERCELAYER_BAD(name, code, title, detail)                                   \
	static const struct reason_text name = { REASON_BAD_REQUEST, 400, code, title, \
		detail }

extern const struct resource commercelayer_customers, commercelayer_groups,
    commercelayer_tags;

serve_function commercelayer_get, commercelayer_list, commercelayer_related,
    commercelayer_linkage;

/* Whether include and fields[…] are sound; else refused. */
bool commercelayer_check_query(struct work *work);

/* Whether RESOURCE has the relationship NAME. */
bool commercelayer_is_relation(const struct resource *resource, struct slice name);
const struct relation *commercelayer_relation(
    const struct resource *resource, struct slice name); /* NULL: there is none */

/* ---- commercelayer_query.c ---- */

struct predicate;

struct commercelayer_term {
	const struct predicate *predicate;
	unsigned                field;
	struct slice            text;
	int64_t                 number;
};

/* What a list is asked for. */
struct commercelayer_query {
	int64_t                   page, size;
	bool                      is_descending; /* by id, unless there is an order */
	struct order              order[LISTING_ORDERS_MAX];
	unsigned                  order_count;
	struct commercelayer_term term[COMMERCELAYER_TERMS_MAX];
	unsigned                  term_count;
};

/* Read the query of a list of RESOURCE.  False: refused. */
bool commercelayer_query_take(struct work *work, const struct resource *resource,
    struct commercelayer_query *query);

/* Whether RECORD is what LISTING's terms, a query, want. */
bool commercelayer_fits(const struct listing *listing, const struct parts *record);

/* Whether QUERY wants nothing but that FIELD, a text, equals *VALUE. */
bool commercelayer_only_equals(
    const struct commercelayer_query *query, unsigned field, struct slice *value);

/* ---- commercelayer_read.c ---- */

const json_t *commercelayer_unwrap(struct work *work, const json_t *body);
void commercelayer_write_one(struct out *out, struct work *work, struct slice record);
void commercelayer_write_error(
    struct out *out, struct work *work, const struct complaint *complaint);

/* ---- commercelayer_write.c ---- */

/* {id, type, links, attributes, relationships, meta} of RECORD. */
void commercelayer_write_resource(struct out *out, struct work *work,
    const struct resource *resource, struct slice record);

/* The TYPE of "fields[TYPE]"; false: NAME is not of that form. */
bool commercelayer_fields_type(struct slice name, struct slice *type);

/* "http://host", from which links are made, and the link to the record UID. */
const char *commercelayer_origin(struct work *work);
const char *commercelayer_self(
    struct work *work, const struct resource *resource, struct slice uid);

/* ---- commercelayer_include.c ---- */

/* Whether the query asks to include NAME. */
bool commercelayer_includes(const struct work *work, const char *name);

/* Whether it asks for any records that RESOURCE leads to. */
bool commercelayer_includes_any(
    const struct work *work, const struct resource *resource);

/* Where relationships lead to, for the rows of the resources. */
extern const struct destination commercelayer_to_group, commercelayer_to_tags,
    commercelayer_to_customers, commercelayer_to_nobody;

/* The groups and tags that a customer is in; NULL: not known yet, or gone. */
const struct answer *commercelayer_group_of(
    struct work *work, const struct parts *customer);
const struct answer *commercelayer_tag_named(struct work *work, struct slice name);

/* {type, id} of RECORD. */
void commercelayer_write_identifier(
    struct out *out, const struct resource *resource, struct slice record);

/* What the request includes of RECORD, into the open list; each thing once. */
void commercelayer_write_included(struct out *out, struct work *work,
    const struct resource *resource, struct slice record);

/* The `data` of RELATION of a record. */
void commercelayer_write_linkage(struct out *out, struct work *work,
    const struct parts *record, const struct relation *relation);

#endif
