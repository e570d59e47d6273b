/*
 * bigcommerce -- what the files of that format share.
 */

#ifndef REST_BIGCOMMERCE_H
#define REST_BIGCOMMERCE_H

#include "tools/rest/serve.h"

#define BIGCOMMERCE_ITEMS_MAX 10u /* customers in one call */

extern const struct mapping  bigcommerce_authentication[];
extern const struct resource bigcommerce_customers, bigcommerce_groups;

#define BIGCOMMERCE_PAGE_SIZE 50
#define BIGCOMMERCE_PAGE_SIZE_MAX 250
#define BIGCOMMERCE_GROUPS_MAX                                \
	250 /* of the list of groups, which has no pages here \
	     */

#define BIGCOMMERCE_NAMED_MAX 250u /* ids or emails in a query */
#define BIGCOMMERCE_SORTED_MAX                                 \
	1000u /* customers that are brought into another order \
	       */

/* ---- what a list's query asks for ---- */

enum bigcommerce_order {
	BIGCOMMERCE_BY_ID, /* and so by date_created: they are numbered as they are made
			    */
	BIGCOMMERCE_BY_MODIFIED,
	BIGCOMMERCE_BY_NAME,
};

enum { BIGCOMMERCE_TEXT_FILTERS = 5, BIGCOMMERCE_BOUNDS = 4 };

struct bigcommerce_query {
	int64_t                page, limit;
	enum bigcommerce_order order;
	bool                   is_descending;
	bool         has_cursor, is_before; /* the page before it, or behind it */
	int64_t      cursor;                /* an id */
	struct slice with[2];               /* fields on request */
	unsigned     with_count;
	struct slice ids, emails, groups; /* lists with commas */
	bool         has_ids, has_emails;
	unsigned     group_count;
	bool         has_match; /* something beyond them */
	struct slice texts[BIGCOMMERCE_TEXT_FILTERS];
	int64_t      bounds[BIGCOMMERCE_BOUNDS]; /* of times; 0: none */
};

/* Read the query of WORK's request; false: refused. */
bool bigcommerce_query_take(struct work *work, struct bigcommerce_query *query);

/* The argument `match` for what QUERY asks; empty: nothing. */
struct slice bigcommerce_query_match(
    struct work *work, const struct bigcommerce_query *query);

/* ---- routes ---- */

serve_function bigcommerce_update, bigcommerce_create, bigcommerce_list,
    bigcommerce_delete, bigcommerce_set_fields, bigcommerce_group_list,
    bigcommerce_login;

#define BIGCOMMERCE_VALUES_MAX 100u /* of form fields, in one call */

extern const struct reason_text bigcommerce_bad_body;
extern const struct codec       bigcommerce_form_fields;

/* Whether LIST is one, of 1 to MAX items; else refused. */
bool bigcommerce_check_list(struct work *work, const json_t *list, unsigned max);

/*
 * Update the customers of LIST, all or none.  NULL: not yet, or not; what was wrong
 * with them is noted, for bigcommerce_refuse_noted().
 */
const struct answer *bigcommerce_update_list(struct work *work, const json_t *list);

/* Refuse with the faults that are noted, if any. */
void bigcommerce_refuse_noted(struct work *work);

/* Write RECORD, a customer, with what WITH names of the fields on request. */
void bigcommerce_write_customer(struct out *out, struct work *work, struct slice record,
    const struct slice *with, unsigned with_count);

bool          bigcommerce_owns(const struct work *work, struct slice store);
const json_t *bigcommerce_unwrap(struct work *work, const json_t *body);
void bigcommerce_write_one(struct out *out, struct work *work, struct slice record);
void bigcommerce_write_error(
    struct out *out, struct work *work, const struct complaint *complaint);

#endif
