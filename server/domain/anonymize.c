#include <stdio.h>

#include "server/domain/anonymize.h"
#include "server/domain/change_chain.h"
#include "server/domain/idempotency.h"
#include "server/domain/store.h"

/* RFC 2606 keeps .invalid free: nobody can ever get mail there. */
#define ERASED_EMAIL_DOMAIN "anonymized.invalid"
#define DUE_PER_STEP 16u     /* customers looked after in one step */
#define ERASED_PER_STEP 256u /* changes or answers whose values go in one step */

/* The record's anonymisation, taken apart; empty when there never was one. */
static void
get_state(const struct record *record, struct record *state)
{
	record_init(state);
	if (record_has(record, CUSTOMER_ANONYMIZATION))
		record_split(
		    state, &anonymization_shape, record->field[CUSTOMER_ANONYMIZATION]);
}

static void
put_state(struct edit *edit, const struct record *state)
{
	struct call *call = edit->call;

	buf_clear(call->scratch, call->scratch->bytes_max);
	record_pack(state, &anonymization_shape, UINT64_MAX, call->scratch);
	if (call->scratch->failed)
		call->arena->failed = true;
	record_set(&edit->new, CUSTOMER_ANONYMIZATION,
	    arena_copy(call->arena, buf_slice(call->scratch)));
}

static bool
state_is(const struct record *state, const char *word)
{
	return slice_equal(record_text(state, ANONYMIZATION_STATUS), slice_text(word));
}

/* The user behind the call's token, packed; false when it has none. */
static bool
get_requester(struct edit *edit, struct slice *person)
{
	struct record token;
	struct slice  value;

	if (!kind_get(edit->txn, kind_of(RECORD_TOKEN), 0, edit->call->who.token,
		&value, NULL) ||
	    !record_split(&token, &record_shapes[RECORD_TOKEN], value) ||
	    !record_has(&token, TOKEN_USER))
		return false;
	*person = arena_copy(edit->call->arena, token.field[TOKEN_USER]);
	return true;
}

static enum status
request(struct edit *edit, struct record *state, struct slice person)
{
	struct arena *arena = edit->call->arena;
	int64_t       now_ms = edit->call->now_ms;

	if (state_is(state, "requested") || state_is(state, "started") ||
	    state_is(state, "completed")) {
		edit->call->detail =
		    "the customer's anonymisation is under way already";
		return STATUS_LOCKED;
	}
	record_init(state);
	record_set_text(state, ANONYMIZATION_STATUS, SLICE("requested"), arena);
	record_set_integer(state, ANONYMIZATION_REQUESTED_AT, now_ms, arena);
	record_set_integer(state, ANONYMIZATION_DUE_AT,
	    now_ms + store_grace_ms(edit->txn, edit->store), arena);
	record_set(state, ANONYMIZATION_REQUESTER, person);
	return STATUS_OK;
}

static enum status
cancel(struct edit *edit, struct record *state, struct slice person)
{
	struct arena *arena = edit->call->arena;

	if (!state_is(state, "requested")) {
		edit->call->detail = "no anonymisation is waiting to be cancelled";
		return STATUS_LOCKED;
	}
	record_set_text(state, ANONYMIZATION_STATUS, SLICE("cancelled"), arena);
	record_set_integer(
	    state, ANONYMIZATION_CANCELLED_AT, edit->call->now_ms, arena);
	record_set(state, ANONYMIZATION_CANCELLATION_REQUESTER, person);
	record_clear(state, ANONYMIZATION_DUE_AT);
	return STATUS_OK;
}

enum status
anonymize_before(struct edit *edit)
{
	struct record state;
	struct slice  person;
	enum status   status;

	get_state(&edit->old, &state);
	if (state_is(&state, "started") || state_is(&state, "completed")) {
		edit->call->detail = "the customer is anonymised";
		return STATUS_LOCKED;
	}
	if (!edit->patch->has_anonymize)
		return STATUS_OK;
	if (!get_requester(edit, &person)) {
		edit->call->detail = "this needs a token that is bound to a user";
		return STATUS_FORBIDDEN;
	}
	status = edit->patch->anonymize == ANONYMIZE_REQUEST
		     ? request(edit, &state, person)
		     : cancel(edit, &state, person);
	if (status == STATUS_OK)
		put_state(edit, &state);
	return status;
}

/* ---- what is due ---- */

bool
anonymize_owns_email(struct slice key)
{
	struct slice domain = SLICE("@" ERASED_EMAIL_DOMAIN);

	return key.len >= domain.len &&
	       memcmp(key.data + key.len - domain.len, domain.data, domain.len) == 0;
}

static void
make_due_key(struct key *key, uint64_t at, uint32_t store, uint64_t id)
{
	key_init_bare(key);
	key_u64(key, at);
	key_u32(key, store);
	key_u64(key, id);
}

/* The key of RECORD in the list of what is due; false when nothing is. */
static bool
due_key(const struct edit *edit, const struct record *record, struct key *key)
{
	struct record state;

	get_state(record, &state);
	if (!record_has(&state, ANONYMIZATION_DUE_AT))
		return false;
	make_due_key(key, (uint64_t)record_integer(&state, ANONYMIZATION_DUE_AT),
	    edit->store, edit->id);
	return true;
}

void
anonymize_after(struct edit *edit)
{
	struct key old, new;
	bool       was, is;

	if ((edit->differ & FIELD_BIT(CUSTOMER_ANONYMIZATION)) == 0)
		return;
	was = due_key(edit, &edit->old, &old);
	is = due_key(edit, &edit->new, &new);
	if (was && is && slice_equal(key_slice(&old), key_slice(&new)))
		return;
	if (was)
		kv_del(edit->txn, KV_CUSTOMER_DUE, key_slice(&old));
	if (is) /* nothing is erased yet */
		kv_put(edit->txn, KV_CUSTOMER_DUE, key_slice(&new), SLICE(""));
}

