#include "server/net/conn.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "server/base/clock.h"
#include "server/net/dispatch.h"
#include "server/net/notice.h"
#include "server/net/request.h"
#include "server/net/server.h"
#include "server/net/subscribe.h"

#define IN_BYTES_MAX ((size_t)FRAME_BYTES_MAX + LOOP_READ_BYTES_MAX)
#define IN_BYTES_MIN ((size_t)4096) /* room made for the rest of a message */
#define IN_BYTES_KEPT ((size_t)0)
#define OUT_BYTES_KEPT ((size_t)16 * 1024)

static const struct scan_limits limits_known = { FRAME_BYTES_MAX, FRAME_DEPTH_MAX,
	FRAME_ELEMENTS_MAX };
static const struct scan_limits limits_unknown = { FRAME_BYTES_MAX_UNAUTHENTICATED,
	FRAME_DEPTH_MAX, FRAME_ELEMENTS_MAX };

/* ---- messages ---- */

static bool
may_take_frames(const struct conn *conn)
{
	unsigned weight_max = conn->is_ordered ? 1 : CONN_WEIGHT_MAX;

	return conn->state == CONN_OPEN && conn->weight < weight_max &&
	       conn_output(conn) < CONN_OUTPUT_PAUSE_BYTES;
}

/* The peer has shown its certificate, if it will ever show one. */
static void
introduce(struct conn *conn)
{
	unsigned char key[STREAM_KEY_BYTES];

	if (stream_peer_key(&conn->stream, key))
		auth_show_key(&conn->auth, key);
}

/* Dispatch the message at the front of BYTES, if it is whole; its length or 0. */
static size_t
take_frame(struct conn *conn, struct slice bytes)
{
	size_t len = 0;

	if (!conn->has_begun)
		scan_init(&conn->scan,
		    auth_is_known(&conn->auth) ? &limits_known : &limits_unknown);
	conn->has_begun = true;
	switch (scan_feed(&conn->scan, bytes, &len)) {
	case SCAN_MORE: return 0;
	case SCAN_BAD: conn_refuse(conn, scan_status(&conn->scan), NULL); return 0;
	case SCAN_DONE: break;
	}
	if (!conn->is_past_first)
		introduce(conn);
	conn->has_begun = false;
	conn->is_past_first = true;
	deadline_stop(&conn->input_deadline);
	metric_add(conn->loop->metrics, METRIC_FRAMES, 1);
	dispatch_frame(conn, slice_of(bytes.data, len));
	return len;
}

/* Dispatch this turn's share of the messages in BYTES; returns the bytes taken. */
static size_t
take_frames(struct conn *conn, struct slice bytes)
{
	size_t   taken = 0, len = 1;
	unsigned count = 0;

	while (taken < bytes.len && len > 0 && count++ < CONN_FRAMES_MAX &&
	       may_take_frames(conn)) {
		len = take_frame(conn, slice_of(bytes.data + taken, bytes.len - taken));
		taken += len;
	}
	conn->has_frames = taken < bytes.len && len > 0;
	return taken;
}

/* The same for those that wait in IN. */
static void
take_waiting_frames(struct conn *conn)
{
	size_t taken;

	loop_begin_burst(conn->loop);
	taken = take_frames(conn, buf_slice(&conn->in));
	loop_end_burst(conn->loop); /* before what they came in goes */
	buf_drop(&conn->in, taken);
	if (conn->in.len == 0)
		buf_clear(&conn->in, IN_BYTES_KEPT);
}

/* ---- input ---- */

/* What comes is no TLS, or its certificate is bad.  There is nobody to be told why. */
static void
give_up_tls(struct conn *conn)
{
	struct loop *loop = conn->loop;
	uint64_t     suppressed;

	conn->state = CONN_ENDING;
	metric_add(loop->metrics, METRIC_PROTOCOL_ERRORS, 1);
	if (gate_pass(&loop->protocol_gate, clock_mono_ms(), &suppressed))
		log_info(loop->server->log, "tls_failed", LOG_INTEGER("conn", conn->id),
		    LOG_TEXT("why", stream_why(&conn->stream)),
		    LOG_INTEGER("suppressed", suppressed));
}

