#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/print.h"
#include "tools/ctl/top.h"

#define LINE_BYTES 512u
#define NUMBER_BYTES 24u
#define HEAD_ROWS 7u
#define BAR_WIDTH 12

/* ---- the sample ---- */

static void
take_methods(struct top_sample *sample, struct customerd_slice status)
{
	struct customerd_walk  walk;
	struct customerd_slice methods = { NULL, 0 }, name, one;

	customerd_get(status, "methods", &methods);
	customerd_walk(&walk, methods);
	while (sample->method_count < TOP_METHODS_MAX &&
	       customerd_next(&walk, &name, &one)) {
		struct top_method *method = &sample->methods[sample->method_count++];

		customerd_printable(method->name, sizeof(method->name), name);
		customerd_get_integer(one, "calls", &method->calls);
		customerd_get_integer(one, "errors", &method->errors);
		customerd_get_integer(one, "p50_us", &method->p50_us);
		customerd_get_integer(one, "p99_us", &method->p99_us);
	}
}

void
top_take(struct top_sample *sample, struct customerd_slice status, int64_t at_ms)
{
	const struct {
		const char *path;
		int64_t    *value;
	} numbers[] = {
		{ "uptime_ms", &sample->uptime_ms },
		{ "counters.connections_open", &sample->connections },
		{ "counters.requests_open", &sample->requests_open },
		{ "counters.requests", &sample->requests },
		{ "counters.errors", &sample->errors },
		{ "counters.busy", &sample->busy },
		{ "counters.bytes_in", &sample->bytes_in },
		{ "counters.bytes_out", &sample->bytes_out },
		{ "counters.subscriptions_open", &sample->subscriptions },
		{ "counters.changes_sent", &sample->changes_sent },
		{ "counters.feed_lag", &sample->feed_lag },
		{ "writer.commits", &sample->commits },
		{ "writer.operations", &sample->operations },
		{ "writer.waiting", &sample->waiting },
		{ "storage.bytes_used", &sample->bytes_used },
		{ "storage.bytes_max", &sample->bytes_max },
	};
	struct customerd_slice version = { NULL, 0 };

	memset(sample, 0, sizeof(*sample));
	sample->at_ms = at_ms;
	customerd_get_text(status, "version", &version);
	customerd_printable(sample->version, sizeof(sample->version), version);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		customerd_get_integer(status, numbers[i].path, numbers[i].value);
	take_methods(sample, status);
}

/* ---- numbers ---- */

/* 1,234,567; beyond that 12.3M. */
static const char *
count_text(char text[NUMBER_BYTES], double value)
{
	long whole = (long)(value + 0.5);

	if (value >= 1e10)
		snprintf(text, NUMBER_BYTES, "%.1fG", value / 1e9);
	else if (value >= 1e7)
		snprintf(text, NUMBER_BYTES, "%.1fM", value / 1e6);
	else if (whole >= 1000000)
		snprintf(text, NUMBER_BYTES, "%ld,%03ld,%03ld", whole / 1000000,
		    whole / 1000 % 1000, whole % 1000);
	else if (whole >= 1000)
		snprintf(text, NUMBER_BYTES, "%ld,%03ld", whole / 1000, whole % 1000);
	else
		snprintf(text, NUMBER_BYTES, "%ld", whole);
	return text;
}

