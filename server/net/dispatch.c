#include "server/net/dispatch.h"

#include "proto/message.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "server/base/clock.h"
#include "server/domain/domain.h"
#include "server/net/conn.h"
#include "server/net/control.h"
#include "server/net/job.h"
#include "server/net/notice.h"
#include "server/net/request.h"
#include "server/net/server.h"

/* ---- answering ---- */

/* One line for each request, at debug: what was asked for, never with what. */
static void
log_request(const struct request *request, enum status status, int64_t took_us)
{
	const struct call *call = &request->call;

	log_debug(request->loop->server->log, "request",
	    LOG_SLICE("method", call->method ? call->method->name : SLICE("?")),
	    LOG_TEXT("status", status_info(status)->name),
	    LOG_INTEGER("conn", request->conn ? request->conn->id : 0),
	    LOG_INTEGER("msgid", request->msgid), LOG_INTEGER("store", call->who.store),
	    LOG_INTEGER("token", call->who.token), LOG_INTEGER("us", took_us),
	    LOG_SLICE("traceparent", call->meta.traceparent));
}

/* A failure of this machine, not of the peer: an operator should know. */
static void
log_failure(const struct request *request, enum status status)
{
	struct loop *loop = request->loop;
	uint64_t     suppressed;

	if (gate_pass(&loop->storage_gate, clock_mono_ms(), &suppressed))
		log_error(loop->server->log, "request_failed",
		    LOG_SLICE("method", request->call.method->name),
		    LOG_TEXT("status", status_info(status)->name),
		    LOG_INTEGER("suppressed", suppressed));
}

/* Count everything about the answer to REQUEST but how long it has taken. */
static void
count(struct request *request, enum status status)
{
	struct metric_set *metrics = request->loop->metrics;

	if (status != STATUS_OK)
		metric_add(metrics, METRIC_ERRORS, 1);
	switch (status) {
	case STATUS_UNAUTHENTICATED:
		metric_add(metrics, METRIC_UNAUTHENTICATED, 1);
		break;
	case STATUS_BUSY: metric_add(metrics, METRIC_BUSY, 1); break;
	case STATUS_DEADLINE:
	case STATUS_CANCELLED: metric_add(metrics, METRIC_CANCELLED, 1); break;
	case STATUS_STORAGE_FULL:
	case STATUS_STORAGE_FAILED:
	case STATUS_UNKNOWN:
	case STATUS_DAMAGED:
	case STATUS_NO_MEMORY: log_failure(request, status); break;
	default: break;
	}
	if (log_wants(request->loop->server->log, LOG_LEVEL_DEBUG))
		log_request(request, status, clock_mono_us() - request->begun_us);
}

void
dispatch_settle(struct loop *loop)
{
	struct tally *tally = &loop->tally;
	int64_t       begun_us = loop->now_us;

	if (tally->count == 0)
		return;
	loop->now_us = clock_mono_us(); /* the next one may begin */
	metric_latency_add(loop->metrics, tally->method->number,
	    loop->now_us - begun_us, tally->is_error, tally->count);
	tally->count = 0;
}

/* Let what follows be counted as answers of METHOD. */
static void
tally_as(struct loop *loop, const struct method *method, bool is_error)
{
	struct tally *tally = &loop->tally;

	if (tally->method == method && tally->is_error == is_error)
		return;
	dispatch_settle(loop);
	tally->method = method;
	tally->is_error = is_error;
}

static void
pack_error(const struct request *request, enum status status, struct buf *out)
{
	message_pack_error(out, request->msgid);
	call_pack_error(&request->call, status, out);
	pack_nil(out);
}

/* Answer REQUEST, which is detached, and give it back. */
static void
answer(struct request *request, enum status status)
{
	struct conn *conn = request->conn;
	struct loop *loop = request->loop;

	if (status == STATUS_OK && request->result.failed)
		status = STATUS_NO_MEMORY;
	count(request, status);
	metric_latency_add(loop->metrics, request->call.method->number,
	    loop->now_us - request->begun_us, status != STATUS_OK, 1);
	metric_sub(loop->metrics, METRIC_REQUESTS_OPEN, 1);
	if (conn) {
		link_remove(&request->link);
		conn->weight -= request->weight;
		if (status == STATUS_OK) {
			conn->out.secret |= request->result.secret;
			message_pack_result(&conn->out, request->msgid);
			pack_raw(&conn->out, buf_slice(&request->result));
		} else {
			pack_error(request, status, &conn->out);
		}
		conn_touch(conn);
	}
	request_give(request);
}

