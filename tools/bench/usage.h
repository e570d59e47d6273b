/*
 * usage -- what a measurement has cost: CPU of the generator and of the servers, and
 * commits of customerd.
 */

#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

#include <stdbool.h>
#include <stdint.h>

struct usage {
	double  own_s;      /* CPU seconds of this process */
	double  server_s;   /* of the servers and their children; -1: not asked for */
	int64_t commits;    /* of customerd since its start; 0: not asked for */
	int64_t operations; /* in them */
	int64_t bytes_used; /* of its file */
};

/*
 * Read all that has been used until now.  PIDS are process numbers with commas
 * between, or empty; OPERATOR_PATH a unix socket of customerd, or empty.
 */
void usage_read(struct usage *usage, const char *pids, const char *operator_path);

#endif