static const char *
bytes_text(char text[NUMBER_BYTES], double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned                 unit = 0;

	for (; bytes >= 1000 && unit < 4; unit++)
		bytes /= 1024;
	snprintf(
	    text, NUMBER_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
	return text;
}

static const char *
time_text(char text[NUMBER_BYTES], int64_t us)
{
	if (us >= 10000000)
		snprintf(text, NUMBER_BYTES, "%lld s", (long long)us / 1000000);
	else if (us >= 10000)
		snprintf(text, NUMBER_BYTES, "%lld ms", (long long)us / 1000);
	else
		snprintf(text, NUMBER_BYTES, "%lld us", (long long)us);
	return text;
}

/* How much a second, between two samples.  A server that began anew counts from 0. */
static double
rate(const struct top_sample *before, const struct top_sample *now, int64_t from,
    int64_t to)
{
	if (before->at_ms == 0 || now->at_ms <= before->at_ms || to < from)
		return 0;
	return (double)(to - from) * 1000 / (double)(now->at_ms - before->at_ms);
}

/* ---- lines ---- */

/* One line of the screen, cut to its width. */
__attribute__((format(printf, 3, 4))) static void
draw_line(const struct top_screen *screen, enum style style, const char *format, ...)
{
	char    line[LINE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (screen->is_plain)
		fprintf(screen->out, "%.*s\n", (int)screen->columns, line);
	else
		fprintf(screen->out, "%s%.*s%s\033[K\n", print_style(stdout, style),
		    (int)screen->columns, line, print_style(stdout, STYLE_PLAIN));
}

static void
draw_title(const struct top_screen *screen, const struct top_sample *now,
    const char *server, const char *trouble)
{
	long seconds = (long)(now->uptime_ms / 1000);

	if (trouble != NULL)
		draw_line(screen, STYLE_HEAD, "customerd at %s: %s", server, trouble);
	else
		draw_line(screen, STYLE_HEAD,
		    "customerd %s at %s, up %ld d %02ld:%02ld:%02ld", now->version,
		    server, seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60,
		    seconds % 60);
}

static void
draw_traffic(const struct top_screen *screen, const struct top_sample *before,
    const struct top_sample *now)
{
	char   a[NUMBER_BYTES], b[NUMBER_BYTES], c[NUMBER_BYTES], d[NUMBER_BYTES];
	double commits = rate(before, now, before->commits, now->commits);
	double operations = rate(before, now, before->operations, now->operations);

	draw_line(screen, STYLE_PLAIN,
	    "calls    %9s/s   errors  %7s/s   connections %6s  open %7s",
	    count_text(a, rate(before, now, before->requests, now->requests)),
	    count_text(b, rate(before, now, before->errors, now->errors)),
	    count_text(c, (double)now->connections),
	    count_text(d, (double)now->requests_open));
	draw_line(screen, STYLE_PLAIN,
	    "commits  %9s/s   batch   %9.1f   waiting     %6s  busy %5s/s",
	    count_text(a, commits), commits > 0 ? operations / commits : 0.0,
	    count_text(b, (double)now->waiting),
	    count_text(c, rate(before, now, before->busy, now->busy)));
	draw_line(screen, STYLE_PLAIN,
	    "writes   %9s/s   feed    %7s/s   subscribers %6s  lag  %7s",
	    count_text(a, operations),
	    count_text(b, rate(before, now, before->changes_sent, now->changes_sent)),
	    count_text(c, (double)now->subscriptions),
	    count_text(d, (double)now->feed_lag));
}

static void
draw_storage(const struct top_screen *screen, const struct top_sample *before,
    const struct top_sample *now)
{
	char   a[NUMBER_BYTES], b[NUMBER_BYTES], c[NUMBER_BYTES], d[NUMBER_BYTES];
	char   bar[BAR_WIDTH + 1];
	double part =
	    now->bytes_max == 0 ? 0 : (double)now->bytes_used / (double)now->bytes_max;

	for (int i = 0; i < BAR_WIDTH; i++)
		bar[i] = part * BAR_WIDTH > i ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	draw_line(screen, STYLE_PLAIN, "storage  [%s] %s of %s  in %s/s  out %s/s", bar,
	    bytes_text(a, (double)now->bytes_used),
	    bytes_text(b, (double)now->bytes_max),
	    bytes_text(c, rate(before, now, before->bytes_in, now->bytes_in)),
	    bytes_text(d, rate(before, now, before->bytes_out, now->bytes_out)));
}

/* ---- methods ---- */

struct row {
	const struct top_method *method;
	double                   calls, errors; /* a second */
};

static int
compare_rows(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->calls != b->calls)
		return a->calls < b->calls ? 1 : -1;
	return (a->method->calls < b->method->calls) -
	       (a->method->calls > b->method->calls);
}

static const struct top_method *
find_method(const struct top_sample *sample, const char *name)
{
	static const struct top_method none;

	for (unsigned i = 0; i < sample->method_count; i++)
		if (strcmp(sample->methods[i].name, name) == 0)
			return &sample->methods[i];
	return &none;
}

static unsigned
collect_rows(struct row rows[TOP_METHODS_MAX], const struct top_sample *before,
    const struct top_sample *now)
{
	unsigned count = 0;

	for (unsigned i = 0; i < now->method_count; i++) {
		const struct top_method *method = &now->methods[i];
		const struct top_method *old = find_method(before, method->name);

		if (method->calls == 0)
			continue;
		rows[count++] =
		    (struct row){ method, rate(before, now, old->calls, method->calls),
			    rate(before, now, old->errors, method->errors) };
	}
	qsort(rows, count, sizeof(rows[0]), compare_rows);
	return count;
}

static void
draw_row(const struct top_screen *screen, const struct row *row)
{
	char a[NUMBER_BYTES], b[NUMBER_BYTES], c[NUMBER_BYTES], d[NUMBER_BYTES];
	char e[NUMBER_BYTES];

	draw_line(screen, STYLE_PLAIN, "%-26s %9s %9s %9s %9s %12s", row->method->name,
	    count_text(a, row->calls), count_text(b, row->errors),
	    time_text(c, row->method->p50_us), time_text(d, row->method->p99_us),
	    count_text(e, (double)row->method->calls));
}

void
top_draw(const struct top_screen *screen, const struct top_sample *before,
    const struct top_sample *now, const char *server, const char *trouble)
{
	struct row rows[TOP_METHODS_MAX];
	unsigned   count = collect_rows(rows, before, now);

	if (!screen->is_plain)
		fputs("\033[H", screen->out);
	draw_title(screen, now, server, trouble);
	draw_traffic(screen, before, now);
	draw_storage(screen, before, now);
	draw_line(screen, STYLE_PLAIN, "%s", "");
	draw_line(screen, STYLE_HEAD, "%-26s %9s %9s %9s %9s %12s", "METHOD", "CALLS/S",
	    "ERRORS/S", "P50", "P99", "CALLS");
	/* The cursor stands on the last row, which stays empty. */
	for (unsigned i = 0; i < count && i + HEAD_ROWS + 1 < screen->rows; i++)
		draw_row(screen, &rows[i]);
	if (!screen->is_plain)
		fputs("\033[J", screen->out);
	fflush(screen->out);
}
