#include "tools/bench/load.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tools/bench/keys.h"
#include "tools/bench/peer.h"

#define INPUT_BYTES ((size_t)1 << 20)
#define EVENTS_MAX 512
#define SILENCE_NS_MAX (10 * INT64_C(1000000000)) /* nobody answers any more */

struct load {
	const struct bench_options *options;
	const struct protocol      *protocol;
	struct load_result         *result;
	struct keys                 keys;
	struct peer                *peers;
	unsigned                    peer_count, peer_next;
	int                         epoll;
	char                       *input; /* INPUT_BYTES, of the peer that is read */
	int64_t                     now_ns, begun_ns, heard_ns;
	uint64_t                    asked, answered; /* since the beginning */
	bool                        is_measuring;
	char                       *why;
	size_t                      why_size;
};

static int64_t
clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool
fail(struct load *load, const char *what)
{
	snprintf(load->why, load->why_size, "%s", what);
	return false;
}

/* Send what PEER has to say, and wait for room for the rest. */
static bool
flush(struct load *load, struct peer *peer)
{
	struct epoll_event event = { EPOLLIN, { .ptr = peer } };
	bool               was_blocked = peer->is_blocked;

	if (peer->out.failed)
		return fail(load, "out of memory");
	if (!peer_send(peer))
		return fail(load, "a connection broke");
	if (was_blocked == peer->is_blocked)
		return true;
	if (peer->is_blocked)
		event.events |= EPOLLOUT;
	return epoll_ctl(load->epoll, EPOLL_CTL_MOD, peer->fd, &event) == 0 ||
	       fail(load, "epoll failed");
}

/* ---- asking ---- */

/* Of a fill. */
static uint64_t
next_key(const struct load *load)
{
	return (uint64_t)load->options->fill_from + load->asked;
}

/* Whether there is something left to ask for. */
static bool
wants_more(const struct load *load)
{
	return !load->options->fill || next_key(load) < load->keys.count;
}

static enum op
choose_op(struct load *load)
{
	if (load->options->fill)
		return OP_FILL;
	if (load->options->updates == 0)
		return OP_READ;
	return (int64_t)keys_random(&load->keys, 100) < load->options->updates
		   ? OP_UPDATE
		   : OP_READ;
}

static void
ask(struct load *load, struct peer *peer, int64_t due_ns)
{
	struct ask *ask = peer_ask(peer);

	ask->op = choose_op(load);
	ask->key = load->options->fill ? next_key(load) : keys_next(&load->keys);
	ask->due_ns = due_ns;
	load->asked++;
	load->protocol->encode(load->options, ask, &peer->out);
}

static void
ask_all(struct load *load, struct peer *peer)
{
	while (peer_has_room(peer) && wants_more(load))
		ask(load, peer, load->now_ns);
}

/* When the next request is due; with a rate. */
static int64_t
due_ns(const struct load *load)
{
	return load->begun_ns +
	       (int64_t)((double)load->asked * 1e9 / (double)load->options->rate);
}

/* Give everything that is due to whoever has room.  What finds none stays due. */
static bool
ask_due(struct load *load)
{
	unsigned full = 0;

	while (full < load->peer_count && due_ns(load) <= load->now_ns) {
		struct peer *peer = &load->peers[load->peer_next];

		load->peer_next = (load->peer_next + 1) % load->peer_count;
		if (!peer_has_room(peer)) {
			full++;
			continue;
		}
		full = 0;
		ask(load, peer, due_ns(load));
		if (!flush(load, peer))
			return false;
	}
	return true;
}

/* ---- answers ---- */

static void
note_wrong(struct load *load, struct slice answer)
{
	char  *text = load->result->first_wrong;
	size_t len =
	    answer.len < LOAD_WRONG_BYTES_MAX ? answer.len : LOAD_WRONG_BYTES_MAX - 1;

	if (load->result->wrong++ > 0)
		return;
	for (size_t i = 0; i < len; i++)
		text[i] = '.';
	for (size_t i = 0; i < len; i++)
		if (isprint((unsigned char)answer.data[i]))
			text[i] = answer.data[i];
	text[len] = '\0';
}

