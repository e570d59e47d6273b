/*
 * Ecwid: the contacts of a customer, one by one.  In the record they are one list, so
 * each change reads it, changes it, and writes it under the revision that was read.
 */

#include <xxhash.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/rest/ecwid.h"

static const struct reason_text no_contact = { REASON_NO_ROUTE, 404, "NOT_FOUND", NULL,
	"Contact #{} not found" };

/* What becomes of a list of contacts. */
struct edit {
	int64_t             id;     /* of the one that is meant; 0: a new one */
	const struct parts *change; /* what becomes of it; NULL: it goes */
	bool                is_new; /* made of CHANGE alone, and added when not there */
};

/* The next contact of LIST; false at its end. */
static bool
next_contact(struct reader *list, uint32_t *left, struct parts *contact)
{
	if (*left == 0)
		return false;
	(*left)--;
	parts_split(contact, &contact_shape, reader_value(list));
	return true;
}

/* Find the contact of the path in CUSTOMER; false: refused. */
static bool
find_contact(struct work *work, const struct parts *customer, struct parts *contact)
{
	struct slice  text = work->parameters[PARAMETER_ITEM];
	struct reader list;
	uint32_t      left;
	int64_t       id;

	reader_init(&list, customer->field[CUSTOMER_CONTACTS]);
	left = text_to_id(text, &id) ? reader_array(&list) : 0;
	while (next_contact(&list, &left, contact))
		if (parts_integer(contact, CONTACT_ID) == id)
			return true;
	work_refuse_text(work, &no_contact, text, false);
	return false;
}

/* ---- reading ---- */

/* The customer of the path; NULL: not yet, or refused. */
static const struct answer *
read_customer(struct work *work, struct parts *customer)
{
	const struct answer *answer = serve_read(work);

	if (answer == NULL)
		return NULL;
	parts_split(customer, &record_shapes[RECORD_CUSTOMER], answer->result);
	work->revision = parts_integer(customer, COMMON_REVISION);
	return answer;
}

void
ecwid_contact_list(struct work *work)
{
	struct parts  customer, contact;
	struct out    json;
	struct reader list;
	uint32_t      left;

	if (read_customer(work, &customer) == NULL)
		return;
	json = work_json(work);
	out_open(&json, '{');
	out_key(&json, "items");
	out_open(&json, '[');
	reader_init(&list, customer.field[CUSTOMER_CONTACTS]);
	left = reader_array(&list);
	while (next_contact(&list, &left, &contact))
		ecwid_write_fields(&json, work, &contact, ecwid_contact_fields, 1);
	out_close(&json, ']');
	out_close(&json, '}');
	work_respond(work, 200, &json);
}

void
ecwid_contact_get(struct work *work)
{
	struct parts customer, contact;
	struct out   json;

	if (read_customer(work, &customer) == NULL ||
	    !find_contact(work, &customer, &contact))
		return;
	json = work_json(work);
	ecwid_write_fields(&json, work, &contact, ecwid_contact_fields, 0);
	work_respond(work, 200, &json);
}

/* ---- changing ---- */

/*
 * A new contact that comes with an idempotency key gets an id made of the key: a repeat
 * finds it, writes the same list, and so is the same call.
 */
static int64_t
id_of_key(const struct work *work)
{
	const char *key = work->idempotency_key;

	return key == NULL ? 0
			   : (int64_t)(XXH3_64bits(key, strlen(key)) % INT32_MAX) + 1;
}

/* OLD as CHANGE leaves it; the INDEXth of the list unless it says otherwise. */
static void
pack_changed(
    struct buf *buf, const struct edit *edit, const struct parts *old, uint32_t index)
{
	size_t   place = pack_map_open(buf);
	uint32_t count = 0;

	for (unsigned i = 0; i < contact_shape.count; i++) {
		struct slice value = edit->change->field[i];

		if (i == CONTACT_ID || value.len == 0)
			value = old->field[i];
		if (value.len == 0 || (unsigned char)value.data[0] == 0xc0) /* nil */
			continue;
		pack_text(buf, contact_shape.fields[i].name);
		pack_raw(buf, value);
		count++;
	}
	if (edit->is_new && edit->id > 0) {
		pack_literal(buf, "id");
		pack_integer(buf, edit->id);
		count++;
	}
	if (edit->is_new && edit->change->field[CONTACT_ORDER_BY].len == 0) {
		pack_literal(buf, "order_by");
		pack_integer(buf, index);
		count++;
	}
	pack_map_close(buf, place, count);
}

