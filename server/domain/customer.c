#include <assert.h>
#include <sodium.h>
#include <stdio.h>

#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/anonymize.h"
#include "server/domain/customer.h"
#include "server/domain/index.h"
#include "server/domain/random.h"
#include "server/domain/store.h"
#include "server/domain/tags.h"
#include "server/domain/text.h"

#define SLUG_SUFFIX_MAX 100u        /* tried one by one: -2, -3, … */
#define SHOPPER_REFERENCE_BYTES 20u /* of a generated one */
#define NESTED_ID_BOUND                                              \
	0x7fffffffu /* generated ids fit an int32, as clients expect \
		     */

/* Note RULE at the field of `set` at PLACE. */
static void
violate(struct edit *edit, unsigned place, enum rule rule)
{
	unsigned mark = violations_down(&edit->call->violations, SLICE("set"));

	violations_add(&edit->call->violations, edit->shape->fields[place].name, rule);
	violations_up(&edit->call->violations, mark);
}

static bool
is_changed(const struct edit *edit, unsigned place)
{
	return !record_same(&edit->old, &edit->new, place);
}

/* ---- completing a patch, on the loop ---- */

/* Pack the item, a map, again, with an id and a timestamp if the shape wants them. */
static void
complete_item(struct call *call, const struct shape *shape, struct slice item,
    int timestamp, struct buf *out)
{
	struct record record;

	if (!record_split(&record, shape, item)) {
		call->arena->failed =
		    true; /* value_check() has made it: memory is at fault */
		return;
	}
	if (!record_has(&record, 0))
		record_set_integer(
		    &record, 0, 1 + randombytes_uniform(NESTED_ID_BOUND), call->arena);
	if (timestamp >= 0 && !record_has(&record, (unsigned)timestamp))
		record_set_integer(
		    &record, (unsigned)timestamp, call->now_ms, call->arena);
	record_pack(&record, shape, UINT64_MAX, out);
}

static void
complete_list(struct call *call, struct patch *patch, unsigned place, int timestamp)
{
	const struct shape *shape = record_shapes[RECORD_CUSTOMER].fields[place].shape;
	struct reader       reader;
	uint32_t            count;

	if (!record_has(&patch->set, place))
		return;
	reader_init(&reader, patch->set.field[place]);
	count = reader_array(&reader);
	buf_clear(call->scratch, call->scratch->bytes_max);
	pack_array(call->scratch, count);
	while (count-- > 0)
		complete_item(
		    call, shape, reader_value(&reader), timestamp, call->scratch);
	if (call->scratch->failed)
		call->arena->failed = true;
	record_set(
	    &patch->set, place, arena_copy(call->arena, buf_slice(call->scratch)));
}

_Static_assert((int)SAVED_ADDRESS_ID == 0 && (int)CONTACT_ID == 0,
    "complete_item() takes the first field for the id");