static bool
take_answer(struct load *load, struct peer *peer, struct slice answer)
{
	const struct protocol *protocol = load->protocol;
	struct ask *ask = protocol->number ? peer_find(peer, protocol->number(answer))
					   : peer_find_oldest(peer);

	if (ask == NULL) {
		note_wrong(load, answer);
		return fail(load, "an answer came to a request that was not made");
	}
	load->answered++;
	if (load->is_measuring) {
		histogram_add(
		    &load->result->latency[ask->op], load->now_ns - ask->due_ns);
		if (!protocol->check(load->options, ask, answer))
			note_wrong(load, answer);
	}
	peer_done(peer, ask);
	return true;
}

/* Take the answers that are whole; what remains of INPUT is kept for later. */
static bool
take_answers(struct load *load, struct peer *peer, struct slice input)
{
	while (input.len > 0) {
		size_t len = load->protocol->parse(input);

		if (len == PROTOCOL_BROKEN)
			return fail(load, "what came is no answer of this protocol");
		if (len == 0)
			break;
		if (!take_answer(load, peer, slice_of(input.data, len)))
			return false;
		input = slice_of(input.data + len, input.len - len);
	}
	buf_put(&peer->in, input.data, input.len);
	return !peer->in.failed || fail(load, "an answer does not end");
}

static bool
receive(struct load *load, struct peer *peer)
{
	size_t  kept = peer->in.len;
	ssize_t len;

	if (kept >= INPUT_BYTES)
		return fail(load, "an answer does not end");
	memcpy(load->input, peer->in.data ? peer->in.data : "", kept);
	len = recv(peer->fd, load->input + kept, INPUT_BYTES - kept, 0);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (len <= 0)
		return fail(load, "the server closed a connection");
	buf_clear(&peer->in, INPUT_BYTES);
	load->now_ns = load->heard_ns = clock_ns();
	return take_answers(load, peer, slice_of(load->input, kept + (size_t)len));
}

static bool
serve(struct load *load, struct peer *peer)
{
	if (!receive(load, peer))
		return false;
	if (load->options->rate == 0)
		ask_all(load, peer);
	return flush(load, peer);
}

/* ---- the time it takes ---- */

static int64_t
measure_from_ns(const struct load *load)
{
	return load->begun_ns + load->options->warmup_ms * 1000000;
}

static int64_t
end_ns(const struct load *load)
{
	return measure_from_ns(load) + load->options->duration_ms * 1000000;
}

static bool
is_over(const struct load *load)
{
	if (load->options->fill)
		return !wants_more(load) && load->answered == load->asked;
	return load->now_ns >= end_ns(load);
}

/* Wait for events until the next request is due, or something else has to be done. */
static int
wait_for_events(struct load *load, struct epoll_event events[EVENTS_MAX])
{
	int64_t         until = load->heard_ns + SILENCE_NS_MAX;
	struct timespec timeout = { 0, 0 };

	if (!load->options->fill && end_ns(load) < until)
		until = end_ns(load);
	if (!load->is_measuring && measure_from_ns(load) < until)
		until = measure_from_ns(load);
	if (load->options->rate > 0 && due_ns(load) < until)
		until = due_ns(load);
	/* What is due but finds no room waits for an answer, not for the time. */
	if (until <= load->now_ns && load->options->rate > 0)
		until = load->now_ns + 1000000;
	if (until > load->now_ns) {
		timeout.tv_sec = (until - load->now_ns) / 1000000000;
		timeout.tv_nsec = (until - load->now_ns) % 1000000000;
	}
	return epoll_pwait2(load->epoll, events, EVENTS_MAX, &timeout, NULL);
}

