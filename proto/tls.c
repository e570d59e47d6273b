#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "proto/tls.h"

/* Of TLS 1.2; those of 1.3 are all good. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

static bool
refuse(char *why, size_t why_size, const char *what, const char *file)
{
	unsigned long error = ERR_peek_error();
	const char   *reason = ERR_reason_error_string(error);

	/* An error of the system, like a missing file, has no text of OpenSSL's. */
	if (ERR_SYSTEM_ERROR(error))
		reason = strerror(ERR_GET_REASON(error));
	snprintf(why, why_size, "cannot use %s%s%s: %s", what, *file ? " " : "", file,
	    reason != NULL ? reason : "it is not what it should be");
	ERR_clear_error();
	return false;
}

/* OpenSSL would ask for it on the terminal. */
static int
no_passphrase(char *room, int size, int rwflag, void *user)
{
	(void)room;
	(void)size;
	(void)rwflag;
	(void)user;
	return -1;
}

static SSL_CTX *
new_context(const SSL_METHOD *method)
{
	SSL_CTX *tls = SSL_CTX_new(method);

	if (tls == NULL)
		return NULL;
	if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(tls, CIPHERS) != 1) {
		SSL_CTX_free(tls);
		return NULL;
	}
	/*
	 * Messages say themselves where they end, so a connection that ends without the
	 * farewell of TLS hides nothing.
	 */
	SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(tls, 1); /* one recv() for a message, not two */
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(tls, TLS_CHAIN_BYTES_MAX);
	SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
	return tls;
}

static bool
load_certificate(
    SSL_CTX *tls, const struct tls_files *files, char *why, size_t why_size)
{
	if (SSL_CTX_use_certificate_chain_file(tls, files->certificate) != 1)
		return refuse(why, why_size, "the certificate", files->certificate);
	if (SSL_CTX_use_PrivateKey_file(tls, files->key, SSL_FILETYPE_PEM) != 1)
		return refuse(why, why_size, "the key", files->key);
	return true;
}

static bool
load_authorities(
    SSL_CTX *tls, const struct tls_files *files, char *why, size_t why_size)
{
	if (SSL_CTX_load_verify_file(tls, files->authorities) != 1)
		return refuse(why, why_size, "the authorities", files->authorities);
	return true;
}

/* Ask clients for certificates. */
static bool
ask(SSL_CTX *tls, const struct tls_files *files, bool required, char *why,
    size_t why_size)
{
	STACK_OF(X509_NAME) * names;

	if (!load_authorities(tls, files, why, why_size))
		return false;
	names = SSL_load_client_CA_file(files->authorities);
	if (names == NULL)
		return refuse(why, why_size, "the authorities", files->authorities);
	SSL_CTX_set_client_CA_list(tls, names);
	SSL_CTX_set_verify(tls,
	    SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	/* A ticket would let a client in later without a look at its certificate. */
	SSL_CTX_set_options(tls, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(tls, 0);
	return true;
}

struct ssl_ctx_st *
tls_new_server(const struct tls_files *files, bool required, char *why, size_t why_size)
{
	SSL_CTX *tls;

	ERR_clear_error();
	tls = new_context(TLS_server_method());
	if (tls == NULL) {
		refuse(why, why_size, "OpenSSL", "");
		return NULL;
	}
	if (load_certificate(tls, files, why, why_size) &&
	    (files->authorities == NULL || ask(tls, files, required, why, why_size)))
		return tls;
	SSL_CTX_free(tls);
	return NULL;
}

struct ssl_ctx_st *
tls_new_client(const struct tls_files *files, char *why, size_t why_size)
{
	SSL_CTX *tls;

	ERR_clear_error();
	tls = new_context(TLS_client_method());
	if (tls == NULL) {
		refuse(why, why_size, "OpenSSL", "");
		return NULL;
	}
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	if (files->authorities == NULL)
		SSL_CTX_set_default_verify_paths(tls); /* without it: nobody */
	else if (!load_authorities(tls, files, why, why_size))
		goto free_tls;
	if (files->certificate == NULL || load_certificate(tls, files, why, why_size))
		return tls;
free_tls:
	SSL_CTX_free(tls);
	return NULL;
}

void
tls_free(struct ssl_ctx_st *tls)
{
	SSL_CTX_free(tls);
}
