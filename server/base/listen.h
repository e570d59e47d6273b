/*
 * listen -- sockets that listen: made, or inherited from who started the process.
 *
 * Errors are sentences, without a newline, in the buffer WHY of the caller.
 */

#ifndef BASE_LISTEN_H
#define BASE_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/address.h"

/* A TCP socket that listens on PORT of HOST, never blocks and is not inherited; or -1.
 */
int listen_open(const char *host, uint16_t port, char *why, size_t why_size);

/* Make FD, which was inherited, one like that.  False when it does not listen. */
bool listen_inherit(int fd, char *why, size_t why_size);

/* Whether only this machine reaches what FD listens on. */
bool listen_is_local(int fd);

/* Write what FD listens on to NAME.  Gives its family, AF_UNIX for one. */
int listen_name(int fd, char name[ADDRESS_NAME_BYTES]);

#endif
