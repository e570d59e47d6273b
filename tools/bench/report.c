#include "tools/bench/report.h"

/* Of each operation; per mille, and what it is called. */
static const struct {
	unsigned    per_mille;
	const char *name;
} quantiles[] = { { 500, "p50" }, { 900, "p90" }, { 990, "p99" }, { 999, "p999" },
	{ 1000, "max" } };

#define QUANTILE_COUNT (sizeof(quantiles) / sizeof(quantiles[0]))

static const char *const op_names[OP_COUNT] = { "read", "update", "fill" };

/* The figures that are numbers, all of them, said once for both forms. */
enum figure {
	ANSWERS,
	PER_SECOND,
	WRONG,
	MISSED,
	OWN_CPU,
	SERVER_CPU,
	SERVER_US,
	PER_COMMIT,
	FILE_BYTES,
	FIGURE_COUNT,
};

static const struct {
	const char *key, *text;
} figures[FIGURE_COUNT] = {
	[ANSWERS] = { "answers", "answers" },
	[PER_SECOND] = { "per_second", "a second" },
	[WRONG] = { "wrong", "of them wrong" },
	[MISSED] = { "missed", "due, not answered" },
	[OWN_CPU] = { "generator_cpu", "CPUs of the generator" },
	[SERVER_CPU] = { "server_cpu", "CPUs of the server" },
	[SERVER_US] = { "server_us", "us of them for an answer" },
	[PER_COMMIT] = { "per_commit", "changes in a commit" },
	[FILE_BYTES] = { "file_bytes", "bytes used in the file" },
};

#define NONE (-1.0)

static void
compute(const struct report *report, double values[FIGURE_COUNT])
{
	const struct load_result *result = report->result;
	const struct usage       *before = &report->before, *after = &report->after;
	double                    seconds = result->seconds, answers = 0, server_s;
	int64_t                   commits = after->commits - before->commits;

	for (unsigned i = 0; i < OP_COUNT; i++)
		answers += (double)result->latency[i].count;
	answers -= (double)result->missed;
	server_s = after->server_s - before->server_s;
	values[ANSWERS] = answers;
	values[PER_SECOND] = answers / seconds;
	values[WRONG] = (double)result->wrong;
	values[MISSED] = (double)result->missed;
	values[OWN_CPU] = (after->own_s - before->own_s) / seconds;
	values[SERVER_CPU] = after->server_s < 0 ? NONE : server_s / seconds;
	values[SERVER_US] =
	    after->server_s < 0 || answers == 0 ? NONE : server_s * 1e6 / answers;
	values[PER_COMMIT] =
	    commits == 0
		? NONE
		: (double)(after->operations - before->operations) / (double)commits;
	values[FILE_BYTES] = after->bytes_used == 0 ? NONE : (double)after->bytes_used;
}

static double
quantile_us(const struct histogram *histogram, unsigned i)
{
	return (double)histogram_quantile(histogram, quantiles[i].per_mille) / 1e3;
}

static double
mean_us(const struct histogram *histogram)
{
	return (double)histogram->sum_ns / (double)histogram->count / 1e3;
}

void
report_table(const struct report *report, FILE *out)
{
	const struct load_result *result = report->result;
	double                    values[FIGURE_COUNT];

	compute(report, values);
	fprintf(out, "%-10s", "us");
	for (unsigned q = 0; q < QUANTILE_COUNT; q++)
		fprintf(out, "%10s", quantiles[q].name);
	fprintf(out, "%10s\n", "mean");
	for (unsigned i = 0; i < OP_COUNT; i++) {
		const struct histogram *histogram = &result->latency[i];

		if (histogram->count == 0)
			continue;
		fprintf(out, "%-10s", op_names[i]);
		for (unsigned q = 0; q < QUANTILE_COUNT; q++)
			fprintf(out, "%10.1f", quantile_us(histogram, q));
		fprintf(out, "%10.1f\n", mean_us(histogram));
	}
	fputc('\n', out);
	for (unsigned i = 0; i < FIGURE_COUNT; i++)
		if (values[i] != NONE)
			fprintf(out, "%14.2f  %s\n", values[i], figures[i].text);
}

void
report_json(const struct report *report, FILE *out)
{
	const struct bench_options *options = report->options;
	const struct load_result   *result = report->result;
	double                      values[FIGURE_COUNT];

	compute(report, values);
	fprintf(out, "{\"protocol\": \"%s\", \"connections\": %lld, \"depth\": %lld",
	    options->protocol, (long long)options->connections,
	    (long long)options->depth);
	fprintf(out, ", \"seconds\": %.3f", result->seconds);
	for (unsigned i = 0; i < FIGURE_COUNT; i++)
		if (values[i] != NONE)
			fprintf(out, ", \"%s\": %.3f", figures[i].key, values[i]);
	for (unsigned i = 0; i < OP_COUNT; i++) {
		const struct histogram *histogram = &result->latency[i];

		if (histogram->count == 0)
			continue;
		fprintf(out, ", \"%s_us\": {\"mean\": %.1f", op_names[i],
		    mean_us(histogram));
		for (unsigned q = 0; q < QUANTILE_COUNT; q++)
			fprintf(out, ", \"%s\": %.1f", quantiles[q].name,
			    quantile_us(histogram, q));
		fputc('}', out);
	}
	fputs("}\n", out);
}
