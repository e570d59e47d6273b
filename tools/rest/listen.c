#include "tools/rest/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_BYTES_MAX 256u

/* Split ADDRESS at its last colon; an IPv6 host loses its brackets. */
static bool
split(const char *address, char host[HOST_BYTES_MAX], const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t      len;

	if (colon == NULL || colon == address)
		return false;
	*port = colon + 1;
	/* getaddrinfo() takes the port 70000 for 4464. */
	len = strspn(*port, "0123456789");
	if (len == 0 || len > 5 || (*port)[len] != '\0' || atoi(*port) > 65535)
		return false;
	len = (size_t)(colon - address);
	if (address[0] == '[' && colon[-1] == ']') {
		address++;
		len -= 2;
	}
	if (len == 0 || len >= HOST_BYTES_MAX)
		return false;
	memcpy(host, address, len);
	host[len] = '\0';
	return true;
}

static bool
is_loopback(const struct addrinfo *address)
{
	const struct sockaddr_in  *v4 = (const void *)address->ai_addr;
	const struct sockaddr_in6 *v6 = (const void *)address->ai_addr;

	if (address->ai_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return address->ai_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

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
listen_open(const char *address, bool is_public, char *why, size_t why_size)
{
	struct addrinfo  hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		 .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char             host[HOST_BYTES_MAX];
	const char      *port;
	int              result, fd = -1;

	if (!split(address, host, &port)) {
		snprintf(why, why_size, "\"%.80s\" is not HOST:PORT", address);
		return -1;
	}
	result = getaddrinfo(host, port, &hints, &found);
	if (result != 0) {
		snprintf(why, why_size, "cannot listen on %.80s: %s", address,
		    gai_strerror(result));
		return -1;
	}
	if (!is_public && !is_loopback(found))
		snprintf(why, why_size,
		    "%.80s is reachable by others, and plain HTTP would show them "
		    "tokens "
		    "and records: put a proxy with TLS in front, or give "
		    "--allow-plain-http",
		    address);
	else if ((fd = open_one(found)) < 0)
		snprintf(why, why_size, "cannot listen on %.80s: %s", address,
		    strerror(errno));
	freeaddrinfo(found);
	return fd;
}

int
listen_inherit(int fd, char *why, size_t why_size)
{
	int       listens = 0;
	socklen_t len = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens &&
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
		return fd;
	snprintf(why, why_size, "descriptor %d is no listening socket", fd);
	return -1;
}

void
listen_name(int fd, char name[LISTEN_NAME_BYTES])
{
	struct sockaddr_storage    address = { .ss_family = AF_UNSPEC };
	const struct sockaddr_in  *v4 = (const void *)&address;
	const struct sockaddr_in6 *v6 = (const void *)&address;
	socklen_t                  len = sizeof(address);
	char                       host[INET6_ADDRSTRLEN] = "?";

	snprintf(name, LISTEN_NAME_BYTES, "?");
	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return;
	if (address.ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(name, LISTEN_NAME_BYTES, "%s:%u", host, ntohs(v4->sin_port));
	} else if (address.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(
		    name, LISTEN_NAME_BYTES, "[%s]:%u", host, ntohs(v6->sin6_port));
	}
}
