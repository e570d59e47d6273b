#include "server/net/listener.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static bool
refuse(char *why, size_t why_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, why_size, format, args);
	va_end(args);
	return false;
}

/* Take FD, which listens, into LISTENERS. */
static struct listener *
add(struct listeners *listeners, int fd)
{
	struct listener *listener;

	assert(listeners->count < LISTENERS_MAX);
	listener = &listeners->list[listeners->count++];
	*listener = (struct listener){ .fd = fd };
	listener->is_unix = listen_name(fd, listener->name) == AF_UNIX;
	return listener;
}

/* ---- a unix socket ---- */

/*
 * Remove what an earlier server left at ADDRESS.  What is no socket, or on which
 * somebody listens, stays and is refused.
 */
static bool
remove_stale(const struct sockaddr_un *address, char *why, size_t why_size)
{
	struct stat info;
	int         fd, result;

	if (lstat(address->sun_path, &info) != 0)
		return errno == ENOENT ||
		       refuse(why, why_size, "cannot listen on %s: %s",
			   address->sun_path, strerror(errno));
	if (!S_ISSOCK(info.st_mode))
		return refuse(why, why_size,
		    "cannot listen on %s: there is something that is no socket",
		    address->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	result = fd < 0
		     ? -1
		     : connect(fd, (const struct sockaddr *)address, sizeof(*address));
	if (fd >= 0)
		close(fd);
	if (result == 0 || errno != ECONNREFUSED)
		return refuse(why, why_size,
		    "cannot listen on %s: another server listens there",
		    address->sun_path);
	return unlink(address->sun_path) == 0 || errno == ENOENT ||
	       refuse(why, why_size, "cannot remove the stale socket %s: %s",
		   address->sun_path, strerror(errno));
}

static bool
listen_unix(struct listeners *listeners, const char *path, char *why, size_t why_size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct listener   *listener;
	struct stat        info;
	mode_t             mask;
	int                fd, result;

	assert(strlen(path) < sizeof(address.sun_path)); /* the option's bound */
	strcpy(address.sun_path, path);
	if (!remove_stale(&address, why, why_size))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0777 & ~LISTENER_UNIX_MODE);
	result =
	    fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (result != 0 || listen(fd, SOMAXCONN) != 0) {
		refuse(why, why_size, "cannot listen on %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	listener = add(listeners, fd);
	listener->path = strdup(path);
	listener->inode = lstat(path, &info) == 0 ? info.st_ino : 0;
	return true;
}

/* ---- inherited sockets ---- */

static bool
inherit(struct listeners *listeners, int fd, bool is_tls, char *why, size_t why_size)
{
	if (listeners->count == LISTENERS_MAX)
		return refuse(
		    why, why_size, "more than %u sockets are inherited", LISTENERS_MAX);
	if (!listen_inherit(fd, why, why_size))
		return false;
	add(listeners, fd)->is_tls = is_tls;
	return true;
}

static bool
inherit_from_systemd(struct listeners *listeners, char *why, size_t why_size)
{
	char **names = NULL;
	int    count = sd_listen_fds_with_names(1, &names);
	bool   good = true;

	for (int i = 0; i < count; i++) {
		good = good &&
		       inherit(listeners, SD_LISTEN_FDS_START + i,
			   strcmp(names[i], LISTENER_TLS_NAME) == 0, why, why_size);
		free(names[i]);
	}
	free(names);
	return good;
}

static bool
inherit_all(struct listeners *listeners, const struct option_descriptors *named,
    char *why, size_t why_size)
{
	if (!inherit_from_systemd(listeners, why, why_size))
		return false;
	for (unsigned i = 0; i < named->count; i++)
		if (!inherit(listeners, named->fd[i], false, why, why_size))
			return false;
	return true;
}

/* ---- all together ---- */

static bool
listen_tcp(struct listeners *listeners, const struct option_address *address,
    bool is_tls, char *why, size_t why_size)
{
	int fd;

	if (address->host == NULL || listeners->count == LISTENERS_MAX)
		return true;
	fd = listen_open(address->host, address->port, why, why_size);
	if (fd >= 0)
		add(listeners, fd)->is_tls = is_tls;
	return fd >= 0;
}

/* What was found out about the sockets against what OPTIONS permit. */
static bool
check(const struct listeners *listeners, const struct options *options, char *why,
    size_t why_size)
{
	for (unsigned i = 0; i < listeners->count; i++) {
		const struct listener *listener = &listeners->list[i];

		if (listener->is_tls && options->tls_certificate == NULL)
			return refuse(why, why_size,
			    "%s is to speak TLS: give --tls-certificate and --tls-key",
			    listener->name);
		if (!listener->is_tls && !options->allow_plain_tcp &&
		    !listen_is_local(listener->fd))
			return option_refuse_plain(listener->name, why, why_size);
	}
	return true;
}

static bool
open_all(struct listeners *listeners, const struct options *options, char *why,
    size_t why_size)
{
	bool wants_plain;

	if (!inherit_all(listeners, &options->listen_fd, why, why_size))
		return false;
	wants_plain = listeners->count == 0 || options->given[OPTION_ID_listen] != 0;
	if ((wants_plain &&
		!listen_tcp(listeners, &options->listen, false, why, why_size)) ||
	    !listen_tcp(listeners, &options->tls_listen, true, why, why_size))
		return false;
	if (options->unix_path && listeners->count < LISTENERS_MAX &&
	    !listen_unix(listeners, options->unix_path, why, why_size))
		return false;
	if (listeners->count == 0)
		return refuse(why, why_size,
		    "there is nothing to listen on: give --listen, --tls-listen or "
		    "--unix");
	return check(listeners, options, why, why_size);
}

bool
listeners_open(struct listeners *listeners, const struct options *options, char *why,
    size_t why_size)
{
	listeners->count = 0;
	if (open_all(listeners, options, why, why_size))
		return true;
	listeners_close(listeners);
	return false;
}

void
listeners_close(struct listeners *listeners)
{
	struct stat info;

	for (unsigned i = 0; i < listeners->count; i++) {
		struct listener *listener = &listeners->list[i];

		close(listener->fd);
		if (listener->path && lstat(listener->path, &info) == 0 &&
		    info.st_ino == listener->inode)
			unlink(listener->path);
		free(listener->path);
	}
	listeners->count = 0;
}
