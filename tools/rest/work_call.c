/*
 * Calls to the server: each is made once, and ends in a run of the work that made it.
 */

#include <assert.h>
#include <openssl/crypto.h>

#include "tools/rest/engine.h"
#include "tools/rest/work_internal.h"

/* ---- answers ---- */

/*
 * How CALL ended, as a status.  A doubt about a read is no doubt about the records:
 * only a change that may have happened is UNKNOWN.
 */
static void
note_failure(struct call_made *made, enum customerd_status status,
    const struct customerd_error *error)
{
	struct answer *answer = &made->answer;

	if (status == CUSTOMERD_REFUSED) {
		answer->status = status_find(slice_text(error->code));
		answer->revision = error->revision;
		answer->details =
		    arena_copy(work_arena(made->work), from_client(error->details));
	} else if (status == CUSTOMERD_MISUSE) {
		/* All else is checked: the arguments hold too many values. */
		answer->status = STATUS_TOO_LARGE;
	} else if (status == CUSTOMERD_UNKNOWN &&
		   methods[made->method].access == METHOD_WRITE) {
		answer->status = STATUS_UNKNOWN;
	} else {
		answer->status = STATUS_BUSY;
		answer->is_unreachable = true;
	}
}

/* MADE is over: its work does not wait for it any more. */
static void
end(struct call_made *made)
{
	made->is_done = true;
	made->work->pending--;
}

static void
on_answer(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct call_made *made = user;
	struct work      *work = made->work;
	struct arena     *home = made->is_page ? &work->page : work_arena(work);

	end(made);
	if (work->is_gone)
		return;
	if (status == CUSTOMERD_OK)
		made->answer.result = arena_copy(home, from_client(result));
	else
		note_failure(made, status, error);
	if (home->failed)
		work_arena(work)->failed = true;
	if (work->pending == 0)
		work_run(work);
}

/* ---- one call for many ---- */

/* MADE, which is not done, waits for its call no longer. */
static void
leave(struct call_made *made)
{
	TAILQ_REMOVE(&made->shared->readers, made, reader);
	made->shared = NULL;
}

static void
on_shared_answer(void *user, enum customerd_status status,
    struct customerd_slice result, const struct customerd_error *error)
{
	struct shared_call *shared = user;
	struct call_made   *made;

	shared->state = SHARED_ENDING; /* who comes now wants another one */
	while ((made = TAILQ_FIRST(&shared->readers)) != NULL) {
		leave(made);
		on_answer(made, status, result, error);
	}
	shared->state = SHARED_VACANT;
}

/*
 * Whether A and B are the same token.  One may be a stranger's guess at the other: how
 * much of it is right must not show in the time that this takes.
 */
static bool
is_same_token(struct slice a, struct slice b)
{
	return a.len == b.len && CRYPTO_memcmp(a.data, b.data, a.len) == 0;
}

/* Whether a call of MADE's own would be the same as SHARED, and leave with it. */
static bool
may_join(const struct shared_call *shared, const struct call_made *made)
{
	return shared->state == SHARED_OPEN &&
	       shared->departures == made->work->engine->upstream->departures &&
	       is_same_token(
		   TAILQ_FIRST(&shared->readers)->work->token, made->work->token);
}

/* The call that MADE may wait for; else a place for a new one; NULL: there is none. */
static struct shared_call *
find_shared(const struct call_made *made)
{
	struct shared_call *calls = made->work->engine->shared, *vacant = NULL;

	for (unsigned i = 0; i < ENGINE_SHARED_MAX; i++) {
		if (may_join(&calls[i], made))
			return &calls[i];
		if (vacant == NULL && calls[i].state == SHARED_VACANT)
			vacant = &calls[i];
	}
	return vacant;
}

/* ---- making them ---- */

/* The call that an earlier run has made, or NULL. */
static struct call_made *
find_call(struct work *work, enum method_number method, struct slice args)
{
	struct call_made *made;

	TAILQ_FOREACH (made, &work->calls, link)
		if (made->method == method && made->is_probe == work->probes &&
		    slice_equal(made->args, args))
			break;
	return made;
}

/* The client's key for its request, or one made of it for each call of several. */
static const char *
key_of(struct work *work)
{
	if (work->idempotency_key == NULL || work->part_count < 2)
		return work->idempotency_key;
	return work_text(
	    work, "%s %u/%u", work->idempotency_key, work->part, work->part_count);
}

static enum customerd_status
send_alone(struct call_made *made, const struct customerd_call *call,
    struct customerd_error *error)
{
	return upstream_call(
	    made->work->engine->upstream, call, on_answer, made, &made->id, error);
}

/* Let MADE wait for a call that others wait for, too; CALL is made if there is none. */
static enum customerd_status
send_shared(struct call_made *made, const struct customerd_call *call,
    struct customerd_error *error)
{
	struct upstream      *upstream = made->work->engine->upstream;
	struct shared_call   *shared = find_shared(made);
	enum customerd_status status = CUSTOMERD_OK;

