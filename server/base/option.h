/*
 * option -- everything that can be set, said once.
 *
 * The table below is all there is to know: the command line, the configuration
 * file, --help and the description for machines walk it.  Every option is a key of
 * the file under the same name, except those of the group COMMAND.  A flag goes
 * over the file, the file over the default.
 *
 * The file has lines "name = value", comments after # or ;, and no sections.
 * Unknown keys, a key given twice, values out of bounds and overlong lines are
 * refused with the line's number, not skipped: a misspelt bound protects nobody.
 *
 * Errors are sentences, without a newline, in the buffer WHY of the caller.
 *
 * Threads.  option_parse() uses getopt, which has one state for the process: call it
 * before there are threads.
 *
 * Memory.  A struct options owns its strings.
 */

#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "server/base/log.h"

#define OPTION_LISTEN_FD_MAX 4u /* inherited sockets */

/*
 * X(member, name, KIND, placeholder, default, min, max, GROUP, help)
 *
 * Min and max bound the value; for a text and an address, its length.  The default
 * is what one would write; an empty one stands for none.  The help ends without a
 * full stop.
 */
// clang-format off
#define OPTIONS(X)                                                                              \
	X(listen, "listen", ADDRESS, "HOST:PORT", "127.0.0.1:7410", 0, 255, SERVING,            \
	    "the TCP address to serve; empty for none")                                         \
	X(unix_path, "unix", TEXT, "PATH", "", 0, 107, SERVING,                                 \
	    "a unix socket to serve as well; operators need no token there")     \
	X(listen_fd, "listen-fd", DESCRIPTOR, "N", "", 3, 1048576, SERVING,                     \
	    "a listening socket that was inherited; may be given four times")                   \
	X(allow_plain_tcp, "allow-plain-tcp", FLAG, "", "no", 0, 1, SERVING,                    \
	    "permit plain TCP beyond this machine; tokens then travel in clear")                 \
	X(tls_listen, "tls-listen", ADDRESS, "HOST:PORT", "", 0, 255, SERVING,                  \
	    "a TCP address to serve with TLS; needs the two files below")                       \
	X(tls_certificate, "tls-certificate", TEXT, "FILE", "", 0, 4000, SERVING,               \
	    "the server's certificate and its chain, in PEM; read again on SIGHUP")             \
	X(tls_key, "tls-key", TEXT, "FILE", "", 0, 4000, SERVING,                               \
	    "the private key of that certificate, in PEM, without a passphrase")                \
	X(tls_client_ca, "tls-client-ca", TEXT, "FILE", "", 0, 4000, SERVING,                   \
	    "the authorities whose certificates clients may show, in PEM")                      \
	X(tls_client_required, "tls-client-required", FLAG, "", "no", 0, 1, SERVING,            \
	    "turn clients away that show no certificate")                                       \
	X(admin_uid, "admin-uid", USER, "UID", "", 0, 4294967294, SERVING,                      \
	    "an operator on the unix socket, besides root and the server's own user")    \
	X(loops, "loops", INTEGER, "N", "1", 1, 64, SERVING,                                    \
	    "threads that serve connections")                                                   \
	X(poll_us, "poll-us", INTEGER, "US", "0", 0, 1000000, SERVING,                          \
	    "how long a loop looks for more before it sleeps; takes a CPU meanwhile")            \
	X(connections_max, "connections-max", INTEGER, "N", "10000", 1, 1000000, SERVING,       \
	    "connections open at once; more are refused")                                       \
	X(first_frame_timeout_ms, "first-frame-timeout-ms", DURATION_MS, "MS", "10000", 1, 3600000, SERVING, \
	    "how long a new connection may take for its first message")                         \
	X(frame_timeout_ms, "frame-timeout-ms", DURATION_MS, "MS", "10000", 1, 3600000, SERVING, \
	    "how long a message may take from its first byte to its last")                      \
	X(data, "data", TEXT, "DIR", "", 0, 4000, STORAGE,                                      \
	    "the directory of the database; only its owner may have access")                    \
	X(db_bytes_max, "db-bytes-max", BYTES, "BYTES", "64G", 1048576, 1099511627776, STORAGE, \
	    "how large the database may grow; K, M and G are understood")                       \
	X(journal_bytes_max, "journal-bytes-max", BYTES, "BYTES", "512M", 65536, 17179869184, STORAGE, \
	    "how much may be committed before it is carried into the database; twice, in memory, too") \
	X(cache_bytes_max, "cache-bytes-max", BYTES, "BYTES", "128M", 0, 1099511627776, STORAGE, \
	    "memory for records that were read, shared out to the loops; 0 for none")            \
	X(change_keep_ms, "change-keep-ms", DURATION_MS, "MS", "2592000000", 60000, 315360000000, STORAGE, \
	    "how long the change feed reaches back; the default is 30 days")                    \
	X(change_keep_max, "change-keep-max", INTEGER, "N", "10000000", 1000, 1000000000, STORAGE, \
	    "how many changes the feed of one store holds at most")                              \
	X(change_keep_bytes, "change-keep-bytes", BYTES, "BYTES", "4G", 1048576, 1099511627776, STORAGE, \
	    "how many bytes these changes have at most; the oldest leave first")                 \
	X(password_workers, "password-workers", INTEGER, "N", "1", 1, 16, PASSWORDS,            \
	    "threads that hash passwords")                                                      \
	X(password_queue_max, "password-queue-max", INTEGER, "N", "64", 1, 65536, PASSWORDS,    \
	    "passwords waiting for one of them; more are refused as BUSY")                      \
	X(log_level, "log-level", LEVEL, "LEVEL", "info", 0, 0, LOGGING,                        \
	    "error, warning, info or debug")                                                    \
	X(core_dumps, "core-dumps", FLAG, "", "no", 0, 1, LOGGING,                              \
	    "let a crash leave a core dump; records and tokens are in it")                      \
	X(config, "config", TEXT, "FILE", "", 0, 4000, COMMAND,                                 \
	    "read options from FILE; what is given here goes over it")                          \
	X(help, "help", FLAG, "", "no", 0, 1, COMMAND, "print this and end")                    \
	X(version, "version", FLAG, "", "no", 0, 1, COMMAND, "print the version and end")