/* ---- the way of a write, and of a password ---- */

static enum status
apply_write(struct write_op *op, struct kv_txn *txn)
{
	struct request *request = CONTAINER_OF(op, struct request, op);

	buf_clear(&request->result, REQUEST_BYTES_KEPT); /* of an earlier try */
	return domain_write(&request->call, txn);
}

static void
fetch_write(struct write_op *op, struct kv_txn *txn)
{
	domain_fetch(&CONTAINER_OF(op, struct request, op)->call, txn);
}

static void
write_done(struct write_op *op)
{
	struct request *request = CONTAINER_OF(op, struct request, op);

	loop_gather(request->loop, &request->mail);
}

static void
on_written(struct loop_mail *mail)
{
	struct request *request = CONTAINER_OF(mail, struct request, mail);

	answer(request, request->op.status);
}

static void
push_write(struct request *request)
{
	struct loop *loop = request->loop;

	request->op.apply = apply_write;
	request->op.fetch = fetch_write;
	request->op.done = write_done;
	request->op.reserve = (request->call.method->flags & METHOD_FREES) != 0;
	request->mail.deliver = on_written;
	if (loop->is_stopping)
		answer(request, STATUS_SHUTTING_DOWN);
	else if (!writer_gather(loop->server->writer, &loop->writes, &request->op))
		answer(request, STATUS_BUSY);
}

static void
password_done(struct password_task *task)
{
	struct request *request = CONTAINER_OF(task, struct request, task);

	loop_send(request->loop, &request->mail);
}

static void
on_password(struct loop_mail *mail)
{
	struct request *request = CONTAINER_OF(mail, struct request, mail);

	metric_add(request->loop->metrics, METRIC_PASSWORDS, 1);
	if (request->task.status != STATUS_OK)
		answer(request, request->task.status);
	else if (request->call.method->access == METHOD_WRITE)
		push_write(request);
	else
		answer(request, domain_finish(&request->call));
}

static void
push_password(struct request *request)
{
	request->task.call = &request->call;
	request->task.done = password_done;
	request->mail.deliver = on_password;
	if (!password_pool_push(request->loop->server->passwords, &request->task))
		answer(request, STATUS_BUSY);
}

/* ---- the way of a job ---- */

static void
job_done(struct job_task *task)
{
	struct request *request = CONTAINER_OF(task, struct request, job);

	loop_send(request->loop, &request->mail);
}

static void
on_job(struct loop_mail *mail)
{
	struct request *request = CONTAINER_OF(mail, struct request, mail);

	answer(request, request->job.status);
}

static void
push_job(struct request *request)
{
	request->job.call = &request->call;
	request->job.done = job_done;
	request->mail.deliver = on_job;
	if (job_begin(request->loop->server->jobs, &request->job))
		return;
	request->call.detail = "another job is running; see server.status";
	answer(request, STATUS_BUSY);
}

/* ---- judging ---- */

/* What was wrong with params or meta, as a field error. */
static enum status
refuse_params(struct call *call, const char *key)
{
	unsigned mark;

	if (strcmp(key, "params") == 0) {
		violations_add(&call->violations, slice_text(key), RULE_WRONG_TYPE);
		return STATUS_INVALID;
	}
	mark = violations_down(&call->violations, SLICE("meta"));
	violations_add(&call->violations, slice_text(key), RULE_BAD_FORMAT);
	violations_up(&call->violations, mark);
	return STATUS_INVALID;
}

