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
#include "server/base/listen.h"
#include "tools/rest/rest.h"

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

/* ---- the beginning ---- */

static bool
open_servers(struct rest *rest)
{
	const struct rest_options *options = &rest->options;
	struct http_application    front = front_application(rest);
	struct http_application    admin = admin_application(rest);
	struct http_settings       settings = {
		      .connections_max = (unsigned)options->connections_max,
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

/* A socket that listens on ADDRESS; -1 with WHY. */
static int
listen_at(const struct rest *rest, const char *address, char *why)
{
	struct slice split;
	char         host[256];
	uint16_t     port;

	if (!address_split(address, &split, &port) || split.len >= sizeof(host)) {
		snprintf(why, WHY_BYTES_MAX,
		    "\"%.80s\" is not HOST:PORT, like 127.0.0.1:7480 or [::1]:7480",
		    address);
		return -1;
	}
	snprintf(host, sizeof(host), "%.*s", (int)split.len, split.data);
	if (rest->options.allow_plain_http || address_is_local(host))
		return listen_open(host, port, why, WHY_BYTES_MAX);
	snprintf(why, WHY_BYTES_MAX,
	    "%.80s is reachable by others, and plain HTTP would show them tokens and "
	    "records: put a proxy with TLS in front, or give --allow-plain-http",
	    address);
	return -1;
}

/*
 * Let SERVER listen on FD, if one was inherited, else on ADDRESS, if there is one.
 * What it is called goes to NAME.
 */
static bool
listen_on(const struct rest *rest, struct http_server *server, int64_t fd,
    const char *address, char name[ADDRESS_NAME_BYTES], char *why)
{
	int socket = (int)fd;

	name[0] = '\0';
	if (fd == 0 && address[0] == '\0')
		return true;
	if (fd == 0)
		socket = listen_at(rest, address, why);
	else if (!listen_inherit(socket, why, WHY_BYTES_MAX))
		return false;
	if (socket < 0)
		return false;
	listen_name(socket, name);
	http_server_listen(server, socket);
	return true;
}

static bool
start(struct rest *rest, char *why)
{
	const struct rest_options *options = &rest->options;
	char                       front[ADDRESS_NAME_BYTES], admin[ADDRESS_NAME_BYTES];

	if (!upstream_open(&rest->upstream, rest->ev, options->server, &rest->log, why,
		WHY_BYTES_MAX) ||
	    !listen_on(
		rest, rest->front, options->listen_fd, options->listen, front, why) ||
	    !listen_on(
		rest, rest->admin, options->admin_fd, options->admin, admin, why))
		return false;
	log_info(&rest->log, "ready", LOG_TEXT("version", CUSTOMERD_VERSION),
	    LOG_TEXT("listen", front), LOG_TEXT("admin", admin),
	    LOG_INTEGER("pid", getpid()));
	sd_notify(0, "READY=1");
	return true;
}

/* ---- the whole ---- */

/* Before anybody can know that it runs, for who knows may stop it. */
static void
catch_signals(struct rest *rest)
{
	static const int        numbers[] = { SIGTERM, SIGINT };
	static struct ev_signal watchers[sizeof(numbers) / sizeof(numbers[0])];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		ev_signal_init(&watchers[i], on_signal, numbers[i]);
		watchers[i].data = rest;
		ev_signal_start(rest->ev, &watchers[i]);
	}
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
	log_init(&rest.log, STDERR_FILENO, level);
	return run(&rest);
}
