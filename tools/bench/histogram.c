#include "tools/bench/histogram.h"

#include <assert.h>

#define SPLIT (UINT64_C(1) << HISTOGRAM_SPLIT_BITS)
#define TOP (UINT64_C(1) << HISTOGRAM_TOP_BITS)

/* Below 2^SPLIT_BITS each value has a bucket of its own. */
static unsigned
bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < SPLIT)
		return (unsigned)ns;
	if (ns >= TOP)
		ns = TOP - 1;
	shift = 63u - (unsigned)__builtin_clzll(ns) - HISTOGRAM_SPLIT_BITS;
	return ((shift + 1) << HISTOGRAM_SPLIT_BITS) +
	       (unsigned)((ns >> shift) & (SPLIT - 1));
}

/* The largest value that falls into BUCKET. */
static uint64_t
bucket_end(unsigned bucket)
{
	unsigned shift;

	if (bucket < SPLIT)
		return bucket;
	shift = (bucket >> HISTOGRAM_SPLIT_BITS) - 1;
	return ((SPLIT + (bucket & (SPLIT - 1)) + 1) << shift) - 1;
}

void
histogram_add(struct histogram *histogram, int64_t ns)
{
	uint64_t value = ns > 0 ? (uint64_t)ns : 0;

	histogram->bucket[bucket_of(value)]++;
	histogram->count++;
	histogram->sum_ns += value;
	if (value > histogram->max_ns)
		histogram->max_ns = value;
}

uint64_t
histogram_quantile(const struct histogram *histogram, unsigned per_mille)
{
	uint64_t rank = (histogram->count * per_mille + 999) / 1000;
	uint64_t seen = 0;

	assert(per_mille <= 1000);
	if (histogram->count == 0)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKET_COUNT; i++) {
		seen += histogram->bucket[i];
		if (seen >= rank)
			return bucket_end(i) < histogram->max_ns ? bucket_end(i)
								 : histogram->max_ns;
	}
	assert(!"the buckets hold as many as were counted");
	return 0;
}
