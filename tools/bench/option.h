/*
 * option -- everything that can be set about customerd-bench, said once.
 *
 * Errors are sentences, without a newline, in the buffer WHY of the caller.
 *
 * Memory.  Texts are those of the command line, and borrowed.
 */

#ifndef BENCH_OPTION_H
#define BENCH_OPTION_H

#include "server/base/flag.h"

// clang-format off
#define BENCH_OPTIONS(X)                                                                       \
	X(protocol, "protocol", TEXT, "NAME", "customerd", 1, 32,                              \
	    "what is spoken; the list stands below")                                           \
	X(connect, "connect", TEXT, "HOST:PORT", "127.0.0.1:7410", 1, 300,                     \
	    "the server, by TCP")                                                              \
	X(unix_path, "unix", TEXT, "PATH", "", 1, 107, "the server, by a unix socket")         \
	X(token, "token", TEXT, "TOKEN", "", 1, 255, "who asks, where that matters")           \
	X(path, "path", TEXT, "PATH", "/api/customers/{uid}", 1, 200,                          \
	    "of http and rest: what is asked for")                                             \
	X(connections, "connections", NUMBER, "N", "50", 1, 20000, "connections open at once") \
	X(depth, "depth", NUMBER, "N", "1", 1, 4096, "requests under way on each of them")     \
	X(rate, "rate", NUMBER, "N", "0", 1, 10000000,                                         \
	    "requests a second, due at even distances; without it, as fast as answers come")   \
	X(duration_ms, "duration-ms", NUMBER, "MS", "5000", 1, 86400000, "how long to measure")\
	X(warmup_ms, "warmup-ms", NUMBER, "MS", "500", 0, 3600000, "how long to warm up before") \
	X(keys, "keys", NUMBER, "N", "100000", 1, 100000000, "records there are")              \
	X(distribution, "distribution", TEXT, "NAME", "uniform", 1, 16,                        \
	    "how keys are chosen: uniform or zipfian")                                         \
	X(updates, "updates", NUMBER, "PERCENT", "0", 0, 100, "of the requests that update")   \
	X(fill, "fill", SWITCH, "", "", 0, 0, "write each record once, and end")               \
	X(fill_from, "fill-from", NUMBER, "N", "0", 0, 100000000,                              \
	    "where that begins, when some are there already")                                  \
	X(record_bytes, "record-bytes", NUMBER, "BYTES", "650", 400, 8000,                     \
	    "about the size of a record as MessagePack")                                       \
	X(server_pids, "server-pids", TEXT, "PIDS", "", 1, 200,                                \
	    "processes whose CPU to report, with their children; commas between")              \
	X(operator_path, "operator", TEXT, "PATH", "", 1, 107,                                 \
	    "a unix socket of customerd, to ask how many records shared a commit")             \
	X(cpu, "cpu", NUMBER, "N", "-1", 0, 4095, "run on this CPU only")                      \
	X(seed, "seed", NUMBER, "N", "1", 0, INT64_MAX, "of the choice of keys")               \
	X(json, "json", SWITCH, "", "", 0, 0, "print one JSON object")                         \
	X(help, "help", SWITCH, "", "", 0, 0, "print this and end")                            \
	X(version, "version", SWITCH, "", "", 0, 0, "print the version and end")
// clang-format on

struct bench_options {
	BENCH_OPTIONS(FLAG_MEMBER)
};

/* Fill OPTIONS from the arguments behind ARGV[0] and the defaults. */
bool bench_option_parse(struct bench_options *options, int argc, char *const argv[],
    char *why, size_t why_size);

/* Print the options to OUT. */
void bench_option_help(FILE *out);

#endif
