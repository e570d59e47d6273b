/*
 * metric -- what the server counts, and how long its answers take.
 *
 * Every counter is one row of the table below.  Each loop thread counts into its
 * own set, so counting is an ordinary add to memory that nobody else writes;
 * reading adds the sets up.
 *
 * Threads.  A set is written by one thread, its loop.  Anyone may read at any
 * time; sums may lag by what is being counted right now.
 */

#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* X(NAME, name, kind, what it counts).  A GAUGE also goes down. */
// clang-format off
#define METRICS(X)                                                                            \
	X(CONNECTIONS_ACCEPTED, "connections_accepted", COUNTER, "connections taken")          \
	X(CONNECTIONS_REFUSED,  "connections_refused",  COUNTER, "connections over a limit")   \
	X(CONNECTIONS_OPEN,     "connections_open",     GAUGE,   "connections open now")       \
	X(CONNECTIONS_EXPIRED,  "connections_expired",  COUNTER, "connections ended for a late frame") \
	X(BYTES_IN,             "bytes_in",             COUNTER, "bytes received")             \
	X(BYTES_OUT,            "bytes_out",            COUNTER, "bytes sent")                 \
	X(FRAMES,               "frames",               COUNTER, "whole messages received")    \
	X(PROTOCOL_ERRORS,      "protocol_errors",      COUNTER, "connections ended for bytes that break the protocol") \
	X(REQUESTS,             "requests",             COUNTER, "requests begun")             \
	X(REQUESTS_OPEN,        "requests_open",        GAUGE,   "requests not yet answered")  \
	X(ERRORS,               "errors",               COUNTER, "requests answered with an error") \
	X(UNAUTHENTICATED,      "unauthenticated",      COUNTER, "requests without a valid token") \
	X(BUSY,                 "busy",                 COUNTER, "requests refused because too much work waited") \
	X(CANCELLED,            "cancelled",            COUNTER, "requests cancelled or past their deadline") \
	X(SUBSCRIPTIONS_OPEN,   "subscriptions_open",   GAUGE,   "subscriptions to the change feed now") \
	X(FEED_LAG,             "feed_lag",             GAUGE,   "changes that subscribers have still coming") \
	X(CHANGES_SENT,         "changes_sent",         COUNTER, "changes sent to subscribers") \
	X(CACHE_HITS,           "cache_hits",           COUNTER, "values found in the caches of the loops") \
	X(CACHE_MISSES,         "cache_misses",         COUNTER, "values looked for there and not found") \
	X(CACHE_BYTES,          "cache_bytes",          GAUGE,   "bytes that these caches hold") \
	X(PASSWORDS,            "passwords",            COUNTER, "passwords hashed or verified")
// clang-format on

enum metric {
#define X(NAME, name, kind, text) METRIC_##NAME,
	METRICS(X)
#undef X
	    METRIC_COUNT
};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

struct metric_info {
	const char      *name;
	enum metric_kind kind;
	const char      *text;
};

/*
 * Buckets of a histogram: one for each microsecond below 32, then 16 for each
 * doubling, so a bucket is never wider than 1/16 of what it holds.  The last one
 * takes everything from 2^27 us (134 s) on.
 */
#define METRIC_BUCKET_COUNT ((27u - 5u) * 16u + 32u + 1u)

struct metric_histogram {
	atomic_uint_fast64_t bucket[METRIC_BUCKET_COUNT];
	atomic_uint_fast64_t sum_us;
	atomic_uint_fast64_t errors; /* of the answers counted above */
};

/* What one thread counts. */
struct metric_set {
	_Alignas(64) atomic_uint_fast64_t value[METRIC_COUNT];
	struct metric_histogram *latency; /* one for each method */
};

struct metrics {
	struct metric_set *sets;
	unsigned           set_count;
	unsigned           method_count;
};

/* What metric_latency_read() found out about one method. */
struct metric_latency {
	uint64_t count;
	uint64_t errors; /* of them */
	uint64_t sum_us;
	uint64_t p50_us; /* half of the answers took no longer */
	uint64_t p99_us;
};

/* The row of METRIC, which must be in range. */
const struct metric_info *metric_info(enum metric metric);

/* SET_COUNT sets, all zero, for METHOD_COUNT methods.  False: out of memory. */
bool metric_init(struct metrics *metrics, unsigned set_count, unsigned method_count);
void metric_fini(struct metrics *metrics);

/* Only the thread that owns the set adds, so no atomic read-modify-write is needed. */
static inline void
metric_bump(atomic_uint_fast64_t *value, uint64_t delta)
{
	atomic_store_explicit(value,
	    atomic_load_explicit(value, memory_order_relaxed) + delta,
	    memory_order_relaxed);
}

static inline void
metric_add(struct metric_set *set, enum metric metric, uint64_t delta)
{
	metric_bump(&set->value[metric], delta);
}

/*
 * Take DELTA from a gauge.  It may be added in one set and taken in another: a
 * set's own value then wraps, and the sum is right all the same.
 */
static inline void
metric_sub(struct metric_set *set, enum metric metric, uint64_t delta)
{
	metric_bump(&set->value[metric], 0 - delta);
}

/* Note COUNT answers of METHOD (a number below METHOD_COUNT): each took US; errors? */
void metric_latency_add(
    struct metric_set *set, unsigned method, int64_t us, bool is_error, unsigned count);

/* The sum of METRIC over all sets. */
uint64_t metric_sum(const struct metrics *metrics, enum metric metric);

/*
 * The answers of METHOD over all sets.  A quantile is the upper end of its bucket,
 * so never told too small, and at most 1/16 too large.
 */
void metric_latency_read(
    const struct metrics *metrics, unsigned method, struct metric_latency *latency);

#endif
