#include "server/net/control.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/version.h"
#include "server/base/clock.h"
#include "server/net/conn.h"
#include "server/net/job.h"
#include "server/net/server.h"
#include "server/net/subscribe.h"

/* ---- hello ---- */

static const struct {
	struct slice key;
	int64_t      value;
} limits[] = {
#define X(key, value) { { key, sizeof(key) - 1 }, value },
	PROTO_LIMITS(X)
#undef X
};

static const char *const features[] = { "ordered", "cancel", "idempotency_key",
	"dry_run", "subscribe" };

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

static void
pack_limits(struct buf *buf)
{
	pack_map(buf, COUNT(limits));
	for (unsigned i = 0; i < COUNT(limits); i++) {
		pack_text(buf, limits[i].key);
		pack_integer(buf, limits[i].value);
	}
}

static void
pack_features(struct buf *buf)
{
	pack_array(buf, COUNT(features));
	for (unsigned i = 0; i < COUNT(features); i++)
		pack_text(buf, slice_text(features[i]));
}

/* NUMBER, or nil for 0. */
static void
pack_integer_or_nil(struct buf *buf, int64_t number)
{
	if (number != 0)
		pack_integer(buf, number);
	else
		pack_nil(buf);
}

/* TEXT, or nil when it is empty. */
static void
pack_text_or_nil(struct buf *buf, struct slice text)
{
	if (text.len > 0)
		pack_text(buf, text);
	else
		pack_nil(buf);
}

static void
pack_scopes(struct buf *buf, uint64_t scopes)
{
	size_t   place = pack_array_open(buf);
	uint32_t count = 0;

	for (unsigned i = 0; i < SCOPE_COUNT; i++) {
		if ((scopes & SCOPE_BIT(i)) == 0)
			continue;
		pack_text(buf, slice_text(scope_words[i]));
		count++;
	}
	pack_array_close(buf, place, count);
}

static void
pack_identity(struct buf *buf, const struct identity *who)
{
	if (who->scopes == 0) {
		pack_nil(buf);
		return;
	}
	pack_map(buf, 4);
	pack_literal(buf, "store");
	pack_integer_or_nil(buf, who->store);
	pack_literal(buf, "customer");
	pack_integer_or_nil(buf, (int64_t)who->customer);
	pack_literal(buf, "scopes");
	pack_scopes(buf, who->scopes);
	pack_literal(buf, "expires_at");
	pack_integer_or_nil(buf, who->expires_at);
}

static enum status
hello(struct conn *conn, struct call *call)
{
	struct buf  *buf = call->result;
	enum status  status;
	struct slice token = args_text(&call->args, ARG_TOKEN);

	if (args_have(&call->args, ARG_PROTO) &&
	    args_integer(&call->args, ARG_PROTO) != CUSTOMERD_PROTO) {
		violations_add(&call->violations, SLICE("proto"), RULE_NOT_IN_LIST);
		return STATUS_INVALID;
	}
	status = auth_hello(&conn->auth, &conn->loop->auth_source, token, call->now_ms);
	if (status != STATUS_OK)
		return status;
	conn->is_ordered = args_bool(&call->args, ARG_ORDERED);
	pack_map(buf, 7);
	pack_literal(buf, "proto");
	pack_integer(buf, CUSTOMERD_PROTO);
	pack_literal(buf, "server");
	pack_literal(buf, "customerd");
	pack_literal(buf, "version");
	pack_literal(buf, CUSTOMERD_VERSION);
	pack_literal(buf, "conn");
	pack_integer(buf, (int64_t)conn->id);
	pack_literal(buf, "features");
	pack_features(buf);
	pack_literal(buf, "limits");
	pack_limits(buf);
	pack_literal(buf, "identity");
	pack_identity(buf, &conn->auth.who);
	return STATUS_OK;
}

/* ---- ping ---- */

static enum status
ping(struct conn *conn, struct call *call)
{
	(void)conn;
	pack_map(call->result, 1);
	pack_literal(call->result, "time");
	pack_integer(call->result, call->now_ms);
	return STATUS_OK;
}

/* ---- server.status ---- */

/* A number that counts up; what a double cannot hold is capped. */
static void
pack_count(struct buf *buf, const char *key, uint64_t count)
{
	pack_text(buf, slice_text(key));
	pack_integer(buf, count < INTEGER_MAX ? (int64_t)count : INTEGER_MAX);
}

static void
pack_counters(struct buf *buf, const struct metrics *metrics)
{
	pack_map(buf, METRIC_COUNT);
	for (unsigned i = 0; i < METRIC_COUNT; i++)
		pack_count(
		    buf, metric_info(i)->name, metric_sum(metrics, (enum metric)i));
}

