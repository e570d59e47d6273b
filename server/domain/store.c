#include "server/domain/store.h"
#include "proto/reader.h"
#include "server/domain/domain_private.h"
#include "server/domain/edit.h"

bool
store_get(struct kv_txn *txn, uint32_t store, struct record *record)
{
	struct slice value;

	if (!kind_get(txn, kind_of(RECORD_STORE), 0, store, &value, NULL))
		return false;
	if (!record_split(record, &record_shapes[RECORD_STORE], value)) {
		txn->status = STATUS_DAMAGED;
		return false;
	}
	return true;
}

bool
store_has_language(struct kv_txn *txn, uint32_t store, struct slice language)
{
	struct record record;
	struct reader reader;

	if (!store_get(txn, store, &record) || !record_has(&record, STORE_LANGUAGES))
		return true;
	reader_init(&reader, record.field[STORE_LANGUAGES]);
	for (uint32_t left = reader_array(&reader); left > 0; left--)
		if (slice_equal(reader_text(&reader), language))
			return true;
	return false;
}

bool
store_wants_revision(struct kv_txn *txn, uint32_t store)
{
	struct record record;

	return store_get(txn, store, &record) &&
	       record_bool(&record, STORE_REVISION_REQUIRED);
}

void
store_after(struct edit *edit)
{
	domain_step_token_epoch(edit->call->domain, edit->txn);
}

int64_t
store_grace_ms(struct kv_txn *txn, uint32_t store)
{
	struct record record;

	if (!store_get(txn, store, &record) ||
	    !record_has(&record, STORE_ANONYMIZATION_GRACE_MS))
		return ANONYMIZATION_GRACE_MS_DEFAULT;
	return record_integer(&record, STORE_ANONYMIZATION_GRACE_MS);
}
