/* proto: TLS between two ends of a socket pair, as neither would do it in earnest. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/stream.h"
#include "proto/tls.h"

#define NAME "localhost"

struct fixture {
	char certificate[64], key[64]; /* files; the authority is itself */
	struct ssl_ctx_st *of_server, *of_client;
	struct stream      server, client;
};

/* A certificate for NAME that vouches for itself, and its key. */
static void
write_files(const struct fixture *f)
{
	EVP_PKEY       *pair = EVP_EC_gen("P-256");
	X509           *made = X509_new();
	X509_NAME      *name = X509_get_subject_name(made);
	X509_EXTENSION *names =
	    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:" NAME);
	FILE *certificate = fopen(f->certificate, "w"), *key = fopen(f->key, "w");

	assert_non_null(certificate);
	assert_non_null(key);
	X509_set_version(made, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
	X509_gmtime_adj(X509_getm_notBefore(made), -60);
	X509_gmtime_adj(X509_getm_notAfter(made), 3600);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)NAME, -1, -1, 0);
	X509_set_issuer_name(made, name);
	X509_set_pubkey(made, pair);
	assert_int_equal(X509_add_ext(made, names, -1), 1);
	assert_true(X509_sign(made, pair, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(certificate, made), 1);
	assert_int_equal(PEM_write_PrivateKey(key, pair, NULL, NULL, 0, NULL, NULL), 1);
	fclose(certificate);
	fclose(key);
	X509_EXTENSION_free(names);
	X509_free(made);
	EVP_PKEY_free(pair);
}

static void
must_connect(struct fixture *f)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	stream_init(&f->server, fds[0]);
	stream_init(&f->client, fds[1]);
	assert_true(stream_secure(&f->server, f->of_server, NULL));
	assert_true(stream_secure(&f->client, f->of_client, NAME));
}

