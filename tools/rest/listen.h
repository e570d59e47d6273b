/*
 * listen -- the sockets on which customerd-rest waits for clients.
 *
 * Errors are sentences, without a newline, in the buffer WHY of the caller.
 */

#ifndef REST_LISTEN_H
#define REST_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#define LISTEN_NAME_BYTES 64u

/*
 * A listening socket on ADDRESS, "HOST:PORT"; -1 with WHY.  Unless IS_PUBLIC, an
 * address that other machines can reach is refused.
 */
int listen_open(const char *address, bool is_public, char *why, size_t why_size);

/* FD, which was inherited, made ready for use; -1 with WHY when it does not listen. */
int listen_inherit(int fd, char *why, size_t why_size);

/* Write what FD listens on, "127.0.0.1:7480", to NAME. */
void listen_name(int fd, char name[LISTEN_NAME_BYTES]);

#endif
