/*
 * tls -- what one end brings to TLS: its certificate, and whom it believes.
 *
 * TLS 1.2 with forward secrecy and authenticated encryption, or 1.3, by OpenSSL;
 * without renegotiation and compression.  Connections are made with it in stream.h.
 *
 * Threads.  Nothing changes once it is made: any thread may use it.
 *
 * Errors are sentences, without a newline, in the buffer WHY of the caller.
 *
 * Memory.  A connection keeps what it needs, so this may be freed before those that
 * were made with it.
 */

#ifndef PROTO_TLS_H
#define PROTO_TLS_H

#include <stdbool.h>
#include <stddef.h>

/* The longest chain of certificates that a peer may send, in bytes. */
#define TLS_CHAIN_BYTES_MAX (16 * 1024)

struct ssl_ctx_st;

/* Files of PEM; NULL: none. */
struct tls_files {
	const char *certificate; /* ours, and what leads from it to the authority */
	const char *key;         /* of that certificate, without a passphrase */
	const char *authorities; /* whose certificates are believed */
};

/*
 * For a server, which needs a certificate.  With authorities it asks its clients for
 * theirs, and turns those away that show a bad one; or, if REQUIRED, none.
 */
struct ssl_ctx_st *tls_new_server(
    const struct tls_files *files, bool required, char *why, size_t why_size);

/* For a client.  Without authorities it believes those that the system does. */
struct ssl_ctx_st *tls_new_client(
    const struct tls_files *files, char *why, size_t why_size);

void tls_free(struct ssl_ctx_st *tls);

#endif
