/*
 * listener -- the sockets on which customerd waits for connections.
 *
 * They come from --listen, --tls-listen and --unix, from --listen-fd, or from systemd.
 * A socket that systemd brings takes the place of the default of --listen; one that it
 * calls LISTENER_TLS_NAME (FileDescriptorName=) speaks TLS.
 *
 * Plain TCP that other machines can reach is refused, wherever the socket comes from,
 * unless --allow-plain-tcp permits it.
 *
 * Errors are sentences, without a newline, in the buffer WHY of the caller.
 *
 * Threads.  Opened before there are threads: the mode of the unix socket is set
 * through the umask of the process.
 */

#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "server/base/intake.h"
#include "server/base/listen.h"
#include "server/base/option.h"

#define LISTENERS_MAX INTAKE_LISTENERS_MAX /* systemd's included */
#define LISTENER_TLS_NAME "tls"
#define LISTENER_UNIX_MODE 0660 /* who may connect: the owner and the group */

struct listener {
	int   fd;
	bool  is_unix;
	bool  is_tls;
	char *path;                     /* to be unlinked at the end, or NULL */
	ino_t inode;                    /* of path, to unlink nobody else's */
	char  name[ADDRESS_NAME_BYTES]; /* "127.0.0.1:7410", or the path */
};

struct listeners {
	struct listener list[LISTENERS_MAX];
	unsigned        count;
};

/*
 * Open everything that OPTIONS ask for.  False when one cannot be had; then none is
 * open.
 */
bool listeners_open(struct listeners *listeners, const struct options *options,
    char *why, size_t why_size);

/* Close all and unlink the unix socket that was made. */
void listeners_close(struct listeners *listeners);

#endif
