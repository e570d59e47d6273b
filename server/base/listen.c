#include "server/base/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A socket that listens on ADDRESS; -1 with errno. */
static int
open_one(const struct addrinfo *address)
{
	int fd = socket(address->ai_family,
	    address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
	int on = 1, saved;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
	    listen(fd, SOMAXCONN) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
listen_open(const char *host, uint16_t port, char *why, size_t why_size)
{
	struct addrinfo  hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		 .ai_socktype = SOCK_STREAM };
	struct addrinfo *found, *at;
	char             service[8];
	int              result, fd = -1;

	snprintf(service, sizeof(service), "%u", port);
	result = getaddrinfo(host, service, &hints, &found);
	if (result != 0) {
		snprintf(why, why_size, "cannot listen on %s: %s", host,
		    gai_strerror(result));
		return -1;
	}
	for (at = found; at != NULL && fd < 0;
	     at = at->ai_next) /* the first that works */
		fd = open_one(at);
	if (fd < 0)
		snprintf(why, why_size, "cannot listen on %s port %u: %s", host, port,
		    strerror(errno));
	freeaddrinfo(found);
	return fd;
}

bool
listen_inherit(int fd, char *why, size_t why_size)
{
	int       listens = 0, flags = fcntl(fd, F_GETFL);
	socklen_t len = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 ||
	    !listens) {
		snprintf(why, why_size, "descriptor %d is no listening socket", fd);
		return false;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
		return true;
	snprintf(why, why_size, "cannot use descriptor %d: %s", fd, strerror(errno));
	return false;
}

int
listen_name(int fd, char name[ADDRESS_NAME_BYTES])
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t               len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		address.ss_family = AF_UNSPEC;
	address_name(&address, name);
	return address.ss_family;
}

bool
listen_is_local(int fd)
{
	char         name[ADDRESS_NAME_BYTES], host[ADDRESS_NAME_BYTES];
	struct slice split;
	uint16_t     port;

	if (listen_name(fd, name) == AF_UNIX)
		return true;
	if (!address_split(name, &split, &port))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)split.len, split.data);
	return address_is_local(host);
}
