/*
 * intake -- takes connections off listening sockets.
 *
 * At most INTAKE_BURST_MAX at a time, so that a storm of connections does not
 * delay those that are served.  When the process is out of descriptors, the
 * connection that waits is taken with a spare one and closed, and the intake
 * rests for INTAKE_REST_MS: a listening socket that stays readable would
 * otherwise keep the loop spinning.  It rests as well when the kernel has no room to
 * watch a listening socket (epoll_ctl), and tries again then.
 *
 * Threads.  That of the loop.
 */

#ifndef BASE_INTAKE_H
#define BASE_INTAKE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/base/gate.h"
#include "server/base/log.h"

#define INTAKE_LISTENERS_MAX 16u
#define INTAKE_BURST_MAX 64u
#define INTAKE_REST_MS 100

struct intake {
	/*
	 * FD, which does not block, is a new connection from the listener that was
	 * added as NUMBER, and the callee's from now on.
	 */
	void (*take)(
	    void *user, unsigned number, int fd, const struct sockaddr_storage *peer);
	/* One was turned away, or none could be had.  The log knows. */
	void (*refused)(void *user);
	void       *user;
	struct log *log;

	/* The intake's own. */
	struct ev_loop *ev;
	struct ev_io    watchers[INTAKE_LISTENERS_MAX];
	unsigned        watcher_count;
	struct ev_timer rest;
	int             spare_fd;
	struct gate     gate; /* for log lines */
};

/* Be ready to accept on EV.  The first part of INTAKE is filled in. */
void intake_start(struct intake *intake, struct ev_loop *ev);

/* Accept also on LISTEN_FD, which does not block.  Gives its number, from 0 on. */
unsigned intake_add(struct intake *intake, int listen_fd);

/* Accept no more.  The listening sockets stay open. */
void intake_stop(struct intake *intake);

#endif