static int
setup(void **state)
{
	struct fixture  *f = calloc(1, sizeof(*f));
	char             folder[] = "/tmp/stream-XXXXXX", why[256];
	struct tls_files files = { 0 };

	assert_non_null(mkdtemp(folder));
	snprintf(f->certificate, sizeof(f->certificate), "%s/crt", folder);
	snprintf(f->key, sizeof(f->key), "%s/key", folder);
	write_files(f);
	files = (struct tls_files){ f->certificate, f->key, f->certificate };
	f->of_server = tls_new_server(&files, true, why, sizeof(why));
	f->of_client = tls_new_client(&files, why, sizeof(why));
	assert_non_null(f->of_server);
	assert_non_null(f->of_client);
	unlink(f->certificate);
	unlink(f->key);
	rmdir(folder);
	must_connect(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	stream_close(&f->server);
	stream_close(&f->client);
	tls_free(f->of_server);
	tls_free(f->of_client);
	free(f);
	return 0;
}

/* Both ends do their part until the handshake is over. */
static void
must_shake_hands(struct fixture *f)
{
	char byte;

	while (stream_handshake(&f->client) != 1) {
		assert_int_equal(errno, EAGAIN);
		assert_int_equal(stream_recv(&f->server, &byte, 1), -1);
		assert_int_equal(errno, EAGAIN);
	}
	assert_int_equal(stream_recv(&f->server, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_false(stream_is_opening(&f->server));
}

static size_t
must_send(struct stream *stream, const char *bytes, size_t len)
{
	ssize_t sent = stream_send(stream, bytes, len);

	assert_true(sent > 0);
	return (size_t)sent;
}

static void
before_the_handshake_there_is_nobody_to_send_to(void **state)
{
	struct fixture *f = *state;
	char            byte;

	assert_true(stream_is_opening(&f->server));
	assert_int_equal(stream_send(&f->server, "x", 1), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(stream_recv(&f->server, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	must_shake_hands(f);
	assert_int_equal(must_send(&f->server, "x", 1), 1);
	assert_int_equal(stream_recv(&f->client, &byte, 1), 1);
}

static void
either_end_knows_the_others_key(void **state)
{
	struct fixture *f = *state;
	unsigned char   one[STREAM_KEY_BYTES], other[STREAM_KEY_BYTES] = { 0 };

	assert_false(stream_peer_key(&f->server, one));
	must_shake_hands(f);
	assert_true(stream_peer_key(&f->server, one));
	assert_true(stream_peer_key(&f->client, other));
	assert_memory_equal(one, other, sizeof(one)); /* here both have the same */
}

static void
what_was_decrypted_and_not_read_is_told(void **state)
{
	struct fixture *f = *state;
	char            sent[10000], got[10000];
	int             in_socket;

	must_shake_hands(f);
	memset(sent, 'x', sizeof(sent));
	assert_int_equal(must_send(&f->client, sent, sizeof(sent)), sizeof(sent));
	assert_int_equal(stream_recv(&f->server, got, 1000), 1000);
	assert_true(stream_has_more(&f->server));
	assert_int_equal(ioctl(f->server.fd, FIONREAD, &in_socket), 0);
	assert_int_equal(in_socket, 0); /* so no poll would have said it */
	assert_int_equal(stream_recv(&f->server, got + 1000, 9000), 9000);
	assert_false(stream_has_more(&f->server));
	assert_memory_equal(got, sent, sizeof(sent));
}

static void
much_goes_through_in_pieces_and_in_order(void **state)
{
	struct fixture *f = *state;
	static char     sent[3000000], got[sizeof(sent)];
	size_t          out = 0, in = 0;

	must_shake_hands(f);
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 7 + i / 251);
	while (in < sizeof(sent)) {
		ssize_t len = out == sizeof(sent) ? 0
						  : stream_send(&f->client, sent + out,
							sizeof(sent) - out);

		assert_true(len >= 0 || errno == EAGAIN);
		out += len > 0 ? (size_t)len : 0;
		len = stream_recv(&f->server, got + in, sizeof(got) - in);
		assert_true(len > 0 || (len < 0 && errno == EAGAIN));
		in += len > 0 ? (size_t)len : 0;
		/* One turn takes no more than its share, and what was begun before. */
		assert_true(len <= (ssize_t)(STREAM_TURN_BYTES_MAX + 32 * 1024));
	}
	assert_memory_equal(got, sent, sizeof(sent));
}

static void
records_without_a_message_take_no_more_than_a_turn(void **state)
{
	struct fixture *f = *state;
	static char     records[3 * STREAM_TURN_BYTES_MAX];
	int             before, after;
	ssize_t         len = 0;
	char            byte;

	must_shake_hands(f);
	while (len < (ssize_t)sizeof(records) - 100) { /* 27 bytes each */
		assert_int_equal(
		    SSL_key_update(f->client.tls, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(f->client.tls), 1);
		len +=
		    recv(f->server.fd, records + len, sizeof(records) - (size_t)len, 0);
	}
	assert_true(
	    send(f->client.fd, records, (size_t)len, 0) > 0); /* in few pieces */
	assert_int_equal(ioctl(f->server.fd, FIONREAD, &before), 0);
	assert_true(before > (int)STREAM_TURN_BYTES_MAX);
	assert_int_equal(stream_recv(&f->server, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(ioctl(f->server.fd, FIONREAD, &after), 0);
	assert_int_equal(before - after, STREAM_TURN_BYTES_MAX);
}

static void
a_farewell_behind_bytes_is_told_after_them(void **state)
{
	struct fixture *f = *state;
	char            got[16];

	must_shake_hands(f);
	must_send(&f->client, "last", 4);
	stream_end(&f->client);
	assert_int_equal(stream_recv(&f->server, got, sizeof(got)), 4);
	assert_true(stream_has_more(&f->server));
	assert_int_equal(stream_recv(&f->server, got, sizeof(got)), 0);
	must_send(&f->server, "answer", 6); /* to half a connection */
	assert_int_equal(stream_recv(&f->client, got, sizeof(got)), 6);
}

static void
bytes_that_were_changed_on_the_way_end_it(void **state)
{
	struct fixture *f = *state;
	char            record[256], got[16];
	ssize_t         len;
	int             fds[2];

	must_shake_hands(f);
	must_send(&f->client, "secret", 6);
	len = recv(f->server.fd, record, sizeof(record), 0);
	assert_true(len > 10);
	record[len - 1] ^= 1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(send(fds[1], record, (size_t)len, 0), len);
	assert_true(dup2(fds[0], f->server.fd) >= 0);
	assert_int_equal(stream_recv(&f->server, got, sizeof(got)), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(stream_recv(&f->server, got, sizeof(got)), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(stream_send(&f->server, "x", 1), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_non_null(strstr(stream_why(&f->server), "bad record mac"));
	close(fds[0]);
	close(fds[1]);
}

static void
a_name_that_the_certificate_does_not_bear_is_distrusted(void **state)
{
	struct fixture *f = *state;
	char            byte;

	stream_close(&f->server);
	stream_close(&f->client);
	must_connect(f);
	SSL_set1_host(f->client.tls, "elsewhere");
	while (stream_handshake(&f->client) != 1 && errno == EAGAIN)
		(void)stream_recv(&f->server, &byte, 1);
	assert_int_equal(errno, EPROTO);
	assert_true(stream_distrusts(&f->client));
	assert_string_equal(stream_why(&f->client), "hostname mismatch");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(before_the_handshake_there_is_nobody_to_send_to),
		TEST(either_end_knows_the_others_key),
		TEST(what_was_decrypted_and_not_read_is_told),
		TEST(much_goes_through_in_pieces_and_in_order),
		TEST(records_without_a_message_take_no_more_than_a_turn),
		TEST(a_farewell_behind_bytes_is_told_after_them),
		TEST(bytes_that_were_changed_on_the_way_end_it),
		TEST(a_name_that_the_certificate_does_not_bear_is_distrusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