/* Read once into ROOM; 0 when nothing came, also at the end and after a failure. */
static size_t
receive(struct conn *conn, char *room, size_t room_len)
{
	ssize_t len = stream_recv(&conn->stream, room, room_len);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (len < 0 && errno == EPROTO) {
		give_up_tls(conn);
		return 0;
	}
	if (len <= 0) {
		/* After a reset nobody can be answered; sending will find out. */
		conn->at_eof = true;
		return 0;
	}
	metric_add(conn->loop->metrics, METRIC_BYTES_IN, (uint64_t)len);
	return (size_t)len;
}

/* Read on behind the beginning of a message. */
static void
read_more(struct conn *conn)
{
	size_t room = conn->in.len;
	char  *end;

	if (room < IN_BYTES_MIN)
		room = IN_BYTES_MIN;
	if (room > LOOP_READ_BYTES_MAX)
		room = LOOP_READ_BYTES_MAX;
	end = buf_reserve(&conn->in, room);
	if (end == NULL) {
		conn_refuse(conn, STATUS_NO_MEMORY, NULL);
		return;
	}
	conn->in.len += receive(conn, end, room);
	take_waiting_frames(conn);
}

/* Room for LOOP_READ_BYTES_MAX, behind what reads that were put off still look at. */
static char *
take_room(struct loop *loop)
{
	if (loop->read_count == 0 ||
	    loop->input_len > LOOP_INPUT_BYTES - LOOP_READ_BYTES_MAX)
		loop_begin_burst(loop);
	return loop->input + loop->input_len;
}

/* Read whole messages, as a rule, without copying them into IN. */
static void
read_afresh(struct conn *conn)
{
	char  *input = take_room(conn->loop);
	size_t len = receive(conn, input, LOOP_READ_BYTES_MAX);
	size_t taken;

	conn->loop->input_len += len;
	taken = take_frames(conn, slice_of(input, len));
	if (conn->state == CONN_OPEN)
		buf_put(&conn->in, input + taken, len - taken);
	if (conn->in.failed)
		conn_refuse(conn, STATUS_NO_MEMORY, NULL);
}

/* Whether CONN may go on with its handshake in this turn; if not, it may in the next.
 */
static bool
may_shake_hands(struct conn *conn)
{
	struct loop *loop = conn->loop;

	if (!stream_is_opening(&conn->stream) ||
	    loop->handshakes++ < LOOP_HANDSHAKES_MAX)
		return true;
	if (link_is_alone(&conn->runnable))
		link_append(&loop->runnable, &conn->runnable);
	return false;
}

static void
take_input(struct conn *conn)
{
	if (!may_shake_hands(conn))
		return;
	if (conn->in.len > 0)
		read_more(conn);
	else
		read_afresh(conn);
	conn_touch(conn);
}

void
conn_run(struct conn *conn)
{
	if (!conn->has_frames) {
		take_input(conn);
		return;
	}
	take_waiting_frames(conn);
	conn_touch(conn);
}

static void
discard(struct conn *conn)
{
	struct loop *loop = conn->loop;
	ssize_t      len =
	    stream_discard(&conn->stream, take_room(loop), LOOP_READ_BYTES_MAX);

	if (len > 0)
		loop->input_len += (size_t)len; /* to be wiped like the rest */
	if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
		conn_close(conn);
}

/*
 * The kernel has no room to watch CONN (epoll_ctl), and libev has given it up.  To try
 * again at once would keep the loop spinning.
 */
static void
give_up(struct conn *conn)
{
	struct loop *loop = conn->loop;
	uint64_t     suppressed;

	if (gate_pass(&loop->protocol_gate, clock_mono_ms(), &suppressed))
		log_error(loop->server->log, "connection_not_watched",
		    LOG_INTEGER("conn", conn->id),
		    LOG_INTEGER("suppressed", suppressed));
	conn_close(conn);
}

static void
on_readable(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct conn *conn = watcher->data;

	(void)ev;
	if ((events & EV_ERROR) != 0)
		give_up(conn);
	else if (conn->state == CONN_LINGERING)
		discard(conn);
	else
		take_input(conn);
}

/* ---- output ---- */

static void
on_writable(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct conn *conn = watcher->data;

	(void)ev;
	if ((events & EV_ERROR) != 0) {
		give_up(conn);
		return;
	}
	if (stream_wants_write(&conn->stream))
		take_input(conn); /* which goes on with the handshake */
	conn_touch(conn);
}

