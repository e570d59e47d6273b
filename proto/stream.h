/*
 * stream -- a connected socket that does not block: plain, or with TLS.
 *
 * Both are used alike.  stream_recv() and stream_send() are recv() and send(); with
 * TLS they have two things to say besides:
 *
 *	stream_has_more()     bytes have been decrypted that no poll will announce
 *	stream_wants_write()  go on with stream_recv() when the socket is writable
 *
 * A server reads, and the handshake happens.  Until it is over there is nobody to
 * send to: ENOTCONN.  A client calls stream_handshake() first.
 *
 * Hostile peers.  A turn of reading takes at most STREAM_TURN_BYTES_MAX from the
 * socket, whatever these contain, and the handshake at most STREAM_HELLO_BYTES_MAX
 * of memory for a client's first message, however long that claims to be.
 *
 * Errors.  As the system's calls, with errno; EPROTO when TLS has failed, of which
 * stream_why() knows more.  No signal comes from a peer that has gone.
 *
 * Threads.  A stream belongs to one thread at a time.
 *
 * Memory.  The caller's; it must stay where it is while it is open.
 */

#ifndef PROTO_STREAM_H
#define PROTO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define STREAM_TURN_BYTES_MAX (64u * 1024)
#define STREAM_HELLO_BYTES_MAX (16u * 1024)
#define STREAM_HEAD_BYTES 9u /* of a record and of the hello in it */
#define STREAM_KEY_BYTES 32u /* SHA-256 */

struct ssl_st;
struct ssl_ctx_st;

struct stream {
	int            fd;
	struct ssl_st *tls;     /* NULL: plain */
	bool           is_open; /* the handshake is over */
	bool           has_failed;
	bool           has_ended; /* our side */
	bool           at_eof;    /* the socket is */
	bool           has_more, wants_write;
	size_t         turn_left; /* bytes to be taken from the socket */
	unsigned long  error;     /* OpenSSL's, for stream_why() */
	unsigned char  head[STREAM_HEAD_BYTES];
	size_t         head_len;
};

/* Use the connected socket FD, which is the stream's from now on. */
void stream_init(struct stream *stream, int fd);

/*
 * Use TLS: as a server; or, with the name that the server's certificate must bear, a
 * host's or an address, as a client.  False: out of memory, and nothing has changed.
 */
bool stream_secure(
    struct stream *stream, struct ssl_ctx_st *tls, const char *server_name);

/* 1 when it is done, -1 with EAGAIN when the socket has to be ready first. */
int stream_handshake(struct stream *stream);

ssize_t stream_recv(struct stream *stream, void *room, size_t len);
ssize_t stream_send(struct stream *stream, const void *bytes, size_t len);

/* Take bytes from the socket and forget them; as recv(). */
ssize_t stream_discard(struct stream *stream, void *room, size_t len);

static inline bool
stream_has_more(const struct stream *stream)
{
	return stream->has_more;
}

static inline bool
stream_wants_write(const struct stream *stream)
{
	return stream->wants_write;
}

/* Whether the handshake, if there is to be one, is still under way. */
static inline bool
stream_is_opening(const struct stream *stream)
{
	return stream->tls != NULL && !stream->is_open;
}

/* Why TLS has failed: part of a sentence, valid for ever. */
const char *stream_why(const struct stream *stream);

/* Whether it was because the peer's certificate is not to be believed. */
bool stream_distrusts(const struct stream *stream);

/* The hash of the public key in the peer's certificate, if it has shown a good one. */
bool stream_peer_key(const struct stream *stream, unsigned char key[STREAM_KEY_BYTES]);

/* Our side is at its end: the peer reads what was sent, and then that. */
void stream_end(struct stream *stream);

void stream_close(struct stream *stream);

#endif