/* Fill REQUEST's call in from MESSAGE, which was DECODED so, and judge it. */
static enum status
prepare(struct request *request, struct conn *conn, const struct method *method,
    const struct message *message, enum status decoded)
{
	struct loop *loop = request->loop;
	struct call *call = &request->call;
	enum status  status;

	call_init(call);
	call->domain = loop->server->domain;
	call->method = method;
	call->arena = &request->arena;
	call->scratch = &request->scratch;
	call->now_ms = (int64_t)(ev_now(loop->ev) * 1000.0); /* as of this turn */
	if (loop->is_stopping)
		return STATUS_SHUTTING_DOWN;
	if (call->method == NULL)
		return STATUS_UNKNOWN_METHOD;
	if (decoded != STATUS_OK)
		return refuse_params(call, message->meta_key);
	call->args_bytes = message->args;
	call->meta = message->meta;
	if (call->meta.timeout_ms > 0)
		call->deadline_ms = request->begun_us / 1000 + call->meta.timeout_ms;
	status = auth_resolve(&conn->auth, &loop->auth_source, call->meta.token,
	    call->now_ms, &call->who);
	if (status != STATUS_OK || call->method->access == METHOD_CONTROL)
		return status;
	if (call->method->access == METHOD_JOB) {
		status = control_check(conn, call);
		return status == STATUS_OK ? job_check(call) : status;
	}
	return domain_check(call);
}

/* ---- requests answered on the spot ---- */

static enum status
run_inline(struct request *request, struct conn *conn)
{
	struct kv_txn txn;

	if (request->call.method->access == METHOD_CONTROL)
		return control_run(conn, &request->call); /* which judges, too */
	kv_read(request->loop->snapshot, &txn);
	return domain_read(&request->call, &txn);
}

/* Answer straight into the connection's output. */
static void
answer_inline(struct conn *conn, struct request *request, enum status status)
{
	const struct method *method = request->call.method;
	struct loop         *loop = conn->loop;
	struct buf          *out = &conn->out;
	size_t               mark = out->len;

	if (status == STATUS_OK) {
		request->call.result = out;
		message_pack_result(out, request->msgid);
		status = run_inline(request, conn);
	}
	if (status == STATUS_OK && out->failed)
		status = STATUS_NO_MEMORY;
	if (status != STATUS_OK) {
		buf_truncate(out, mark);
		pack_error(request, status, out);
	}
	count(request, status);
	if (method) {
		tally_as(loop, method, status != STATUS_OK);
		loop->tally.count++;
	}
	request_give(request);
}

void
dispatch_finish(struct loop *loop)
{
	for (unsigned i = 0; i < loop->read_count; i++)
		answer_inline(loop->reads[i]->conn, loop->reads[i], STATUS_OK);
	loop->read_count = 0;
}

/*
 * Put REQUEST off, which is good, while its record is on the way from memory: until
 * then the next one can be judged.
 */
static bool
put_off(struct conn *conn, struct request *request)
{
	struct loop  *loop = conn->loop;
	struct kv_txn txn;

	if (request->call.method->access != METHOD_READ)
		return false;
	kv_read(loop->snapshot, &txn);
	if (txn.status != STATUS_OK || !domain_fetch(&request->call, &txn))
		return false;
	request->conn = conn;
	loop->reads[loop->read_count++] = request;
	if (loop->read_count == LOOP_READS_MAX)
		dispatch_finish(loop);
	return true;
}

static void
dispatch_inline(struct conn *conn, struct request *request, const struct method *method,
    const struct message *message, enum status decoded)
{
	enum status status;

	if (method)
		tally_as(conn->loop, method, conn->loop->tally.is_error);
	status = prepare(request, conn, method, message, decoded);
	if (status == STATUS_OK && put_off(conn, request))
		return;
	dispatch_finish(conn->loop);
	answer_inline(conn, request, status);
}

/* ---- requests that wait ---- */

/* Whether METHOD's requests have to wait for the writer, a job or a password. */
static bool
is_detached(const struct method *method)
{
	return method &&
	       (method->access == METHOD_WRITE || method->access == METHOD_JOB ||
		   (method->args & ARG_BIT(ARG_PASSWORD)) != 0);
}

/* How much of its connection's share a request takes: by its bytes and its answer's. */
static unsigned
weigh(const struct method *method, struct slice frame)
{
	unsigned for_answer = (method->args & ARG_BIT(ARG_UPDATES)) != 0 ? 16 : 1;

	return for_answer + (unsigned)(frame.len / ((size_t)32 * 1024));
}

