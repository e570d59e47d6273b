#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/domain/anonymize.h"
#include "server/domain/change.h"
#include "server/domain/domain_private.h"
#include "server/domain/feed.h"
#include "server/domain/idempotency.h"
#include "server/domain/list.h"
#include "server/domain/modify.h"
#include "server/domain/query.h"
#include "server/domain/text.h"
#include "server/domain/token.h"

#define TRIMMED_PER_STEP 512u /* old changes and answers dropped in one step */

/* What each method does; CONTROL and JOB methods are the net's. */
// clang-format off
static const struct handler {
	enum status (*check)(struct call *call);
	enum status (*run)(struct call *call, struct kv_txn *txn);
	enum status (*finish)(struct call *call);
	bool (*fetch)(struct call *call, struct kv_txn *txn);
} handlers[METHOD_COUNT] = {
	[METHOD_CUSTOMER_CREATE]      = { modify_check_create, modify_create, NULL, NULL },
	[METHOD_CUSTOMER_CREATE_MANY] = { modify_check_create_many, modify_create_many, NULL, NULL },
	[METHOD_CUSTOMER_GET]         = { query_check_get,     query_get,     NULL, query_fetch },
	[METHOD_CUSTOMER_FIND]        = { query_check_find,    query_find,    NULL, NULL },
	[METHOD_CUSTOMER_LIST]        = { list_check,          list_run,      NULL, NULL },
	[METHOD_CUSTOMER_UPDATE]      = { modify_check_update, modify_update, NULL, modify_fetch },
	[METHOD_CUSTOMER_UPDATE_MANY] = { modify_check_update_many, modify_update_many, NULL, NULL },
	[METHOD_CUSTOMER_DELETE]      = { modify_check_delete, modify_delete, NULL, modify_fetch },
	[METHOD_CUSTOMER_VERIFY_PASSWORD] = { query_check_verify, query_verify, query_verify_finish, NULL },
	[METHOD_CUSTOMER_ANONYMIZE]   = { modify_check_update, modify_update, NULL, modify_fetch },
	[METHOD_CUSTOMER_HISTORY]     = { feed_check_history,  feed_history,  NULL, NULL },
	[METHOD_GROUP_CREATE]         = { modify_check_create, modify_create, NULL, NULL },
	[METHOD_GROUP_GET]            = { query_check_get,     query_get,     NULL, query_fetch },
	[METHOD_GROUP_FIND]           = { query_check_find,    query_find,    NULL, NULL },
	[METHOD_GROUP_LIST]           = { list_check,          list_run,      NULL, NULL },
	[METHOD_GROUP_UPDATE]         = { modify_check_update, modify_update, NULL, modify_fetch },
	[METHOD_GROUP_DELETE]         = { modify_check_delete, modify_delete, NULL, modify_fetch },
	[METHOD_TAG_CREATE]           = { modify_check_create, modify_create, NULL, NULL },
	[METHOD_TAG_GET]              = { query_check_get,     query_get,     NULL, query_fetch },
	[METHOD_TAG_FIND]             = { query_check_find,    query_find,    NULL, NULL },
	[METHOD_TAG_LIST]             = { list_check,          list_run,      NULL, NULL },
	[METHOD_TAG_UPDATE]           = { modify_check_update, modify_update, NULL, modify_fetch },
	[METHOD_TAG_DELETE]           = { modify_check_delete, modify_delete, NULL, modify_fetch },
	[METHOD_STORE_CREATE]         = { modify_check_create, modify_create, NULL, NULL },
	[METHOD_STORE_GET]            = { query_check_get,     query_get,     NULL, query_fetch },
	[METHOD_STORE_FIND]           = { query_check_find,    query_find,    NULL, NULL },
	[METHOD_STORE_LIST]           = { list_check,          list_run,      NULL, NULL },
	[METHOD_STORE_UPDATE]         = { modify_check_update, modify_update, NULL, modify_fetch },
	[METHOD_TOKEN_CREATE]         = { modify_check_create, modify_create, NULL, NULL },
	[METHOD_TOKEN_GET]            = { query_check_get,     query_get,     NULL, query_fetch },
	[METHOD_TOKEN_LIST]           = { list_check,          list_run,      NULL, NULL },
	[METHOD_TOKEN_UPDATE]         = { modify_check_update, modify_update, NULL, modify_fetch },
	[METHOD_TOKEN_DELETE]         = { modify_check_delete, modify_delete, NULL, modify_fetch },
	[METHOD_CHANGE_READ]          = { feed_check_read,     feed_read,     NULL, NULL },
};
// clang-format on

/* ---- the domain itself ---- */

static enum status
load_key(struct domain *domain, struct kv_txn *txn)
{
	struct slice value;

	if (kv_get(txn, KV_META, SLICE("key"), &value)) {
		if (value.len != DOMAIN_KEY_BYTES)
			return STATUS_DAMAGED;
		memcpy(domain->key, value.data, DOMAIN_KEY_BYTES);
		return STATUS_OK;
	}
	randombytes_buf(domain->key, DOMAIN_KEY_BYTES);
	kv_put(txn, KV_META, SLICE("key"), slice_of(domain->key, DOMAIN_KEY_BYTES));
	upgrade_set_done(txn); /* it is new */
	return txn->status;
}

enum status
domain_open(
    struct domain **out, const struct domain_options *options, struct kv_txn *txn)
{
	struct domain *domain = calloc(1, sizeof(*domain));
	enum status    status;

	*out = NULL;
	for (unsigned i = 0; i < METHOD_COUNT; i++)
		assert(
		    (methods[i].access == METHOD_CONTROL ||
			methods[i].access == METHOD_JOB) == (handlers[i].run == NULL));
	if (domain == NULL)
		return STATUS_NO_MEMORY;
	domain->options = *options;
	status = load_key(domain, txn);
	domain_load_token_epoch(domain, txn);
	if (status == STATUS_OK)
		status = txn->status;
	if (status != STATUS_OK) {
		domain_close(domain);
		return status;
	}
	*out = domain;
	return STATUS_OK;
}

