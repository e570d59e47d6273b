/*
 * ports -- the sockets on which customerd-rest waits for clients, and their TLS.
 *
 * Plain HTTP that other machines can reach is refused, wherever the socket comes from,
 * unless --allow-plain-http permits it.
 *
 * Errors are sentences, without a newline, in the buffer WHY of the caller.
 */

#ifndef REST_PORTS_H
#define REST_PORTS_H

#include "server/base/address.h"
#include "tools/rest/rest.h"

/* What they are called; empty for one that there is not. */
struct ports {
	char front[ADDRESS_NAME_BYTES];
	char tls[ADDRESS_NAME_BYTES];
	char admin[ADDRESS_NAME_BYTES];
};

/* Open all that the options ask for, for the servers of REST. */
bool ports_open(struct rest *rest, struct ports *ports, char *why, size_t why_size);

/* Read the files of TLS again, for connections to come; the log says how it went. */
void ports_renew(struct rest *rest);

/* When the servers have been closed. */
void ports_close(struct rest *rest);

/* An option that names a file; NULL when it names none. */
const char *ports_file(const char *option);

#endif
