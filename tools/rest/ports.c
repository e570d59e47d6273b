#include "tools/rest/ports.h"

#include <stdio.h>

#include "proto/tls.h"
#include "server/base/listen.h"

/* Refuse plain HTTP where others can reach it, unless the options permit that. */
static bool
check_plain(const struct rest *rest, bool is_local, const char *name, char *why,
    size_t why_size)
{
	if (is_local || rest->options.allow_plain_http)
		return true;
	snprintf(why, why_size,
	    "%.80s is reachable by others, and plain HTTP would show them tokens and "
	    "records: serve it with --tls-listen, or give --allow-plain-http",
	    name);
	return false;
}

/* A socket that listens on ADDRESS; -1 with WHY. */
static int
listen_at(const struct rest *rest, const char *address, bool is_tls, char *why,
    size_t why_size)
{
	struct slice split;
	char         host[256];
	uint16_t     port;

	if (!address_split(address, &split, &port) || split.len >= sizeof(host)) {
		snprintf(why, why_size,
		    "\"%.80s\" is not HOST:PORT, like 127.0.0.1:7480 or [::1]:7480",
		    address);
		return -1;
	}
	snprintf(host, sizeof(host), "%.*s", (int)split.len, split.data);
	if (!is_tls &&
	    !check_plain(rest, address_is_local(host), address, why, why_size))
		return -1;
	return listen_open(host, port, why, why_size);
}

/* FD, which was inherited, if it will do; -1 with WHY. */
static int
inherit(const struct rest *rest, int fd, char *why, size_t why_size)
{
	char name[ADDRESS_NAME_BYTES];

	if (!listen_inherit(fd, why, why_size))
		return -1;
	listen_name(fd, name);
	return check_plain(rest, listen_is_local(fd), name, why, why_size) ? fd : -1;
}

/*
 * Let SERVER listen on FD, if one was inherited, else on ADDRESS, if there is one, with
 * TLS or without.  What it is called goes to NAME.
 */
static bool
listen_on(const struct rest *rest, struct http_server *server, int64_t fd,
    const char *address, struct ssl_ctx_st *tls, char name[ADDRESS_NAME_BYTES],
    char *why, size_t why_size)
{
	int socket;

	name[0] = '\0';
	if (fd == 0 && address[0] == '\0')
		return true;
	socket = fd != 0 ? inherit(rest, (int)fd, why, why_size)
			 : listen_at(rest, address, tls != NULL, why, why_size);
	if (socket < 0)
		return false;
	listen_name(socket, name);
	http_server_listen(server, socket, tls);
	return true;
}

const char *
ports_file(const char *option)
{
	return option[0] != '\0' ? option : NULL;
}

/* The files of TLS, newly read; NULL with WHY. */
static struct ssl_ctx_st *
read_tls(const struct rest *rest, char *why, size_t why_size)
{
	const struct rest_options *options = &rest->options;
	const struct tls_files     files = {
		    .certificate = ports_file(options->tls_certificate),
		    .key = ports_file(options->tls_key),
		    .authorities = ports_file(options->tls_client_ca),
	};

	if (files.certificate != NULL && files.key != NULL)
		return tls_new_server(&files, true, why, why_size);
	snprintf(why, why_size, "--tls-listen needs --tls-certificate and --tls-key");
	return NULL;
}

bool
ports_open(struct rest *rest, struct ports *ports, char *why, size_t why_size)
{
	const struct rest_options *options = &rest->options;

	if (options->tls_listen[0] != '\0') {
		rest->tls = read_tls(rest, why, why_size);
		if (rest->tls == NULL)
			return false;
	}
	return listen_on(rest, rest->front, options->listen_fd, options->listen, NULL,
		   ports->front, why, why_size) &&
	       listen_on(rest, rest->front, 0, options->tls_listen, rest->tls,
		   ports->tls, why, why_size) &&
	       listen_on(rest, rest->admin, options->admin_fd, options->admin, NULL,
		   ports->admin, why, why_size);
}

void
ports_renew(struct rest *rest)
{
	struct ssl_ctx_st *tls;
	char               why[512];

	if (rest->tls == NULL) {
		log_info(&rest->log, "hangup_ignored");
		return;
	}
	tls = read_tls(rest, why, sizeof(why));
	if (tls == NULL) {
		log_error(&rest->log, "tls_files_not_read", LOG_TEXT("why", why));
		return;
	}
	http_server_renew_tls(rest->front, tls);
	tls_free(rest->tls);
	rest->tls = tls;
	log_info(&rest->log, "tls_files_read");
}

void
ports_close(struct rest *rest)
{
	tls_free(rest->tls);
	rest->tls = NULL;
}
