/*
 * report -- a measurement for people, or for programs.
 */

#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "tools/bench/load.h"
#include "tools/bench/usage.h"

struct report {
	const struct bench_options *options;
	const struct load_result   *result;
	struct usage                before, after;
};

void report_table(const struct report *report, FILE *out);

/* One JSON object in one line. */
void report_json(const struct report *report, FILE *out);

#endif
