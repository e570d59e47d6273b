#include <assert.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/stream.h"

_Static_assert(STREAM_KEY_BYTES == SHA256_DIGEST_LENGTH, "SHA-256");

/* ---- OpenSSL's side of the socket ---- */

/*
 * Whether what a client begins with is a handshake, and modest: OpenSSL makes room for
 * the whole of its first message when it has seen the head, up to 128 KiB; and it takes
 * the beginning of a request in MessagePack for a greeting of 1995, and waits for more.
 */
static bool
is_greeting(struct stream *stream, const char *bytes, size_t len)
{
	const unsigned char *head = stream->head;
	size_t               missing = sizeof(stream->head) - stream->head_len;
	size_t               claimed;

	if (missing == 0 || !SSL_is_server(stream->tls))
		return true;
	if (len > missing)
		len = missing;
	memcpy(stream->head + stream->head_len, bytes, len);
	stream->head_len += len;
	claimed = (size_t)head[6] << 16 | (size_t)head[7] << 8 | head[8];
	return head[0] == SSL3_RT_HANDSHAKE &&
	       (stream->head_len < sizeof(stream->head) ||
		   claimed <= STREAM_HELLO_BYTES_MAX);
}

static bool
is_transient(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS;
}

static int
read_socket(BIO *bio, char *room, int len)
{
	struct stream *stream = BIO_get_data(bio);
	size_t         wanted = (size_t)len;
	ssize_t        got;

	BIO_clear_retry_flags(bio);
	if (wanted > stream->turn_left)
		wanted = stream->turn_left;
	if (wanted == 0) { /* it is others' turn; the socket stays readable */
		BIO_set_retry_read(bio);
		return -1;
	}
	got = recv(stream->fd, room, wanted, 0);
	if (got < 0 && is_transient(errno))
		BIO_set_retry_read(bio);
	stream->at_eof = got == 0;
	if (got <= 0)
		return (int)got;
	stream->turn_left -= (size_t)got;
	if (is_greeting(stream, room, (size_t)got))
		return (int)got;
	errno = EPROTO;
	return -1;
}

static int
write_socket(BIO *bio, const char *bytes, int len)
{
	struct stream *stream = BIO_get_data(bio);
	ssize_t        sent = send(stream->fd, bytes, (size_t)len, MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	if (sent < 0 && is_transient(errno))
		BIO_set_retry_write(bio);
	return (int)sent;
}

static long
control_socket(BIO *bio, int command, long number, void *pointer)
{
	const struct stream *stream = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_EOF: return stream->at_eof;
	case BIO_CTRL_FLUSH: return 1; /* nothing is held back */
	default: return 0;
	}
}

static BIO_METHOD *socket_method; /* NULL: out of memory; fixed once it is made */

static void
make_socket_method(void)
{
	BIO_METHOD *method =
	    BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");

	if (method != NULL && BIO_meth_set_read(method, read_socket) == 1 &&
	    BIO_meth_set_write(method, write_socket) == 1 &&
	    BIO_meth_set_ctrl(method, control_socket) == 1)
		socket_method = method;
}

static BIO *
new_socket(struct stream *stream)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO                  *bio;

	pthread_once(&once, make_socket_method);
	bio = socket_method != NULL ? BIO_new(socket_method) : NULL;
	if (bio == NULL)
		return NULL;
	BIO_set_data(bio, stream);
	BIO_set_init(bio, 1);
	return bio;
}

/* ---- opening ---- */

void
stream_init(struct stream *stream, int fd)
{
	*stream = (struct stream){ .fd = fd };
}

/* Believe only who bears NAME. */
static bool
expect(SSL *tls, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(tls);

	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1)
		return true;
	return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
	       SSL_set_tlsext_host_name(tls, name) == 1;
}

bool
stream_secure(struct stream *stream, struct ssl_ctx_st *context, const char *name)
{
	SSL *tls = SSL_new(context);
	BIO *bio = new_socket(stream);

	if (tls == NULL || bio == NULL || (name != NULL && !expect(tls, name))) {
		SSL_free(tls);
		BIO_free(bio);
		ERR_clear_error();
		return false;
	}
	SSL_set_bio(tls, bio, bio);
	if (name != NULL)
		SSL_set_connect_state(tls);
	else
		SSL_set_accept_state(tls);
	stream->tls = tls;
	stream->wants_write = name != NULL; /* a client speaks first */
	return true;
}

/* ---- what became of a step ---- */

static void
begin_step(struct stream *stream)
{
	ERR_clear_error();
	errno = 0;
	stream->wants_write = false;
	stream->turn_left = STREAM_TURN_BYTES_MAX;
}