bool
domain_upgrade(struct domain *domain, struct kv_txn *txn)
{
	return upgrade_step(&domain->upgrade, txn);
}

void
domain_close(struct domain *domain)
{
	if (domain == NULL)
		return;
	sodium_memzero(domain->key, sizeof(domain->key));
	free(domain);
}

/* ---- requests ---- */

enum status
domain_permit(struct call *call)
{
	const struct method *method = call->method;

	if (call->who.scopes == 0)
		return STATUS_UNAUTHENTICATED;
	if (call->who.store == 0 && !kind_of(method->record)->of_server) {
		call->detail = "this needs a token of a store";
		return STATUS_FORBIDDEN;
	}
	if (!call_may(call, method->scope))
		return STATUS_FORBIDDEN;
	if (call->who.customer != 0 && (method->flags & METHOD_OWN) == 0) {
		call->detail = "the token is bound to one customer";
		return STATUS_FORBIDDEN;
	}
	return STATUS_OK;
}

enum status
domain_check(struct call *call)
{
	const struct handler *handler = &handlers[call->method->number];
	enum status           status = domain_permit(call);

	assert(handler->run != NULL);
	if (status != STATUS_OK)
		return status;
	args_decode(&call->args, call, call->args_bytes, call->method->args,
	    call->method->access == METHOD_WRITE);
	/* It becomes part of a key and of log lines. */
	if (!text_is_clean(call->meta.idempotency_key, false))
		violations_add(
		    &call->violations, SLICE("meta.idempotency_key"), RULE_BAD_TEXT);
	if (call->arena->failed)
		return STATUS_NO_MEMORY;
	return handler->check(call);
}

bool
domain_fetch(struct call *call, struct kv_txn *txn)
{
	const struct handler *handler = &handlers[call->method->number];

	return handler->fetch != NULL && handler->fetch(call, txn);
}

enum status
domain_read(struct call *call, struct kv_txn *txn)
{
	assert(call->method->access == METHOD_READ);
	return handlers[call->method->number].run(call, txn);
}

enum status
domain_finish(struct call *call)
{
	return handlers[call->method->number].finish(call);
}

/* Forget what an earlier run of the same call has left. */
static void
start_anew(struct call *call)
{
	buf_clear(call->result, call->result->bytes_max);
	violations_init(&call->violations);
	call->detail = NULL;
	call->revision = 0;
	call->noted = NULL; /* the arena may be new since */
	call->noted_count = 0;
}

static enum status
run_write(struct call *call, struct kv_txn *txn)
{
	enum status status = handlers[call->method->number].run(call, txn);

	if (status == STATUS_OK)
		status = txn->status;
	if (status == STATUS_OK && (call->result->failed || call->arena->failed))
		status = STATUS_NO_MEMORY;
	return status;
}

static enum status
run_dry(struct call *call, struct kv_txn *txn)
{
	struct kv_txn child;
	enum status   status;

	kv_nest(txn, &child);
	status = run_write(call, &child);
	kv_nest_drop(txn, &child);
	return status;
}

enum status
domain_write(struct call *call, struct kv_txn *txn)
{
	bool        has_key = call->meta.idempotency_key.len > 0;
	bool        found = false;
	enum status status;

	assert(call->method->access == METHOD_WRITE);
	start_anew(call);
	if (atomic_load_explicit(&call->cancelled, memory_order_relaxed))
		return STATUS_CANCELLED;
	if (call->deadline_ms != 0 && clock_mono_ms() >= call->deadline_ms)
		return STATUS_DEADLINE;
	if (has_key) {
		status = idempotency_find(call, txn, &found);
		if (status != STATUS_OK || found)
			return status;
	}
	if (call->meta.dry_run)
		return run_dry(call, txn);
	status = run_write(call, txn);
	if (status == STATUS_OK && has_key)
		idempotency_keep(call, txn);
	return status == STATUS_OK ? txn->status : status;
}

/* ---- what is due ---- */

static void
keep_house(struct domain *domain, struct call *call, struct kv_txn *txn, bool *more)
{
	int64_t            now_ms = call->now_ms;
	bool               more_tokens;
	struct change_keep keep = {
		.from_ms = now_ms - domain->options.change_keep_ms,
		.max = domain->options.change_keep_max,
		.bytes = domain->options.change_keep_bytes,
	};

	if (anonymize_step(call, txn, more) != STATUS_OK ||
	    token_expire(call, txn, &more_tokens) != STATUS_OK)
		return;
	*more = *more || more_tokens;
	if (!change_trim(txn, &domain->trim_store, &keep, TRIMMED_PER_STEP))
		*more = true;
	if (!idempotency_trim(txn, now_ms, TRIMMED_PER_STEP))
		*more = true;
}

enum status
domain_housekeep(struct domain *domain, struct kv_txn *txn, int64_t now_ms, bool *more)
{
	struct call *call = malloc(sizeof(*call));
	struct arena arena;
	struct buf   scratch;

	*more = false;
	if (call == NULL)
		return STATUS_NO_MEMORY;
	call_init(call);
	arena_init(&arena, CALL_ARENA_BYTES_MAX);
	buf_init(&scratch, CALL_SCRATCH_BYTES_MAX);
	call->domain = domain;
	call->now_ms = now_ms;
	call->arena = &arena;
	call->scratch = &scratch;
	keep_house(domain, call, txn, more);
	arena_fini(&arena);
	buf_fini(&scratch);
	free(call);
	return txn->status;
}
