#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "client/address.h"

static const char SCHEME_TCP[] = "customerd://";
static const char SCHEME_TLS[] = "customerds://";
static const char SCHEME_UNIX[] = "unix:";
static const char PORT_DEFAULT[] = "7410";
static const char PORT_TLS_DEFAULT[] = "7411";

static bool
begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool
is_port(const char *text)
{
	unsigned long port;
	char         *end;

	if (text[0] < '0' || text[0] > '9' || strlen(text) > 5)
		return false;
	port = strtoul(text, &end, 10);
	return *end == '\0' && port >= 1 && port <= 65535;
}

/* HOST, HOST:PORT, [IPV6] or [IPV6]:PORT, which is cut in place. */
static bool
parse_host(struct address *address, char *text)
{
	char *port;

	if (text[0] == '[') {
		char *end = strchr(++text, ']');

		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		port = end[1] == ':' ? end + 2 : NULL;
		*end = '\0';
	} else {
		port = strchr(text, ':');
		if (port != NULL)
			*port++ = '\0';
	}
	address->host = text;
	address->port = port != NULL      ? port
			: address->is_tls ? PORT_TLS_DEFAULT
					  : PORT_DEFAULT;
	return text[0] != '\0' && strchr(text, '/') == NULL && is_port(address->port);
}

static bool
parse_one(struct address *address, char *text)
{
	*address = (struct address){ .path = NULL };
	if (begins_with(text, SCHEME_UNIX)) {
		address->path = text + strlen(SCHEME_UNIX);
		return address->path[0] != '\0' &&
		       strlen(address->path) <
			   sizeof(((struct sockaddr_un *)0)->sun_path);
	}
	address->is_tls = begins_with(text, SCHEME_TLS);
	if (address->is_tls)
		return parse_host(address, text + strlen(SCHEME_TLS));
	return begins_with(text, SCHEME_TCP) &&
	       parse_host(address, text + strlen(SCHEME_TCP));
}

enum customerd_status
address_parse(
    struct address_list *list, const char *text, struct customerd_error *error)
{
	char *next, *one;

	*list = (struct address_list){ .text = strdup(text) };
	if (list->text == NULL)
		return error_no_memory(error);
	for (next = list->text; (one = strsep(&next, ",")) != NULL; list->count++) {
		if (list->count < ADDRESSES_MAX &&
		    parse_one(&list->addresses[list->count], one))
			continue;
		error_set(error, "BAD_ADDRESS", false,
		    "%.100s: an address is customerd://HOST:PORT, "
		    "customerds://HOST:PORT "
		    "or unix:PATH; several are separated by commas",
		    text);
		address_fini(list);
		return CUSTOMERD_MISUSE;
	}
	return CUSTOMERD_OK;
}

void
address_fini(struct address_list *list)
{
	free(list->text);
	*list = (struct address_list){ .text = NULL };
}

void
address_print(const struct address *address, char *text, size_t size)
{
	if (address->host == NULL)
		snprintf(text, size, "%s", address->path);
	else
		snprintf(text, size, "%s:%s", address->host, address->port);
}

static bool
resolve_host(const struct address *address, struct endpoints *endpoints,
    struct customerd_error *error)
{
	const struct addrinfo wanted = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	struct addrinfo      *found, *one;
	int rc = getaddrinfo(address->host, address->port, &wanted, &found);

	if (rc != 0) {
		error_set(error, "CONNECT_FAILED", true, "cannot find %s: %s",
		    address->host, gai_strerror(rc));
		return false;
	}
	for (one = found; one != NULL && endpoints->count < ENDPOINTS_MAX;
	     one = one->ai_next) {
		struct endpoint *endpoint = &endpoints->endpoint[endpoints->count++];

		memcpy(&endpoint->address, one->ai_addr, one->ai_addrlen);
		endpoint->len = one->ai_addrlen;
	}
	freeaddrinfo(found);
	return true;
}

bool
address_resolve(const struct address *address, struct endpoints *endpoints,
    struct customerd_error *error)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };

	endpoints->count = 0;
	if (address->host != NULL)
		return resolve_host(address, endpoints, error);
	memcpy(local.sun_path, address->path, strlen(address->path));
	memcpy(&endpoints->endpoint[0].address, &local, sizeof(local));
	endpoints->endpoint[0].len = sizeof(local);
	endpoints->count = 1;
	return true;
}
