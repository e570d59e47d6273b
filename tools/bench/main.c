/*
 * customerd-bench -- keep a server busy, and say how fast and how right it answers.
 */

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/version.h"
#include "tools/bench/load.h"
#include "tools/bench/option.h"
#include "tools/bench/report.h"

#define WHY_BYTES_MAX 512u

enum { EXIT_USAGE = 2 };

static void
print_help(void)
{
	puts("Usage: customerd-bench [options]\n\n"
	     "Measure a server under load, and judge each of its answers.\n");
	bench_option_help(stdout);
	puts("\nProtocols:\n");
	for (const struct protocol *const *at = protocols; *at != NULL; at++)
		printf("  %-12s %s\n", (*at)->name, (*at)->help);
}

/* The operations that OPTIONS ask for. */
static unsigned
wanted_ops(const struct bench_options *options)
{
	unsigned ops = 0;

	if (options->fill)
		return OP_BIT(OP_FILL);
	if (options->updates > 0)
		ops |= OP_BIT(OP_UPDATE);
	if (options->updates < 100)
		ops |= OP_BIT(OP_READ);
	return ops;
}

/* Run on one CPU, if so wished. */
static bool
pin(const struct bench_options *options)
{
	cpu_set_t set;

	if (options->cpu < 0)
		return true;
	CPU_ZERO(&set);
	CPU_SET((unsigned)options->cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

static void
read_usage(const struct report *report, struct usage *usage)
{
	usage_read(usage, report->options->server_pids, report->options->operator_path);
}

static void
on_begin(void *user)
{
	struct report *report = user;

	read_usage(report, &report->before);
}

static void
on_end(void *user)
{
	struct report *report = user;

	read_usage(report, &report->after);
}

static int
measure(const struct bench_options *options, const struct protocol *protocol)
{
	static struct load_result result;
	struct report             report = { .options = options, .result = &result };
	struct load_observer      observer = { on_begin, on_end, &report };
	char                      why[WHY_BYTES_MAX];
	bool                      done;

	done = load_run(options, protocol, &observer, &result, why, sizeof(why));
	if (!done)
		fprintf(stderr, "customerd-bench: %s\n", why);
	else if (options->json)
		report_json(&report, stdout);
	else
		report_table(&report, stdout);
	if (result.wrong > 0)
		fprintf(stderr, "customerd-bench: the first wrong answer: %s\n",
		    result.first_wrong);
	return done && result.wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char *argv[])
{
	struct bench_options   options;
	const struct protocol *protocol;
	char                   why[WHY_BYTES_MAX];

	if (!bench_option_parse(&options, argc, argv, why, sizeof(why))) {
		fprintf(stderr, "customerd-bench: %s\n", why);
		return EXIT_USAGE;
	}
	if (options.help) {
		print_help();
		return EXIT_SUCCESS;
	}
	if (options.version) {
		puts("customerd-bench " CUSTOMERD_VERSION);
		return EXIT_SUCCESS;
	}
	protocol = protocol_find(options.protocol);
	if (protocol == NULL || (wanted_ops(&options) & ~protocol->ops) != 0) {
		fprintf(stderr, "customerd-bench: protocol %s does not do that: %s\n",
		    options.protocol, "see --help");
		return EXIT_USAGE;
	}
	if (!pin(&options)) {
		fprintf(stderr, "customerd-bench: there is no CPU %lld for us\n",
		    (long long)options.cpu);
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	return measure(&options, protocol);
}
