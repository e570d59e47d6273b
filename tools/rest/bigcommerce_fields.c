/*
 * BigCommerce: form fields, which are set one by one.
 */

#include <stdio.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/rest/bigcommerce.h"

/* ---- as a field of the customer ---- */

/* Whether the list FRESH has an item called NAME. */
static bool
names_field(struct slice fresh, struct slice name)
{
	struct reader reader;
	struct parts  parts;

	reader_init(&reader, fresh);
	for (uint32_t left = reader_array(&reader); left > 0; left--) {
		parts_split(&parts, &form_field_shape, reader_value(&reader));
		if (slice_equal(parts_text(&parts, FORM_FIELD_NAME), name))
			return true;
	}
	return false;
}

/* Append the items of OLD that FRESH has none for, and say how many they are. */
static uint32_t
keep_others(struct buf *buf, struct slice old, struct slice fresh)
{
	struct reader reader;
	struct parts  parts;
	uint32_t      kept = 0;

	reader_init(&reader, old);
	for (uint32_t left = reader_array(&reader); left > 0; left--) {
		struct slice item = reader_value(&reader);

		parts_split(&parts, &form_field_shape, item);
		if (names_field(fresh, parts_text(&parts, FORM_FIELD_NAME)))
			continue;
		pack_raw(buf, item);
		kept++;
	}
	return kept;
}

/*
 * Those that are not sent stay.  What is sent comes first, so that the server finds
 * faults at the places that it has in the JSON.
 */
static bool
decode_form_fields(struct decoding *in, const struct mapping *row, const json_t *value)
{
	size_t        before = in->set.len;
	struct slice  fresh;
	struct reader reader;
	struct buf    others;
	uint32_t      count;

	if (!as_objects.decode(in, row, value))
		return false;
	if (in->current == NULL)
		return true;
	fresh = arena_copy(work_arena(in->work),
	    slice_of(in->set.data + before, in->set.len - before));
	if (fresh.len == 0)
		return true; /* out of memory, as the arena tells */
	buf_init(&others, FRAME_BYTES_MAX);
	count = keep_others(&others, in->current->field[CUSTOMER_FORM_FIELDS], fresh);
	reader_init(&reader, fresh);
	count += reader_array(&reader);
	buf_truncate(&in->set, before);
	pack_array(&in->set, count);
	while (reader.at < reader.end)
		pack_raw(&in->set, reader_value(&reader));
	pack_raw(&in->set, buf_slice(&others));
	in->set.failed = in->set.failed || others.failed;
	buf_fini(&others);
	return true;
}

static void
encode_form_fields(struct out *out, const struct encoding *in,
    const struct mapping *row, struct slice value)
{
	as_objects.encode(out, in, row, value);
}

const struct codec bigcommerce_form_fields = {
	.decode = decode_form_fields, .encode = encode_form_fields, .type = "array"
};

/* ---- PUT /v3/customers/form-field-values ---- */

/* Where each value stands in the updates that they become. */
struct place {
	unsigned update, field;
};

static void
fault_at(struct work *work, enum fault fault, size_t number, const char *name)
{
	char path[FAULT_PATH_BYTES];

	snprintf(path, sizeof(path), "%zu.%s", number, name);
	work_fault(work, fault, NULL, path); /* the words go by the path's end */
}

static void
check_value(struct work *work, size_t number, const json_t *item)
{
	const json_t *id = json_object_get(item, "customer_id");
	const json_t *name = json_object_get(item, "name");

	if (id == NULL)
		fault_at(work, FAULT_REQUIRED, number, "customer_id");
	else if (!json_is_integer(id))
		fault_at(work, FAULT_NOT_NUMBER, number, "customer_id");
	else if (json_integer_value(id) <= 0 || json_integer_value(id) > INTEGER_MAX)
		fault_at(work, FAULT_MISSING, number, "customer_id");
	if (name == NULL)
		fault_at(work, FAULT_REQUIRED, number, "name");
	else if (!json_is_string(name))
		fault_at(work, FAULT_WRONG_TYPE, number, "name");
	if (json_object_get(item, "value") == NULL)
		fault_at(work, FAULT_REQUIRED, number, "value");
}