/* A step of OpenSSL has given RESULT, which is no success: 0 at the end, or -1. */
static int
judge(struct stream *stream, int result)
{
	int error = errno;

	switch (SSL_get_error(stream->tls, result)) {
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_WANT_READ: errno = EAGAIN; return -1;
	case SSL_ERROR_WANT_WRITE:
		stream->wants_write = true;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_SYSCALL:
		stream->has_failed = true;
		errno = error != 0 ? error : ECONNRESET;
		return -1;
	default:
		stream->has_failed = true;
		stream->error = ERR_peek_error();
		errno = EPROTO;
		return -1;
	}
}

int
stream_handshake(struct stream *stream)
{
	int result;

	begin_step(stream);
	result = SSL_do_handshake(stream->tls);
	stream->is_open = result == 1;
	if (result == 1)
		return 1;
	if (judge(stream, result) == 0)
		errno = ECONNRESET; /* a farewell in the middle of a greeting */
	return -1;
}

/* ---- bytes ---- */

static ssize_t
recv_secure(struct stream *stream, char *room, size_t len)
{
	size_t got = 0, more = 0;
	int    result;

	begin_step(stream);
	stream->has_more = false;
	if (stream->has_failed) {
		errno = EPROTO;
		return -1;
	}
	do {
		result = SSL_read_ex(stream->tls, room + got, len - got, &more);
		if (result == 1)
			got += more;
	} while (result == 1 && got < len && SSL_has_pending(stream->tls));
	stream->is_open = stream->is_open || SSL_is_init_finished(stream->tls);
	if (result == 1) {
		stream->has_more = SSL_has_pending(stream->tls) == 1;
		return (ssize_t)got;
	}
	result = judge(stream, result);
	if (got == 0)
		return result;
	/* What else came is told the next time. */
	stream->has_more = result == 0 || errno != EAGAIN;
	return (ssize_t)got;
}

ssize_t
stream_recv(struct stream *stream, void *room, size_t len)
{
	assert(len > 0);
	if (stream->tls != NULL)
		return recv_secure(stream, room, len);
	return recv(stream->fd, room, len, 0);
}

static ssize_t
send_secure(struct stream *stream, const char *bytes, size_t len)
{
	size_t sent = 0, more = 0;
	int    result;

	if (!stream->is_open || stream->has_failed) {
		errno = ENOTCONN;
		return -1;
	}
	begin_step(stream);
	do { /* a record at a time */
		result = SSL_write_ex(stream->tls, bytes + sent, len - sent, &more);
		if (result == 1)
			sent += more;
	} while (result == 1 && sent < len);
	if (result == 1)
		return (ssize_t)sent;
	if (judge(stream, result) == 0)
		errno = EPIPE;
	stream->wants_write = false; /* who sends waits for that anyway */
	return sent > 0 ? (ssize_t)sent : -1;
}

ssize_t
stream_send(struct stream *stream, const void *bytes, size_t len)
{
	assert(len > 0);
	if (stream->tls != NULL)
		return send_secure(stream, bytes, len);
	return send(stream->fd, bytes, len, MSG_NOSIGNAL);
}

ssize_t
stream_discard(struct stream *stream, void *room, size_t len)
{
	stream->has_more = stream->wants_write =
	    false; /* nothing but the socket counts */
	return recv(stream->fd, room, len, 0);
}

/* ---- the peer ---- */

bool
stream_distrusts(const struct stream *stream)
{
	return ERR_GET_REASON(stream->error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
}

const char *
stream_why(const struct stream *stream)
{
	const char *reason = ERR_reason_error_string(stream->error);

	if (stream_distrusts(stream))
		return X509_verify_cert_error_string(
		    SSL_get_verify_result(stream->tls));
	return reason != NULL ? reason : "the peer does not speak TLS";
}

bool
stream_peer_key(const struct stream *stream, unsigned char key[STREAM_KEY_BYTES])
{
	X509          *peer = NULL;
	unsigned char *spki = NULL;
	int            len;
	bool           done;

	if (stream->tls != NULL && SSL_get_verify_result(stream->tls) == X509_V_OK)
		peer = SSL_get0_peer_certificate(stream->tls);
	if (peer == NULL)
		return false;
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(peer), &spki);
	done = len > 0 && EVP_Digest(spki, (size_t)len, key, NULL, EVP_sha256(), NULL);
	OPENSSL_free(spki);
	return done;
}

/* ---- the end ---- */

/* Say farewell, if the peer can hear it. */
static void
part(struct stream *stream)
{
	if (stream->tls != NULL && stream->is_open && !stream->has_failed &&
	    !stream->has_ended) {
		ERR_clear_error();
		(void)SSL_shutdown(stream->tls);
	}
	stream->has_ended = true;
}

void
stream_end(struct stream *stream)
{
	part(stream);
	shutdown(stream->fd, SHUT_WR);
}

void
stream_close(struct stream *stream)
{
	part(stream);
	SSL_free(stream->tls);
	stream->tls = NULL;
	close(stream->fd);
	stream->fd = -1;
}
