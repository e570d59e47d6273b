/*
 * member -- customers follow when their group or tag goes, or a tag is renamed.
 *
 * Each customer concerned changes by one revision in the same transaction.  So that
 * one request stays bounded, a group or tag with more than MEMBERS_MAX customers is
 * LOCKED until they are fewer.
 */

#ifndef DOMAIN_MEMBER_H
#define DOMAIN_MEMBER_H

#include "server/domain/edit.h"

#define MEMBERS_MAX 1000u

/* The hooks of groups and tags; see kind.h. */
enum status member_before_group_delete(struct edit *edit);
enum status member_before_tag_delete(struct edit *edit);
enum status member_before_tag_change(struct edit *edit);
void        member_after_delete(struct edit *edit);
void        member_after_tag_change(struct edit *edit);

#endif