	if (shared == NULL)
		return send_alone(made, call, error);
	if (shared->state == SHARED_VACANT) {
		status = upstream_call(
		    upstream, call, on_shared_answer, shared, &shared->id, error);
		if (status != CUSTOMERD_OK)
			return status;
		shared->state = SHARED_OPEN;
		shared->departures = upstream->departures;
	}
	made->shared = shared;
	TAILQ_INSERT_TAIL(&shared->readers, made, reader);
	return status;
}

static void
send_call(struct call_made *made)
{
	struct work           *work = made->work;
	bool                   writes = methods[made->method].access == METHOD_WRITE;
	struct customerd_error error;
	enum customerd_status  status;
	struct customerd_call  call = {
		 .method = methods[made->method].name.data,
		 .args = { made->args.data, made->args.len },
		 .traceparent = work->traceparent,
	};

	if (!made->is_operators) {
		/* Without a token the call would be an operator's. */
		assert(work->token.len > 0);
		call.token = arena_text(work_arena(work), work->token);
		call.dry_run = writes && (work->dry_run || work->probes);
		if (writes)
			call.idempotency_key = key_of(work);
	}
	if (!upstream_is_ready(work->engine->upstream) ||
	    (call.token == NULL && !made->is_operators)) {
		status = CUSTOMERD_NOT_SENT;
	} else if (made->is_shareable) {
		status = send_shared(made, &call, &error);
	} else {
		status = send_alone(made, &call, &error);
	}
	if (status == CUSTOMERD_OK) {
		work->pending++;
	} else {
		made->is_done = true;
		note_failure(made, status, &error);
	}
}

enum call_kind { AS_CLIENT, AS_OPERATOR, AS_PAGE, AS_ONE_OF_MANY };

static const struct answer *
call(struct work *work, enum method_number method, struct slice args,
    enum call_kind kind)
{
	struct call_made *made = find_call(work, method, args);
	bool              writes = methods[method].access == METHOD_WRITE;

	/* Whoever goes on after a refusal changes nothing. */
	if (made == NULL && writes && (work->is_answered || work->is_refusing))
		return NULL;
	if (made == NULL) {
		made = arena_alloc(work_arena(work), sizeof(*made));
		if (made == NULL || work->call_count == WORK_CALLS_MAX)
			return NULL; /* work_run() sees that nothing is under way */
		*made = (struct call_made){ .work = work,
			.method = method,
			.args = arena_copy(work_arena(work), args),
			.is_operators = kind == AS_OPERATOR,
			.is_page = kind == AS_PAGE,
			/* What is traced has calls of its own. */
			.is_shareable =
			    kind == AS_ONE_OF_MANY && work->traceparent == NULL,
			.is_probe = work->probes };
		if (work_arena(work)->failed)
			return NULL;
		TAILQ_INSERT_TAIL(&work->calls, made, link);
		work->call_count++;
		send_call(made);
	}
	return made->is_done ? &made->answer : NULL;
}

const struct answer *
work_call(struct work *work, enum method_number method, struct slice args)
{
	return call(work, method, args, AS_CLIENT);
}

const struct answer *
work_store(struct work *work)
{
	return call(work, METHOD_STORE_GET, MAP_EMPTY, AS_ONE_OF_MANY);
}

const struct answer *
work_done(const struct work *work, enum method_number method)
{
	const struct call_made *made;

	TAILQ_FOREACH (made, &work->calls, link)
		if (made->method == method && made->is_done && !made->is_probe &&
		    made->answer.status == STATUS_OK)
			return &made->answer;
	return NULL;
}

const struct answer *
work_call_page(struct work *work, enum method_number method, struct slice args)
{
	return call(work, method, args, AS_PAGE);
}

void
work_forget_page(struct work *work)
{
	struct call_made *made;

	TAILQ_FOREACH (made, &work->calls, link)
		if (made->is_page)
			break;
	assert(made != NULL && made->is_done);
	TAILQ_REMOVE(&work->calls, made, link);
	work->call_count--;
	arena_reset(&work->page);
}

const struct answer *
work_call_as_operator(struct work *work, enum method_number method, struct slice args)
{
	return call(work, method, args, AS_OPERATOR);
}

/* End MADE, which is not done; a call that others wait for goes on. */
static void
cancel(struct call_made *made)
{
	struct customerd_async *async = made->work->engine->upstream->async;
	struct shared_call     *shared = made->shared;

	if (shared == NULL) {
		customerd_async_cancel(async, made->id);
		return;
	}
	leave(made);
	end(made);
	if (TAILQ_EMPTY(&shared->readers))
		customerd_async_cancel(async, shared->id);
}

void
work_cancel(struct work *work)
{
	struct call_made *made;

	work->is_gone = true;
	TAILQ_FOREACH (made, &work->calls, link)
		if (!made->is_done)
			cancel(made);
	assert(work->pending == 0);
}

bool
work_again(struct work *work)
{
	assert(work->pending == 0);
	if (++work->tries == WORK_TRIES_MAX)
		return false;
	TAILQ_INIT(&work->calls);
	work->call_count = 0;
	work->runs_again = true;
	return true;
}

bool
work_first_time(struct work *work, const struct answer *answer)
{
	struct call_made *made;

	TAILQ_FOREACH (made, &work->calls, link) {
		if (&made->answer != answer || made->is_mentioned)
			continue;
		made->is_mentioned = true;
		return true;
	}
	return false;
}