static void
pack_writer(struct buf *buf, struct writer *writer)
{
	struct writer_counts counts;

	writer_count(writer, &counts);
	pack_map(buf, 6);
	pack_count(buf, "commits", counts.commits);
	pack_count(buf, "operations", counts.operations);
	pack_count(buf, "splits", counts.splits);
	pack_count(buf, "failures", counts.failures);
	pack_count(buf, "batch_max", counts.batch_max);
	pack_count(buf, "waiting", counts.waiting);
}

static void
pack_methods(struct buf *buf, const struct metrics *metrics)
{
	pack_map(buf, METHOD_COUNT);
	for (unsigned i = 0; i < METHOD_COUNT; i++) {
		struct metric_latency latency;

		metric_latency_read(metrics, i, &latency);
		pack_text(buf, methods[i].name);
		pack_map(buf, 4);
		pack_count(buf, "calls", latency.count);
		pack_count(buf, "errors", latency.errors);
		pack_count(buf, "p50_us", latency.p50_us);
		pack_count(buf, "p99_us", latency.p99_us);
	}
}

/* What runs and what ran last. */
static void
pack_job(struct buf *buf, struct job_runner *jobs)
{
	struct job_state state;

	job_state(jobs, &state);
	pack_map(buf, 7);
	pack_literal(buf, "running");
	pack_text_or_nil(buf, state.running);
	pack_count(buf, "rows", state.rows);
	pack_literal(buf, "last");
	pack_text_or_nil(buf, state.last);
	pack_literal(buf, "status");
	pack_text_or_nil(buf, state.last.len > 0
				  ? slice_text(status_info(state.status)->name)
				  : state.last);
	pack_literal(buf, "ended_at");
	pack_integer_or_nil(buf, state.ended_at);
	pack_count(buf, "took_ms", state.took_ms);
	pack_count(buf, "done", state.done);
}

static enum status
server_status(struct conn *conn, struct call *call)
{
	struct server *server = conn->loop->server;
	struct buf    *buf = call->result;
	uint64_t       bytes_used, bytes_max;

	kv_usage(server->kv, &bytes_used, &bytes_max);
	pack_map(buf, 8);
	pack_literal(buf, "version");
	pack_literal(buf, CUSTOMERD_VERSION);
	pack_count(buf, "uptime_ms", (uint64_t)(clock_mono_ms() - server->started_ms));
	pack_count(buf, "sequence", kv_sequence(server->kv));
	pack_literal(buf, "counters");
	pack_counters(buf, &server->metrics);
	pack_literal(buf, "writer");
	pack_writer(buf, server->writer);
	pack_literal(buf, "storage");
	pack_map(buf, 2);
	pack_count(buf, "bytes_used", bytes_used);
	pack_count(buf, "bytes_max", bytes_max);
	pack_literal(buf, "job");
	pack_job(buf, server->jobs);
	pack_literal(buf, "methods");
	pack_methods(buf, &server->metrics);
	return STATUS_OK;
}

/* ---- all of them ---- */

/* Whether what hello says is not even the form of a token. */
static bool
has_bad_token(const struct call *call)
{
	for (unsigned i = 0; i < call->violations.count; i++)
		if (strcmp(call->violations.list[i].path, "token") == 0)
			return true;
	return false;
}

enum status
control_check(struct conn *conn, struct call *call)
{
	enum status status =
	    call->method->scope == SCOPE_NONE ? STATUS_OK : domain_permit(call);

	if (status != STATUS_OK)
		return status;
	args_decode(&call->args, call, call->args_bytes, call->method->args, false);
	if (call->arena->failed)
		return STATUS_NO_MEMORY;
	if (has_bad_token(call)) {
		violations_init(&call->violations);
		auth_forget(&conn->auth);
		return STATUS_UNAUTHENTICATED;
	}
	return violations_any(&call->violations) ? STATUS_INVALID : STATUS_OK;
}

enum status
control_run(struct conn *conn, struct call *call)
{
	enum status status = control_check(conn, call);

	if (status != STATUS_OK)
		return status;
	switch (call->method->number) {
	case METHOD_HELLO: return hello(conn, call);
	case METHOD_PING: return ping(conn, call);
	case METHOD_SERVER_STATUS: return server_status(conn, call);
	case METHOD_CHANGE_SUBSCRIBE: return subscribe_begin(conn, call);
	case METHOD_CHANGE_CREDIT: return subscribe_credit(conn, call);
	case METHOD_CHANGE_UNSUBSCRIBE: return subscribe_end(conn, call);
	default: assert(!"a method of control without a handler"); abort();
	}
}
