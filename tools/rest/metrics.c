#include "tools/rest/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int64_t     us;
	const char *seconds;
} buckets[] = {
#define X(us, seconds) { us, seconds },
	METRICS_BUCKETS(X)
#undef X
};

/* ---- counting ---- */

static bool
is_for(const struct metrics_series *series, const char *format, const char *route,
    unsigned status_class)
{
	return series->status_class == status_class &&
	       strcmp(series->route, route) == 0 && strcmp(series->format, format) == 0;
}

static struct metrics_series *
find(struct metrics *metrics, const char *format, const char *route,
    unsigned status_class)
{
	struct metrics_series *series = metrics->series;

	for (unsigned i = 0; i < metrics->series_count; i++, series++)
		if (is_for(series, format, route, status_class))
			return series;
	if (metrics->series_count == METRICS_SERIES_MAX)
		return series - 1;
	if (++metrics->series_count == METRICS_SERIES_MAX)
		format = route = "";
	series->format = format;
	series->route = route;
	series->status_class = status_class;
	return series;
}

void
metrics_add(struct metrics *metrics, const char *format, const char *route,
    unsigned status, int64_t took_us)
{
	struct metrics_series *series = find(metrics, format != NULL ? format : "",
	    route != NULL ? route : "", status / 100);

	series->count++;
	series->sum_us += (uint64_t)took_us;
	for (unsigned i = 0; i < METRICS_BUCKET_COUNT; i++)
		if (took_us <= buckets[i].us) {
			series->bucket[i]++;
			return;
		}
}

/* ---- printing ---- */

void
metrics_put(struct buf *out, const char *format, ...)
{
	char   *room = buf_reserve(out, METRICS_LINE_BYTES_MAX);
	va_list arguments;
	int     len;

	if (room == NULL)
		return;
	va_start(arguments, format);
	len = vsnprintf(room, METRICS_LINE_BYTES_MAX, format, arguments);
	va_end(arguments);
	assert(len >= 0 && len < (int)METRICS_LINE_BYTES_MAX);
	out->len += (size_t)len;
}

static void
put_labels(struct buf *out, const struct metrics_series *series)
{
	/* Formats and routes are our own texts, without anything to escape. */
	metrics_put(out, "format=\"%s\",route=\"%s\",status=\"%uxx\"", series->format,
	    series->route, series->status_class);
}

static void
print_series(const struct metrics_series *series, struct buf *out)
{
	static const char name[] = "customerd_rest_request_duration_seconds";
	uint64_t          below = 0;

	for (unsigned i = 0; i < METRICS_BUCKET_COUNT; i++) {
		below += series->bucket[i];
		metrics_put(out, "%s_bucket{", name);
		put_labels(out, series);
		metrics_put(
		    out, ",le=\"%s\"} %" PRIu64 "\n", buckets[i].seconds, below);
	}
	metrics_put(out, "%s_bucket{", name);
	put_labels(out, series);
	metrics_put(out, ",le=\"+Inf\"} %" PRIu64 "\n%s_sum{", series->count, name);
	put_labels(out, series);
	metrics_put(out, "} %" PRIu64 ".%06" PRIu64 "\n%s_count{",
	    series->sum_us / 1000000, series->sum_us % 1000000, name);
	put_labels(out, series);
	metrics_put(out, "} %" PRIu64 "\n", series->count);
}

void
metrics_print(const struct metrics *metrics, struct buf *out)
{
	metrics_put(out,
	    "# HELP customerd_rest_request_duration_seconds From the whole head of a "
	    "request to its answer.\n"
	    "# TYPE customerd_rest_request_duration_seconds histogram\n");
	for (unsigned i = 0; i < metrics->series_count; i++)
		print_series(&metrics->series[i], out);
}
