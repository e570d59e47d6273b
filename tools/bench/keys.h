/*
 * keys -- which record is asked for next, and what it is called.
 *
 * A key is a number below the count of records.  Servers know it by that number plus
 * one (its id), or by ten letters and digits in no order (its uid).
 */

#ifndef BENCH_KEYS_H
#define BENCH_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#define KEY_UID_LEN 10u

struct keys {
	uint64_t count;
	uint64_t random; /* the state of the generator */
	bool     is_zipfian;
	double   theta, zeta, alpha, eta; /* of a zipfian choice */
};

/*
 * Choose among COUNT keys: "uniform", each equally often, or "zipfian", the n-th most
 * wanted with a chance of 1/n^0.99, as YCSB does; the most wanted ones are spread
 * over all keys.  False for another NAME.
 */
bool keys_init(struct keys *keys, const char *name, uint64_t count, uint64_t seed);

uint64_t keys_next(struct keys *keys);

/* A number below BOUND, from the same source. */
uint64_t keys_random(struct keys *keys, uint64_t bound);

/* Not terminated.  No two keys have the same. */
void key_uid(uint64_t key, char uid[KEY_UID_LEN]);

#endif