/* Go on with REQUEST, which is in flight and well-formed. */
static void
begin_detached(struct request *request)
{
	struct call  *call = &request->call;
	struct kv_txn txn;
	enum status   status;

	call->result = &request->result;
	if (call->method->access == METHOD_JOB) {
		push_job(request);
		return;
	}
	if (call->method->access == METHOD_WRITE) {
		if (call->passwords)
			push_password(request);
		else
			push_write(request);
		return;
	}
	kv_read(request->loop->snapshot, &txn);
	status = domain_read(call, &txn);
	if (status == STATUS_OK && call->passwords)
		push_password(request);
	else
		answer(request, status);
}

/* Let REQUEST, decoded from FRAME, outlive the connection's input. */
static void
dispatch_detached(struct conn *conn, struct request *request,
    const struct method *method, struct slice frame, const struct message *message,
    enum status decoded)
{
	struct message moved = *message;
	struct slice   kept;
	enum status    status;

	if (conn->is_ordered)
		dispatch_finish(
		    conn->loop);      /* what is refused at once passes no read */
	request->arena.secret = true; /* there may be a password or a token in it */
	kept = arena_copy(&request->arena, frame);
	if (request->arena.failed) {
		request_give(request);
		conn_refuse(conn, STATUS_NO_MEMORY, NULL);
		return;
	}
	request->conn = conn;
	request->weight = weigh(method, frame);
	link_append(&conn->requests, &request->link);
	conn->weight += request->weight;
	metric_add(request->loop->metrics, METRIC_REQUESTS_OPEN, 1);
	message_move(&moved, frame.data, kept.data);
	status = prepare(request, conn, method, &moved, decoded);
	if (status == STATUS_OK)
		begin_detached(request);
	else
		answer(request, status);
}

/* ---- messages ---- */

static struct request *
find_in_flight(const struct conn *conn, int64_t msgid)
{
	const struct link *ring = &conn->requests;

	for (struct link *at = ring->next; at != ring; at = at->next) {
		struct request *request = CONTAINER_OF(at, struct request, link);

		if (request->msgid == msgid)
			return request;
	}
	return NULL;
}

static void
dispatch_request(struct conn *conn, const struct message *message, struct slice frame,
    enum status decoded)
{
	const struct method *method = method_find(message->method);
	struct request      *request;

	if (find_in_flight(conn, message->msgid)) {
		conn_refuse(conn, STATUS_MALFORMED, "the msgid is in flight already");
		return;
	}
	request = request_take(conn->loop);
	if (request == NULL) {
		conn_refuse(conn, STATUS_NO_MEMORY, NULL);
		return;
	}
	request->msgid = message->msgid;
	request->begun_us = conn->loop->now_us;
	metric_add(conn->loop->metrics, METRIC_REQUESTS, 1);
	if (is_detached(method))
		dispatch_detached(conn, request, method, frame, message, decoded);
	else
		dispatch_inline(conn, request, method, message, decoded);
}

/* cancel [msgid] */
static void
cancel(struct conn *conn, struct slice params)
{
	struct reader   reader;
	struct request *request;
	int64_t         msgid;

	/* The message gives the first element of params. */
	reader_init(&reader, params);
	if (reader_peek(&reader) != VALUE_INTEGER || !reader_integer(&reader, &msgid))
		return;
	request = find_in_flight(conn, msgid);
	if (request)
		atomic_store(&request->call.cancelled, true);
}

static void
dispatch_notification(struct conn *conn, const struct message *message)
{
	if (slice_equal(message->method, SLICE("cancel"))) {
		cancel(conn, message->args);
	} else if (method_find(message->method)) {
		notice_pack(&conn->out, STATUS_MALFORMED,
		    "a notification cannot be answered; send a request");
		conn_touch(conn);
	}
}

void
dispatch_frame(struct conn *conn, struct slice frame)
{
	struct message message;
	enum status    status = message_decode(&message, frame);

	if (status == STATUS_MALFORMED) {
		conn_refuse(conn, status, NULL);
		return;
	}
	switch (message.type) {
	case MESSAGE_REQUEST:
		dispatch_request(conn, &message, frame, status);
		if (auth_guesses(&conn->auth))
			conn_refuse(
			    conn, STATUS_UNAUTHENTICATED, "too many wrong tokens");
		break;
	case MESSAGE_NOTIFICATION: dispatch_notification(conn, &message); break;
	case MESSAGE_RESPONSE: break; /* nothing was asked of the peer */
	}
}
