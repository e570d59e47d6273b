#include "tools/bench/option.h"

static const struct flag_row rows[] = {
#define X(member, name, KIND, placeholder, standard, min, max, help) \
	{ name, placeholder, standard, help, FLAG_##KIND, min, max,  \
		offsetof(struct bench_options, member) },
	BENCH_OPTIONS(X)
#undef X
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

bool
bench_option_parse(struct bench_options *options, int argc, char *const argv[],
    char *why, size_t why_size)
{
	return flag_parse(rows, ROW_COUNT, options, argc, argv, why, why_size);
}

void
bench_option_help(FILE *out)
{
	flag_help(rows, ROW_COUNT, out);
}
