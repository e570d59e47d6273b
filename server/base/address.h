/*
 * address -- where a socket is, as text: "127.0.0.1:7410", "[::1]:7410".
 */

#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proto/slice.h"

#define ADDRESS_NAME_BYTES 128u /* a unix socket's path fits, too */

/*
 * Take TEXT, "HOST:PORT" or "[HOST]:PORT", apart.  *HOST lies in TEXT and has lost its
 * brackets.  False: it is something else.
 */
bool address_split(const char *text, struct slice *host, uint16_t *port);

/* Whether only this machine reaches HOST, a number or a name. */
bool address_is_local(const char *host);

/* Write ADDRESS to NAME: HOST:PORT, a unix socket's path or "unix", or else "?". */
void address_name(
    const struct sockaddr_storage *address, char name[ADDRESS_NAME_BYTES]);

#endif
