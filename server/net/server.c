#include "server/net/server.h"

#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "proto/tls.h"
#include "proto/version.h"
#include "server/base/clock.h"
#include "server/base/rlimit.h"

static bool
refuse(char *why, size_t why_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, why_size, format, args);
	va_end(args);
	return false;
}

/* ---- stopping ---- */

static void
begin_stop(struct server *server)
{
	struct ev_loop *ev = server->loops[0].ev;

	server->is_stopping = true;
	/* A second signal then ends the process at once, whatever it waits for. */
	ev_signal_stop(ev, &server->on_term);
	ev_signal_stop(ev, &server->on_int);
	sd_notify(0, "STOPPING=1");
	log_info(server->log, "stopping");
	acceptor_stop(&server->acceptor);
	listeners_close(&server->listeners);
	housekeep_stop(&server->housekeep);
	for (unsigned i = 0; i < server->loop_count; i++)
		loop_stop(&server->loops[i]);
}

void
server_loop_stopped(struct server *server)
{
	if (atomic_fetch_add(&server->loops_stopped, 1) + 1 == server->loop_count)
		loop_send(&server->loops[0], &server->all_stopped_mail);
}

/* Nobody pushes any more, so everything that was begun can be waited for. */
static void
on_all_stopped(struct loop_mail *mail)
{
	struct server *server = CONTAINER_OF(mail, struct server, all_stopped_mail);

	password_pool_stop(server->passwords);
	server->passwords = NULL;
	job_runner_stop(server->jobs);
	writer_stop(server->writer);
	server->writer = NULL;
	for (unsigned i = 0; i < server->loop_count; i++)
		loop_drain(&server->loops[i]);
}

/* ---- signals ---- */

static void
on_stop_signal(struct ev_loop *ev, struct ev_signal *watcher, int events)
{
	struct server *server = watcher->data;

	(void)ev;
	(void)events;
	if (!server->is_stopping)
		begin_stop(server);
}

/* Connections keep what they were made with. */
static bool
read_tls_files(struct server *server, char *why, size_t why_size)
{
	const struct options  *options = server->options;
	const struct tls_files files = { options->tls_certificate, options->tls_key,
		options->tls_client_ca };
	struct ssl_ctx_st     *tls;

	if (options->tls_certificate == NULL)
		return true;
	tls = tls_new_server(&files, options->tls_client_required, why, why_size);
	if (tls == NULL)
		return false;
	tls_free(server->tls);
	server->tls = tls;
	return true;
}

static void
on_hangup(struct ev_loop *ev, struct ev_signal *watcher, int events)
{
	struct server *server = watcher->data;
	char           why[512];

	(void)ev;
	(void)events;
	if (server->tls == NULL)
		log_info(server->log, "hangup_ignored");
	else if (read_tls_files(server, why, sizeof(why)))
		log_info(server->log, "tls_files_read");
	else
		log_error(server->log, "tls_files_not_read", LOG_TEXT("why", why));
}

static void
watch_signal(struct server *server, struct ev_signal *watcher, int number,
    void (*callback)(struct ev_loop *ev, struct ev_signal *watcher, int events))
{
	ev_signal_init(watcher, callback, number);
	watcher->data = server;
	ev_signal_start(server->loops[0].ev, watcher);
}

/*
 * The loop's signals are blocked from the beginning and in every thread but the main
 * one, which lets them in when it is ready to serve.
 */
static void
mask_signals(int how)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(how, &signals, NULL);
}

/* ---- opening ---- */

static bool
open_storage(struct server *server, char *why, size_t why_size)
{
	const struct kv_options options = {
		.path = server->options->data,
		.bytes_max = server->options->db_bytes_max,
		.journal_bytes_max = server->options->journal_bytes_max,
		.snapshots_max = server->options->loops + JOB_SNAPSHOTS,
	};

	return kv_open(&server->kv, &options, why, why_size) == STATUS_OK;
}

/* Keep what BATCH has if STATUS is OK; what came of it. */
static enum status
end_batch(struct kv_batch *batch, enum status status)
{
	if (status == STATUS_OK)
		return kv_batch_commit(batch);
	kv_batch_abort(batch);
	return status;
}

/* Each piece in a batch of its own. */
static enum status
run_upgrade(struct server *server)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	enum status      status;
	bool             done = false;

	do {
		if ((status = kv_batch_begin(server->kv, &batch)) != STATUS_OK)
			return status;
		kv_write(batch, &txn);
		done = domain_upgrade(server->domain, &txn);
		status = end_batch(batch, txn.status);
	} while (!done && status == STATUS_OK);
	return status;
}

static bool
open_domain(struct server *server, char *why, size_t why_size)
{
	const struct domain_options options = {
		.change_keep_ms = server->options->change_keep_ms,
		.change_keep_max = server->options->change_keep_max,
		.change_keep_bytes = server->options->change_keep_bytes,
	};
	struct kv_batch *batch;
	struct kv_txn    txn;
	enum status      status = kv_batch_begin(server->kv, &batch);

	if (status == STATUS_OK) {
		kv_write(batch, &txn);
		status = domain_open(&server->domain, &options, &txn);
		status = end_batch(batch, status);
	}
	if (status == STATUS_OK)
		status = run_upgrade(server);
	return status == STATUS_OK ||
	       refuse(why, why_size, "cannot read the database in %s: %s",
		   server->options->data, status_info(status)->text);
}