enum status
customer_complete(struct call *call, struct patch *patch)
{
	complete_list(call, patch, CUSTOMER_SHIPPING_ADDRESSES, -1);
	complete_list(call, patch, CUSTOMER_CONTACTS, CONTACT_TIMESTAMP);
	if (record_has(&patch->set, CUSTOMER_PASSWORD)) {
		patch->password = arena_alloc(call->arena, sizeof(*patch->password));
		if (patch->password == NULL)
			return STATUS_NO_MEMORY;
		*patch->password = (struct password_job){
			.todo = PASSWORD_HASH,
			.clear = record_text(&patch->set, CUSTOMER_PASSWORD),
			.next = call->passwords,
		};
		call->passwords = patch->password;
		call->arena->secret = true;
	}
	return call->arena->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

/* ---- rules ---- */

/* A customer can only be in a group of the store. */
static void
check_group(struct edit *edit)
{
	if (!is_changed(edit, CUSTOMER_GROUP) ||
	    !record_has(&edit->new, CUSTOMER_GROUP))
		return;
	if (!kind_has(edit->txn, kind_of(RECORD_GROUP), edit->store,
		(uint64_t)record_integer(&edit->new, CUSTOMER_GROUP)))
		violate(edit, CUSTOMER_GROUP, RULE_MISSING);
}

/* Tax exemption needs a valid tax id. */
static void
check_tax(struct edit *edit)
{
	if (!record_bool(&edit->new, CUSTOMER_TAX_EXEMPT))
		return;
	if (!is_changed(edit, CUSTOMER_TAX_EXEMPT) &&
	    !is_changed(edit, CUSTOMER_TAX_ID) &&
	    !is_changed(edit, CUSTOMER_TAX_ID_VALID))
		return;
	if (!record_bool(&edit->new, CUSTOMER_TAX_ID_VALID) ||
	    record_text(&edit->new, CUSTOMER_TAX_ID).len == 0)
		violate(edit, CUSTOMER_TAX_EXEMPT, RULE_NEEDS_TAX_ID);
}

/* A customer's language is one of the store's. */
static void
check_language(struct edit *edit)
{
	if (!is_changed(edit, CUSTOMER_LANGUAGE) ||
	    !record_has(&edit->new, CUSTOMER_LANGUAGE))
		return;
	if (!store_has_language(
		edit->txn, edit->store, record_text(&edit->new, CUSTOMER_LANGUAGE)))
		violate(edit, CUSTOMER_LANGUAGE, RULE_NOT_ENABLED);
}

/*
 * An email without a key could not be compared, so nobody can have it; and those that
 * take the place of erased ones are nobody's to choose.
 */
static void
check_email(struct edit *edit)
{
	struct buf *scratch = edit->call->scratch;

	if (!is_changed(edit, CUSTOMER_EMAIL))
		return;
	buf_clear(scratch, scratch->bytes_max);
	if (!text_email_key(record_text(&edit->new, CUSTOMER_EMAIL), scratch)) {
		if (!scratch->failed)
			violate(edit, CUSTOMER_EMAIL, RULE_TOO_LONG);
	} else if (anonymize_owns_email(buf_slice(scratch)))
		violate(edit, CUSTOMER_EMAIL, RULE_BAD_FORMAT);
	if (scratch->failed)
		edit->call->arena->failed = true;
}

/* ---- derived fields ---- */

/* prospect without an order, acquired with one, repeat with more. */
static void
derive_status(struct edit *edit)
{
	int64_t      orders = record_integer(&edit->new, CUSTOMER_TOTAL_ORDERS_COUNT);
	struct slice status = orders == 0   ? SLICE("prospect")
			      : orders == 1 ? SLICE("acquired")
					    : SLICE("repeat");

	if (!slice_equal(record_text(&edit->new, CUSTOMER_STATUS), status))
		record_set_text(&edit->new, CUSTOMER_STATUS, status, edit->call->arena);
}

static void
derive_has_password(struct edit *edit)
{
	bool had = record_bool(&edit->old, CUSTOMER_HAS_PASSWORD);
	bool has = edit->has_secret || (had && !edit->drop_secret);

	if (has != had || edit->op == EDIT_CREATE)
		record_set_bool(
		    &edit->new, CUSTOMER_HAS_PASSWORD, has, edit->call->arena);
}

/* The slug that the name of the record asks for, before others are looked at. */
static struct slice
slug_base(struct edit *edit)
{
	struct buf   name, slug;
	struct slice base = { NULL, 0 };

	buf_init(&name, RECORD_BYTES_MAX);
	buf_init(&slug, RECORD_BYTES_MAX);
	buf_put(&name, record_text(&edit->new, CUSTOMER_FIRST_NAME).data,
	    record_text(&edit->new, CUSTOMER_FIRST_NAME).len);
	buf_put(&name, " ", 1);
	buf_put(&name, record_text(&edit->new, CUSTOMER_LAST_NAME).data,
	    record_text(&edit->new, CUSTOMER_LAST_NAME).len);
	if (text_slug(buf_slice(&name), &slug))
		base = arena_copy(edit->call->arena, buf_slice(&slug));
	if (name.failed || slug.failed)
		edit->call->arena->failed = true;
	buf_fini(&name);
	buf_fini(&slug);
	return base;
}

static bool
slug_is_free(struct edit *edit)
{
	uint64_t other = index_find(edit->txn, edit->kind, edit->store,
	    &edit->shape->fields[CUSTOMER_SLUG], edit->new.field[CUSTOMER_SLUG],
	    edit->call->scratch);

	return other == 0 || other == edit->id;
}

/* Set the slug to BASE, or BASE-SUFFIX unless SUFFIX is 0. */
static void
set_slug(struct edit *edit, struct slice base, uint64_t suffix)
{
	char text[SLUG_BYTES_MAX + 24];
	int  len = suffix == 0
		       ? snprintf(text, sizeof(text), "%.*s", (int)base.len, base.data)
		       : snprintf(text, sizeof(text), "%.*s-%llu", (int)base.len,
			     base.data, (unsigned long long)suffix);

	assert(len > 0 && (size_t)len < sizeof(text));
	record_set_text(
	    &edit->new, CUSTOMER_SLUG, slice_of(text, (size_t)len), edit->call->arena);
}

/*
 * The slug follows the name.  The first who has a name gets it plain, the next ones
 * -2, -3 and so on; after SLUG_SUFFIX_MAX of a name, the customer's id is the suffix.
 */
static void
derive_slug(struct edit *edit)
{
	struct slice base;

	if (!is_changed(edit, CUSTOMER_FIRST_NAME) &&
	    !is_changed(edit, CUSTOMER_LAST_NAME))
		return;
	base = slug_base(edit);
	if (base.len == 0) {
		record_clear(&edit->new, CUSTOMER_SLUG);
		return;
	}
	set_slug(edit, base, 0);
	for (uint64_t suffix = 2; !slug_is_free(edit); suffix++) {
		if (suffix > SLUG_SUFFIX_MAX) {
			set_slug(edit, base, edit->id);
			return; /* index_check() refuses it in the end if it is taken */
		}
		set_slug(edit, base, suffix);
	}
}

static void
derive_shopper_reference(struct edit *edit)
{
	char text[SHOPPER_REFERENCE_BYTES];

	if (edit->op != EDIT_CREATE ||
	    record_has(&edit->new, CUSTOMER_SHOPPER_REFERENCE))
		return;
	random_text(text, sizeof(text), RANDOM_DIGITS_AND_LOWER);
	record_set_text(&edit->new, CUSTOMER_SHOPPER_REFERENCE,
	    slice_of(text, sizeof(text)), edit->call->arena);
}

/* ---- hooks ---- */

enum status
customer_before(struct edit *edit)
{
	enum status status = STATUS_OK;

	if (edit->patch != NULL) {
		status = anonymize_before(edit);
		if (status != STATUS_OK)
			return status;
		tags_before(edit);
		check_group(edit);
		check_tax(edit);
		check_language(edit);
		check_email(edit);
		derive_shopper_reference(edit);
	}
	derive_slug(edit);
	derive_status(edit);
	derive_has_password(edit);
	return STATUS_OK;
}

void
customer_after(struct edit *edit)
{
	struct key key;

	kind_record_key(&key, edit->store, edit->id);
	if (edit->has_secret)
		kv_put(edit->txn, KV_SECRET, key_slice(&key),
		    slice_text(edit->patch->password->hash));
	else if (!record_bool(&edit->new, CUSTOMER_HAS_PASSWORD) &&
		 record_bool(&edit->old, CUSTOMER_HAS_PASSWORD))
		kv_del(edit->txn, KV_SECRET, key_slice(&key));
	anonymize_after(edit);
}

void
customer_after_delete(struct edit *edit)
{
	struct key key;

	kind_record_key(&key, edit->store, edit->id);
	kv_del(edit->txn, KV_SECRET, key_slice(&key));
	anonymize_after(edit);
}
