#include "server/net/acceptor.h"

#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/net/conn.h"
#include "server/net/notice.h"
#include "server/net/server.h"

static void
count_refused(void *user)
{
	struct acceptor *acceptor = user;

	metric_add(&acceptor->server->metrics.sets[0], METRIC_CONNECTIONS_REFUSED, 1);
}

/* Tell the peer behind FD why it is not served, unless it expects TLS. */
static void
refuse_busy(struct acceptor *acceptor, int fd, bool is_tls)
{
	struct server *server = acceptor->server;
	struct buf     buf;
	uint64_t       suppressed;

	buf_init(&buf, 1024);
	notice_pack(&buf, STATUS_BUSY, "too many connections");
	if (!buf.failed && !is_tls)
		(void)!send(fd, buf.data, buf.len, MSG_NOSIGNAL);
	buf_fini(&buf);
	close(fd);
	count_refused(acceptor);
	if (gate_pass(&acceptor->full_gate, clock_mono_ms(), &suppressed))
		log_warning(server->log, "connection_refused",
		    LOG_INTEGER("connections_max", server->connections_max),
		    LOG_INTEGER("suppressed", suppressed));
}

static void
take(void *user, unsigned number, int fd, const struct sockaddr_storage *peer)
{
	struct acceptor       *acceptor = user;
	struct server         *server = acceptor->server;
	struct loop           *loop = &server->loops[acceptor->next_loop];
	const struct listener *listener = &server->listeners.list[number];
	bool                   is_operator = false;

	(void)peer;
	if (atomic_fetch_add(&server->connections_open, 1) >= server->connections_max) {
		atomic_fetch_sub(&server->connections_open, 1);
		refuse_busy(acceptor, fd, listener->is_tls);
		return;
	}
	if (listener->is_unix)
		is_operator = auth_peer_operates(fd, server->options->admin_uid);
	if (!conn_open(loop, fd, listener->is_tls ? server->tls : NULL,
		++acceptor->next_id, is_operator)) {
		atomic_fetch_sub(&server->connections_open, 1);
		close(fd);
		return;
	}
	acceptor->next_loop = (acceptor->next_loop + 1) % server->loop_count;
	metric_add(&server->metrics.sets[0], METRIC_CONNECTIONS_ACCEPTED, 1);
}

void
acceptor_start(struct acceptor *acceptor, struct server *server, struct ev_loop *ev)
{
	*acceptor = (struct acceptor){
		.server = server,
		.intake = { .take = take,
		    .refused = count_refused,
		    .user = acceptor,
		    .log = server->log },
		.full_gate = { .per_second_max = 1 },
	};
	intake_start(&acceptor->intake, ev);
	for (unsigned i = 0; i < server->listeners.count; i++)
		intake_add(&acceptor->intake, server->listeners.list[i].fd);
}

void
acceptor_stop(struct acceptor *acceptor)
{
	intake_stop(&acceptor->intake);
}
