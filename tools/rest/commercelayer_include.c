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

	out_key(out, "data");
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

	out_key(out, "data");
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

static void
write_no_linkage(struct out *out, struct work *work, const struct parts *record)
{
	(void)work;
	(void)record;
	out_key(out, "data");
	out_nil(out);
}

void
commercelayer_write_linkage(struct out *out, struct work *work,
    const struct parts *record, const struct relation *relation)
{
	if (relation->to != NULL) {
		relation->to->write_linkage(out, work, record);
		return;
	}
	out_key(out, "data");
	out_open(out, '[');
	out_close(out, ']');
}

/* ---- the records ---- */

static void
include_group(struct out *out, struct work *work, const struct parts *customer)
{
	const struct answer *group = commercelayer_group_of(work, customer);

	if (group != NULL && work_first_time(work, group))
		commercelayer_write_resource(
		    out, work, &commercelayer_groups, group->result);
}

static void
include_tags(struct out *out, struct work *work, const struct parts *customer)
{
	const struct answer *tag;
	struct reader        reader;

	reader_init(&reader, customer->field[CUSTOMER_TAGS]);
	for (uint32_t i = reader_array(&reader); i > 0; i--) {
		tag = commercelayer_tag_named(work, reader_text(&reader));
		if (tag != NULL && work_first_time(work, tag))
			commercelayer_write_resource(
			    out, work, &commercelayer_tags, tag->result);
	}
}

/* A customer is in one group only: none comes twice. */
static void
include_members(struct out *out, struct work *work, const struct parts *group)
{
	struct members members;

	if (!find_members(work, group, &members))
		return;
	for (unsigned i = 0; i < members.count; i++)
		commercelayer_write_resource(
		    out, work, &commercelayer_customers, members.records[i]);
}

/* Whether RELATION leads to records that are to be included. */
static bool
has_included(const struct work *work, const struct relation *relation)
{
	return relation->to != NULL && relation->to->include != NULL &&
	       commercelayer_includes(work, relation->name);
}

void
commercelayer_write_included(struct out *out, struct work *work,
    const struct resource *resource, struct slice record)
{
	const struct relation *relation = resource->relations;
	struct parts           parts;

	parts_split(&parts, &record_shapes[resource->kind], record);
	for (; relation->name != NULL; relation++)
		if (has_included(work, relation))
			relation->to->include(out, work, &parts);
}

bool
commercelayer_includes_any(const struct work *work, const struct resource *resource)
{
	for (const struct relation *relation = resource->relations;
	     relation->name != NULL; relation++)
		if (has_included(work, relation))
			return true;
	return false;
}

/* ---- where relationships lead to ---- */

const struct destination commercelayer_to_group = { write_group_linkage,
	include_group };
const struct destination commercelayer_to_tags = { write_tag_linkage, include_tags };
const struct destination commercelayer_to_customers = { write_member_linkage,
	include_members };
const struct destination commercelayer_to_nobody = { write_no_linkage, NULL };
