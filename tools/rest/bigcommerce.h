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

serve_function bigcommerce_update, bigcommerce_create, bigcommerce_list,
    bigcommerce_delete, bigcommerce_group_list, bigcommerce_login;

/* Write RECORD, a customer, with what WITH names of the fields on request. */
void bigcommerce_write_customer(struct out *out, struct work *work, struct slice record,
    const struct slice *with, unsigned with_count);

bool          bigcommerce_owns(const struct work *work, struct slice store);
const json_t *bigcommerce_unwrap(struct work *work, const json_t *body);
void bigcommerce_write_one(struct out *out, struct work *work, struct slice record);
void bigcommerce_write_error(
    struct out *out, struct work *work, const struct complaint *complaint);

#endif