/* One customer whose time has come. */
struct due {
	uint64_t              at;
	uint32_t              store;
	uint64_t              id;
	struct change_erasure erasure;
};

/* What is kept of it while it is under way. */
static void
put_due(struct kv_txn *txn, const struct due *due)
{
	struct key key, value;

	make_due_key(&key, due->at, due->store, due->id);
	key_init_bare(&value);
	key_u64(&value, due->erasure.done);
	key_u64(&value, due->erasure.top);
	key_u64(&value, due->erasure.next);
	kv_put(txn, KV_CUSTOMER_DUE, key_slice(&key), key_slice(&value));
}

static bool
take_due(struct due *due, struct slice key, struct slice value)
{
	struct change_erasure *erasure = &due->erasure;

	*erasure = (struct change_erasure){ 0 };
	if (!key_take_u64(&key, &due->at) || !key_take_u32(&key, &due->store) ||
	    !key_take_u64(&key, &due->id))
		return false;
	if (value.len == 0)
		return true;
	/* Servers before format 4 of the file kept the first number only. */
	return key_take_u64(&value, &erasure->done) &&
	       (value.len == 0 || (key_take_u64(&value, &erasure->top) &&
				      key_take_u64(&value, &erasure->next)));
}

static unsigned
collect_due(struct call *call, struct kv_txn *txn, struct due *list)
{
	struct kv_scan scan;
	struct slice   key, value;
	unsigned       count = 0;

	kv_scan_begin(&scan, txn, KV_CUSTOMER_DUE, SLICE(""), SLICE(""));
	while (count < DUE_PER_STEP && kv_scan_next(&scan, &key, &value)) {
		struct due *due = &list[count];

		if (!take_due(due, key, value)) {
			txn->status = STATUS_DAMAGED;
			break;
		}
		if (due->at > (uint64_t)call->now_ms)
			break;
		count++;
	}
	kv_scan_end(&scan);
	return count;
}

static void
start(struct edit *edit, struct record *state)
{
	record_set_text(
	    state, ANONYMIZATION_STATUS, SLICE("started"), edit->call->arena);
	record_set_integer(
	    state, ANONYMIZATION_STARTED_AT, edit->call->now_ms, edit->call->arena);
	put_state(edit, state);
}

/* The personal fields go; the email, which must be there, becomes nobody's. */
static void
complete(struct edit *edit, struct record *state)
{
	struct arena *arena = edit->call->arena;
	struct slice  uid = record_text(&edit->old, COMMON_UID);
	char          email[64];
	int           len;

	record_set_text(state, ANONYMIZATION_STATUS, SLICE("completed"), arena);
	record_set_integer(
	    state, ANONYMIZATION_COMPLETED_AT, edit->call->now_ms, arena);
	record_clear(state, ANONYMIZATION_DUE_AT);
	put_state(edit, state);
	edit->new.present &= ~shape_places(edit->shape, PERSONAL);
	len = snprintf(
	    email, sizeof(email), "%.*s@" ERASED_EMAIL_DOMAIN, (int)uid.len, uid.data);
	record_set_text(
	    &edit->new, CUSTOMER_EMAIL, slice_of(email, (size_t)len), arena);
	edit->drop_secret = true;
}

/* Erase a piece of what lies outside the record.  True when nothing is left there. */
static bool
erase_outside(struct call *call, struct kv_txn *txn, struct due *due)
{
	const struct change_chain chain =
	    chain_of(txn, due->store, kind_of(RECORD_CUSTOMER), due->id);
	bool done = chain_erase(&chain, &due->erasure, ERASED_PER_STEP, call->scratch);

	put_due(txn, due);
	return done && idempotency_erase(
			   txn, due->store, due->id, ERASED_PER_STEP, call->scratch);
}

/* The next step for one customer.  *MORE unless it was the last. */
static enum status
step_one(struct call *call, struct kv_txn *txn, struct due *due, bool *more)
{
	struct record state;
	struct edit   edit;
	enum status   status;

	call->who.store = due->store;
	status = edit_load(&edit, call, txn, kind_of(RECORD_CUSTOMER), due->id,
	    SLICE(""), EDIT_UPDATE);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status;
	get_state(&edit.old, &state);
	*more = true;
	if (state_is(&state, "requested")) {
		start(&edit, &state);
	} else {
		if (!erase_outside(call, txn, due))
			return txn->status;
		complete(&edit, &state);
		*more = false;
	}
	status = edit_check(&edit);
	if (status == STATUS_OK)
		edit_write(&edit);
	return status != STATUS_OK ? status : txn->status;
}

enum status
anonymize_step(struct call *call, struct kv_txn *txn, bool *more)
{
	struct due list[DUE_PER_STEP];
	unsigned   count = collect_due(call, txn, list);

	*more = count == DUE_PER_STEP;
	for (unsigned i = 0; i < count && txn->status == STATUS_OK; i++) {
		struct kv_txn child;
		bool          again = false;

		/* One damaged customer must not keep the others from being forgotten.
		 */
		kv_nest(txn, &child);
		if (step_one(call, &child, &list[i], &again) == STATUS_OK) {
			kv_nest_keep(txn, &child);
			*more |= again;
		} else {
			kv_nest_drop(txn, &child);
		}
	}
	return txn->status;
}
