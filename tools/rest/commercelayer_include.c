/*
 * Commerce Layer: the records that a record leads to, and comes with.
 */

#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/rest/commercelayer.h"
#include "tools/rest/engine.h"

bool
commercelayer_includes(const struct work *work, const char *name)
{
	struct slice list, word;

	if (!http_parameter(&work->exchange->request, "include", &list))
		return false;
	while (next_item(&list, &word))
		if (slice_equal(word, slice_text(name)))
			return true;
	return false;
}

/* ---- finding them ---- */

const struct answer *
commercelayer_group_of(struct work *work, const struct parts *customer)
{
	int64_t              id = parts_integer(customer, CUSTOMER_GROUP);
	const struct answer *answer;

	if (id == 0)
		return NULL;
	answer = work_call(work, METHOD_GROUP_GET, work_args_integer(work, "id", id));
	return answer != NULL && answer->status == STATUS_OK ? answer : NULL;
}

const struct answer *
commercelayer_tag_named(struct work *work, struct slice name)
{
	const struct answer *answer =
	    work_call(work, METHOD_TAG_FIND, work_args_text(work, "name", name));

	return answer != NULL && answer->status == STATUS_OK ? answer : NULL;
}

/* The first customers of a group. */
struct members {
	struct slice records[COMMERCELAYER_CUSTOMERS_MAX];
	unsigned     count;
	bool         has_more;
};

/* False: not known yet, or not for this token to know. */
static bool
find_members(struct work *work, const struct parts *group, struct members *members)
{
	const struct answer   *answer;
	struct customerd_slice result, items = { NULL, 0 }, item;
	struct customerd_walk  walk;
	struct buf             buf;
	int64_t                next;

	*members = (struct members){ .count = 0 };
	work_buf(work, &buf);
	pack_map(&buf, 2);
	pack_literal(&buf, "group");
	pack_raw(&buf, group->field[COMMON_ID]);
	pack_literal(&buf, "limit");
	pack_integer(&buf, COMMERCELAYER_CUSTOMERS_MAX);
	answer = work_call(work, METHOD_CUSTOMER_LIST, work_keep(work, &buf));
	if (answer == NULL || answer->status != STATUS_OK)
		return false;
	result = (struct customerd_slice){ answer->result.data, answer->result.len };
	members->has_more = customerd_get_integer(result, "next", &next);
	customerd_get(result, "items", &items);
	customerd_walk(&walk, items);
	while (members->count < COMMERCELAYER_CUSTOMERS_MAX &&
	       customerd_next(&walk, NULL, &item))
		members->records[members->count++] = slice_of(item.data, item.len);
	return true;
}

/* ---- their ids ---- */

void
commercelayer_write_identifier(
    struct out *out, const struct resource *resource, struct slice record)
{
	struct parts parts;

	parts_split(&parts, &record_shapes[resource->kind], record);
	out_open(out, '{');
	out_pair(out, "type", resource->type);
	out_key(out, "id");
	out_text(out, parts_text(&parts, COMMON_UID));
	out_close(out, '}');
}

/* That there are more customers than come with the group is said, and its link has
 * them. */
static void
write_member_linkage(struct out *out, struct work *work, const struct parts *group)
{
	struct members members;

	if (!find_members(work, group, &members))
		return;
	out_key(out, "data");
	out_open(out, '[');
	for (unsigned i = 0; i < members.count; i++)
		commercelayer_write_identifier(
		    out, &commercelayer_customers, members.records[i]);
	out_close(out, ']');
	if (members.has_more) {
		out_key(out, "meta");
		out_open(out, '{');
		out_key(out, "has_more");
		out_bool(out, true);
		out_close(out, '}');
	}
}

static void
write_group_linkage(struct out *out, struct work *work, const struct parts *customer)
{
	const struct answer *group = commercelayer_group_of(work, customer);

	if (group != NULL)
		commercelayer_write_identifier(
		    out, &commercelayer_groups, group->result);
	else
		out_nil(out);
}

static void
write_tag_linkage(struct out *out, struct work *work, const struct parts *customer)
{
	const struct answer *tag;
	struct reader        reader;

	out_open(out, '[');
	reader_init(&reader, customer->field[CUSTOMER_TAGS]);
	for (uint32_t i = reader_array(&reader); i > 0; i--) {
		tag = commercelayer_tag_named(work, reader_text(&reader));
		if (tag != NULL)
			commercelayer_write_identifier(
			    out, &commercelayer_tags, tag->result);
	}
	out_close(out, ']');
}

/* What is not one of these leads to nothing, or to an empty list. */
void
commercelayer_write_linkage(
    struct out *out, struct work *work, const struct parts *record, const char *name)
{
	if (strcmp(name, "customers") == 0) {
		write_member_linkage(out, work, record);
		return;
	}
	out_key(out, "data");
	if (strcmp(name, "customer_group") == 0) {
		write_group_linkage(out, work, record);
	} else if (strcmp(name, "tags") == 0) {
		write_tag_linkage(out, work, record);
	} else if (strcmp(name, "jwt_customer") == 0) {
		out_nil(out);
	} else {
		out_open(out, '[');
		out_close(out, ']');
	}
}

/* ---- the records ---- */

static void
include_for_customer(struct out *out, struct work *work, const struct parts *customer)
{
	const struct answer *answer;
	struct reader        reader;

	if (commercelayer_includes(work, "customer_group")) {
		answer = commercelayer_group_of(work, customer);
		if (answer != NULL && work_first_time(work, answer))
			commercelayer_write_resource(
			    out, work, &commercelayer_groups, answer->result);
	}
	if (!commercelayer_includes(work, "tags"))
		return;
	reader_init(&reader, customer->field[CUSTOMER_TAGS]);
	for (uint32_t i = reader_array(&reader); i > 0; i--) {
		answer = commercelayer_tag_named(work, reader_text(&reader));
		if (answer != NULL && work_first_time(work, answer))
			commercelayer_write_resource(
			    out, work, &commercelayer_tags, answer->result);
	}
}

/* A customer is in one group only: none comes twice. */
static void
include_for_group(struct out *out, struct work *work, const struct parts *group)
{
	struct members members;

	if (!commercelayer_includes(work, "customers") ||
	    !find_members(work, group, &members))
		return;
	for (unsigned i = 0; i < members.count; i++)
		commercelayer_write_resource(
		    out, work, &commercelayer_customers, members.records[i]);
}

void
commercelayer_write_included(struct out *out, struct work *work,
    const struct resource *resource, struct slice record)
{
	struct parts parts;

	parts_split(&parts, &record_shapes[resource->kind], record);
	if (resource->kind == RECORD_CUSTOMER)
		include_for_customer(out, work, &parts);
	else if (resource->kind == RECORD_GROUP)
		include_for_group(out, work, &parts);
}

bool
commercelayer_includes_any(const struct work *work, enum record_kind kind)
{
	if (kind == RECORD_GROUP)
		return commercelayer_includes(work, "customers");
	return kind == RECORD_CUSTOMER &&
	       (commercelayer_includes(work, "customer_group") ||
		   commercelayer_includes(work, "tags"));
}