static void
on_committed(void *context)
{
	struct server *server = context;

	domain_committed(server->domain);
	/*
	 * A loop counts a subscriber first and looks into the database afterwards; the
	 * writer has published first and looks at the count now.  In this order one of
	 * them sees the other.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < server->loop_count; i++)
		loop_committed(&server->loops[i]);
}

static void
on_answered(void *context)
{
	struct server *server = context;

	for (unsigned i = 0; i < server->loop_count; i++)
		loop_send_gathered(&server->loops[i]);
}

static bool
start_workers(struct server *server, char *why, size_t why_size)
{
	const struct writer_events events = { on_committed, on_answered, server };
	const struct options      *options = server->options;

	server->passwords =
	    password_pool_start(options->password_workers, options->password_queue_max);
	if (server->passwords &&
	    writer_start(&server->writer, server->kv, &events) == STATUS_OK)
		server->jobs = job_runner_new(server->kv, server->writer, server->log);
	if (server->jobs != NULL)
		return true;
	return refuse(why, why_size, "cannot start the worker threads: out of memory");
}

static bool
open_loops(struct server *server, char *why, size_t why_size)
{
	unsigned count = server->options->loops;

	server->loops = calloc(count, sizeof(server->loops[0]));
	if (server->loops && metric_init(&server->metrics, count, METHOD_COUNT))
		while (server->loop_count < count &&
		       loop_init(&server->loops[server->loop_count], server,
			   server->loop_count))
			server->loop_count++;
	return server->loop_count == count ||
	       refuse(why, why_size,
		   "cannot start %u loops: out of memory or descriptors", count);
}

static bool
open_all(struct server *server, char *why, size_t why_size)
{
	server->connections_max =
	    rlimit_fit_connections(server->options->connections_max, server->log);
	return open_storage(server, why, why_size) &&
	       open_domain(server, why, why_size) &&
	       start_workers(server, why, why_size) &&
	       open_loops(server, why, why_size) &&
	       read_tls_files(server, why, why_size) &&
	       listeners_open(&server->listeners, server->options, why, why_size);
}

bool
server_open(struct server *server, const struct options *options, struct log *log,
    char *why, size_t why_size)
{
	*server = (struct server){ .options = options, .log = log };
	server->started_ms = clock_mono_ms();
	server->all_stopped_mail.deliver = on_all_stopped;
	mask_signals(SIG_BLOCK);
	randombytes_buf(server->auth_key, sizeof(server->auth_key));
	if (open_all(server, why, why_size))
		return true;
	server_close(server);
	return false;
}

void
server_close(struct server *server)
{
	listeners_close(&server->listeners);
	password_pool_stop(server->passwords);
	job_runner_free(server->jobs);
	writer_stop(server->writer);
	for (unsigned i = 0; i < server->loop_count; i++)
		loop_fini(&server->loops[i]);
	free(server->loops);
	metric_fini(&server->metrics);
	tls_free(server->tls);
	domain_close(server->domain);
	kv_close(server->kv);
}

/* ---- serving ---- */

static void
announce(struct server *server)
{
	const char *tcp = "", *tls = "", *local = "";

	for (unsigned i = server->listeners.count; i-- > 0;) {
		const struct listener *listener = &server->listeners.list[i];

		if (listener->is_unix)
			local = listener->name;
		else if (listener->is_tls)
			tls = listener->name;
		else
			tcp = listener->name;
	}
	sd_notify(0, "READY=1");
	log_info(server->log, "ready", LOG_TEXT("version", CUSTOMERD_VERSION),
	    LOG_TEXT("listen", tcp), LOG_TEXT("tls_listen", tls),
	    LOG_TEXT("unix", local), LOG_INTEGER("pid", getpid()),
	    LOG_INTEGER("loops", server->loop_count),
	    LOG_INTEGER("connections_max", server->connections_max));
}

void
server_run(struct server *server)
{
	struct loop *first = &server->loops[0];
	unsigned     started = 1;

	acceptor_start(&server->acceptor, server, first->ev);
	housekeep_start(&server->housekeep, server, first);
	watch_signal(server, &server->on_term, SIGTERM, on_stop_signal);
	watch_signal(server, &server->on_int, SIGINT, on_stop_signal);
	watch_signal(server, &server->on_hup, SIGHUP, on_hangup);
	while (started < server->loop_count && loop_start(&server->loops[started]))
		started++;
	if (started < server->loop_count) {
		log_error(
		    server->log, "loop_not_started", LOG_INTEGER("loop", started));
		listeners_close(&server->listeners);
		_exit(EXIT_FAILURE); /* nothing was accepted yet */
	}
	mask_signals(SIG_UNBLOCK);
	announce(server);
	loop_run(first);
	for (unsigned i = 1; i < server->loop_count; i++)
		loop_join(&server->loops[i]);
	log_info(server->log, "stopped");
}
