/*
 * BigCommerce: changes, of many customers in one call.
 */

#include <stdio.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/bigcommerce.h"

/* The id in ITEM; false: noted what is wrong with it, at PATH. */
static bool
item_id(struct work *work, const json_t *item, const char *path, int64_t *id)
{
	static const struct mapping row = { .name = "id", .field = FIELD_NONE };
	const json_t               *value = json_object_get(item, "id");
	char                        where[FAULT_PATH_BYTES + sizeof("id")];

	*id = json_integer_value(value);
	if (json_is_integer(value) && *id > 0 && *id <= INTEGER_MAX)
		return true;
	snprintf(where, sizeof(where), "%sid", path);
	if (!json_is_object(item) || value == NULL)
		work_fault(work, FAULT_REQUIRED, &row, "id");
	else if (!json_is_integer(value))
		work_fault(work, FAULT_NOT_NUMBER, &row, where);
	else
		work_fault(work, FAULT_MISSING, &row, where);
	return false;
}

bool
bigcommerce_check_list(struct work *work, const json_t *list, unsigned max)
{
	size_t count = json_array_size(list);

	work->object = list;
	if (!json_is_array(list))
		work_fault(work, FAULT_NOT_LIST, NULL, "");
	else if (count == 0)
		work_fault(work, FAULT_REQUIRED, NULL, "");
	if (work->fault_count > 0) {
		work_refuse_text(work, &bigcommerce_bad_body, slice_of(NULL, 0), true);
		return false;
	}
	if (count <= max)
		return true;
	work_refuse(
	    work, REASON_TOO_MANY_ITEMS, slice_text(work_text(work, "%u", max)));
	return false;
}

/* ---- updating ---- */

/* Give IN the customer ID as it is now.  False: not known yet, or refused. */
static bool
read_current(struct work *work, struct decoding *in, int64_t id)
{
	const struct answer *answer =
	    work_call(work, METHOD_CUSTOMER_GET, work_args_integer(work, "id", id));

	if (answer == NULL)
		return false;
	if (answer->status == STATUS_NOT_FOUND)
		return true; /* which the update will tell */
	if (answer->status != STATUS_OK) {
		if (!work->is_answered)
			work_refuse_answer(work, answer);
		return false;
	}
	parts_split(
	    &in->current_parts, &record_shapes[RECORD_CUSTOMER], answer->result);
	in->current = &in->current_parts;
	return true;
}

/* The revision that the change IN must find; 0: any.  Under an idempotency key a repeat
 * must be the same call, so it names none. */
static int64_t
revision_for(const struct work *work, const struct decoding *in)
{
	if (work->if_revision > 0)
		return work->if_revision;
	return in->current != NULL && work->idempotency_key == NULL
		   ? parts_integer(in->current, COMMON_REVISION)
		   : 0;
}

/* One item of `updates`.  False: not yet, or refused. */
static bool
pack_update(
    struct work *work, struct buf *buf, const json_t *item, size_t number, int64_t id)
{
	struct decoding in;
	char            path[FAULT_PATH_BYTES];
	uint32_t        count;
	size_t          place;
	bool            is_known = true;

	snprintf(path, sizeof(path), "%zu.", number);
	decode_begin(&in, work, false, path);
	if (json_is_array(json_object_get(item, "form_fields")))
		is_known = read_current(work, &in, id);
	decode_fields(&in, bigcommerce_customers.fields, item);
	place = pack_map_open(buf);
	count = decode_pack(&in, buf) + 1;
	pack_literal(buf, "id");
	pack_integer(buf, id);
	if (revision_for(work, &in) > 0) {
		pack_literal(buf, "if_revision");
		pack_integer(buf, revision_for(work, &in));
		count++;
	}
	pack_map_close(buf, place, count);
	decode_end(&in);
	return is_known;
}

static bool
take_ids(struct work *work, const json_t *list, int64_t *ids)
{
	char path[FAULT_PATH_BYTES];

	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(path, sizeof(path), "%zu.", i);
		item_id(work, json_array_get(list, i), path, &ids[i]);
	}
	if (work->fault_count > 0)
		work_refuse_text(work, &bigcommerce_bad_body, slice_of(NULL, 0), true);
	return work->fault_count == 0;
}

/* {updates, atomic, want}; empty: not yet, or refused. */
static struct slice
pack_updates(struct work *work, const json_t *list)
{
	uint32_t     count = (uint32_t)json_array_size(list);
	int64_t      ids[BIGCOMMERCE_ITEMS_MAX];
	struct buf   buf;
	struct slice args;
	bool         is_complete = true;

	if (!take_ids(work, list, ids))
		return slice_of(NULL, 0);
	work_buf(work, &buf);
	pack_map(&buf, 3);
	pack_literal(&buf, "updates");
	pack_array(&buf, count);
	for (uint32_t i = 0; i < count; i++)
		is_complete &=
		    pack_update(work, &buf, json_array_get(list, i), i, ids[i]);
	pack_literal(&buf, "atomic");
	pack_bool(&buf, true);
	pack_literal(&buf, "want");
	pack_literal(&buf, "record");
	args = work_keep(work, &buf);
	return is_complete ? args : slice_of(NULL, 0);
}

