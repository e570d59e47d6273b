#include "server/net/housekeep.h"

#include "server/base/clock.h"
#include "server/net/server.h"

/* What time it is, for what cannot be taken back. */
static int64_t
trusted_now_ms(struct housekeep *housekeep)
{
	int64_t jump_ms;
	int64_t now_ms = trusted_time_ms(
	    &housekeep->time, clock_wall_ms(), clock_mono_ms(), &jump_ms);

	if (jump_ms != 0)
		log_put(housekeep->server->log, LOG_LEVEL_WARNING, "clock_jumped",
		    (struct log_field[]){ LOG_INTEGER("by_ms", jump_ms), LOG_END });
	return now_ms;
}

static void
push(struct housekeep *housekeep)
{
	if (housekeep->is_pending || housekeep->is_stopped)
		return;
	housekeep->now_ms = trusted_now_ms(housekeep);
	/* When the queue is full, the next second will do. */
	housekeep->is_pending = writer_push(housekeep->server->writer, &housekeep->op);
}

/* Log that STATUS, which was *BEFORE, of what EVENT names is another now. */
static void
report(struct housekeep *housekeep, const char *event, enum status *before,
    enum status status)
{
	if (status != *before)
		log_put(housekeep->server->log,
		    status == STATUS_OK ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, event,
		    (struct log_field[]){
			LOG_TEXT("status", status_info(status)->name), LOG_END });
	*before = status;
}

static void
on_timer(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct housekeep *housekeep = timer->data;

	(void)ev;
	(void)events;
	push(housekeep);
	report(housekeep, "checkpoint", &housekeep->checkpoint_status,
	    kv_checkpoint_status(housekeep->server->kv));
}

static enum status
apply(struct write_op *op, struct kv_txn *txn)
{
	struct housekeep *housekeep = CONTAINER_OF(op, struct housekeep, op);

	housekeep->has_more = false;
	return domain_housekeep(
	    housekeep->server->domain, txn, housekeep->now_ms, &housekeep->has_more);
}

static void
done(struct write_op *op)
{
	struct housekeep *housekeep = CONTAINER_OF(op, struct housekeep, op);

	loop_send(housekeep->loop, &housekeep->mail);
}

/* Back on the loop. */
static void
on_done(struct loop_mail *mail)
{
	struct housekeep *housekeep = CONTAINER_OF(mail, struct housekeep, mail);
	enum status       status = housekeep->op.status;

	housekeep->is_pending = false;
	if (status != STATUS_SHUTTING_DOWN)
		report(housekeep, "housekeeping", &housekeep->status, status);
	if (status == STATUS_OK && housekeep->has_more)
		push(housekeep);
}

void
housekeep_start(struct housekeep *housekeep, struct server *server, struct loop *loop)
{
	*housekeep = (struct housekeep){ .server = server, .loop = loop };
	trusted_time_init(&housekeep->time, clock_wall_ms(), clock_mono_ms());
	housekeep->op.apply = apply;
	housekeep->op.done = done;
	housekeep->op.reserve = true; /* what is dropped makes room */
	housekeep->mail.deliver = on_done;
	ev_timer_init(&housekeep->timer, on_timer, 0.0, HOUSEKEEP_INTERVAL_MS / 1000.0);
	housekeep->timer.data = housekeep;
	ev_timer_start(loop->ev, &housekeep->timer);
}

void
housekeep_stop(struct housekeep *housekeep)
{
	housekeep->is_stopped = true;
	ev_timer_stop(housekeep->loop->ev, &housekeep->timer);
}
