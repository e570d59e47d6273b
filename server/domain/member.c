#include "server/domain/member.h"
#include "server/domain/index.h"
#include "server/domain/tags.h"

/* Collect the customers whose indexed field at PLACE has VALUE (packed). */
static enum status
collect(struct edit *edit, unsigned place, struct slice value)
{
	struct call   *call = edit->call;
	struct kv_scan scan;
	struct key     prefix;
	struct slice   key, nothing;

	edit->members = arena_alloc(call->arena, MEMBERS_MAX * sizeof(*edit->members));
	if (edit->members == NULL)
		return STATUS_NO_MEMORY;
	key_init(&prefix, edit->store);
	if (!index_key(&prefix, &record_shapes[RECORD_CUSTOMER].fields[place], value,
		call->scratch))
		return STATUS_OK;
	kv_scan_begin(
	    &scan, edit->txn, KV_CUSTOMER_INDEX, key_slice(&prefix), SLICE(""));
	while (kv_scan_next(&scan, &key, &nothing)) {
		if (edit->member_count == MEMBERS_MAX) {
			kv_scan_end(&scan);
			call->detail =
			    "too many customers have it: remove it from some first";
			return STATUS_LOCKED;
		}
		key_take_last_u64(&key, &edit->members[edit->member_count++]);
	}
	kv_scan_end(&scan);
	return edit->txn->status;
}

enum status
member_before_group_delete(struct edit *edit)
{
	return collect(edit, CUSTOMER_GROUP, edit->old.field[COMMON_ID]);
}

enum status
member_before_tag_delete(struct edit *edit)
{
	return collect(edit, CUSTOMER_TAGS, edit->old.field[TAG_NAME]);
}

enum status
member_before_tag_change(struct edit *edit)
{
	if (edit->op == EDIT_CREATE || record_same(&edit->old, &edit->new, TAG_NAME))
		return STATUS_OK;
	return collect(edit, CUSTOMER_TAGS, edit->old.field[TAG_NAME]);
}

/* Put TO in place of what MEMBER has of the group or tag; empty: nothing. */
static void
change_member(struct edit *edit, struct edit *member, struct slice to)
{
	struct slice tags;

	if (kind_number(edit->kind) == RECORD_GROUP) {
		record_clear(&member->new, CUSTOMER_GROUP);
		return;
	}
	tags = tags_replace(member->old.field[CUSTOMER_TAGS],
	    record_text(&edit->old, TAG_NAME), to, edit->call);
	if (slice_equal(tags, SLICE("\x90")))
		record_clear(&member->new, CUSTOMER_TAGS);
	else
		record_set(&member->new, CUSTOMER_TAGS, tags);
}

/* Change all collected customers.  A failure sticks in the transaction. */
static void
change_members(struct edit *edit, struct slice to)
{
	const struct kind *customers = kind_of(RECORD_CUSTOMER);

	for (size_t i = 0; i < edit->member_count; i++) {
		struct edit member;
		enum status status = edit_load(&member, edit->call, edit->txn,
		    customers, edit->members[i], SLICE(""), EDIT_UPDATE);

		if (status == STATUS_OK) {
			change_member(edit, &member, to);
			status = edit_check(&member);
		}
		if (status != STATUS_OK) {
			/* An index that names no such customer, or worse: nothing may
			 * stay. */
			if (edit->txn->status == STATUS_OK)
				edit->txn->status = status == STATUS_NO_MEMORY
							? status
							: STATUS_DAMAGED;
			return;
		}
		if (member.changed)
			edit_write(&member);
	}
}

void
member_after_delete(struct edit *edit)
{
	change_members(edit, SLICE(""));
}

void
member_after_tag_change(struct edit *edit)
{
	change_members(edit, record_text(&edit->new, TAG_NAME));
}
