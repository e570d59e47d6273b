#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/metric.h"

/* The shape of a histogram, as metric.h tells it. */
#define LINEAR_BITS 5u /* below 2^5 us, each has a bucket of its own */
#define SPLIT_BITS 4u  /* above, each doubling has 2^4 buckets */
#define TOP_BITS 27u   /* from 2^27 us on, there is only the last bucket */

_Static_assert(METRIC_BUCKET_COUNT == (TOP_BITS - LINEAR_BITS) * (1u << SPLIT_BITS) +
					  (1u << LINEAR_BITS) + 1u,
    "the histogram's size follows from its shape");

static const struct metric_info metrics_table[] = {
#define X(NAME, name, kind, text) { name, METRIC_##kind, text },
	METRICS(X)
#undef X
};

const struct metric_info *
metric_info(enum metric metric)
{
	assert(metric < METRIC_COUNT);
	return &metrics_table[metric];
}

bool
metric_init(struct metrics *metrics, unsigned set_count, unsigned method_count)
{
	size_t size = sizeof(struct metric_set) * set_count;

	assert(set_count > 0 && method_count > 0);
	*metrics = (struct metrics){ .method_count = method_count };
	/* The size of an aligned struct is a multiple of its alignment. */
	metrics->sets = aligned_alloc(_Alignof(struct metric_set), size);
	if (metrics->sets == NULL)
		return false;
	memset(metrics->sets, 0, size);
	for (; metrics->set_count < set_count; metrics->set_count++) {
		struct metric_set *set = &metrics->sets[metrics->set_count];

		set->latency = calloc(method_count, sizeof(*set->latency));
		if (set->latency == NULL) {
			metric_fini(metrics);
			return false;
		}
	}
	return true;
}

void
metric_fini(struct metrics *metrics)
{
	for (unsigned i = 0; i < metrics->set_count; i++)
		free(metrics->sets[i].latency);
	free(metrics->sets);
	*metrics = (struct metrics){ 0 };
}

/* The bucket that US falls into. */
static unsigned
bucket_of(uint64_t us)
{
	unsigned high, split;

	if (us < (1u << LINEAR_BITS))
		return (unsigned)us;
	if (us >> TOP_BITS != 0)
		return METRIC_BUCKET_COUNT - 1;
	high = 63u - (unsigned)__builtin_clzll(us); /* us is 2^high or more */
	split = (unsigned)(us >> (high - SPLIT_BITS)) & ((1u << SPLIT_BITS) - 1);
	return (1u << LINEAR_BITS) + ((high - LINEAR_BITS) << SPLIT_BITS) + split;
}

/* The largest value that falls into BUCKET. */
static uint64_t
bucket_end(unsigned bucket)
{
	unsigned above, shift, split;

	if (bucket < (1u << LINEAR_BITS))
		return bucket;
	above = bucket - (1u << LINEAR_BITS);
	split = above & ((1u << SPLIT_BITS) - 1);
	shift = (above >> SPLIT_BITS) + LINEAR_BITS - SPLIT_BITS;
	return ((uint64_t)((1u << SPLIT_BITS) + split + 1) << shift) - 1;
}

void
metric_latency_add(
    struct metric_set *set, unsigned method, int64_t us, bool is_error, unsigned count)
{
	struct metric_histogram *histogram = &set->latency[method];
	uint64_t                 value = us > 0 ? (uint64_t)us : 0;

	metric_bump(&histogram->bucket[bucket_of(value)], count);
	metric_bump(&histogram->sum_us, value * count);
	metric_bump(&histogram->errors, is_error ? count : 0);
}

uint64_t
metric_sum(const struct metrics *metrics, enum metric metric)
{
	uint64_t sum = 0;

	assert(metric < METRIC_COUNT);
	for (unsigned i = 0; i < metrics->set_count; i++)
		sum += atomic_load_explicit(
		    &metrics->sets[i].value[metric], memory_order_relaxed);
	return sum;
}

/* The end of the bucket that holds the PERCENT-th hundredth of COUNT values. */
static uint64_t
quantile(const uint64_t *buckets, uint64_t count, unsigned percent)
{
	uint64_t rank = (count * percent + 99) / 100; /* rounded up, from 1 on */
	uint64_t seen = 0;

	if (count == 0)
		return 0;
	for (unsigned i = 0; i < METRIC_BUCKET_COUNT; i++) {
		seen += buckets[i];
		if (seen >= rank)
			return bucket_end(i);
	}
	assert(!"the buckets hold COUNT values");
	return 0;
}

void
metric_latency_read(
    const struct metrics *metrics, unsigned method, struct metric_latency *latency)
{
	uint64_t buckets[METRIC_BUCKET_COUNT] = { 0 };

	assert(method < metrics->method_count);
	*latency = (struct metric_latency){ 0 };
	for (unsigned i = 0; i < metrics->set_count; i++) {
		struct metric_histogram *histogram = &metrics->sets[i].latency[method];

		for (unsigned b = 0; b < METRIC_BUCKET_COUNT; b++)
			buckets[b] += atomic_load_explicit(
			    &histogram->bucket[b], memory_order_relaxed);
		latency->sum_us +=
		    atomic_load_explicit(&histogram->sum_us, memory_order_relaxed);
		latency->errors +=
		    atomic_load_explicit(&histogram->errors, memory_order_relaxed);
	}
	/* Counted from the copy, so that count and quantiles agree. */
	for (unsigned b = 0; b < METRIC_BUCKET_COUNT; b++)
		latency->count += buckets[b];
	latency->p50_us = quantile(buckets, latency->count, 50);
	latency->p99_us = quantile(buckets, latency->count, 99);
}
