/*
 * tags -- a customer's tags: names of tags that exist in the store, at most ten.
 */

#ifndef DOMAIN_TAGS_H
#define DOMAIN_TAGS_H

#include "server/domain/edit.h"

/*
 * Bring the tags of EDIT->new up to date with its patch: what `set` says (or what was
 * there), then additions, then removals.  Notes tags that do not exist, unless the
 * patch ignores them, and more than ten.
 */
void tags_before(struct edit *edit);

/* The packed list TAGS without NAME, or with TO in its place if TO is not empty. */
struct slice tags_replace(
    struct slice tags, struct slice name, struct slice to, struct call *call);

#endif
