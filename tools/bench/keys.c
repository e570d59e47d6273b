#include "tools/bench/keys.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define THETA 0.99

/* The n-th value of splitmix64. */
static uint64_t
mix(uint64_t n)
{
	n += UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
	return n ^ (n >> 31);
}

uint64_t
keys_random(struct keys *keys, uint64_t bound)
{
	assert(bound <= UINT32_MAX);
	/* The high half of a product: no division, and no bias that could be seen. */
	return (mix(keys->random++) >> 32) * bound >> 32;
}

/* The method of Gray et al., "Quickly generating billion-record synthetic databases".
 */
static void
init_zipfian(struct keys *keys)
{
	double two = 1.0 + pow(0.5, THETA);

	keys->theta = THETA;
	keys->zeta = 0;
	for (uint64_t i = 1; i <= keys->count; i++)
		keys->zeta += 1.0 / pow((double)i, THETA);
	keys->alpha = 1.0 / (1.0 - THETA);
	keys->eta = (1.0 - pow(2.0 / (double)keys->count, 1.0 - THETA)) /
		    (1.0 - two / keys->zeta);
}

bool
keys_init(struct keys *keys, const char *name, uint64_t count, uint64_t seed)
{
	assert(count > 0);
	*keys = (struct keys){ .count = count, .random = mix(seed) };
	keys->is_zipfian = strcmp(name, "zipfian") == 0;
	if (keys->is_zipfian)
		init_zipfian(keys);
	return keys->is_zipfian || strcmp(name, "uniform") == 0;
}

static uint64_t
zipfian_rank(struct keys *keys)
{
	double u = (double)(mix(keys->random++) >> 11) * 0x1p-53;
	double uz = u * keys->zeta;
	double rank;

	if (uz < 1.0)
		return 0;
	if (uz < 1.0 + pow(0.5, keys->theta))
		return 1;
	rank = (double)keys->count * pow(keys->eta * u - keys->eta + 1.0, keys->alpha);
	return (uint64_t)rank;
}

uint64_t
keys_next(struct keys *keys)
{
	if (!keys->is_zipfian)
		return keys_random(keys, keys->count);
	return mix(zipfian_rank(keys)) % keys->count;
}

void
key_uid(uint64_t key, char uid[KEY_UID_LEN])
{
	static const char digits[] =
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	/* An odd factor: all differ, and 2^59 of them fit into ten digits. */
	uint64_t value =
	    (key + 1) * UINT64_C(0x9e3779b97f4a7c15) & ((UINT64_C(1) << 59) - 1);

	for (unsigned i = 0; i < KEY_UID_LEN; i++) {
		uid[i] = digits[value % 62];
		value /= 62;
	}
}
