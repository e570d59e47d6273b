#include "server/base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

/* All of TEXT as a port. */
static bool
parse_port(const char *text, uint16_t *port)
{
	unsigned sum = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		sum = sum * 10 + (unsigned)(*text - '0');
		if (sum > UINT16_MAX)
			return false;
	}
	*port = (uint16_t)sum;
	return true;
}

bool
address_split(const char *text, struct slice *host, uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	size_t      len = colon != NULL ? (size_t)(colon - text) : 0;

	if (len == 0 || !parse_port(colon + 1, port))
		return false;
	if (text[0] == '[' && text[len - 1] == ']' && len > 2) {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len) || memchr(text, '[', len)) {
		return false; /* an IPv6 address wants its brackets */
	}
	*host = slice_of(text, len);
	return true;
}

bool
address_is_local(const char *host)
{
	struct in_addr  four;
	struct in6_addr six;

	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
	if (inet_pton(AF_INET6, host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return strcmp(host, "localhost") == 0;
}

void
address_name(const struct sockaddr_storage *address, char name[ADDRESS_NAME_BYTES])
{
	const struct sockaddr_in  *four = (const void *)address;
	const struct sockaddr_in6 *six = (const void *)address;
	const struct sockaddr_un  *local = (const void *)address;
	char                       host[INET6_ADDRSTRLEN] = "?";

	switch (address->ss_family) {
	case AF_UNIX:
		snprintf(name, ADDRESS_NAME_BYTES, "%.*s", (int)sizeof(local->sun_path),
		    local->sun_path[0] != '\0' ? local->sun_path : "unix");
		break;
	case AF_INET:
		inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
		snprintf(
		    name, ADDRESS_NAME_BYTES, "%s:%u", host, ntohs(four->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		snprintf(
		    name, ADDRESS_NAME_BYTES, "[%s]:%u", host, ntohs(six->sin6_port));
		break;
	default: snprintf(name, ADDRESS_NAME_BYTES, "?");
	}
}