/* {contacts: CONTACTS as EDIT leaves them}, without the braces. */
static void
pack_contacts(struct buf *buf, struct slice contacts, const struct edit *edit)
{
	static const struct parts nothing;
	bool                      is_done = false;
	struct reader             list;
	size_t                    place;
	uint32_t                  count = 0, left;

	pack_literal(buf, "contacts");
	place = pack_array_open(buf);
	reader_init(&list, contacts);
	for (left = reader_array(&list); left > 0; left--) {
		struct slice item = reader_value(&list);
		struct parts old;

		parts_split(&old, &contact_shape, item);
		if (edit->id == 0 || parts_integer(&old, CONTACT_ID) != edit->id) {
			pack_raw(buf, item);
		} else {
			is_done = true;
			if (edit->change == NULL)
				continue;
			pack_changed(buf, edit, edit->is_new ? &nothing : &old, count);
		}
		count++;
	}
	if (edit->is_new && !is_done) {
		pack_changed(buf, edit, &nothing, count);
		count++;
	}
	pack_array_close(buf, place, count);
}

/* Carry out EDIT by IN, which knows the customer; answer with {KEY: 1}. */
static void
change_contacts(
    struct work *work, struct decoding *in, const struct edit *edit, const char *key)
{
	const struct answer   *answer;
	struct customerd_slice record;
	struct out             json;

	buf_clear(&in->set, FRAME_BYTES_MAX);
	pack_contacts(&in->set, in->current->field[CUSTOMER_CONTACTS], edit);
	in->set_count = 1;
	answer = serve_change(
	    work, in, METHOD_CUSTOMER_UPDATE, work->parameters[PARAMETER_ID]);
	if (answer == NULL)
		return;
	record = (struct customerd_slice){ answer->result.data, answer->result.len };
	customerd_get_integer(record, "revision", &work->revision);
	json = work_json(work);
	ecwid_write_count(&json, key, 1);
	work_respond(work, 200, &json);
}

/* Read the contact in the body into IN and, taken apart, into CHANGE. */
static bool
read_contact(struct work *work, struct decoding *in, bool is_new, struct parts *change)
{
	struct buf buf;

	work->object = work->format->unwrap(work, work->body);
	if (work->object == NULL)
		return false;
	decode_begin(in, work, is_new, "");
	decode_fields(in, ecwid_contact_fields, work->object);
	if (!serve_read_first(work, in)) {
		decode_end(in);
		return false;
	}
	work_buf(work, &buf);
	pack_map(&buf, in->set_count);
	pack_raw(&buf, buf_slice(&in->set));
	parts_split(change, &contact_shape, work_keep(work, &buf));
	return true;
}

void
ecwid_contact_create(struct work *work)
{
	struct parts    change;
	struct edit     edit = { id_of_key(work), &change, true };
	struct decoding in;

	if (read_contact(work, &in, true, &change))
		change_contacts(work, &in, &edit, "createCount");
}

void
ecwid_contact_update(struct work *work)
{
	struct parts    change, contact;
	struct edit     edit = { .change = &change };
	struct decoding in;

	if (!read_contact(work, &in, false, &change))
		return;
	if (!find_contact(work, in.current, &contact)) {
		decode_end(&in);
		return;
	}
	edit.id = parts_integer(&contact, CONTACT_ID);
	change_contacts(work, &in, &edit, "updateCount");
}

void
ecwid_contact_delete(struct work *work)
{
	struct edit     edit = { .change = NULL };
	struct parts    contact;
	struct decoding in;

	decode_begin(&in, work, false, "");
	if (!serve_read_first(work, &in) || !find_contact(work, in.current, &contact)) {
		decode_end(&in);
		return;
	}
	edit.id = parts_integer(&contact, CONTACT_ID);
	change_contacts(work, &in, &edit, "deleteCount");
}
