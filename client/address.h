/*
 * address -- where a server may be found: the list in options.address, taken apart.
 *
 * Memory.  The list owns a copy of the text; free it with address_fini().
 */

#ifndef CLIENT_ADDRESS_H
#define CLIENT_ADDRESS_H

#include <sys/socket.h>

#include "client/internal.h"

#define ADDRESSES_MAX 16u /* in one list */
#define ENDPOINTS_MAX 8u  /* that one host name stands for */

struct address {
	const char *host; /* NULL: a unix socket */
	bool        is_tls;
	const char *port;
	const char *path;
};

struct address_list {
	char          *text; /* what the addresses point into */
	struct address addresses[ADDRESSES_MAX];
	unsigned       count; /* at least 1 */
};

/* What connect(2) wants. */
struct endpoint {
	struct sockaddr_storage address;
	socklen_t               len;
};

struct endpoints {
	struct endpoint endpoint[ENDPOINTS_MAX];
	unsigned        count;
};

/* MISUSE with BAD_ADDRESS when TEXT cannot be understood; then there is no list. */
enum customerd_status address_parse(
    struct address_list *list, const char *text, struct customerd_error *error);
void address_fini(struct address_list *list);

/* ADDRESS for people: HOST:PORT or the path, cut to SIZE bytes. */
void address_print(const struct address *address, char *text, size_t size);

/* Look ADDRESS up.  False, with CONNECT_FAILED, when nothing is found. */
bool address_resolve(const struct address *address, struct endpoints *endpoints,
    struct customerd_error *error);

#endif
