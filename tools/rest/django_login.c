/*
 * The Django style: accounts and tokens for those who have none yet.
 *
 * These routes come without credentials, so the shim acts as the operator that it is
 * on the unix socket: it makes a token for the store of the option public-store, uses
 * it, and deletes it.  What a login answers are tokens of the server as well: the
 * access token is bound to the customer, the refresh token is good for nothing but to
 * be shown here.  Its text names the customer; only a text that was handed out whole
 * is a token, so nobody can change that name.
 */

#include <stdio.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/django.h"
#include "tools/rest/engine.h"

#define ERRAND_MS 60000
#define ACCESS_MS (5LL * 60 * 1000)
#define REFRESH_MS (24LL * 3600 * 1000)

static const char *const errand_scopes[] = { "customers.read", "customers.write",
	"customers.password", NULL };
static const char *const access_scopes[] = { "customers.read", "customers.write",
	"customers.delete", "customers.password", NULL };
static const char *const refresh_scopes[] = { "store.read", NULL };

/* What a token shall be. */
struct wanted_token {
	const char        *name;
	const char *const *scopes;
	int64_t            customer; /* 0: not bound */
	int64_t            life_ms;
	const char        *secret; /* NULL: the server's choice */
};

static struct slice
pack_token(struct work *work, const struct wanted_token *wanted)
{
	struct buf buf;
	size_t     place;
	uint32_t   count = 0;

	work_buf(work, &buf);
	pack_map(&buf, wanted->secret != NULL ? 2 : 1);
	if (wanted->secret != NULL) {
		pack_literal(&buf, "token");
		pack_text(&buf, slice_text(wanted->secret));
	}
	pack_literal(&buf, "set");
	pack_map(&buf, wanted->customer > 0 ? 5 : 4);
	pack_literal(&buf, "name");
	pack_text(&buf, slice_text(wanted->name));
	pack_literal(&buf, "store");
	pack_integer(&buf, work->engine->settings.public_store);
	pack_literal(&buf, "expires_at");
	pack_integer(&buf, work->now_ms + wanted->life_ms);
	if (wanted->customer > 0) {
		pack_literal(&buf, "customer");
		pack_integer(&buf, wanted->customer);
	}
	pack_literal(&buf, "scopes");
	place = pack_array_open(&buf);
	for (; wanted->scopes[count] != NULL; count++)
		pack_text(&buf, slice_text(wanted->scopes[count]));
	pack_array_close(&buf, place, count);
	return work_keep(work, &buf);
}

/* The text of a new token; empty: not yet, or refused. */
static struct slice
make_token(struct work *work, const struct wanted_token *wanted)
{
	const struct answer   *answer;
	struct customerd_slice result, token = { NULL, 0 };

	if (work->engine->settings.public_store == 0) {
		work_refuse(work, REASON_NO_CREDENTIALS, slice_of(NULL, 0));
		return slice_of(NULL, 0);
	}
	answer =
	    work_call_as_operator(work, METHOD_TOKEN_CREATE, pack_token(work, wanted));
	if (answer == NULL)
		return slice_of(NULL, 0);
	if (answer->status != STATUS_OK) {
		work_refuse(work,
		    answer->is_unreachable ? REASON_UNAVAILABLE : REASON_FAILED,
		    slice_of(NULL, 0));
		return slice_of(NULL, 0);
	}
	result = (struct customerd_slice){ answer->result.data, answer->result.len };
	customerd_get_text(result, "token", &token);
	return slice_of(token.data, token.len);
}

/* Give WORK a token for this errand. */
static bool
begin_errand(struct work *work)
{
	const struct wanted_token wanted = { "customerd-rest: an errand", errand_scopes,
		0, ERRAND_MS, NULL };

	work->token = make_token(work, &wanted);
	work->exchange->arena.secret = true;
	return work->token.len > 0;
}

/* Delete it again.  False: not yet; its end is waited for, whatever it is. */
static bool
end_errand(struct work *work)
{
	const struct wanted_token wanted = { "customerd-rest: an errand", errand_scopes,
		0, ERRAND_MS, NULL };
	const struct answer      *made =
	    work_call_as_operator(work, METHOD_TOKEN_CREATE, pack_token(work, &wanted));
	struct customerd_slice result;
	int64_t                id = 0;

	if (made == NULL || made->status != STATUS_OK)
		return made != NULL;
	result = (struct customerd_slice){ made->result.data, made->result.len };
	customerd_get_integer(result, "id", &id);
	return work_call_as_operator(work, METHOD_TOKEN_DELETE,
		   work_args_integer(work, "id", id)) != NULL;
}

/* ---- accounts ---- */

void
django_create(struct work *work)
{
	struct decoding      in;
	const struct answer *answer;
	struct slice         args;
	struct buf           buf;

	if (!begin_errand(work) || !serve_decode(work, &in, true))
		return;
	work_buf(work, &buf);
	pack_map(&buf, 2);
	decode_pack(&in, &buf);
	pack_literal(&buf, "want");
	pack_literal(&buf, "record");
	decode_end(&in);
	args = work_keep(work, &buf);
	work->probes = work->fault_count > 0;
	answer = work_call(work, METHOD_CUSTOMER_CREATE, args);
	work->probes = false;
	if (answer == NULL || !end_errand(work))
		return;
	if (work_accepts(work, answer))
		work_respond_record(work, 201, answer->result);
}

