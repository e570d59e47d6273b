/*
 * histogram -- how often which time was measured, within 1/128 of it.
 *
 * The shape is HdrHistogram's: each doubling is split into equally many buckets, so
 * the error is relative and the memory bounded, whatever comes.
 */

#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SPLIT_BITS 7u /* each doubling has 2^7 buckets */
#define HISTOGRAM_TOP_BITS 40u  /* what takes 2^40 ns (18 minutes) counts as less */
#define HISTOGRAM_BUCKET_COUNT \
	((HISTOGRAM_TOP_BITS - HISTOGRAM_SPLIT_BITS + 1) << HISTOGRAM_SPLIT_BITS)

struct histogram {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t max_ns;
	uint64_t bucket[HISTOGRAM_BUCKET_COUNT];
};

/* Note that something took NS; a negative time counts as 0. */
void histogram_add(struct histogram *histogram, int64_t ns);

/*
 * The time that PER_MILLE thousandths of all stayed within: the upper end of its
 * bucket, or the maximum where that is less.  0 when nothing was noted.
 */
uint64_t histogram_quantile(const struct histogram *histogram, unsigned per_mille);

#endif
