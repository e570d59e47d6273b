/*
 * option -- everything that can be set about customerd-rest, said once.
 *
 * The table is all there is to know: the command line and --help walk it.
 *
 * Errors are sentences, without a newline, in the buffer WHY of the caller.
 *
 * Memory.  Texts are those of the command line, and borrowed.
 */

#ifndef REST_OPTION_H
#define REST_OPTION_H

#include "server/base/flag.h"

/*
 * X(member, name, KIND, placeholder, default, min, max, help)
 *
 * Min and max bound a number, and the length of a text.
 */
// clang-format off
#define REST_OPTIONS(X)                                                                    \
	X(server, "server", TEXT, "ADDRESS", "customerd://127.0.0.1:7410", 1, 1000,        \
	    "customerd: customerd[s]://HOST:PORT or unix:PATH, or several with commas")    \
	X(server_ca, "server-ca", TEXT, "FILE", "", 0, 4000,                               \
	    "trusted authorities of customerds://, in PEM; else the system's")             \
	X(server_certificate, "server-certificate", TEXT, "FILE", "", 0, 4000,             \
	    "a certificate to show to customerd, in PEM")                                  \
	X(server_key, "server-key", TEXT, "FILE", "", 0, 4000,                             \
	    "the private key of that certificate")                                         \
	X(listen, "listen", TEXT, "HOST:PORT", "127.0.0.1:7480", 0, 300,                   \
	    "the address to serve; empty for none")                                        \
	X(listen_fd, "listen-fd", NUMBER, "N", "0", 3, 1048576,                            \
	    "a listening socket that was inherited")                                       \
	X(tls_listen, "tls-listen", TEXT, "HOST:PORT", "", 0, 300,                         \
	    "an address to serve as HTTPS; needs the two files below")                     \
	X(tls_certificate, "tls-certificate", TEXT, "FILE", "", 0, 4000,                   \
	    "the certificate and its chain, in PEM; read again on SIGHUP")                 \
	X(tls_key, "tls-key", TEXT, "FILE", "", 0, 4000,                                   \
	    "the private key of that certificate, without a passphrase")                   \
	X(tls_client_ca, "tls-client-ca", TEXT, "FILE", "", 0, 4000,                       \
	    "authorities, in PEM: only clients with a certificate of theirs are let in")   \
	X(admin, "admin", TEXT, "HOST:PORT", "127.0.0.1:7481", 0, 300,                     \
	    "the address of /live, /ready and /metrics; empty for none")                   \
	X(admin_fd, "admin-fd", NUMBER, "N", "0", 3, 1048576,                              \
	    "the same as a listening socket that was inherited")                           \
	X(allow_plain_http, "allow-plain-http", SWITCH, "", "no", 0, 1,                    \
	    "permit plain HTTP beyond this machine; tokens then travel in clear")            \
	X(strict, "strict", SWITCH, "", "no", 0, 1,                                        \
	    "refuse also what the documented examples do against the vendor's own rules")  \
	X(public_store, "public-store", NUMBER, "ID", "0", 1, 4294967295,                  \
	    "the store of routes that need no token, as /auth/token/")                     \
	X(public_url, "public-url", TEXT, "URL", "", 0, 300,                               \
	    "what links in answers begin with; else http:// and the Host of the request")  \
	X(concurrent_max, "concurrent-max", NUMBER, "N", "3", 0, 1000,                     \
	    "requests at once for a store, where its format bounds them; 0 for no bound")  \
	X(search_max, "search-max", NUMBER, "N", "100000", 1, 1000000000,                  \
	    "records that a search may read; in a larger store it is refused")             \
	X(no_docs, "no-docs", SWITCH, "", "no", 0, 1,                                      \
	    "serve neither /docs nor /openapi")                                            \
	X(rate_max, "rate-max", NUMBER, "N", "0", 0, 1000000000,                           \
	    "requests that a token may make at once; 0 for no bound")                          \
	X(rate_window_ms, "rate-window-ms", NUMBER, "MS", "60000", 100, 86400000,          \
	    "how long it takes until as many may be made again")                            \
	X(connections_max, "connections-max", NUMBER, "N", "1000", 1, 100000,              \
	    "connections open at once; more are refused")                                  \
	X(body_bytes_max, "body-bytes-max", NUMBER, "BYTES", "262144", 1, 1048576,         \
	    "the longest body of a request")                                               \
	X(head_timeout_ms, "head-timeout-ms", NUMBER, "MS", "10000", 1, 3600000,           \
	    "how long a request line and headers may take")                                \
	X(body_timeout_ms, "body-timeout-ms", NUMBER, "MS", "30000", 1, 3600000,           \
	    "how long a body may take")                                                    \
	X(idle_timeout_ms, "idle-timeout-ms", NUMBER, "MS", "60000", 1, 3600000,           \
	    "how long a connection may rest between two requests")                         \
	X(write_timeout_ms, "write-timeout-ms", NUMBER, "MS", "30000", 1, 3600000,         \
	    "how long a client may take for an answer")                                    \
	X(drain_timeout_ms, "drain-timeout-ms", NUMBER, "MS", "5000", 1, 3600000,          \
	    "how long requests under way may take after SIGTERM")                          \
	X(log_level, "log-level", TEXT, "LEVEL", "info", 1, 16,                            \
	    "error, warning, info or debug; requests are info")                            \
	X(core_dumps, "core-dumps", SWITCH, "", "no", 0, 1,                                \
	    "let a crash leave a core dump; records and tokens are in it")                            \
	X(help, "help", SWITCH, "", "no", 0, 1, "print this and end")                      \
	X(version, "version", SWITCH, "", "no", 0, 1, "print the version and end")
// clang-format on

struct rest_options {
	REST_OPTIONS(FLAG_MEMBER)
};

/* Fill OPTIONS from the arguments behind ARGV[0] and the defaults. */
bool rest_option_parse(struct rest_options *options, int argc, char *const argv[],
    char *why, size_t why_size);

/* Print --help to OUT. */
void rest_option_help(FILE *out);

#endif
