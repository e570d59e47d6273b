/*
 * customerd-rest -- the records of customerd in the formats of REST APIs.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "proto/version.h"
#include "server/base/rlimit.h"
#include "tools/rest/ports.h"

#define WHY_BYTES_MAX 512u

enum { EXIT_USAGE = 2 };

/* ---- the end ---- */

/* The front has drained: nobody is left to whom /ready could matter. */
static void
on_drained(void *user)
{
	struct rest *rest = user;

	log_info(&rest->log, "stop");
	ev_break(rest->ev, EVBREAK_ALL);
}

/* The first signal asks to stop, the second one not to wait any longer. */
static void
on_signal(struct ev_loop *ev, struct ev_signal *watcher, int events)
{
	struct rest *rest = watcher->data;

	(void)events;
	if (rest->is_draining) {
		ev_break(ev, EVBREAK_ALL);
		return;
	}
	rest->is_draining = true;
	sd_notify(0, "STOPPING=1");
	log_info(
	    &rest->log, "drain", LOG_TEXT("signal", sigabbrev_np(watcher->signum)));
	http_server_drain(rest->front, on_drained, rest);
}

static void
on_hangup(struct ev_loop *ev, struct ev_signal *watcher, int events)
{
	(void)ev;
	(void)events;
	ports_renew(watcher->data);
}

/* ---- the beginning ---- */

static bool
open_servers(struct rest *rest)
{
	const struct rest_options *options = &rest->options;
	struct http_application    front = front_application(rest);
	struct http_application    admin = admin_application(rest);
	struct http_settings       settings = {
		      .connections_max = rlimit_fit_connections(
			  (unsigned)options->connections_max, &rest->log),
		      .body_bytes_max = (size_t)options->body_bytes_max,
		      .head_timeout_ms = options->head_timeout_ms,
		      .body_timeout_ms = options->body_timeout_ms,
		      .idle_timeout_ms = options->idle_timeout_ms,
		      .write_timeout_ms = options->write_timeout_ms,
		      .drain_timeout_ms = options->drain_timeout_ms,
	};

	if (!http_server_open(&rest->front, rest->ev, &front, &settings, &rest->log))
		return false;
	settings.is_quiet = true; /* Nobody wants to read about each scrape. */
	return http_server_open(&rest->admin, rest->ev, &admin, &settings, &rest->log);
}

static bool
start(struct rest *rest, char *why)
{
	const struct rest_options *options = &rest->options;
	struct customerd_tls       tls = {
		      .authorities_file = ports_file(options->server_ca),
		      .certificate_file = ports_file(options->server_certificate),
		      .key_file = ports_file(options->server_key),
	};
	struct ports ports;

	if (!upstream_open(&rest->upstream, rest->ev, options->server, &tls, &rest->log,
		why, WHY_BYTES_MAX) ||
	    !ports_open(rest, &ports, why, WHY_BYTES_MAX))
		return false;
	log_info(&rest->log, "ready", LOG_TEXT("version", CUSTOMERD_VERSION),
	    LOG_TEXT("listen", ports.front), LOG_TEXT("tls_listen", ports.tls),
	    LOG_TEXT("admin", ports.admin), LOG_INTEGER("pid", getpid()));
	sd_notify(0, "READY=1");
	return true;
}

/* ---- the whole ---- */

/* Before anybody can know that it runs, for who knows may stop it. */
static void
catch_signals(struct rest *rest)
{
	static const int        numbers[] = { SIGTERM, SIGINT };
	static struct ev_signal watchers[sizeof(numbers) / sizeof(numbers[0])], hangup;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		ev_signal_init(&watchers[i], on_signal, numbers[i]);
		watchers[i].data = rest;
		ev_signal_start(rest->ev, &watchers[i]);
	}
	ev_signal_init(&hangup, on_hangup, SIGHUP);
	hangup.data = rest;
	ev_signal_start(rest->ev, &hangup);
}

static int
run(struct rest *rest)
{
	struct engine_settings settings = {
		.strict = rest->options.strict,
		.public_store = rest->options.public_store,
		.public_url = rest->options.public_url,
		.concurrent_max = (unsigned)rest->options.concurrent_max,
		.search_max = rest->options.search_max,
		.rate_max = rest->options.rate_max,
		.rate_window_ms = rest->options.rate_window_ms,
	};
	char why[WHY_BYTES_MAX] = "out of memory";
	int  code = EXIT_SUCCESS;

	engine_init(&rest->engine, &rest->upstream, &settings);
	if (!rest->options.no_docs)
		docs_open(&rest->docs, formats, rest->options.public_url);
	rest->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (rest->ev != NULL)
		catch_signals(rest);
	if (rest->ev != NULL && open_servers(rest) && start(rest, why)) {
		ev_run(rest->ev, 0);
	} else {
		fprintf(stderr, "customerd-rest: %s\n", why);
		code = EXIT_FAILURE;
	}
	http_server_close(rest->front);
	http_server_close(rest->admin);
	if (rest->upstream.async != NULL)
		upstream_close(&rest->upstream);
	if (rest->ev != NULL)
		ev_loop_destroy(rest->ev);
	ports_close(rest);
	engine_fini(&rest->engine);
	docs_close(&rest->docs);
	return code;
}

int
main(int argc, char *argv[])
{
	static struct rest rest;
	enum log_level     level;
	char               why[WHY_BYTES_MAX];

	if (!rest_option_parse(&rest.options, argc, argv, why, sizeof(why))) {
		fprintf(stderr, "customerd-rest: %s\n", why);
		return EXIT_USAGE;
	}
	if (rest.options.help) {
		rest_option_help(stdout);
		return EXIT_SUCCESS;
	}
	if (rest.options.version) {
		puts("customerd-rest " CUSTOMERD_VERSION);
		return EXIT_SUCCESS;
	}
	if (!log_level_find(rest.options.log_level, &level)) {
		fprintf(stderr,
		    "customerd-rest: --log-level is error, warning, info or debug\n");
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	if (!rest.options.core_dumps)
		rlimit_no_core_dumps();
	log_init(&rest.log, STDERR_FILENO, level);
	return run(&rest);
}