/* What the server says of a batch's revisions is a fault among others there. */
static bool
only_revision_is_wrong(const struct work *work)
{
	for (unsigned i = 0; i < work->fault_count; i++)
		if (strstr(work->faults[i].path, ".if_revision") == NULL)
			return false;
	return work->fault_count > 0;
}

/* A revision in the way may be one that was read for this. */
static void
refuse_revision(struct work *work, bool was_named)
{
	if (work->if_revision == 0 && was_named && work_again(work)) {
		work->fault_count = 0;
		return;
	}
	work_refuse(work,
	    work->if_revision > 0 || was_named ? REASON_REVISION_MISMATCH
					       : REASON_REVISION_REQUIRED,
	    slice_of(NULL, 0));
}

static bool
names_revision(const struct work *work)
{
	for (unsigned i = 0; i < work->fault_count; i++)
		if (work->faults[i].fault == FAULT_CONFLICT)
			return true;
	return false;
}

const struct answer *
bigcommerce_update_list(struct work *work, const json_t *list)
{
	const struct answer *answer;
	struct slice         args;

	if (work->if_revision > 0 && json_array_size(list) > 1) {
		work_refuse(work, REASON_REVISION_MISMATCH, slice_of(NULL, 0));
		return NULL;
	}
	work->object = list;
	args = pack_updates(work, list);
	if (args.len == 0)
		return NULL;
	work->probes = work->fault_count > 0;
	answer = work_call(work, METHOD_CUSTOMER_UPDATE_MANY, args);
	work->probes = false;
	if (answer == NULL)
		return NULL;
	if (answer->status == STATUS_INVALID)
		work_note_violations(work, answer);
	if (only_revision_is_wrong(work))
		refuse_revision(work, names_revision(work));
	else if (work->fault_count == 0 && answer->status != STATUS_OK)
		work_refuse_answer(work, answer);
	return work->fault_count == 0 && answer->status == STATUS_OK ? answer : NULL;
}

void
bigcommerce_refuse_noted(struct work *work)
{
	if (work->fault_count > 0 && !work->is_answered && work->pending == 0)
		work_refuse_faults(work);
}

static void
answer_results(struct work *work, const struct answer *answer)
{
	struct customerd_slice result = { answer->result.data, answer->result.len };
	struct customerd_slice results = { NULL, 0 }, item;
	struct customerd_walk  walk;
	struct out             json = work_json(work);

	customerd_get(result, "results", &results);
	customerd_walk(&walk, results);
	out_open(&json, '{');
	out_key(&json, "data");
	out_open(&json, '[');
	while (customerd_next(&walk, NULL, &item)) {
		bigcommerce_write_one(&json, work, slice_of(item.data, item.len));
		if (json_array_size(work->body) == 1)
			customerd_get_integer(item, "revision", &work->revision);
	}
	out_close(&json, ']');
	out_key(&json, "meta");
	out_raw(&json, "{}");
	out_close(&json, '}');
	work_respond(work, 200, &json);
}

/* All or nothing. */
void
bigcommerce_update(struct work *work)
{
	const struct answer *answer;

	if (!bigcommerce_check_list(work, work->body, BIGCOMMERCE_ITEMS_MAX))
		return;
	answer = bigcommerce_update_list(work, work->body);
	if (answer != NULL)
		answer_results(work, answer);
	else
		bigcommerce_refuse_noted(work);
}

/* ---- creating ---- */

/* {creates, want}, and what is wrong with them. */
static struct slice
pack_creates(struct work *work)
{
	size_t          count = json_array_size(work->body);
	struct decoding in;
	struct buf      buf;
	char            path[FAULT_PATH_BYTES];
	size_t          place;

	work_buf(work, &buf);
	pack_map(&buf, 2);
	pack_literal(&buf, "creates");
	pack_array(&buf, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%zu.", i);
		decode_begin(&in, work, true, path);
		decode_fields(
		    &in, bigcommerce_customers.fields, json_array_get(work->body, i));
		place = pack_map_open(&buf);
		pack_map_close(&buf, place, decode_pack(&in, &buf));
		decode_end(&in);
	}
	pack_literal(&buf, "want");
	pack_literal(&buf, "record");
	return work_keep(work, &buf);
}

/* All or none. */
void
bigcommerce_create(struct work *work)
{
	const struct answer *answer;
	struct slice         args;

	if (!bigcommerce_check_list(work, work->body, BIGCOMMERCE_ITEMS_MAX))
		return;
	args = pack_creates(work);
	work->probes = work->fault_count > 0;
	answer = work_call(work, METHOD_CUSTOMER_CREATE_MANY, args);
	work->probes = false;
	if (answer == NULL)
		return;
	if (work_accepts(work, answer))
		answer_results(work, answer);
}