/* ---- tokens ---- */

/* Answer with a pair of tokens, or an access token alone, for CUSTOMER. */
static void
answer_tokens(struct work *work, int64_t customer, bool with_refresh)
{
	const struct wanted_token access = { "customerd-rest: access", access_scopes,
		customer, ACCESS_MS, NULL };
	const struct wanted_token refresh = { "customerd-rest: refresh", refresh_scopes,
		customer, REFRESH_MS,
		work_text(work, DJANGO_REFRESH_PREFIX "%lld-%s", (long long)customer,
		    work_secret(work)) };
	struct slice              token = make_token(work, &access), other = token;
	struct out                json;

	if (with_refresh && !work->is_answered)
		other = make_token(work, &refresh);
	if (token.len == 0 || other.len == 0 || work->is_answered)
		return;
	json = work_json(work);
	out_open(&json, '{');
	if (with_refresh) {
		out_key(&json, "refresh");
		out_text(&json, other);
	}
	out_key(&json, "access");
	out_text(&json, token);
	out_close(&json, '}');
	work_respond(work, 200, &json);
}

/* The text called KEY in the body; empty: noted as missing. */
static struct slice
take_text(struct work *work, const char *key)
{
	const json_t *value = json_object_get(work->body, key);

	if (value == NULL)
		work_fault(work, FAULT_REQUIRED, NULL, key);
	else if (json_is_null(value))
		work_fault(work, FAULT_NULL_VALUE, NULL, key);
	else if (!json_is_string(value))
		work_fault(work, FAULT_WRONG_TYPE, NULL, key);
	else if (json_string_length(value) == 0)
		work_fault(work, FAULT_BLANK, NULL, key);
	return json_is_string(value) ? json_slice(value) : slice_of(NULL, 0);
}

static struct slice
pack_login(struct work *work, struct slice email, struct slice password)
{
	struct buf buf;

	work_buf(work, &buf);
	pack_map(&buf, 2);
	pack_literal(&buf, "email");
	pack_text(&buf, email);
	pack_literal(&buf, "password");
	pack_text(&buf, password);
	return work_keep(work, &buf);
}

void
django_login(struct work *work)
{
	struct slice           email, password;
	const struct answer   *answer;
	struct customerd_slice result;
	int64_t                id = 0;

	if (work->format->unwrap(work, work->body) == NULL)
		return;
	email = take_text(work, "email");
	password = take_text(work, "password");
	if (work->fault_count > 0) {
		work_refuse_faults(work);
		return;
	}
	if (!begin_errand(work))
		return;
	answer = work_call(
	    work, METHOD_CUSTOMER_VERIFY_PASSWORD, pack_login(work, email, password));
	if (answer == NULL || !end_errand(work))
		return;
	result = (struct customerd_slice){ answer->result.data, answer->result.len };
	if (answer->status != STATUS_OK && answer->status != STATUS_INVALID)
		work_refuse_answer(work, answer);
	else if (!customerd_get_integer(result, "id", &id))
		work_refuse(work, REASON_BAD_LOGIN, slice_of(NULL, 0));
	else
		answer_tokens(work, id, true);
}

/* The customer in the text of a refresh token, or 0. */
static int64_t
refresh_customer(struct slice token)
{
	const size_t len = sizeof(DJANGO_REFRESH_PREFIX) - 1;
	const char  *dash;
	int64_t      id = 0;

	if (token.len <= len || memcmp(token.data, DJANGO_REFRESH_PREFIX, len) != 0)
		return 0;
	dash = memchr(token.data + len, '-', token.len - len);
	if (dash == NULL || token.len > TOKEN_BYTES_MAX ||
	    memchr(token.data, '\0', token.len) != NULL ||
	    !text_to_id(
		slice_of(token.data + len, (size_t)(dash - token.data) - len), &id))
		return 0;
	return id;
}

void
django_refresh(struct work *work)
{
	struct slice         token;
	const struct answer *answer;
	int64_t              customer;

	if (work->format->unwrap(work, work->body) == NULL)
		return;
	token = take_text(work, "refresh");
	if (work->fault_count > 0) {
		work_refuse_faults(work);
		return;
	}
	customer = refresh_customer(token);
	if (customer == 0) {
		work_refuse(work, REASON_BAD_TOKEN, slice_of(NULL, 0));
		return;
	}
	work->token = token;
	work->exchange->arena.secret = true;
	answer = work_call(work, METHOD_PING, SLICE("\x80"));
	if (answer == NULL)
		return;
	if (answer->status == STATUS_OK)
		answer_tokens(work, customer, false);
	else
		work_refuse_answer(work, answer);
}

void
django_options(struct work *work)
{
	struct out json = work_json(work);

	out_open(&json, '{');
	out_close(&json, '}');
	work_respond(work, 200, &json);
}