static bool
turn(struct load *load)
{
	struct epoll_event events[EVENTS_MAX];
	int                count = wait_for_events(load, events);

	load->now_ns = clock_ns();
	for (int i = 0; i < count; i++)
		if (!serve(load, events[i].data.ptr))
			return false;
	if (load->now_ns - load->heard_ns > SILENCE_NS_MAX)
		return fail(load, "no answer for ten seconds");
	return load->options->rate == 0 || ask_due(load);
}

/* What is still under way has taken this long at least. */
static void
count_missed(struct load *load)
{
	struct load_result *result = load->result;

	if (load->options->rate == 0)
		return;
	result->missed = load->asked - load->answered;
	for (unsigned i = 0; i < load->peer_count; i++) {
		struct peer *peer = &load->peers[i];

		for (unsigned place = 0; place < peer->depth; place++) {
			struct ask *ask = &peer->asks[place];

			if (peer_find(peer, ask->number) == ask)
				histogram_add(&result->latency[ask->op],
				    load->now_ns - ask->due_ns);
		}
	}
	for (; due_ns(load) <= load->now_ns; load->asked++, result->missed++)
		histogram_add(
		    &result->latency[choose_op(load)], load->now_ns - due_ns(load));
}

static bool
run(struct load *load, const struct load_observer *observer)
{
	load->begun_ns = load->heard_ns = load->now_ns = clock_ns();
	for (unsigned i = 0; i < load->peer_count && load->options->rate == 0; i++) {
		ask_all(load, &load->peers[i]);
		if (!serve(load, &load->peers[i]))
			return false;
	}
	while (!is_over(load)) {
		if (!load->is_measuring &&
		    (load->options->fill || load->now_ns >= measure_from_ns(load))) {
			load->is_measuring = true;
			load->result->seconds = (double)load->now_ns;
			observer->on_begin(observer->user);
		}
		if (!turn(load))
			return false;
	}
	observer->on_end(observer->user);
	load->result->seconds = ((double)load->now_ns - load->result->seconds) / 1e9;
	count_missed(load);
	return true;
}

/* ---- beginning and end ---- */

/* As many descriptors as connections, and some. */
static void
raise_limit(unsigned connections)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < connections + 64u) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static bool
open_peers(struct load *load)
{
	unsigned count = (unsigned)load->options->connections;
	char     why[PEER_WHY_BYTES];

	raise_limit(count);
	for (; load->peer_count < count; load->peer_count++) {
		struct peer       *peer = &load->peers[load->peer_count];
		struct epoll_event event = { EPOLLIN, { .ptr = peer } };

		if (!peer_open(peer, load->options, load->protocol, why)) {
			peer_close(peer);
			return fail(load, why);
		}
		epoll_ctl(load->epoll, EPOLL_CTL_ADD, peer->fd, &event);
	}
	return true;
}

bool
load_run(const struct bench_options *options, const struct protocol *protocol,
    const struct load_observer *observer, struct load_result *result, char *why,
    size_t why_size)
{
	struct load load = { .options = options,
		.protocol = protocol,
		.result = result,
		.why = why,
		.why_size = why_size };
	bool        done = false;

	*result = (struct load_result){ .seconds = 0 };
	if (!keys_init(&load.keys, options->distribution, (uint64_t)options->keys,
		(uint64_t)options->seed))
		return fail(&load, "--distribution is uniform or zipfian");
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.peers = calloc((size_t)options->connections, sizeof(*load.peers));
	load.input = malloc(INPUT_BYTES);
	if (load.epoll < 0 || load.peers == NULL || load.input == NULL)
		fail(&load, "out of memory or of descriptors");
	else
		done = open_peers(&load) && run(&load, observer);
	for (unsigned i = 0; i < load.peer_count; i++)
		peer_close(&load.peers[i]);
	if (load.epoll >= 0)
		close(load.epoll);
	free(load.peers);
	free(load.input);
	return done;
}