/* The place of the update of the customer ID in LIST, which gets one if it has none. */
static size_t
update_of(json_t *list, json_int_t id)
{
	size_t count = json_array_size(list);

	for (size_t i = 0; i < count; i++)
		if (json_integer_value(
			json_object_get(json_array_get(list, i), "id")) == id)
			return i;
	json_array_append_new(list, json_pack("{s:I, s:[]}", "id", id, "form_fields"));
	return count;
}

/* The values as updates of their customers, one each; NULL: out of memory. */
static json_t *
group_values(const json_t *values, struct place *places)
{
	json_t *list = json_array();
	size_t  count = json_array_size(values);

	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(values, i);
		size_t        update = update_of(
			   list, json_integer_value(json_object_get(item, "customer_id")));
		json_t *fields =
		    json_object_get(json_array_get(list, update), "form_fields");

		places[i] = (struct place){ (unsigned)update,
			(unsigned)json_array_size(fields) };
		if (json_array_append_new(fields,
			json_pack("{s:O, s:O}", "name", json_object_get(item, "name"),
			    "value", json_object_get(item, "value"))) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* Let faults be at the values that were sent, not at the updates made of them. */
static void
place_faults(struct work *work, const struct place *places, size_t count)
{
	for (unsigned i = 0; i < work->fault_count; i++) {
		struct field_fault *fault = &work->faults[i];
		unsigned            update, field = 0;
		int                 len = 0;
		char                rest[FAULT_PATH_BYTES];

		if (sscanf(fault->path, "%u.form_fields.%u%n", &update, &field, &len) <
		    2) {
			if (sscanf(fault->path, "%u.id%n", &update, &len) < 1)
				continue;
			strcpy(rest, ".customer_id");
		} else {
			snprintf(rest, sizeof(rest), "%s", fault->path + len);
		}
		for (size_t k = 0; k < count; k++)
			if (places[k].update == update && places[k].field == field) {
				snprintf(fault->path, sizeof(fault->path), "%zu%.100s",
				    k, rest);
				break;
			}
	}
}

static void
write_value(struct out *out, const json_t *value)
{
	struct buf buf;

	buf_init(&buf, FRAME_BYTES_MAX);
	json_to_wire(&buf, value);
	out_value(out, buf_slice(&buf));
	buf_fini(&buf);
}

static void
answer_values(struct work *work)
{
	struct out json = work_json(work);

	out_open(&json, '{');
	out_key(&json, "data");
	out_open(&json, '[');
	for (size_t i = 0; i < json_array_size(work->body); i++) {
		const json_t *item = json_array_get(work->body, i);

		out_open(&json, '{');
		out_key(&json, "customer_id");
		out_int(
		    &json, json_integer_value(json_object_get(item, "customer_id")));
		out_pair(
		    &json, "name", json_string_value(json_object_get(item, "name")));
		out_key(&json, "value");
		write_value(&json, json_object_get(item, "value"));
		out_close(&json, '}');
	}
	out_close(&json, ']');
	out_key(&json, "meta");
	out_raw(&json, "{}");
	out_close(&json, '}');
	work_respond(work, 200, &json);
}

void
bigcommerce_set_fields(struct work *work)
{
	struct place         places[BIGCOMMERCE_VALUES_MAX];
	const struct answer *answer;
	size_t               count = json_array_size(work->body);
	json_t              *list;

	if (!bigcommerce_check_list(work, work->body, BIGCOMMERCE_VALUES_MAX))
		return;
	for (size_t i = 0; i < count; i++)
		check_value(work, i, json_array_get(work->body, i));
	if (work->fault_count > 0) {
		work_refuse_text(work, &bigcommerce_bad_body, slice_of(NULL, 0), true);
		return;
	}
	list = group_values(work->body, places);
	if (list == NULL)
		return; /* which work_run() sees */
	if (bigcommerce_check_list(work, list, BIGCOMMERCE_ITEMS_MAX)) {
		answer = bigcommerce_update_list(work, list);
		if (answer != NULL) {
			answer_values(work);
		} else {
			place_faults(work, places, count);
			bigcommerce_refuse_noted(work);
		}
	}
	json_decref(list);
}