/* X(GROUP, title) */
#define OPTION_GROUPS(X)                    \
	X(SERVING,   "Serving")             \
	X(STORAGE,   "Storage")             \
	X(PASSWORDS, "Passwords")           \
	X(LOGGING,   "Logging")             \
	X(COMMAND,   "Command line only")

/* X(KIND, word) */
#define OPTION_KINDS(X)               \
	X(FLAG,        "flag")        \
	X(TEXT,        "text")        \
	X(INTEGER,     "integer")     \
	X(BYTES,       "bytes")       \
	X(DURATION_MS, "duration_ms") \
	X(ADDRESS,     "address")     \
	X(DESCRIPTOR,  "descriptor")  \
	X(USER,        "user")        \
	X(LEVEL,       "level")

/* The type of the member of a row, by kind. */
#define OPTION_TYPE_FLAG        bool
#define OPTION_TYPE_TEXT        char *
#define OPTION_TYPE_INTEGER     unsigned
#define OPTION_TYPE_BYTES       size_t
#define OPTION_TYPE_DURATION_MS int64_t
#define OPTION_TYPE_ADDRESS     struct option_address
#define OPTION_TYPE_DESCRIPTOR  struct option_descriptors
#define OPTION_TYPE_USER        unsigned
#define OPTION_TYPE_LEVEL       enum log_level
// clang-format on

struct option_address {
	char    *host; /* without brackets; NULL: none */
	uint16_t port;
};

struct option_descriptors {
	int      fd[OPTION_LISTEN_FD_MAX];
	unsigned count;
};

enum option_kind {
#define X(KIND, word) OPTION_##KIND,
	OPTION_KINDS(X)
#undef X
	    OPTION_KIND_COUNT
};

enum option_id {
#define X(member, name, KIND, placeholder, standard, min, max, GROUP, help) \
	OPTION_ID_##member,
	OPTIONS(X)
#undef X
	    OPTION_COUNT
};

/* Who has given a value; a flag goes over the file. */
enum option_source { OPTION_FROM_FILE = 1 << 0, OPTION_FROM_FLAG = 1 << 1 };

/*
 * One member for each row.  A text is NULL for none.  admin_uid without a value is
 * the effective user of the process.
 */
struct options {
#define X(member, name, KIND, placeholder, standard, min, max, GROUP, help) \
	OPTION_TYPE_##KIND member;
	OPTIONS(X)
#undef X
	unsigned char given[OPTION_COUNT]; /* option_source bits; 0: the default */
};

/*
 * Fill OPTIONS from the arguments behind ARGV[0], the file that --config names and
 * the defaults.  False when something is refused: then OPTIONS is empty.  A flag that
 * is given twice is refused, as in the file; so are arguments that are no options.
 */
bool option_parse(
    struct options *options, int argc, char *const argv[], char *why, size_t why_size);

/* Free what OPTIONS owns.  An empty OPTIONS, all zero, is fine. */
void option_fini(struct options *options);

/*
 * What must hold before serving, beyond each single bound: a data directory is
 * named, what belongs together is there, and plain TCP stays on this machine unless
 * that was permitted.
 */
bool option_check(const struct options *options, char *why, size_t why_size);

/* Refuse to serve plain TCP on ADDRESS, which others can reach. */
bool option_refuse_plain(const char *address, char *why, size_t why_size);

/* Print --help to OUT. */
void option_help(FILE *out);

/* Print the table to OUT as a JSON array, one object for each option. */
void option_describe(FILE *out);

#endif
