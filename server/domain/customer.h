/*
 * customer -- what is special about customers: the rules of the business, the
 * derived fields, the password.
 *
 * Each rule has one function and one test named after it.
 */

#ifndef DOMAIN_CUSTOMER_H
#define DOMAIN_CUSTOMER_H

#include "server/domain/edit.h"

/*
 * Complete PATCH on the loop: saved addresses and contacts without an id get one,
 * contacts without a timestamp get the time of the call, a password gets a job.
 */
enum status customer_complete(struct call *call, struct patch *patch);

/* The hooks of the kind; see kind.h. */
enum status customer_before(struct edit *edit);
void        customer_after(struct edit *edit);
void        customer_after_delete(struct edit *edit);

#endif
