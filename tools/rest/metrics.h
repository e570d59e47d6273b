/*
 * metrics -- how many requests each route has answered, how, and how fast.
 *
 * A series is a histogram of latencies for one format, route and class of status;
 * it comes into being with its first request.  There are as many as there are routes,
 * so METRICS_SERIES_MAX is not met; what goes beyond it is counted in the last series,
 * under no labels.
 *
 * Threads.  The loop's.
 */

#ifndef REST_METRICS_H
#define REST_METRICS_H

#include <stdint.h>

#include "proto/buf.h"

#define METRICS_SERIES_MAX 512u

/* Upper ends of the buckets.  X(microseconds, as Prometheus wants it: seconds) */
// clang-format off
#define METRICS_BUCKETS(X)     \
	X(250,      "0.00025") \
	X(500,      "0.0005")  \
	X(1000,     "0.001")   \
	X(2500,     "0.0025")  \
	X(5000,     "0.005")   \
	X(10000,    "0.01")    \
	X(25000,    "0.025")   \
	X(50000,    "0.05")    \
	X(100000,   "0.1")     \
	X(250000,   "0.25")    \
	X(1000000,  "1")       \
	X(5000000,  "5")       \
	X(30000000, "30")
// clang-format on

#define X(us, seconds) +1
enum { METRICS_BUCKET_COUNT = METRICS_BUCKETS(X) };
#undef X

struct metrics_series {
	const char *format, *route; /* constant texts, "" for none */
	unsigned    status_class;   /* 4 for 404 */
	uint64_t    count, sum_us;
	uint64_t    bucket[METRICS_BUCKET_COUNT]; /* each without those below */
};

struct metrics {
	struct metrics_series series[METRICS_SERIES_MAX];
	unsigned              series_count;
};

/* Count an answer.  FORMAT and ROUTE may be NULL; else they stay where they are. */
void metrics_add(struct metrics *metrics, const char *format, const char *route,
    unsigned status, int64_t took_us);

/* Append all series to OUT in the text format of Prometheus. */
void metrics_print(const struct metrics *metrics, struct buf *out);

/* Append text to OUT, as printf does; at most METRICS_LINE_BYTES_MAX. */
#define METRICS_LINE_BYTES_MAX 1024u
void metrics_put(struct buf *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