/* Send what is there.  False: the peer has gone. */
static bool
send_output(struct conn *conn)
{
	ssize_t len;

	if (conn_output(conn) == 0)
		return true;
	len = stream_send(
	    &conn->stream, conn->out.data + conn->out_sent, conn_output(conn));
	if (len < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOBUFS;
	metric_add(conn->loop->metrics, METRIC_BYTES_OUT, (uint64_t)len);
	conn->out_sent += (size_t)len;
	deadline_stop(&conn->output_deadline);
	if (conn_output(conn) == 0) {
		buf_clear(&conn->out, OUT_BYTES_KEPT);
		conn->out_sent = 0;
	} else if (conn->out_sent > conn->out.len / 2) {
		buf_drop(&conn->out, conn->out_sent);
		conn->out_sent = 0;
	}
	return true;
}

/* ---- what to wait for ---- */

void
conn_touch(struct conn *conn)
{
	if (link_is_alone(&conn->touched))
		link_append(&conn->loop->touched, &conn->touched);
}

static void
watch(struct conn *conn, struct ev_io *watcher, bool wanted)
{
	if (wanted && !ev_is_active(watcher))
		ev_io_start(conn->loop->ev, watcher);
	else if (!wanted && ev_is_active(watcher))
		ev_io_stop(conn->loop->ev, watcher);
}

static void
set_input_deadline(struct conn *conn, bool reads)
{
	if (!conn->is_past_first)
		return; /* runs since the beginning */
	if (!reads || conn->in.len == 0)
		deadline_stop(&conn->input_deadline);
	else if (!deadline_runs(&conn->input_deadline))
		deadline_start(&conn->loop->frame, &conn->input_deadline);
}

/* Decide what CONN waits for. */
static void
settle(struct conn *conn)
{
	struct loop *loop = conn->loop;
	bool         sends = conn_output(conn) > 0;
	bool         takes = may_take_frames(conn);
	bool reads = takes && !conn->has_frames && !conn->at_eof && !loop->is_stopping;
	bool goes_on =
	    (takes && conn->has_frames) || (reads && stream_has_more(&conn->stream));

	if (goes_on && link_is_alone(&conn->runnable))
		link_append(&loop->runnable, &conn->runnable);
	subscribe_settle(conn);
	watch(conn, &conn->readable, reads);
	watch(conn, &conn->writable, sends || stream_wants_write(&conn->stream));
	set_input_deadline(conn, reads);
	if (!sends)
		deadline_stop(&conn->output_deadline);
	else if (!deadline_runs(&conn->output_deadline))
		deadline_start(&loop->output, &conn->output_deadline);
}

/* Whether all is done that ever will be. */
static bool
is_finished(const struct conn *conn)
{
	if (!link_is_alone(&conn->requests) || conn_output(conn) > 0)
		return false;
	return conn->state == CONN_ENDING ||
	       ((conn->at_eof || conn->loop->is_stopping) && !conn->has_frames);
}

/* All is sent: close, now or when the peer has had time to read it. */
static void
finish(struct conn *conn)
{
	int unread = 0;

	if (conn->at_eof || (ioctl(conn->stream.fd, FIONREAD, &unread) == 0 &&
				unread == 0 && conn->state == CONN_OPEN)) {
		conn_close(conn);
		return;
	}
	stream_end(&conn->stream);
	conn->state = CONN_LINGERING;
	watch(conn, &conn->writable, false);
	watch(conn, &conn->readable, true);
	deadline_start(&conn->loop->linger, &conn->input_deadline);
}

void
conn_end_turn(struct conn *conn)
{
	if (conn->state == CONN_LINGERING)
		return;
	if (conn->out.failed || !send_output(conn))
		conn_close(conn);
	else if (is_finished(conn))
		finish(conn);
	else
		settle(conn);
}

/* ---- failures of the peer ---- */

void
conn_refuse(struct conn *conn, enum status status, const char *text)
{
	struct loop *loop = conn->loop;
	uint64_t     suppressed;

	if (conn->state != CONN_OPEN)
		return;
	conn->state = CONN_ENDING;
	dispatch_finish(loop); /* its earlier answers come first */
	notice_pack(&conn->out, status, text);
	conn_touch(conn);
	metric_add(loop->metrics, METRIC_PROTOCOL_ERRORS, 1);
	if (gate_pass(&loop->protocol_gate, clock_mono_ms(), &suppressed))
		log_info(loop->server->log, "protocol_error",
		    LOG_INTEGER("conn", conn->id),
		    LOG_TEXT("status", status_info(status)->name),
		    LOG_TEXT("message", text ? text : status_info(status)->text),
		    LOG_INTEGER("suppressed", suppressed));
}

void
conn_expire_input(struct deadline *deadline)
{
	struct conn *conn = CONTAINER_OF(deadline, struct conn, input_deadline);

	if (conn->state == CONN_LINGERING) {
		conn_close(conn);
		return;
	}
	metric_add(conn->loop->metrics, METRIC_CONNECTIONS_EXPIRED, 1);
	conn_refuse(conn, STATUS_DEADLINE, "the message took too long to arrive");
}

void
conn_expire_output(struct deadline *deadline)
{
	struct conn *conn = CONTAINER_OF(deadline, struct conn, output_deadline);
	struct loop *loop = conn->loop;
	uint64_t     suppressed;

	metric_add(loop->metrics, METRIC_CONNECTIONS_EXPIRED, 1);
	if (gate_pass(&loop->protocol_gate, clock_mono_ms(), &suppressed))
		log_info(loop->server->log, "answers_not_taken",
		    LOG_INTEGER("conn", conn->id),
		    LOG_INTEGER("bytes", conn_output(conn)),
		    LOG_INTEGER("suppressed", suppressed));
	conn_close(conn);
}

/* ---- beginning and end ---- */

/* On the loop's thread. */
static void
begin(struct loop_mail *mail)
{
	struct conn *conn = CONTAINER_OF(mail, struct conn, mail);
	struct loop *loop = conn->loop;

	link_append(&loop->conns, &conn->link);
	metric_add(loop->metrics, METRIC_CONNECTIONS_OPEN, 1);
	deadline_start(&loop->first_frame, &conn->input_deadline);
	conn_touch(conn);
}

bool
conn_open(
    struct loop *loop, int fd, struct ssl_ctx_st *tls, uint64_t id, bool is_operator)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		return false;
	stream_init(&conn->stream, fd);
	if (tls != NULL && !stream_secure(&conn->stream, tls, NULL)) {
		free(conn);
		return false;
	}
	conn->loop = loop;
	conn->id = id;
	auth_init(&conn->auth, is_operator);
	buf_init(&conn->in, IN_BYTES_MAX);
	conn->in.secret = true; /* tokens and passwords arrive in it */
	buf_init(&conn->out, CONN_OUTPUT_BYTES_MAX);
	link_init(&conn->requests);
	link_init(&conn->subscriptions);
	link_init(&conn->link);
	link_init(&conn->touched);
	link_init(&conn->runnable);
	deadline_init(&conn->input_deadline);
	deadline_init(&conn->output_deadline);
	ev_io_init(&conn->readable, on_readable, fd, EV_READ);
	ev_io_init(&conn->writable, on_writable, fd, EV_WRITE);
	conn->readable.data = conn->writable.data = conn;
	conn->mail.deliver = begin;
	loop_send(loop, &conn->mail);
	return true;
}

/* The requests still in flight will come back and find nobody to answer. */
static void
abandon_requests(struct conn *conn)
{
	struct link *link;

	while ((link = link_first(&conn->requests))) {
		link_remove(link);
		CONTAINER_OF(link, struct request, link)->conn = NULL;
	}
}

void
conn_close(struct conn *conn)
{
	struct loop *loop = conn->loop;

	dispatch_finish(loop); /* some may be its own */
	abandon_requests(conn);
	subscribe_end_all(conn);
	link_remove(&conn->link);
	link_remove(&conn->touched);
	link_remove(&conn->runnable);
	deadline_stop(&conn->input_deadline);
	deadline_stop(&conn->output_deadline);
	ev_io_stop(loop->ev, &conn->readable); /* before the number is used anew */
	ev_io_stop(loop->ev, &conn->writable);
	stream_close(&conn->stream);
	auth_fini(&conn->auth);
	buf_fini(&conn->in);
	buf_fini(&conn->out);
	metric_sub(loop->metrics, METRIC_CONNECTIONS_OPEN, 1);
	atomic_fetch_sub(&loop->server->connections_open, 1);
	free(conn);
}
