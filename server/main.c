/*
 * customerd -- the command line: serve, verify, describe.
 */

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/version.h"
#include "server/base/log.h"
#include "server/base/option.h"
#include "server/describe.h"
#include "server/net/server.h"
#include "server/process.h"

#define WHY_BYTES_MAX 1024u

/* What verify maps at least; kv maps a larger file whole, whatever its bound was. */
#define VERIFY_BYTES_MIN ((size_t)1 << 20)

/* ---- customerd [options] ---- */

static int
refuse(enum process_exit code, const char *why)
{
	fprintf(stderr, "customerd: %s\n", why);
	return (int)code;
}

static int
run_server(const struct options *options)
{
	struct server server;
	struct log    log;
	char          why[WHY_BYTES_MAX];

	log_init(&log, STDERR_FILENO, options->log_level);
	process_init(options->core_dumps);
	process_catch_bus_errors(options->data);
	log_info(&log, "start", LOG_TEXT("version", CUSTOMERD_VERSION),
	    LOG_INTEGER("pid", getpid()));
	if (!server_open(&server, options, &log, why, sizeof(why)))
		return refuse(PROCESS_EXIT_FAILURE, why);
	server_run(&server);
	server_close(&server);
	return PROCESS_EXIT_OK;
}

static int
serve(int argc, char *const argv[])
{
	struct options options;
	char           why[WHY_BYTES_MAX];
	int            code = PROCESS_EXIT_OK;

	if (!option_parse(&options, argc, argv, why, sizeof(why)))
		return refuse(PROCESS_EXIT_USAGE, why);
	if (options.help)
		option_help(stdout);
	else if (options.version)
		puts("customerd " CUSTOMERD_VERSION);
	else if (!option_check(&options, why, sizeof(why)))
		code = refuse(PROCESS_EXIT_USAGE, why);
	else
		code = run_server(&options);
	option_fini(&options);
	return code;
}

/* ---- customerd verify DIR ---- */

static void
report(void *context, const char *sentence)
{
	(void)context;
	puts(sentence);
}

static int
verify(int argc, char *const argv[])
{
	struct kv_options options = {
		.bytes_max = VERIFY_BYTES_MIN, .snapshots_max = 1, .read_only = true
	};
	struct kv          *kv;
	struct kv_snapshot *snapshot;
	struct kv_txn       txn;
	char                why[WHY_BYTES_MAX];
	uint64_t            found;

	if (argc != 3)
		return refuse(PROCESS_EXIT_USAGE, "customerd verify wants a directory");
	options.path = argv[2];
	process_init(false);
	process_catch_bus_errors(options.path);
	if (kv_open(&kv, &options, why, sizeof(why)) != STATUS_OK)
		return refuse(PROCESS_EXIT_FAILURE, why);
	snapshot = kv_snapshot_new(kv);
	if (snapshot == NULL) {
		kv_close(kv);
		return refuse(PROCESS_EXIT_FAILURE, "out of memory");
	}
	kv_read(snapshot, &txn);
	found = domain_verify(&txn, report, NULL);
	kv_snapshot_free(snapshot);
	kv_close(kv);
	if (found == 0)
		printf("%s is sound\n", options.path);
	return found == 0 ? PROCESS_EXIT_OK : PROCESS_EXIT_FAILURE;
}

int
main(int argc, char *argv[])
{
	if (sodium_init() < 0)
		return refuse(PROCESS_EXIT_FAILURE, "libsodium cannot be used");
	if (argc > 1 && strcmp(argv[1], "verify") == 0)
		return verify(argc, argv);
	if (argc > 1 && strcmp(argv[1], "describe") == 0)
		return describe(stdout) ? PROCESS_EXIT_OK : PROCESS_EXIT_FAILURE;
	return serve(argc, argv);
}
